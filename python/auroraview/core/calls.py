"""What a handler may ask about the call that it answers."""

from __future__ import annotations

from contextvars import ContextVar

from auroraview import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["current_call", "worker"]

#: Set in the context of each ``async def`` handler, and thereby in whatever it
#: starts: tasks, ``asyncio.to_thread()``.
awaited: ContextVar[_core.Call | None] = ContextVar("auroraview_call", default=None)


def current_call() -> _core.Call | None:
    """The call that this code answers, or None outside of handlers.

    Works in plain, worker and ``async def`` handlers, on their thread or in
    their task. The call says whether the page still waits: ``cancelled``,
    ``raise_if_cancelled()``, ``wait_cancelled(timeout)`` and ``on_cancel(fn)``.
    It may be kept, and asked on any thread.
    """
    return awaited.get() or _core.current_call()


def worker(func: F) -> F:
    """Mark a function to be bound as a worker: see :meth:`WebView.bind_call`."""
    # Functions take any attribute, which their type does not say.
    func.__auroraview_worker__ = True  # type: ignore[attr-defined]
    return func
