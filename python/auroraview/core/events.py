"""Handlers of one view: of the page's events, and of what happens to the window."""

from __future__ import annotations

import threading

from auroraview import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["ConnectionId", "EventHub", "WINDOW_EVENTS"]


def _text_as(key: str) -> Callable[[int, str, int, int, int, int], dict[str, Any]]:
    return lambda error, text, x, y, width, height: {key: text}


def _nothing(error: int, text: str, x: int, y: int, width: int, height: int) -> dict[str, Any]:
    return {}


# Name of each window event, and what its handlers are given.
_BY_KIND: dict[int, tuple[str, Callable[[int, str, int, int, int, int], dict[str, Any]]]] = {
    _core.EVENT_CLOSED: (
        "closed",
        lambda error, text, x, y, width, height: {"error": error, "reason": text},
    ),
    _core.EVENT_LOAD_STARTED: ("load_started", _text_as("url")),
    _core.EVENT_LOADED: ("loaded", _text_as("url")),
    _core.EVENT_LOAD_FAILED: (
        "load_failed",
        lambda error, text, x, y, width, height: {"error": error, "reason": text},
    ),
    _core.EVENT_PAGE_LOST: ("page_lost", _text_as("reason")),
    _core.EVENT_TITLE: ("title_changed", _text_as("title")),
    _core.EVENT_URL: ("url_changed", _text_as("url")),
    _core.EVENT_FOCUS_IN: ("focused", _nothing),
    _core.EVENT_FOCUS_OUT: ("blurred", _nothing),
    _core.EVENT_RESIZED: (
        "resized",
        lambda error, text, x, y, width, height: {"width": width, "height": height},
    ),
    _core.EVENT_MOVED: (
        "moved",
        lambda error, text, x, y, width, height: {"x": x, "y": y},
    ),
    _core.EVENT_SHOWN: ("shown", _nothing),
    _core.EVENT_HIDDEN: ("hidden", _nothing),
    _core.EVENT_PROGRESS: (
        "load_progress",
        lambda error, text, x, y, width, height: {"progress": x},
    ),
    _core.EVENT_CONSOLE: (
        "console_message",
        lambda error, text, x, y, width, height: {"level": x, "message": text},
    ),
}

WINDOW_EVENTS = frozenset(name for name, _ in _BY_KIND.values())


class ConnectionId(int):
    """Names one connected handler, for ``disconnect()``."""

    def __repr__(self) -> str:
        return f"ConnectionId({int(self)})"


class EventHub:
    """Connects handlers to names, whichever side the name comes from."""

    def __init__(self, view: _core.View) -> None:
        self._view = view
        self._lock = threading.Lock()
        self._last = 0
        self._window: dict[str, dict[int, Callable[[Any], object]]] = {}
        self._page: dict[tuple[str, int], int] = {}

    def connect(self, event: str, handler: Callable[[Any], object]) -> ConnectionId:
        event = str(getattr(event, "value", event))
        if not callable(handler):
            raise TypeError(f"a handler must be callable, not {handler!r}")
        with self._lock:
            self._last += 1
            connection = ConnectionId(self._last)
            if event in WINDOW_EVENTS:
                self._window.setdefault(event, {})[connection] = handler
                return connection
        listener = self._view.on(event, handler)
        with self._lock:
            self._page[event, connection] = listener
        return connection

    def disconnect(self, event: str, connection: ConnectionId) -> bool:
        event = str(getattr(event, "value", event))
        with self._lock:
            handlers = self._window.get(event, {})
            if handlers.pop(connection, None) is not None:
                return True
            listener = self._page.pop((event, connection), None)
        if listener is None:
            return False
        self._view.off(listener)
        return True

    def dispatch(
        self,
        kind: int,
        reason: int,
        error: int,
        text: str,
        x: int,
        y: int,
        width: int,
        height: int,
    ) -> None:
        """Run the handlers of a window event. One that raises does not stop the next."""
        known = _BY_KIND.get(kind)
        if known is None:
            return
        name, make = known
        with self._lock:
            handlers = list(self._window.get(name, {}).values())
        for handler in handlers:
            try:
                handler(make(error, text, x, y, width, height))
            except Exception as failure:
                from auroraview.core.handlers import handler_failed

                handler_failed("window event", name, failure)
