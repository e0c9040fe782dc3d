"""Who calls a timer's tick: the host's own timers, by priority.

``register_timer_backend(MayaTimer, priority=200)`` puts one before Qt's.
"""

from __future__ import annotations

import abc
import logging
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = [
    "QtTimerBackend",
    "ThreadTimerBackend",
    "TimerBackend",
    "get_available_backend",
    "list_registered_backends",
    "register_timer_backend",
    "unregister_timer_backend",
]

_logger = logging.getLogger("auroraview")


class TimerBackend(abc.ABC):
    """Starts and stops periodic calls."""

    @abc.abstractmethod
    def is_available(self) -> bool:
        """Whether :meth:`start` would work on this thread, now."""

    @abc.abstractmethod
    def start(self, interval_ms: int, callback: Callable[[], object]) -> Any:
        """Call ``callback`` every ``interval_ms`` milliseconds; what :meth:`stop` takes."""

    @abc.abstractmethod
    def stop(self, handle: Any) -> None:
        """End the calls. Safe inside the callback, and more than once."""

    def get_name(self) -> str:
        return type(self).__name__


def _qt_core() -> Any:
    for name in ("PySide6", "PyQt6", "PySide2", "PyQt5"):
        core = sys.modules.get(f"{name}.QtCore")
        if core is not None:
            return core
    return None


class QtTimerBackend(TimerBackend):
    """A QTimer of the calling thread, which is that of the QApplication."""

    def is_available(self) -> bool:
        core = _qt_core()
        app = core.QCoreApplication.instance() if core is not None else None
        return app is not None and bool(core.QThread.currentThread() == app.thread())

    def start(self, interval_ms: int, callback: Callable[[], object]) -> Any:
        timer = _qt_core().QTimer()
        timer.setInterval(interval_ms)
        timer.timeout.connect(callback)
        timer.start()
        return timer

    def stop(self, handle: Any) -> None:
        try:
            handle.stop()
        except RuntimeError:
            pass  # Qt has deleted it with the application


class _Ticker(threading.Thread):
    def __init__(self, interval_ms: int, callback: Callable[[], object]) -> None:
        super().__init__(name="auroraview-timer", daemon=True)
        self._interval = interval_ms / 1000
        self._callback = callback
        self._stop_asked = threading.Event()

    def run(self) -> None:
        while not self._stop_asked.wait(self._interval):
            try:
                self._callback()
            except Exception:
                _logger.exception("a timer's callback failed")

    def end(self) -> None:
        self._stop_asked.set()
        if self is not threading.current_thread():
            # Longer than a tick should take; a tick that hangs is a daemon's.
            self.join(5.0)


class ThreadTimerBackend(TimerBackend):
    """A thread of our own: handlers then run on it, so not for an application
    whose objects belong to its main thread."""

    def is_available(self) -> bool:
        return True

    def start(self, interval_ms: int, callback: Callable[[], object]) -> Any:
        ticker = _Ticker(interval_ms, callback)
        ticker.start()
        return ticker

    def stop(self, handle: Any) -> None:
        handle.end()


_lock = threading.Lock()
_registered: list[tuple[int, type[TimerBackend]]] = [
    (100, QtTimerBackend),
    (0, ThreadTimerBackend),
]


def register_timer_backend(backend: type[TimerBackend], priority: int = 0) -> None:
    """Add a backend, or change its priority; of equals the later one wins. Threads: any."""
    with _lock:
        rest = [entry for entry in _registered if entry[1] is not backend]
        at = next((i for i, entry in enumerate(rest) if entry[0] <= priority), len(rest))
        rest.insert(at, (priority, backend))
        _registered[:] = rest


def unregister_timer_backend(backend: type[TimerBackend]) -> bool:
    """Take a backend out. False if it is not there. Threads: any."""
    with _lock:
        before = len(_registered)
        _registered[:] = [entry for entry in _registered if entry[1] is not backend]
        return len(_registered) < before


def get_available_backend() -> TimerBackend | None:
    """A new instance of the first backend that works on this thread."""
    with _lock:
        entries = list(_registered)
    for _, cls in entries:
        try:
            backend = cls()
            if backend.is_available():
                return backend
        except Exception as error:
            _logger.debug("timer backend %s: %s", cls.__name__, error)
    return None


def list_registered_backends() -> list[tuple[int, str, bool]]:
    """``(priority, name, available on this thread)``, the first to be asked first."""
    with _lock:
        entries = list(_registered)
    listed = []
    for priority, cls in entries:
        try:
            backend = cls()
            listed.append((priority, backend.get_name(), bool(backend.is_available())))
        except Exception:
            listed.append((priority, cls.__name__, False))
    return listed
