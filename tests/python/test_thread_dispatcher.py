"""Dispatch to main threads: the real Qt, and stand-ins of what applications document."""

import queue
import sys
import threading
import time
import types

import pytest

from auroraview.utils import thread_dispatcher as td

PATIENCE = 20.0


@pytest.fixture(autouse=True)
def fresh_registry(monkeypatch):
    monkeypatch.delenv("AURORAVIEW_DISPATCHER", raising=False)
    # A binding that another test has loaded is no application here.
    for name in ("PySide6", "PyQt6", "PySide2", "PyQt5"):
        monkeypatch.delitem(sys.modules, f"{name}.QtCore", raising=False)
    td.clear_dispatcher_backends()
    yield
    td.clear_dispatcher_backends()


class MainLoop:
    """The main thread of an application: this one. Runs what was posted to it."""

    def __init__(self):
        self.posted = queue.Queue()

    def post(self, func, *args, **kwargs):
        self.posted.put(lambda: func(*args, **kwargs))

    def run_until(self, done):
        end = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < end, "the main thread was not asked"
            try:
                self.posted.get(timeout=0.01)()
            except queue.Empty:
                pass


class BlenderLoop(MainLoop):
    """``bpy.app.timers``: a function is called again after the seconds it returns."""

    def __init__(self):
        super().__init__()
        self.timers = []

    def register(self, function, first_interval=0, persistent=False):
        assert persistent, "a new file would end the timer"
        self.timers.append(function)

    def run_until(self, done):
        end = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < end, "the main thread was not asked"
            waits = [timer() for timer in self.timers]
            assert all(0 < wait <= 0.1 for wait in waits)
            threading.Event().wait(min(waits, default=0.01))


class UnrealLoop(MainLoop):
    def __init__(self):
        super().__init__()
        self.ticks = []

    def run_until(self, done):
        end = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < end, "the main thread was not asked"
            for tick in self.ticks:
                tick(0.01)
            threading.Event().wait(0.005)


def module(monkeypatch, name, **members):
    made = types.ModuleType(name)
    for member, value in members.items():
        setattr(made, member, value)
    monkeypatch.setitem(sys.modules, name, made)
    if "." in name:
        parent, _, child = name.rpartition(".")
        setattr(sys.modules[parent], child, made)
    return made


def maya(monkeypatch):
    loop = MainLoop()
    module(monkeypatch, "maya")
    module(monkeypatch, "maya.utils", executeDeferred=loop.post)
    module(monkeypatch, "maya.cmds", about=lambda batch: False)
    return loop


def houdini(monkeypatch):
    loop = MainLoop()
    module(monkeypatch, "hou")
    module(monkeypatch, "hdefereval", executeDeferred=loop.post)
    return loop


def nuke(monkeypatch):
    loop = MainLoop()
    module(monkeypatch, "nuke", executeInMainThread=loop.post, GUI=True)
    return loop


def blender(monkeypatch):
    loop = BlenderLoop()
    timers = types.SimpleNamespace(register=loop.register)
    module(monkeypatch, "bpy", app=types.SimpleNamespace(timers=timers, background=False))
    return loop


def unreal(monkeypatch):
    loop = UnrealLoop()
    module(monkeypatch, "unreal", register_slate_post_tick_callback=loop.ticks.append)
    return loop


APPLICATIONS = {
    "maya": maya,
    "houdini": houdini,
    "nuke": nuke,
    "blender": blender,
    "unreal": unreal,
}


@pytest.fixture(params=APPLICATIONS)
def application(request, monkeypatch):
    return request.param, APPLICATIONS[request.param](monkeypatch)


def on_worker(func):
    """Run it on another thread; its result or error is in the returned dict."""
    outcome = {}

    def run():
        try:
            outcome["result"] = func()
        except BaseException as error:
            outcome["error"] = error

    thread = threading.Thread(target=run)
    thread.start()
    outcome["thread"] = thread
    return outcome


def finished(outcome):
    return lambda: not outcome["thread"].is_alive()


def test_the_application_is_recognised(application):
    name, _ = application
    assert td.is_dcc_environment()
    assert td.get_current_dcc_name() == name
    assert td.get_dispatcher_backend().get_name().lower() == name
    assert td.is_main_thread()


