"""WebView on the null engine: no display, and no script beyond JSON and calls."""

import concurrent.futures
import gc
import json
import logging
import os
import subprocess
import sys
import textwrap
import threading
import weakref

import auroraview
import pytest
from auroraview import WebView, errors

pytestmark = pytest.mark.usefixtures("null_engine")


PAGE = "<title>null</title>"


def call(name, *params):
    text = "".join(", " + json.dumps(value) for value in params)
    return f"auroraview.call({json.dumps(name)}{text})"


def send(name, *params):
    text = "".join(", " + json.dumps(value) for value in params)
    return f"auroraview.emit({json.dumps(name)}{text})"


@pytest.fixture
def view(pump):
    # A page of our own: an empty view's about:blank is granted nothing.
    view = WebView(html=PAGE)
    yield view
    view.close()


# -- options ---------------------------------------------------------------------


def test_repr_and_properties(pump):
    view = WebView(title="Tool", width=300, height=200)
    assert repr(view) == "WebView(title='Tool', width=300, height=200)"
    assert (view.title, view.width, view.height) == ("Tool", 300, 200)
    view.title = "Other"
    assert view.title == "Other"


@pytest.mark.parametrize("name", ["proxy_url", "icon", "mode", "bridge", "config"])
def test_options_that_do_not_exist_yet_are_refused(name):
    with pytest.raises(TypeError, match=f"does not support the option '{name}'"):
        WebView(**{name: "x"})


def test_unknown_options_are_refused():
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        WebView(colour="red")


@pytest.mark.parametrize("name", ["title", "url", "asset_root"])
def test_nul_in_an_option(name):
    with pytest.raises(ValueError, match="null character"):
        WebView(**{name: "a\0b"})


def test_lone_surrogate_in_a_title(view):
    with pytest.raises(UnicodeEncodeError):
        view.title = "\ud800"


def test_handles_are_64_bit():
    with pytest.raises(OverflowError):
        WebView(parent=2**64)
    with pytest.raises(OverflowError):
        WebView(parent=-1)
    WebView(parent=2**63).close()


# -- life ------------------------------------------------------------------------


def test_a_view_becomes_active_and_closes(pump):
    view = WebView()
    seen = []
    view.on_closed(seen.append)
    view._core.wait_state(auroraview._core.STATE_ACTIVE, 15000)
    assert view.lifecycle_state == "active"
    assert view.is_alive()
    view.close()
    assert not view.is_alive()
    view.close()
    pump.until(lambda: seen, "closed")
    assert len(seen) == 1
    pump.until(lambda: view.lifecycle_state == "destroyed")
    assert view.process_events() is True


def test_close_inside_a_handler(pump, view):
    view.bind_call("quit", view.close)
    view.eval_js(call("quit"))
    pump.until(lambda: view.lifecycle_state == "destroyed")


def test_context_manager(pump):
    with WebView() as view:
        assert view.is_alive()
    assert not view.is_alive()


def test_calls_after_close(pump):
    view = WebView()
    view.close()
    pump.until(lambda: view.lifecycle_state == "destroyed")
    for use in (
        lambda: view.emit("x"),
        lambda: view.eval_js("1"),
        lambda: view.eval_js_sync("1"),
        lambda: view.load_html(""),
        lambda: view.load_url("about:blank"),
        lambda: view.bind_call("x", print),
        lambda: view.on("x", print),
    ):
        with pytest.raises(errors.Closed):
            use()


def test_use_after_the_application_is_gone():
    from auroraview.core import app

    view = WebView()
    app.shutdown()
    assert view.lifecycle_state == "destroyed"
    assert not view.is_alive()
    view.close()
    with pytest.raises(errors.Closed):
        view.emit("x")
    assert view.process_events() is True


def test_show_blocks_until_closed(pump):
    view = WebView(html=PAGE)
    view.bind_call("done", view.close)
    view.eval_js(call("done"))
    view.show()
    assert view.lifecycle_state == "destroyed"


def test_show_ends_although_another_view_is_open(pump):
    other = WebView()
    view = WebView()
    view.close()
    view.show_blocking() if view.is_alive() else pump.until(lambda: view._done)
    assert other.is_alive()
    other.close()


def test_show_async_runs_handlers_on_a_thread_of_the_library(pump):
    view = WebView(html=PAGE)
    threads = []
    done = threading.Event()

    @view.bind_call("where")
    def where():
        threads.append(threading.current_thread().name)
        done.set()

    view.show_async()
    view.eval_js(call("where"))
    assert done.wait(15)
    assert threads == ["auroraview"]
    view.close()


