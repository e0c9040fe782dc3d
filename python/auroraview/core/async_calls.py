"""``async def`` handlers: where they run, and how they end.

Imported when the first handler returns something to await, because ``asyncio``
costs its host memory.

A coroutine runs on the event loop of the thread that processes messages, if one
is running there (a host that lives on asyncio, or Qt through an asyncio bridge).
Otherwise it runs on a loop of ours, on one thread of its own, which is made for
the first call and ends with the application or the interpreter. A task or
future that belongs to a loop is awaited on that one.
"""

from __future__ import annotations

import asyncio
import atexit
import threading

from auroraview import errors
from auroraview.core.calls import awaited
from auroraview.core.handlers import answer_failed, answer_with

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Any

    from auroraview._core import Call

__all__ = ["answer_awaited", "forget", "stop"]

# How long the tasks may take to end once they are cancelled, in seconds.
_PATIENCE = 2.0

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None
_hooked = False
#: A loop refers to its tasks weakly.
_tasks: set[asyncio.Task[None]] = set()


def answer_awaited(call: Call, name: str, value: Awaitable[Any], debug: bool) -> None:
    """Await ``value`` and answer ``call`` with what comes of it. Any thread."""
    here: asyncio.AbstractEventLoop | None
    try:
        here = asyncio.get_running_loop()
    except RuntimeError:
        here = None
    if asyncio.isfuture(value):
        loop = value.get_loop()
    else:
        loop = here or _own_loop()
    if loop is here:
        _start(loop, call, name, value, debug)
    else:
        loop.call_soon_threadsafe(_start, loop, call, name, value, debug)


def _start(
    loop: asyncio.AbstractEventLoop, call: Call, name: str, value: Awaitable[Any], debug: bool
) -> None:
    if call.cancelled:
        _give_up(value)
        return
    task = loop.create_task(_run(loop, call, name, value, debug))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)

    def cancel() -> None:
        try:
            loop.call_soon_threadsafe(task.cancel)
        except RuntimeError:
            pass  # the loop is closed, and the task gone with it

    call.on_cancel(cancel)


def _give_up(value: Awaitable[Any]) -> None:
    """Nobody will await it, which is no mistake of the handler's."""
    close = getattr(value, "cancel", None) or getattr(value, "close", None)
    if close is not None:
        close()


async def _run(
    loop: asyncio.AbstractEventLoop, call: Call, name: str, value: Awaitable[Any], debug: bool
) -> None:
    awaited.set(call)
    try:
        result = await value
    except asyncio.CancelledError:
        answer_failed(call, name, errors.Cancelled("the handler was cancelled"), debug)
        raise
    except BaseException as error:
        answer_failed(call, name, error, debug)
        if loop is not _loop and not isinstance(error, Exception):
            raise  # KeyboardInterrupt, SystemExit: the host's business
    else:
        answer_with(call, name, result, debug)


# ---- the loop of ours -----------------------------------------------------------


def _own_loop() -> asyncio.AbstractEventLoop:
    global _loop, _thread, _hooked
    with _lock:
        if _loop is None:
            # The interpreter waits for threads before it runs what atexit has.
            # Since 3.9 there is a list that it runs even before that.
            early = getattr(threading, "_register_atexit", None)
            if not _hooked:
                (early or atexit.register)(stop)
                _hooked = True
            _loop = asyncio.new_event_loop()
            _thread = threading.Thread(
                target=_serve,
                args=(_loop,),
                name="auroraview-async",
                daemon=early is None,
            )
            _thread.start()
        return _loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=_PATIENCE))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


def stop() -> None:
    """End the loop of ours, if there is one; its tasks are cancelled."""
    global _loop, _thread
    with _lock:
        loop, _loop = _loop, None
        thread, _thread = _thread, None
    if loop is None or thread is None:
        return
    try:
        loop.call_soon_threadsafe(loop.stop)
    except RuntimeError:
        return  # closed already
    if thread is not threading.current_thread():
        thread.join(_PATIENCE * 2)


def forget() -> None:
    """In a forked child, which has no such thread."""
    global _lock, _loop, _thread
    _lock = threading.Lock()
    _loop = _thread = None
    _tasks.clear()
