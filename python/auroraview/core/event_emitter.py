"""An event emitter in the manner of Node's."""

from __future__ import annotations

import functools
import threading
import warnings

from auroraview.core.log import log_failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    Listener = Callable[..., object]
    F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["EventEmitter", "deprecated"]


class EventEmitter:
    """Listeners by name of event.

    A listener that raises is logged, and the others still run. Listeners may add
    and remove listeners. Threads: any; listeners run on the thread that emits.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, list[tuple[Listener, bool]]] = {}

    def on(self, event: str, listener: Listener | None = None) -> Any:
        """``on(name, fn)`` returns a function that removes it; also a decorator."""
        if listener is None:

            def decorate(listener: F) -> F:
                self._add(event, listener, once=False)
                return listener

            return decorate
        return self._add(event, listener, once=False)

    def once(self, event: str, listener: Listener) -> Callable[[], bool]:
        """For the next time only."""
        return self._add(event, listener, once=True)

    def _add(self, event: str, listener: Listener, once: bool) -> Callable[[], bool]:
        if not callable(listener):
            raise TypeError(f"a listener must be callable, not {listener!r}")
        entry = (listener, once)
        with self._lock:
            self._listeners.setdefault(event, []).append(entry)
        return lambda: self._remove(event, lambda other: other is entry) > 0

    def _remove(self, event: str, matches: Callable[[tuple[Listener, bool]], bool]) -> int:
        with self._lock:
            before = self._listeners.get(event, [])
            after = [entry for entry in before if not matches(entry)]
            if after:
                self._listeners[event] = after
            else:
                self._listeners.pop(event, None)
            return len(before) - len(after)

    def off(self, event: str, listener: Listener | None = None) -> bool:
        """Remove that listener, or all of the event. False if there was none."""
        return self._remove(event, lambda entry: listener is None or entry[0] == listener) > 0

    def _due(self, event: str) -> list[Listener]:
        with self._lock:
            entries = list(self._listeners.get(event, ()))
            rest = [entry for entry in entries if not entry[1]]
            if rest:
                self._listeners[event] = rest
            else:
                self._listeners.pop(event, None)
        return [listener for listener, _ in entries]

    def emit(self, event: str, *args: Any, **kwargs: Any) -> bool:
        """Call the listeners of the event. False if it has none."""
        due = self._due(event)
        for listener in due:
            self._call(event, listener, args, kwargs)
        return bool(due)

    def emit_cancellable(self, event: str, *args: Any, **kwargs: Any) -> bool:
        """The same; False if a listener returned False, True otherwise. All of them run."""
        go_on = True
        for listener in self._due(event):
            if self._call(event, listener, args, kwargs) is False:
                go_on = False
        return go_on

    @staticmethod
    def _call(
        event: str, listener: Listener, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        try:
            return listener(*args, **kwargs)
        except Exception:
            log_failure("a listener of %r failed", event)
            return None

    def remove_all_listeners(self, event: str | None = None) -> None:
        with self._lock:
            if event is None:
                self._listeners.clear()
            else:
                self._listeners.pop(event, None)

    def listener_count(self, event: str) -> int:
        return len(self._listeners.get(event, ()))

    def event_names(self) -> list[str]:
        with self._lock:
            return list(self._listeners)


def deprecated(reason: str) -> Callable[[F], F]:
    """Decorator: a DeprecationWarning with that reason at each call."""

    def decorate(func: F) -> F:
        @functools.wraps(func)
        def warn(*args: Any, **kwargs: Any) -> Any:
            warnings.warn(
                f"{func.__qualname__} is deprecated: {reason}", DeprecationWarning, stacklevel=2
            )
            return func(*args, **kwargs)

        # wraps() gives it the signature of F; ParamSpec is not in Python 3.8.
        return warn  # type: ignore[return-value]

    return decorate