def test_an_open_view_keeps_itself_alive(pump):
    alive = weakref.ref(WebView())
    gc.collect()
    view = alive()
    assert view is not None
    view.close()
    pump.until(lambda: view.lifecycle_state == "destroyed")
    pump.app.process()
    del view
    gc.collect()
    assert alive() is None


# -- calls -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "params, expected",
    [
        ((), "()"),
        ((None,), "()"),
        ((5,), "(5)"),
        (("text",), "('text')"),
        (([1, 2],), "(1, 2)"),
        (({"a": 1, "b": "x"},), "(a=1, b='x')"),
    ],
)
def test_how_arguments_arrive(pump, view, params, expected):
    def echo(*args, **kwargs):
        parts = [repr(a) for a in args] + [f"{k}={v!r}" for k, v in kwargs.items()]
        return f"({', '.join(parts)})"

    view.bind_call("echo", echo)
    assert pump.value(view, call("echo", *params)) == expected


TEXTS = [
    "",
    'quotes " and \\',
    "lines\nand\ttabs",
    "nul \0 inside",
    "\u2028\u2029",
    "emoji \U0001f600",
    "lone \ud800",
    "é" * 5000,
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_text_survives_both_ways(pump, view, text):
    seen = []

    @view.bind_call("echo")
    def echo(value):
        seen.append(value)
        return {"back": value}

    assert pump.value(view, call("echo", text)) == {"back": text}
    assert seen == [text]


@pytest.mark.parametrize("special", ['"', "\\", "\n", "\x1f", " ", "\x7f", "é", "\ud000", "\ud7ff", "\ud800", "\U0001f600"])
def test_text_with_something_special_anywhere(pump, view, special):
    view.bind_call("echo", lambda text: text)
    for length in range(20):
        for at in range(length + 1):
            text = "x" * at + special + "y" * (length - at)
            # As a page writes it: escaped only where JSON wants it.
            written = json.dumps(text, ensure_ascii=special == "\ud800")
            assert pump.value(view, f'auroraview.call("echo", {written})') == text


@pytest.mark.parametrize("name", ["a.b", 'quote"', "nul\0", "\u2028", "\U0001f600", "x" * 1020])
def test_any_name_can_be_bound(pump, view, name):
    view.bind_call(name, lambda: "here")
    assert pump.value(view, call(name)) == "here"


def test_names_that_cannot_be(view):
    with pytest.raises(UnicodeEncodeError):
        view.bind_call("\ud800", print)
    with pytest.raises(UnicodeEncodeError):
        view.emit("\ud800", {})
    with pytest.raises(errors.TooLarge):
        view.bind_call("x" * 1025, print)
    with pytest.raises(TypeError, match="callable"):
        view.bind_call("x", 5)


def test_a_handler_that_raises_rejects_and_is_logged_once(pump, view, caplog):
    class OddError(ValueError):
        pass

    @view.bind_call("bad")
    def bad():
        raise OddError("no \0 such \ud800 thing")

    with caplog.at_level(logging.ERROR, logger="auroraview"):
        with pytest.raises(errors.ScriptError) as caught:
            pump.value(view, call("bad"))
    assert caught.value.name == "OddError"
    assert caught.value.message == "no \\x00 such \\ud800 thing"
    records = [r for r in caplog.records if r.name == "auroraview"]
    assert len(records) == 1
    assert records[0].exc_info[0] is OddError
    assert "'bad'" in records[0].getMessage()


@pytest.mark.parametrize("params", [[1, 2, 3], {"other": 1}, 5])
def test_arguments_of_the_wrong_shape(pump, view, params):
    view.bind_call("f", lambda a, b: None)
    with pytest.raises(errors.ScriptError) as caught:
        pump.value(view, call("f", params))
    assert caught.value.name == "TypeError"


def test_a_result_that_cannot_be_sent(pump, view):
    view.bind_call("f", lambda: {1, 2})
    with pytest.raises(errors.ScriptError) as caught:
        pump.value(view, call("f"))
    assert caught.value.name == "TypeError"
    assert "cannot be sent to a page" in caught.value.message


def test_method_that_nobody_bound(pump, view):
    with pytest.raises(errors.ScriptError) as caught:
        pump.value(view, call("nobody"))
    assert caught.value.name == "MethodNotFound"


def test_rebind(pump, view):
    view.bind_call("f", lambda: 1)
    view.bind_call("f", lambda: 2)
    assert pump.value(view, call("f")) == 2
    with pytest.raises(ValueError, match="bound already"):
        view.bind_call("f", print, allow_rebind=False)


def test_bind_api(pump, view):
    class Api:
        attribute = 1

        def double(self, x):
            return 2 * x

        def _hidden(self):
            pass

    view.bind_api(Api(), "tool")
    assert view.get_bound_methods() == ["tool.double"]
    assert view.is_method_bound("tool.double")
    assert view.is_namespace_bound("tool")
    assert pump.value(view, call("tool.double", 21)) == 42
    view.bind_api(object(), "tool")
    assert view.get_bound_methods() == ["tool.double"]


def test_future_answers_when_it_is_done(pump, view):
    future = concurrent.futures.Future()
    view.bind_call("later", lambda: future)
    results = []
    view.eval_js_async(call("later"), lambda value, error: results.append((value, error)))
    seen = []
    view.bind_call("now", lambda: seen.append(1))
    pump.value(view, call("now"))
    assert results == []
    threading.Thread(target=future.set_result, args=({"n": 5},)).start()
    pump.until(lambda: results)
    assert results == [({"n": 5}, None)]


@pytest.mark.parametrize(
    "finish, name",
    [
        (lambda future: future.set_exception(KeyError("k")), "KeyError"),
        (lambda future: future.cancel(), "Cancelled"),
        (lambda future: future.set_result(object()), "TypeError"),
    ],
)
def test_future_that_fails(pump, view, finish, name):
    future = concurrent.futures.Future()
    finish(future)
    view.bind_call("later", lambda: future)
    with pytest.raises(errors.ScriptError) as caught:
        pump.value(view, call("later"))
    assert caught.value.name == name


def test_keyboard_interrupt_in_a_handler_reaches_the_loop(pump, view):
    def stop():
        raise KeyboardInterrupt

    view.bind_call("stop", stop)
    view.eval_js_async(call("stop"), lambda value, error: None)
    with pytest.raises(KeyboardInterrupt):
        pump.until(lambda: False)
    view.bind_call("f", lambda: 1)
    assert pump.value(view, call("f")) == 1


# -- events ----------------------------------------------------------------------


def test_every_handler_hears_although_one_raises(pump, view, caplog):
    seen = []

    def bad(data):
        raise RuntimeError("first")

    view.on("tick", bad)
    view.on("tick", lambda data: seen.append(data))

    @view.on("tick")
    def third(data):
        seen.append(data)

    view.eval_js(send("tick", {"n": 1}))
    pump.until(lambda: len(seen) == 2)
    assert seen == [{"n": 1}, {"n": 1}]
    assert len([r for r in caplog.records if r.name == "auroraview"]) == 1


def test_disconnect(pump, view):
    seen = []
    connection = view.register_callback("tick", seen.append)
    assert view.disconnect("tick", connection) is True
    assert view.disconnect("tick", connection) is False
    view.on("tock", seen.append)
    view.eval_js(send("tick", 1))
    view.eval_js(send("tock", 2))
    pump.until(lambda: seen)
    assert seen == [2]


def test_window_events_cannot_be_made_up(pump, view):
    seen = []
    view.on("closed", seen.append)
    view.on("after", seen.append)
    view.eval_js(send("closed", "fake"))
    view.eval_js(send("after", "real"))
    pump.until(lambda: seen)
    assert seen == ["real"]


def test_emit_takes_anything_that_can_be_sent(view):
    for data in (None, {}, 5, "text", [1], b"bytes", {"a": bytearray(70000)}):
        view.emit("event", data)
    with pytest.raises(TypeError):
        view.emit("event", object())


# -- script ----------------------------------------------------------------------


def test_eval_sync(view):
    assert view.eval_js_sync('{"a": [1, "two"]}') == {"a": [1, "two"]}
    with pytest.raises(errors.ScriptError):
        view.eval_js_sync("this is no JSON")


def test_eval_sync_inside_a_handler(pump, view):
    view.bind_call("f", lambda: view.eval_js_sync("[1]"))
    assert pump.value(view, call("f")) == [1]


def test_eval_sync_that_waits_for_a_handler_times_out(view):
    view.bind_call("f", print)
    with pytest.raises(errors.Timeout):
        view.eval_js_sync(call("f"), timeout_ms=50)


def test_eval_awaitable(view):
    import asyncio

    assert asyncio.run(view.eval_js_awaitable("42")) == 42


def test_eval_async_fails_once(pump, view):
    results = []
    view.eval_js_async("nonsense", lambda value, error: results.append((value, error)))
    pump.until(lambda: results)
    assert results[0][0] is None
    assert isinstance(results[0][1], errors.ScriptError)


def test_load_file_that_does_not_exist(view, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such page"):
        view.load_file(tmp_path / "none.html")


def test_large_html(view):
    view.load_html("x" * (20 << 20))


# -- the application -------------------------------------------------------------


def test_process_inside_a_handler_does_nothing(pump, view):
    view.bind_call("f", lambda: view.process_events())
    assert pump.value(view, call("f")) is False


def test_post(pump):
    seen = []
    pump.app.post(lambda: seen.append(1))
    pump.until(lambda: seen)


def test_destroy_inside_a_handler_is_refused(pump, view):
    view.bind_call("f", pump.app.destroy)
    with pytest.raises(errors.ScriptError) as caught:
        pump.value(view, call("f"))
    assert caught.value.name == "WrongState"


def test_destroy_ends_a_wait_of_another_thread(pump):
    view = WebView(html=PAGE)
    never = concurrent.futures.Future()
    view.bind_call("never", lambda: never)
    results = []

    def wait():
        try:
            view.eval_js_sync(call("never"), timeout_ms=60000)
        except errors.AuroraViewError as error:
            results.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    pump.until(lambda: pump.app.stats()["messages_processed"] > 0 or not thread.is_alive())
    auroraview.core.app.shutdown()
    thread.join(20)
    assert not thread.is_alive()
    assert len(results) == 1


def test_stats_count(pump, view):
    view.bind_call("f", lambda: None)
    before = pump.app.stats()["messages_processed"]
    pump.value(view, call("f"))
    assert pump.app.stats()["messages_processed"] > before


def run_python(code):
    env = dict(os.environ, AURORAVIEW_BACKEND="null")
    env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_exit_with_open_views_is_clean():
    done = run_python(
        """
        import auroraview
        views = [auroraview.WebView() for _ in range(3)]
        views[0].bind_call("f", lambda: views)
        views[1].show(wait=False)
        """
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_fork():
    done = run_python(
        """
        import os, warnings, auroraview
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork() itself
        view = auroraview.WebView()
        pid = os.fork()
        if pid == 0:
            assert not view.is_alive()
            try:
                view.emit("x")
            except auroraview.errors.WrongState:
                pass
            else:
                os._exit(3)
            other = auroraview.WebView()
            assert other.eval_js_sync("[1]") == [1]
            raise SystemExit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert view.eval_js_sync("[2]") == [2]
        """
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_interrupt_ends_show():
    done = run_python(
        """
        import auroraview, os, signal, threading
        view = auroraview.WebView()
        view.on_shown(lambda data: None)
        view._core.wait_state(auroraview._core.STATE_ACTIVE, 15000)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            view.show()
        except KeyboardInterrupt:
            print("interrupted")
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")


def test_an_interrupt_on_another_thread_ends_show():
    """The system may deliver a signal to any thread; Python's handler then runs there."""
    done = run_python(
        """
        import auroraview, signal, threading, time
        view = auroraview.WebView()
        waiting = threading.Event()
        auroraview.core.app.default_app().post(waiting.set)

        def interrupt():
            waiting.wait()
            for _ in range(200):  # at any moment of the other thread's wait
                signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
                time.sleep(0.001)
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)

        signal.signal(signal.SIGUSR1, lambda *what: None)
        threading.Thread(target=interrupt).start()
        try:
            view.show()
        except KeyboardInterrupt:
            print("interrupted", signal.set_wakeup_fd(-1))
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted -1\n", "")


def test_no_toolkit_is_imported():
    done = run_python(
        """
        import sys, auroraview
        auroraview.WebView().close()
        print([m for m in sys.modules if m.split(".")[0] in ("PySide6", "logging", "concurrent", "asyncio")])
        """
    )
    assert (done.returncode, done.stdout) == (0, "[]\n")


def test_subclass_and_attributes(pump):
    class Tool(WebView):
        pass

    tool = Tool()
    tool.anything = 1
    tool.close()
