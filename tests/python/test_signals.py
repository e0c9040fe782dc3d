"""Signals and the event emitter."""

import gc
import threading
import warnings

import pytest

from auroraview import (
    ConnectionGuard,
    EventEmitter,
    Signal,
    SignalRegistry,
    WebView,
    WebViewSignals,
    deprecated,
)


def test_handlers_hear_values_in_order():
    signal = Signal("saved")
    heard = []
    first = signal.connect(lambda value: heard.append(("a", value)))
    signal.connect_once(lambda value: heard.append(("b", value)))
    assert signal.handler_count == 2
    assert signal.emit(1) == 2
    assert signal(2) == 1
    assert heard == [("a", 1), ("b", 1), ("a", 2)]
    assert signal.is_connected(first)
    assert signal.is_connected()
    assert signal.disconnect(first)
    assert not signal.disconnect(first)
    assert not signal.is_connected()
    assert signal.emit(3) == 0


def test_without_a_value_handlers_get_none():
    signal = Signal()
    heard = []
    signal.connect(lambda: heard.append("called"))
    assert signal.emit() == 1
    assert heard == ["called"]


def test_a_handler_that_fails_stops_no_other(caplog):
    signal = Signal("s")
    heard = []
    signal.connect(lambda value: 1 / 0)
    signal.connect(heard.append)
    assert signal.emit(5) == 1
    assert heard == [5]
    assert "ZeroDivisionError" in caplog.text
    with pytest.raises(TypeError, match="callable"):
        signal.connect(None)


def test_handlers_may_change_the_signal():
    signal = Signal()
    heard = []

    def first(value):
        heard.append("first")
        signal.disconnect(second_id)
        signal.connect(lambda value: heard.append("late"))
        if value:
            signal.emit(0)

    signal.connect(first)
    second_id = signal.connect(lambda value: heard.append("second"))
    signal.emit(1)
    assert heard == ["first", "first", "late"]


def test_once_is_once_among_threads():
    signal = Signal()
    heard = []
    barrier = threading.Barrier(8)
    for _ in range(100):
        signal.connect_once(heard.append)

    def emit():
        barrier.wait()
        signal.emit(1)

    threads = [threading.Thread(target=emit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(heard) == 100
    assert signal.disconnect_all() == 0


def test_a_guard_disconnects():
    signal = Signal()
    guard = ConnectionGuard(signal, signal.connect(print))
    assert signal.is_connected(guard.id)
    del guard
    gc.collect()
    assert signal.handler_count == 0
    with ConnectionGuard(signal, signal.connect(print)):
        assert signal.handler_count == 1
    assert signal.handler_count == 0
    kept = ConnectionGuard(signal, signal.connect(print))
    number = kept.detach()
    assert not kept.disconnect()
    del kept
    assert signal.is_connected(number)


def test_a_registry_makes_signals():
    registry = SignalRegistry()
    heard = []
    assert registry.emit("x", 1) == 0
    assert not registry.contains("x")
    number = registry.connect("x", heard.append)
    registry.connect_once("x", heard.append)
    assert "x" in registry
    assert registry["x"] is registry.get_or_create("x") is registry.get("x")
    assert registry.emit("x", 1) == 2
    assert registry.disconnect("x", number)
    assert not registry.disconnect("y", number)
    assert registry.names() == list(registry) == ["x"]
    assert registry.remove("x")
    assert not registry.remove("x")
    assert heard == [1, 1]


def test_the_signals_of_a_view_have_names():
    signals = WebViewSignals()
    heard = []
    signals.on("resized", heard.append)
    signals.on("mine", heard.append)
    signals.resized.emit({"width": 1})
    assert signals.emit_custom("mine", 2) == 1
    assert signals.get_custom("mine").handler_count == 1
    assert heard == [{"width": 1}, 2]
    assert signals.disconnect_all() == 2


def test_a_view_emits_them(pump):
    view = WebView(html="<p>page")
    told = []
    view.signals.page_loaded.connect(lambda data: told.append("loaded"))
    view.signals.closing.connect(lambda: told.append("closing"))
    view.signals.closed.connect(lambda: told.append("closed"))
    pump.until(lambda: "loaded" in told)
    view.close()
    pump.until(lambda: "closed" in told)
    assert told == ["loaded", "closing", "closed"]


# -- the emitter ------------------------------------------------------------------


def test_an_emitter_tells_its_listeners():
    emitter = EventEmitter()
    heard = []
    remove = emitter.on("x", lambda *args, **kwargs: heard.append((args, kwargs)))
    emitter.once("x", lambda *args, **kwargs: heard.append("once"))

    @emitter.on("y")
    def on_y():
        heard.append("y")

    assert emitter.listener_count("x") == 2
    assert emitter.event_names() == ["x", "y"]
    assert emitter.emit("x", 1, a=2)
    assert emitter.emit("x")
    assert emitter.emit("y")
    assert not emitter.emit("z")
    assert heard == [((1,), {"a": 2}), "once", ((), {}), "y"]
    assert remove()
    assert not remove()
    assert emitter.off("y", on_y)
    assert not emitter.off("y")
    assert emitter.event_names() == []


def test_an_emitter_can_be_told_no(caplog):
    emitter = EventEmitter()
    ran = []
    assert emitter.emit_cancellable("close")
    emitter.on("close", lambda: ran.append(1))
    emitter.on("close", lambda: False)
    emitter.on("close", lambda: 1 / 0)
    emitter.on("close", lambda: ran.append(2))
    assert not emitter.emit_cancellable("close")
    assert ran == [1, 2]
    assert "ZeroDivisionError" in caplog.text
    emitter.remove_all_listeners("close")
    assert emitter.emit_cancellable("close")
    emitter.on("a", print)
    emitter.remove_all_listeners()
    assert emitter.event_names() == []


def test_listeners_may_remove_each_other():
    emitter = EventEmitter()
    heard = []
    emitter.on("x", lambda: (heard.append("a"), emitter.remove_all_listeners()))
    emitter.on("x", lambda: heard.append("b"))
    emitter.emit("x")
    assert not emitter.emit("x")
    # Those of the emit that runs still hear it, as in Node.
    assert heard == ["a", "b"]


def test_deprecated_says_why():
    @deprecated("use g()")
    def f(x):
        return x

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert f(3) == 3
    assert caught[0].category is DeprecationWarning
    assert "use g()" in str(caught[0].message)
