"""How a bound function runs: plain, as a worker, or awaited; and how it learns that
nobody waits for it any more."""

import asyncio
import concurrent.futures
import gc
import threading
import weakref

import auroraview
import pytest
from auroraview import WebView, current_call, errors

# The engine without a display knows auroraview.call() with JSON, and nothing else.


@pytest.fixture
def view(pump):
    view = WebView(html="<p>calls", debug=False)
    yield view
    view.close()


def start(view, script):
    """Run a script; its outcome is appended to the list, as (value, error)."""
    outcome = []
    view.eval_js_async(script, lambda *result: outcome.append(result), 30000)
    return outcome


def rejection(pump, view, script):
    with pytest.raises(errors.ScriptError) as caught:
        pump.value(view, script)
    return caught.value


ARGUMENTS = [
    ('auroraview.call("f")', ((), {})),
    ('auroraview.call("f", null)', ((), {})),
    ('auroraview.call("f", {"a": 1, "b": [2]})', ((), {"a": 1, "b": [2]})),
    ('auroraview.call("f", [1, {"a": 2}])', ((1, {"a": 2}), {})),
    ('auroraview.call("f", "x")', (("x",), {})),
    ('auroraview.call("f", 0)', ((0,), {})),
]


@pytest.mark.parametrize("kind", ["plain", "worker", "async"])
def test_arguments_mean_the_same_to_every_kind(pump, view, kind):
    got = []

    def plain(*args, **kwargs):
        got.append((args, kwargs))
        return len(got)

    async def awaited(*args, **kwargs):
        return plain(*args, **kwargs)

    view.bind_call("f", awaited if kind == "async" else plain, worker=kind == "worker")
    for number, (script, expected) in enumerate(ARGUMENTS, 1):
        assert pump.value(view, script) == number
        assert got[-1] == expected


@pytest.mark.parametrize("kind", ["plain", "worker", "async"])
def test_exceptions_mean_the_same_to_every_kind(pump, view, kind, caplog):
    def plain():
        raise KeyError("no such mesh")

    async def awaited():
        plain()

    view.bind_call("f", awaited if kind == "async" else plain, worker=kind == "worker")
    error = rejection(pump, view, 'auroraview.call("f", null)')
    assert error.name == "KeyError"
    assert "no such mesh" in error.message
    assert sum("handler of call 'f'" in record.message for record in caplog.records) == 1


def test_a_call_error_is_an_answer(pump, view, caplog):
    view.bind_call("f", lambda: (_ for _ in ()).throw(errors.CallError("gone", 7, name="MeshError")))
    error = rejection(pump, view, 'auroraview.call("f", null)')
    assert (error.name, error.message) == ("MeshError", "gone")
    assert not caplog.records


def test_threads(pump, view):
    threads = {}

    def plain():
        threads["plain"] = threading.current_thread()

    async def awaited():
        threads["async"] = threading.current_thread()

    view.bind_call("plain", plain)
    view.bind_call("worker", lambda: threads.update(worker=threading.current_thread()), worker=True)
    view.bind_call("async", awaited)
    for name in ("plain", "worker", "async"):
        pump.value(view, f'auroraview.call("{name}", null)')
    assert threads["plain"] is threading.current_thread()
    assert threads["worker"] is not threading.current_thread()
    assert threads["async"].name == "auroraview-async"


def test_the_mark_and_the_api(pump, view):
    class Api:
        def plain(self):
            return threading.current_thread() is threading.main_thread()

        @auroraview.worker
        def marked(self):
            return threading.current_thread() is threading.main_thread()

    view.bind_api(Api(), "tool")
    assert pump.value(view, 'auroraview.call("tool.plain", null)') is True
    assert pump.value(view, 'auroraview.call("tool.marked", null)') is False
    view.bind_api(Api(), "tool", allow_rebind=True, worker=True)
    assert pump.value(view, 'auroraview.call("tool.plain", null)') is False


def test_workers_run_beside_each_other(pump, view):
    meet = threading.Barrier(3, timeout=20)
    view.bind_call("meet", lambda: meet.wait() >= 0, worker=True)
    outcomes = [start(view, 'auroraview.call("meet", null)') for _ in range(3)]
    pump.until(lambda: all(outcomes))
    assert [outcome[0] for outcome in outcomes] == [(True, None)] * 3


def test_a_future_and_what_it_cannot_say(pump, view):
    future = concurrent.futures.Future()
    view.bind_call("f", lambda: future)
    outcome = start(view, 'auroraview.call("f", null)')
    pump.until(lambda: future._done_callbacks)
    future.set_result(object())
    pump.until(lambda: outcome)
    assert outcome[0][1].name == "TypeError"


def test_awaitables_of_other_kinds(pump, view):
    class Later:
        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            return "later"

    view.bind_call("f", Later)
    assert pump.value(view, 'auroraview.call("f", null)') == "later"


