"""A timer that processes a view's messages, for hosts that cannot watch a descriptor."""

from __future__ import annotations

import logging
import threading

from auroraview.utils.timer_backends import TimerBackend, get_available_backend

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

    Callback = Callable[[], object]

__all__ = ["EventTimer"]

_logger = logging.getLogger("auroraview")


class EventTimer:
    """Calls ``webview.process_events()`` again and again, and notices its end.

    A Qt application needs none: there the view wakes Qt by itself.

    Args:
        webview: what has ``process_events()``, and may have ``is_alive()`` and
            ``is_window_valid()``.
        interval_ms: milliseconds between two ticks, above 0.
        check_window_validity: also end when ``is_window_valid()`` turns false.
        backend: who ticks; by default the first available one.

    Raises:
        ValueError: an interval that is not above 0.

    Threads: handlers run on the thread on which the backend ticks.
    """

    def __init__(
        self,
        webview: Any,
        interval_ms: int = 16,
        check_window_validity: bool = True,
        backend: TimerBackend | None = None,
    ) -> None:
        self._webview = webview
        self._interval_ms = _checked(interval_ms)
        self._check_validity = check_window_validity
        self._backend = backend
        self._running: tuple[TimerBackend, Any] | None = None
        self._lock = threading.RLock()
        self._close_callbacks: list[Callback] = []
        self._tick_callbacks: list[Callback] = []

    def __enter__(self) -> EventTimer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to tick.

        Raises:
            RuntimeError: it runs already, or no backend works on this thread.
        """
        with self._lock:
            if self._running is not None:
                raise RuntimeError("the timer is running")
            backend = self._backend or get_available_backend()
            if backend is None or not backend.is_available():
                raise RuntimeError(
                    "no timer backend works on this thread; register one with "
                    "register_timer_backend()"
                )
            self._running = (backend, backend.start(self._interval_ms, self._tick))

    def stop(self) -> None:
        """Tick no more. Also inside a tick, and more than once."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            backend, handle = running
            backend.stop(handle)

    def cleanup(self) -> None:
        """Stop, and forget the callbacks and the view."""
        self.stop()
        self._close_callbacks.clear()
        self._tick_callbacks.clear()
        self._webview = None

    @property
    def is_running(self) -> bool:
        return self._running is not None

    @property
    def interval_ms(self) -> int:
        """Milliseconds; a change takes effect at once."""
        return self._interval_ms

    @interval_ms.setter
    def interval_ms(self, interval_ms: int) -> None:
        self._interval_ms = _checked(interval_ms)
        if self.is_running:
            self.stop()
            self.start()

    def on_close(self, callback: Callback) -> Callback:
        """Call it once, when the view has ended. A decorator too."""
        self._close_callbacks.append(callback)
        return callback

    def on_tick(self, callback: Callback) -> Callback:
        """Call it in each tick, before messages are processed. A decorator too."""
        self._tick_callbacks.append(callback)
        return callback

    def off_close(self, callback: Callback) -> bool:
        return _remove(self._close_callbacks, callback)

    def off_tick(self, callback: Callback) -> bool:
        return _remove(self._tick_callbacks, callback)

    def _tick(self) -> None:
        webview = self._webview
        if webview is None or not self.is_running:
            return
        _call_all(self._tick_callbacks)
        ended = bool(webview.process_events())
        if not ended:
            ended = not _ask(webview, "is_alive")
        if not ended and self._check_validity:
            ended = not _ask(webview, "is_window_valid")
        if ended and self.is_running:
            self.stop()
            callbacks, self._close_callbacks = self._close_callbacks, []
            _call_all(callbacks)


def _checked(interval_ms: int) -> int:
    if interval_ms <= 0:
        raise ValueError(f"interval_ms must be above 0, not {interval_ms}")
    return interval_ms


def _remove(callbacks: list[Callback], callback: Callback) -> bool:
    if callback not in callbacks:
        return False
    callbacks.remove(callback)
    return True


def _call_all(callbacks: list[Callback]) -> None:
    for callback in list(callbacks):
        try:
            callback()
        except Exception:
            _logger.exception("a callback of the timer failed")


def _ask(webview: Any, method: str) -> bool:
    """What a view does not say is taken for granted."""
    ask = getattr(webview, method, None)
    return True if ask is None else bool(ask())
