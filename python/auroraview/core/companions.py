"""What goes along with each view: its readiness, its signals, its place among the windows."""

from __future__ import annotations

from auroraview import _core
from auroraview.core.ready_events import ReadyEvents
from auroraview.core.window_manager import get_window_manager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from auroraview.core.events import ViewEvent
    from auroraview.core.signals import WebViewSignals
    from auroraview.core.webview import WebView

__all__ = ["Companions"]


class Companions:
    """Follows the events of one view, before any handler of the application."""

    def __init__(self, view: WebView) -> None:
        self.ready = ReadyEvents(view)
        self._signals: WebViewSignals | None = None
        self.window_id = ""
        self._ended = False

    def register(self, view: WebView) -> None:
        self.window_id = get_window_manager().register(view)
        if self._ended:  # on another thread, meanwhile
            get_window_manager().unregister(self.window_id)

    @property
    def signals(self) -> WebViewSignals:
        """Made, and its module loaded, when it is first asked for."""
        if self._signals is None:
            from auroraview.core.signals import WebViewSignals

            self._signals = WebViewSignals()
        return self._signals

    def observe(self, event: ViewEvent) -> None:
        self._follow(event)
        if self._signals is not None:
            self._emit(event, self._signals)

    def _follow(self, event: ViewEvent) -> None:
        kind, ready = event.kind, self.ready
        if kind == _core.EVENT_ACTIVE:
            ready.created.set()
        elif kind == _core.EVENT_SHOWN:
            ready.shown.set()
        elif kind == _core.EVENT_HIDDEN:
            ready.shown.clear()
        elif kind == _core.EVENT_LOAD_STARTED:
            ready.loaded.clear()
        elif kind == _core.EVENT_LOADED:
            ready.loaded.set()
        elif kind == _core.EVENT_PAGE_READY:
            ready.bridge_ready.set()
        elif kind == _core.EVENT_PAGE_LOST:
            ready.loaded.clear()
            ready.bridge_ready.clear()
        elif kind == _core.EVENT_FOCUS_IN:
            get_window_manager().set_active(self.window_id)
        elif kind in (_core.EVENT_CLOSE_REQUESTED, _core.EVENT_CLOSED):
            self._ended = True
            get_window_manager().unregister(self.window_id)
            if kind == _core.EVENT_CLOSED:
                ready.reset()

    @staticmethod
    def _emit(event: ViewEvent, signals: WebViewSignals) -> None:
        kind = event.kind
        if kind == _core.EVENT_LOADED:
            signals.page_loaded.emit({"url": event.text})
        elif kind == _core.EVENT_FOCUS_IN:
            signals.focused.emit()
        elif kind == _core.EVENT_FOCUS_OUT:
            signals.blurred.emit()
        elif kind == _core.EVENT_RESIZED:
            signals.resized.emit({"width": event.width, "height": event.height})
        elif kind == _core.EVENT_MOVED:
            signals.moved.emit({"x": event.x, "y": event.y})
        elif kind == _core.EVENT_CLOSE_REQUESTED:
            signals.closing.emit()
        elif kind == _core.EVENT_CLOSED:
            signals.closed.emit()