def test_a_running_loop_is_used(pump, view):
    """A host that lives on asyncio: its loop watches our descriptor."""
    seen = []

    async def handler():
        seen.append(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return "here"

    async def host():
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        loop.add_reader(pump.app.fd(), pump.app.process)
        view.bind_call("f", handler)
        view.eval_js_async('auroraview.call("f", null)', lambda *r: done.set_result(r), 20000)
        try:
            return await asyncio.wait_for(done, 20)
        finally:
            loop.remove_reader(pump.app.fd())

    async def outer():
        result = await host()
        return result, asyncio.get_running_loop()

    result, loop = asyncio.run(outer())
    assert result == ("here", None)
    assert seen == [loop]


# -- cancellation ---------------------------------------------------------------------


def test_current_call_is_the_call_that_runs(pump, view):
    calls = {}

    def plain():
        calls["plain"] = current_call()
        assert current_call() is calls["plain"]

    async def awaited():
        calls["async"] = current_call()
        await asyncio.sleep(0)
        assert current_call() is calls["async"]
        assert await asyncio.get_running_loop().run_in_executor(None, current_call) is None

    assert current_call() is None
    view.bind_call("plain", plain)
    view.bind_call("worker", lambda: calls.update(worker=current_call()), worker=True)
    view.bind_call("async", awaited)
    for name in ("plain", "worker", "async"):
        pump.value(view, f'auroraview.call("{name}", null)')
        assert calls[name].name == name
        assert not calls[name].cancelled
        assert calls[name].wait_cancelled(0) is False
    assert current_call() is None
    # Answered: it can neither be answered again nor be cancelled.
    with pytest.raises(errors.WrongState):
        calls["plain"].reply(1)
    told = []
    calls["plain"].on_cancel(lambda: told.append(1))
    view.close()
    pump.until(lambda: not view.is_alive())
    assert not told


def begun_and(view, kind, body):
    """Bind "f", which says that it has begun and then does `body(call)`."""
    begun = threading.Event()

    def plain():
        begun.set()
        return body(current_call())

    async def awaited():
        begun.set()
        return await body(current_call())

    view.bind_call("f", awaited if kind == "async" else plain, worker=kind == "worker")
    return begun


END = ["navigate", "close"]


def end(view, how):
    if how == "close":
        view.close()
    else:
        view.load_html("<p>next")


@pytest.mark.parametrize("how", END)
def test_an_awaited_handler_is_cancelled(pump, view, how, caplog):
    ended = []

    async def body(call):
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            ended.append(call.cancelled)
            raise

    begun = begun_and(view, "async", body)
    start(view, 'auroraview.call("f", null)')
    pump.until(begun.is_set)
    end(view, how)
    pump.until(lambda: ended)
    assert ended == [True]
    assert not caplog.records


@pytest.mark.parametrize("how", END)
def test_a_worker_is_told(pump, view, how, caplog):
    ended = []

    def body(call):
        assert call.wait_cancelled(20)
        ended.append(call.cancelled)
        call.raise_if_cancelled()

    begun = begun_and(view, "worker", body)
    start(view, 'auroraview.call("f", null)')
    pump.until(begun.is_set)
    end(view, how)
    pump.until(lambda: ended)
    assert ended == [True]
    assert not caplog.records


def test_on_cancel_runs_once_and_on_the_processing_thread(pump, view):
    told = []
    future = concurrent.futures.Future()

    def f():
        call = current_call()
        for number in (1, 2):
            call.on_cancel(lambda number=number: told.append((number, threading.current_thread())))
        call.on_cancel(lambda: told.append(call.cancelled))
        with pytest.raises(TypeError):
            call.on_cancel(None)
        call.on_cancel(future.cancel)
        told.append("begun")
        return future

    view.bind_call("f", f)
    start(view, 'auroraview.call("f", null)')
    pump.until(lambda: told)
    view.load_html("<p>next")
    pump.until(future.cancelled)
    here = threading.current_thread()
    assert told == ["begun", (1, here), (2, here), True]


def test_on_cancel_of_a_cancelled_call_runs_at_once(pump, view):
    told = []

    def f():
        call = current_call()
        view.close()
        assert call.cancelled
        call.on_cancel(lambda: told.append(1))
        assert told == [1]
        call.raise_if_cancelled()
        told.append("not reached")

    view.bind_call("f", f)
    outcome = start(view, 'auroraview.call("f", null)')
    pump.until(lambda: outcome)
    assert told == [1]


def test_a_failing_function_of_on_cancel_is_logged(pump, view, caplog):
    future = concurrent.futures.Future()
    told = []

    def f():
        current_call().on_cancel(lambda: 1 / 0)
        current_call().on_cancel(lambda: told.append(1))
        return future

    view.bind_call("f", f)
    start(view, 'auroraview.call("f", null)')
    pump.until(lambda: future._done_callbacks)
    view.load_html("<p>next")
    pump.until(lambda: told)
    assert any("on_cancel()" in record.message for record in caplog.records)


def test_a_handler_that_cancels_itself_rejects(pump, view):
    async def f():
        raise asyncio.CancelledError

    view.bind_call("f", f)
    assert rejection(pump, view, 'auroraview.call("f", null)').name == "Cancelled"


def test_an_answered_call_lets_go_of_what_it_was_given(pump, view):
    given = []

    def f():
        def told():
            return call

        call = current_call()
        call.on_cancel(told)
        given.append(weakref.ref(told))
        return 1

    view.bind_call("f", f)
    for _ in range(20):
        assert pump.value(view, 'auroraview.call("f", null)') == 1
    gc.collect()  # each function holds its call: that is a circle of the test's own
    assert [ref() for ref in given] == [None] * 20


def test_the_end_waits_for_nobody(pump, view):
    """shutdown() ends handlers of every kind and the thread of the loop."""
    from auroraview.core import app

    ended = []

    async def awaited(call):
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("async")

    begun_async = begun_and(view, "async", awaited)
    start(view, 'auroraview.call("f", null)')
    pump.until(begun_async.is_set)
    begun_worker = begun_and(
        view, "worker", lambda call: ended.append(call.wait_cancelled(20) and "worker")
    )
    start(view, 'auroraview.call("f", null)')
    pump.until(begun_worker.is_set)
    app.shutdown()
    assert sorted(ended) == ["async", "worker"]
    assert "auroraview-async" not in [thread.name for thread in threading.enumerate()]
