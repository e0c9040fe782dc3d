"""Handlers of one view: of the page's events, and of what happens to the window."""

from __future__ import annotations

import threading

from auroraview import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["ConnectionId", "EventHub", "ViewEvent", "WINDOW_EVENTS"]


class ViewEvent:
    """What the core reports of a view: ``auv_event`` of the C API.

    Lengths are device pixels; ``x`` and ``y`` have other meanings in some kinds.
    """

    __slots__ = (
        "kind", "reason", "error", "text", "x", "y", "width", "height", "native", "source",
    )  # fmt: skip

    def __init__(
        self,
        kind: int,
        reason: int,
        error: int,
        text: str,
        x: int,
        y: int,
        width: int,
        height: int,
        native: int,
        source: str,
    ) -> None:
        self.kind = kind
        self.reason = reason
        self.error = error
        self.text = text
        self.x = x
        self.y = y
        self.width = width
        self.height = height
        self.native = native
        self.source = source


def _text_as(key: str) -> Callable[[ViewEvent], dict[str, Any]]:
    return lambda event: {key: event.text}


def _nothing(event: ViewEvent) -> dict[str, Any]:
    return {}


def _failure(event: ViewEvent) -> dict[str, Any]:
    return {"error": event.error, "reason": event.text}


def _loss(event: ViewEvent) -> dict[str, Any]:
    return {
        "reason": event.text,
        "error": event.error,
        "recovering": event.x == _core.RECOVERY_UNDER_WAY,
        "stopped": event.x == _core.RECOVERY_STOPPED,
    }


# Name of each window event, and what its handlers are given.
_BY_KIND: dict[int, tuple[str, Callable[[ViewEvent], dict[str, Any]]]] = {
    _core.EVENT_CLOSED: ("closed", _failure),
    _core.EVENT_LOAD_STARTED: ("load_started", _text_as("url")),
    _core.EVENT_LOADED: ("loaded", _text_as("url")),
    _core.EVENT_LOAD_FAILED: ("load_failed", _failure),
    _core.EVENT_PAGE_LOST: ("page_lost", _loss),
    _core.EVENT_ENGINE_LOST: ("engine_lost", _loss),
    _core.EVENT_RECOVERED: (
        "recovered",
        lambda event: {"lost": "page" if event.x == _core.LOST_PAGE else "engine"},
    ),
    _core.EVENT_UNRESPONSIVE: ("unresponsive", _text_as("reason")),
    _core.EVENT_RESPONSIVE: ("responsive", _nothing),
    _core.EVENT_TITLE: ("title_changed", _text_as("title")),
    _core.EVENT_URL: ("url_changed", _text_as("url")),
    _core.EVENT_FOCUS_IN: ("focused", _nothing),
    _core.EVENT_FOCUS_OUT: ("blurred", _nothing),
    _core.EVENT_RESIZED: (
        "resized",
        lambda event: {"width": event.width, "height": event.height},
    ),
    _core.EVENT_MOVED: ("moved", lambda event: {"x": event.x, "y": event.y}),
    _core.EVENT_SHOWN: ("shown", _nothing),
    _core.EVENT_HIDDEN: ("hidden", _nothing),
    _core.EVENT_PROGRESS: ("load_progress", lambda event: {"progress": event.x}),
    _core.EVENT_SCRIPT_ERROR: (
        "js_error",
        lambda event: {
            "message": event.text,
            "line": event.y,
            "source": event.source,
        },
    ),
}

WINDOW_EVENTS = frozenset(name for name, _ in _BY_KIND.values())


class ConnectionId(int):
    """Names one connected handler, for ``disconnect()``."""

    def __repr__(self) -> str:
        return f"ConnectionId({int(self)})"


class EventHub:
    """Connects handlers to names, whichever side the name comes from."""

    def __init__(self) -> None:
        self._view: _core.View | None = None
        self._lock = threading.Lock()
        self._last = 0
        self._window: dict[str, dict[int, Callable[[Any], object]]] = {}
        self._page: dict[tuple[str, int], int] = {}

    def attach(self, view: _core.View) -> None:
        self._view = view

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
        if self._view is None:
            raise RuntimeError("the view is not made yet")
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
        if listener is None or self._view is None:
            return False
        self._view.off(listener)
        return True

    def dispatch(self, event: ViewEvent) -> None:
        """Run the handlers of a window event. One that raises does not stop the next."""
        known = _BY_KIND.get(event.kind)
        if known is None:
            return
        name, make = known
        with self._lock:
            handlers = list(self._window.get(name, {}).values())
        for handler in handlers:
            try:
                handler(make(event))
            except Exception as failure:
                from auroraview.core.handlers import handler_failed

                handler_failed("window event", name, failure)