def test_a_worker_gets_the_result_of_the_main_thread(application):
    _, loop = application
    main = threading.current_thread()
    outcome = on_worker(
        lambda: td.run_on_main_thread_sync(lambda a, b=0: (a + b, threading.current_thread()), 1, b=2)
    )
    loop.run_until(finished(outcome))
    assert outcome["result"] == (3, main)


def test_a_worker_gets_the_error_of_the_main_thread(application):
    _, loop = application

    def fails():
        raise KeyError("no such node")

    outcome = on_worker(lambda: td.run_on_main_thread_sync(fails))
    loop.run_until(finished(outcome))
    assert isinstance(outcome["error"], KeyError)


def test_deferred_calls_run_in_order_and_none_is_lost(application):
    _, loop = application
    seen = []
    threads = [
        threading.Thread(
            target=lambda n=n: [td.run_on_main_thread(seen.append, (n, i)) for i in range(100)]
        )
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    loop.run_until(lambda: len(seen) == 400)
    for n in range(4):
        assert [i for who, i in seen if who == n] == list(range(100))
    for thread in threads:
        thread.join()


def test_a_deferred_call_that_fails_is_logged(application, caplog):
    _, loop = application
    ran = []

    def fails():
        ran.append(1)
        raise RuntimeError("lost in the loop")

    outcome = on_worker(lambda: td.run_on_main_thread(fails))
    loop.run_until(lambda: ran and finished(outcome)())
    assert "lost in the loop" in caplog.text


def test_on_the_main_thread_it_is_called_at_once(application):
    assert td.run_on_main_thread_sync(lambda: 5) == 5
    assert td.run_on_main_thread_sync_with_timeout(lambda: 6, timeout=0.001) == 6


def test_a_busy_main_thread_is_waited_for_so_long(application):
    outcome = on_worker(lambda: td.run_on_main_thread_sync_with_timeout(lambda: 1, timeout=0.05))
    outcome["thread"].join(PATIENCE)
    error = outcome["error"]
    assert isinstance(error, td.ThreadDispatchTimeoutError)
    assert isinstance(error, td.ThreadSafetyError)
    assert "0.05 s" in str(error)


def test_a_main_thread_that_joins_the_worker_is_a_deadlock(application):
    outcome = on_worker(lambda: td.run_on_main_thread_sync(lambda: 1))
    outcome["thread"].join(PATIENCE)
    assert isinstance(outcome["error"], td.DeadlockDetectedError)
    assert "join()" in str(outcome["error"])


def test_decorators(application):
    _, loop = application
    main = threading.current_thread()
    seen = []

    @td.ensure_main_thread
    def where():
        return threading.current_thread()

    @td.dcc_thread_safe
    def where_too():
        return threading.current_thread()

    @td.defer_to_main_thread
    def note(what):
        seen.append((what, threading.current_thread()))

    @td.dcc_thread_safe_async
    def note_too(what):
        seen.append((what, threading.current_thread()))

    assert where.__name__ == "where"
    outcome = on_worker(
        lambda: (
            where(),
            where_too(),
            note("a"),
            note_too("b"),
            td.defer_to_main_thread(note_too, "c"),
            td.wrap_callback_for_dcc(lambda: threading.current_thread())(),
            td.wrap_callback_for_dcc(note_too, async_mode=True)("d"),
        )
    )
    loop.run_until(lambda: finished(outcome)() and len(seen) == 4)
    assert outcome["result"] == (main, main, None, None, None, main, None)
    assert seen == [(letter, main) for letter in "abcd"]


# -- without an application --------------------------------------------------------


def test_without_an_application_functions_run_inline(caplog):
    assert not td.is_dcc_environment()
    assert td.get_current_dcc_name() is None
    assert td.get_dispatcher_backend().get_name() == "Fallback"
    outcome = on_worker(lambda: td.run_on_main_thread_sync(threading.current_thread))
    outcome["thread"].join(PATIENCE)
    assert outcome["result"] is outcome["thread"]
    # Nobody waits: nobody hears of it but the log.
    td.run_on_main_thread(lambda: 1 / 0)
    assert "ZeroDivisionError" in caplog.text


def test_a_timeout_bounds_what_runs_inline_too():
    release = threading.Event()
    with pytest.raises(td.ThreadDispatchTimeoutError):
        td.run_on_main_thread_sync_with_timeout(release.wait, PATIENCE, timeout=0.05)
    release.set()
    assert td.run_on_main_thread_sync_with_timeout(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        td.run_on_main_thread_sync_with_timeout(lambda: 1 / 0)


def test_applications_without_a_user_interface_are_none(monkeypatch):
    maya(monkeypatch)
    sys.modules["maya.cmds"].about = lambda batch: True
    nuke(monkeypatch).post(None)
    sys.modules["nuke"].GUI = False
    blender(monkeypatch)
    sys.modules["bpy"].app.background = True
    module(monkeypatch, "hou")
    module(monkeypatch, "FreeCAD", GuiUp=False)
    assert td.get_dispatcher_backend().get_name() == "Fallback"


# -- registry ------------------------------------------------------------------------


class MyDispatcher(td.ThreadDispatcherBackend):
    available = True

    def is_available(self):
        return self.available

    def run_deferred(self, func, *args, **kwargs):
        func(*args, **kwargs)

    def run_sync(self, func, *args, **kwargs):
        return "mine", func(*args, **kwargs)


class BrokenDispatcherBackend(MyDispatcher):
    def is_available(self):
        raise OSError("cannot say")


def test_a_backend_of_ones_own(monkeypatch):
    assert MyDispatcher().get_name() == "MyDispatcher"
    assert BrokenDispatcherBackend().get_name() == "Broken"
    td.register_dispatcher_backend(MyDispatcher, priority=300)
    assert td.run_on_main_thread_sync(lambda: 1) == ("mine", 1)
    assert td.get_current_dcc_name() == "mydispatcher"
    assert td.list_dispatcher_backends()[0] == (300, "MyDispatcher", True)
    monkeypatch.setattr(MyDispatcher, "available", False)
    assert td.run_on_main_thread_sync(lambda: 1) == 1
    assert td.unregister_dispatcher_backend("mydispatcher")
    assert not td.unregister_dispatcher_backend("mydispatcher")


def test_one_that_cannot_say_is_not_there(monkeypatch):
    td.register_dispatcher_backend(BrokenDispatcherBackend, priority=300)
    assert td.run_on_main_thread_sync(lambda: 1) == 1
    assert (300, "Broken", False) in td.list_dispatcher_backends()


def test_a_backend_by_its_name_is_imported_when_asked(monkeypatch):
    module(monkeypatch, "studio_tools", Dispatcher=MyDispatcher)
    td.register_dispatcher_backend("studio_tools:Dispatcher", 120, name="studio")
    assert td.run_on_main_thread_sync(lambda: 1) == ("mine", 1)
    td.register_dispatcher_backend("no_such_module:Dispatcher", 130)
    assert td.run_on_main_thread_sync(lambda: 1) == ("mine", 1)
    with pytest.raises(ValueError, match="module:Class"):
        td.register_dispatcher_backend("studio_tools")


def test_the_environment_names_one(monkeypatch, caplog):
    maya(monkeypatch)
    monkeypatch.setenv("AURORAVIEW_DISPATCHER", "Fallback")
    assert td.get_dispatcher_backend().get_name() == "Fallback"
    assert not td.is_dcc_environment()
    monkeypatch.setenv("AURORAVIEW_DISPATCHER", "houdini")
    assert td.get_dispatcher_backend().get_name() == "Maya"
    assert "not available" in caplog.text
    monkeypatch.setenv("AURORAVIEW_DISPATCHER", "paint")
    assert td.get_dispatcher_backend().get_name() == "Maya"
    assert "unknown" in caplog.text


def test_priorities():
    order = [name for _, name, _ in td.list_dispatcher_backends()]
    assert order == [
        "Maya", "Houdini", "Nuke", "Blender", "Max", "FreeCAD", "Krita", "Unreal", "Qt", "Fallback",
    ]  # fmt: skip
    values = [td.DispatcherPriority[name.upper()] for name in order]
    assert values == sorted(values, reverse=True)


# -- a view for other threads ----------------------------------------------------------


def test_the_wrapper_is_the_view(pump):
    from auroraview import WebView

    view = WebView(html="<p>page")
    wrapper = view.thread_safe()
    assert isinstance(wrapper, td.DCCThreadSafeWrapper)
    heard = []
    view.on("e", heard.append)
    wrapper.eval_js('auroraview.emit("e", {"n": 1})')
    pump.until(lambda: heard == [{"n": 1}])
    assert wrapper.eval_js_sync("[1]") == [1]
    wrapper.emit("x", {"a": 1})
    wrapper.load_html("<p>other")
    wrapper.reload()
    wrapper.close()
    assert not view.is_alive()
