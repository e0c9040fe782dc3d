"""The window manager, and how far a view has come."""

import gc
import threading

import pytest

import auroraview
from auroraview import ReadyEvents, WebView, WindowManager, get_window_manager, require_loaded
from auroraview.errors import Closed


@pytest.fixture
def manager():
    manager = get_window_manager()
    manager.reset()
    yield manager
    manager.reset()


class Window:
    def __init__(self, title="window"):
        self.title = title
        self.events = []
        self.closed = False

    def emit(self, event, data=None):
        if self.closed:
            raise Closed("gone")
        self.events.append((event, data))

    def close(self):
        self.closed = True


def test_there_is_one(manager):
    assert WindowManager() is manager


def test_views_are_found(manager):
    a, b = Window("a"), Window("b")
    number = manager.register(a)
    assert number.startswith("wv_")
    assert len(number) == 11
    assert manager.register(a) == number
    assert manager.register(b, "mine") == "mine"
    with pytest.raises(ValueError, match="mine"):
        manager.register(Window(), "mine")
    assert manager.get("mine") is b
    assert manager.has(number)
    assert manager.get_all() == [a, b]
    assert manager.get_all_ids() == [number, "mine"]
    assert manager.find_by_title("b") is b
    assert manager.find_by_title("c") is None
    assert manager.count() == 2
    assert manager.unregister("mine")
    assert not manager.unregister("mine")
    assert manager.get("mine") is None


def test_none_is_kept_alive(manager):
    a = Window()
    manager.register(a, "a")
    manager.register(Window(), "b")
    gc.collect()
    assert manager.get_all_ids() == ["a"]
    del a
    gc.collect()
    assert manager.get_active() is None
    assert manager.count() == 0


def test_the_first_is_active_and_the_one_before_takes_over(manager):
    windows = {name: Window(name) for name in "abc"}
    for name, window in windows.items():
        manager.register(window, name)
    assert manager.get_active() is windows["a"]
    assert manager.set_active("c")
    assert manager.set_active("b")
    assert not manager.set_active("nobody")
    assert manager.stacking_order() == ["a", "c", "b"]
    manager.unregister("b")
    assert manager.get_active_id() == "c"
    manager.unregister("a")
    manager.unregister("c")
    assert manager.get_active_id() is None


def test_events_to_one_to_others_to_all(manager, caplog):
    windows = {name: Window(name) for name in "abc"}
    for name, window in windows.items():
        manager.register(window, name)
    assert manager.broadcast("all", 1) == 3
    assert manager.emit_to("a", "one")
    assert manager.emit_to_others("a", "others") == 2
    windows["b"].close()
    assert manager.broadcast("rest") == 2
    assert not manager.emit_to("b", "x")
    assert not manager.emit_to("nobody", "x")
    windows["c"].emit = lambda *args: 1 / 0
    assert auroraview.broadcast_event("again") == 1
    assert "ZeroDivisionError" in caplog.text
    assert windows["a"].events == [("all", 1), ("one", None), ("rest", None), ("again", None)]
    assert windows["b"].events == [("all", 1), ("others", None)]


def test_callbacks_may_ask_and_change(manager):
    a, b = Window("a"), Window("b")
    seen = []

    def changed():
        seen.append((manager.count(), manager.get_active_id()))
        if manager.has("a") and not manager.has("b"):
            manager.register(b, "b")

    stop = manager.on_change(changed)
    manager.on_change(lambda: 1 / 0)
    manager.register(a, "a")
    manager.set_active("b")
    manager.set_active("b")
    assert seen == [(1, "a"), (2, "a"), (2, "b")]
    stop()
    manager.unregister("a")
    assert len(seen) == 3


def test_threads_register_and_ask_at_once(manager):
    kept = []

    def work():
        for _ in range(50):
            window = Window()
            kept.append(window)
            number = manager.register(window)
            manager.set_active(number)
            manager.get_all()
            if len(kept) % 2:
                manager.unregister(number)

    manager.on_change(lambda: manager.count())
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert sorted(manager.stacking_order()) == sorted(manager.get_all_ids())


def test_views_register_themselves(manager, pump):
    view = WebView(title="one", html="<p>page")
    other = WebView(title="two")
    assert manager.get(view.window_id) is view
    assert auroraview.get_windows() == [view, other]
    assert auroraview.get_active_window() is view
    heard = pump.value(view, "[1]")
    assert heard == [1]
    assert manager.broadcast("hello", {"a": 1}) == 2
    view.close()
    pump.until(lambda: not manager.has(view.window_id))
    assert auroraview.get_active_window() is other
    assert manager.close_all() == 1
    pump.until(lambda: manager.count() == 0)


# -- readiness -----------------------------------------------------------------------


def test_a_view_says_how_far_it_is(pump):
    view = WebView(html="<p>page")
    events = view.ready_events
    assert isinstance(events, ReadyEvents)
    assert not events.is_ready()
    # On the thread that would process: it does so while it waits.
    assert events.wait_all()
    assert events.status() == {
        "created": True, "shown": True, "loaded": True, "bridge_ready": True,
    }  # fmt: skip
    assert events.is_created()
    assert events.is_bridge_ready()
    events.reset()
    assert not events.is_loaded()
    events.set_loaded()
    assert events.wait_loaded(0)
    view.close()
    pump.until(lambda: not events.is_loaded())
    assert not events.wait_loaded()


def test_another_thread_waits_while_this_one_processes(pump):
    view = WebView(html="<p>page")
    waited = []
    thread = threading.Thread(target=lambda: waited.append(view.ready_events.wait_loaded()))
    thread.start()
    pump.until(lambda: not thread.is_alive())
    assert waited == [True]


def test_a_method_waits_for_what_it_needs(pump, monkeypatch):
    class Tool:
        def __init__(self, webview):
            self.webview = webview

        @require_loaded()
        def title(self, suffix):
            return self.webview.title + suffix

        @auroraview.require_ready(timeout=0)
        def at_once(self):
            return "never"

    tool = Tool(WebView(title="tool", html="<p>page"))
    assert tool.title("!") == "tool!"
    tool.webview.close()
    pump.until(lambda: not tool.webview.ready_events.is_created())
    with pytest.raises(RuntimeError, match="created"):
        tool.at_once()
    late = Tool(WebView(auto_show=False))
    monkeypatch.setenv("AURORAVIEW_READY_TIMEOUT", "0.01")
    with pytest.raises(RuntimeError, match=r"Tool\.at_once needs the view to be"):
        late.at_once()
