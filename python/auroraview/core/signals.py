"""Signals: values that are told to whoever is connected.

    saved = Signal("saved")
    saved.connect(lambda path: print(path))
    saved.emit("/tmp/a.ma")

A handler that raises is logged, and the others still run. No lock is held while
handlers run: they may connect, disconnect and emit.
"""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

from auroraview.core.events import ConnectionId
from auroraview.core.log import log_failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Handler = Callable[..., object]

T = TypeVar("T")

__all__ = ["ConnectionGuard", "Signal", "SignalRegistry", "WebViewSignals"]


class Signal(Generic[T]):
    """One signal. Threads: any; handlers run on the thread that emits."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._lock = threading.Lock()
        self._last = 0
        self._handlers: dict[int, tuple[Handler, bool]] = {}  # number: handler, once

    def __repr__(self) -> str:
        return f"Signal({self.name!r}, handlers={self.handler_count})"

    def connect(self, handler: Handler) -> ConnectionId:
        """Call ``handler(value)`` at each emit, ``handler()`` if the value is None."""
        return self._connect(handler, once=False)

    def connect_once(self, handler: Handler) -> ConnectionId:
        """The same, for the next emit only."""
        return self._connect(handler, once=True)

    def _connect(self, handler: Handler, once: bool) -> ConnectionId:
        if not callable(handler):
            raise TypeError(f"a handler must be callable, not {handler!r}")
        with self._lock:
            self._last += 1
            self._handlers[self._last] = (handler, once)
            return ConnectionId(self._last)

    def disconnect(self, connection: int) -> bool:
        """False if it was not connected."""
        with self._lock:
            return self._handlers.pop(connection, None) is not None

    def disconnect_all(self) -> int:
        """How many there were."""
        with self._lock:
            count = len(self._handlers)
            self._handlers.clear()
            return count

    def emit(self, value: T | None = None) -> int:
        """Run the handlers in the order of connection; how many did not raise."""
        with self._lock:
            handlers = list(self._handlers.items())
        done = 0
        for number, (handler, once) in handlers:
            with self._lock:
                # Gone since, by a handler before it; or another emit took it.
                if number not in self._handlers:
                    continue
                if once:
                    del self._handlers[number]
            try:
                if value is None:
                    handler()
                else:
                    handler(value)
                done += 1
            except Exception:
                log_failure("a handler of the signal %r failed", self.name)
        return done

    __call__ = emit

    @property
    def handler_count(self) -> int:
        return len(self._handlers)

    def is_connected(self, connection: int | None = None) -> bool:
        """Whether that connection exists; without one, whether any does."""
        with self._lock:
            return bool(self._handlers) if connection is None else connection in self._handlers


class ConnectionGuard:
    """Disconnects when it is deleted, or at the end of its ``with`` block."""

    def __init__(self, signal: Signal[Any], connection: ConnectionId) -> None:
        self._signal: Signal[Any] | None = signal
        self._id = connection

    @property
    def id(self) -> ConnectionId:
        return self._id

    def detach(self) -> ConnectionId:
        """Let the connection live on without this guard."""
        self._signal = None
        return self._id

    def disconnect(self) -> bool:
        signal, self._signal = self._signal, None
        return signal is not None and signal.disconnect(self._id)

    def __enter__(self) -> ConnectionGuard:
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()

    def __del__(self) -> None:
        self.disconnect()


class SignalRegistry:
    """Signals by name, made when they are first asked for. Threads: any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._signals: dict[str, Signal[Any]] = {}

    def get_or_create(self, name: str) -> Signal[Any]:
        with self._lock:
            return self._signals.setdefault(name, Signal(name))

    __getitem__ = get_or_create

    def get(self, name: str) -> Signal[Any] | None:
        return self._signals.get(name)

    def contains(self, name: str) -> bool:
        return name in self._signals

    __contains__ = contains

    def remove(self, name: str) -> bool:
        with self._lock:
            return self._signals.pop(name, None) is not None

    def names(self) -> list[str]:
        with self._lock:
            return list(self._signals)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self._signals)

    def connect(self, name: str, handler: Handler) -> ConnectionId:
        return self.get_or_create(name).connect(handler)

    def connect_once(self, name: str, handler: Handler) -> ConnectionId:
        return self.get_or_create(name).connect_once(handler)

    def disconnect(self, name: str, connection: int) -> bool:
        signal = self.get(name)
        return signal is not None and signal.disconnect(connection)

    def emit(self, name: str, value: object = None) -> int:
        """How many handlers ran; 0 if nobody has asked for that signal."""
        signal = self.get(name)
        return 0 if signal is None else signal.emit(value)


class WebViewSignals:
    """The signals of one view, and ``custom`` ones by name."""

    def __init__(self) -> None:
        self.page_loaded: Signal[Any] = Signal("page_loaded")
        self.closing: Signal[Any] = Signal("closing")
        self.closed: Signal[Any] = Signal("closed")
        self.focused: Signal[Any] = Signal("focused")
        self.blurred: Signal[Any] = Signal("blurred")
        self.resized: Signal[Any] = Signal("resized")
        self.moved: Signal[Any] = Signal("moved")
        self.minimized: Signal[Any] = Signal("minimized")
        self.maximized: Signal[Any] = Signal("maximized")
        self.restored: Signal[Any] = Signal("restored")
        self.custom = SignalRegistry()

    def get_custom(self, name: str) -> Signal[Any]:
        return self.custom.get_or_create(name)

    def on(self, name: str, handler: Handler) -> ConnectionId:
        """Connect to the signal of that name: one of the above, else a custom one."""
        own = self.__dict__.get(name)
        return (own if isinstance(own, Signal) else self.get_custom(name)).connect(handler)

    def emit_custom(self, name: str, value: object = None) -> int:
        return self.custom.emit(name, value)

    def disconnect_all(self) -> int:
        signals = [own for own in self.__dict__.values() if isinstance(own, Signal)]
        signals += [self.custom.get_or_create(name) for name in self.custom.names()]
        return sum(signal.disconnect_all() for signal in signals)
