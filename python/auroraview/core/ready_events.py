"""How far a view has come, to wait for; and decorators for methods that need it.

    view.ready_events.wait_loaded(timeout=10)

    class Tool:
        @require_loaded()
        def refresh(self): ...          # of self, or of self.webview

Waiting on the thread that processes the view's messages would wait for itself:
there it processes meanwhile.
"""

from __future__ import annotations

import functools
import os
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

__all__ = [
    "ReadyEvents",
    "require_bridge_ready",
    "require_created",
    "require_loaded",
    "require_ready",
    "require_shown",
]

_STEPS = ("created", "shown", "loaded", "bridge_ready")
# Seconds between two looks at messages while waiting.
_LOOK_EVERY = 0.01


def _default_timeout() -> float:
    return float(os.environ.get("AURORAVIEW_READY_TIMEOUT", "20"))


class ReadyEvents:
    """``created``, ``shown``, ``loaded`` and ``bridge_ready`` of one view.

    Each is a :class:`threading.Event`: set once the view has come so far, and
    ``loaded`` and ``bridge_ready`` again for each page. Threads: any.
    """

    def __init__(self, webview: Any) -> None:
        self._webview = webview
        self.created = threading.Event()
        self.shown = threading.Event()
        self.loaded = threading.Event()
        self.bridge_ready = threading.Event()

    def _wait(self, event: threading.Event, timeout: float | None) -> bool:
        end = time.monotonic() + (_default_timeout() if timeout is None else timeout)
        while not event.is_set():
            left = end - time.monotonic()
            if left <= 0 or not self._webview.is_alive():
                break
            # Returns at once where another thread processes, or the host does.
            self._webview._process_while_waiting()
            event.wait(min(_LOOK_EVERY, left))
        return event.is_set()

    def wait_created(self, timeout: float | None = None) -> bool:
        """Seconds, by default 20 or ``AURORAVIEW_READY_TIMEOUT``; False if they are over,
        or the view has closed."""
        return self._wait(self.created, timeout)

    def wait_shown(self, timeout: float | None = None) -> bool:
        return self._wait(self.shown, timeout)

    def wait_loaded(self, timeout: float | None = None) -> bool:
        return self._wait(self.loaded, timeout)

    def wait_bridge_ready(self, timeout: float | None = None) -> bool:
        return self._wait(self.bridge_ready, timeout)

    def wait_all(self, timeout: float = 30.0) -> bool:
        """All four within that many seconds."""
        end = time.monotonic() + timeout
        return all(
            self._wait(getattr(self, step), max(0.0, end - time.monotonic())) for step in _STEPS
        )

    def set_created(self) -> None:
        self.created.set()

    def set_shown(self) -> None:
        self.shown.set()

    def set_loaded(self) -> None:
        self.loaded.set()

    def set_bridge_ready(self) -> None:
        self.bridge_ready.set()

    def is_created(self) -> bool:
        return self.created.is_set()

    def is_shown(self) -> bool:
        return self.shown.is_set()

    def is_loaded(self) -> bool:
        return self.loaded.is_set()

    def is_bridge_ready(self) -> bool:
        return self.bridge_ready.is_set()

    def is_ready(self) -> bool:
        return all(self.status().values())

    def status(self) -> dict[str, bool]:
        return {step: getattr(self, step).is_set() for step in _STEPS}

    def reset(self) -> None:
        for step in _STEPS:
            getattr(self, step).clear()


def _require(steps: tuple[str, ...], timeout: float | None) -> Callable[[F], F]:
    def decorate(func: F) -> F:
        @functools.wraps(func)
        def when_ready(self: Any, *args: Any, **kwargs: Any) -> Any:
            events = getattr(self, "ready_events", None)
            if events is None:
                events = self.webview.ready_events
            for step in steps:
                if not getattr(events, f"wait_{step}")(timeout):
                    raise RuntimeError(
                        f"{func.__qualname__} needs the view to be {step.replace('_', ' ')}, "
                        "and it is not in time"
                    )
            return func(self, *args, **kwargs)

        # wraps() gives it the signature of F; ParamSpec is not in Python 3.8.
        return when_ready  # type: ignore[return-value]

    return decorate


def require_created(timeout: float | None = None) -> Callable[[F], F]:
    """Decorator of methods: wait until the view is created; RuntimeError if it is not
    within ``timeout`` seconds."""
    return _require(("created",), timeout)


def require_shown(timeout: float | None = None) -> Callable[[F], F]:
    return _require(("created", "shown"), timeout)


def require_loaded(timeout: float | None = None) -> Callable[[F], F]:
    return _require(("created", "loaded"), timeout)


def require_bridge_ready(timeout: float | None = None) -> Callable[[F], F]:
    return _require(("created", "bridge_ready"), timeout)


def require_ready(timeout: float | None = None) -> Callable[[F], F]:
    return _require(_STEPS, timeout)
