"""Values that Python and the page share, by name."""

from __future__ import annotations

import threading

from auroraview import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Any

    from auroraview.core.webview import WebView

    ChangeHandler = Callable[[str, Any, str], object]

__all__ = ["State"]

_MISSING: Any = object()
_SOURCES = {_core.SIDE_HOST: "python", _core.SIDE_PAGE: "javascript"}


class _Batch:
    """What :meth:`State.batch_update` gives to ``with``."""

    def __init__(self, state: State) -> None:
        self._state = state

    def __enter__(self) -> State:
        self._state._batches[threading.get_ident()] = {}
        return self._state

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pending = self._state._batches.pop(threading.get_ident())
        if error is None:
            for key, value in pending.items():
                self._state[key] = value


class State:
    """A dict that the page sees as ``auroraview.state``, and the other way round.

    Keys are text; values are what can be sent: JSON, and bytes or arrays
    anywhere inside. A value that you read is a copy. To change something inside,
    assign the whole again: ``state["camera"] = camera``.

    What is here outlives the page: a page that is loaded later, or again, gets
    all of it. The last write of a key wins, whoever made it; ``docs/bridge.md``
    has the rule. Every method may be called on any thread.
    """

    def __init__(self, webview: WebView) -> None:
        self._view = webview._core
        self._lock = threading.Lock()
        self._handlers: list[ChangeHandler] = []
        self._observing = False
        self._batches: dict[int, dict[str, Any]] = {}  # of the threads inside one

    def _move(self, view: _core.View) -> None:
        """Go on in another view, with the same values."""
        values = self.to_dict()
        self._view = view
        for key, value in values.items():
            view.state_set(key, value, True)
        if self._observing:
            view.state_observe(self._changed)

    # -- dict --------------------------------------------------------------------

    def __getitem__(self, key: str) -> Any:
        value = self.get(key, _MISSING)
        if value is _MISSING:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: object) -> None:
        batch = self._batches.get(threading.get_ident()) if self._batches else None
        if batch is None:
            self._view.state_set(key, value)
        else:
            _core.encode(value)  # an error belongs here, not to the end of the batch
            batch[key] = value

    def __delitem__(self, key: str) -> None:
        batch = self._batches.get(threading.get_ident()) if self._batches else None
        pending = batch is not None and batch.pop(key, _MISSING) is not _MISSING
        if not self._view.state_delete(key) and not pending:
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key, _MISSING) is not _MISSING

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __repr__(self) -> str:
        return f"State({self.to_dict()!r})"

    def get(self, key: str, default: Any = None) -> Any:
        if self._batches:
            batch = self._batches.get(threading.get_ident(), {})
            if key in batch:
                return batch[key]
        return self._view.state_get(key, default)

    def keys(self) -> list[str]:
        """In the order in which they were first set."""
        return self._view.state_keys()

    def values(self) -> list[Any]:
        return list(self.to_dict().values())

    def items(self) -> list[tuple[str, Any]]:
        return list(self.to_dict().items())

    def to_dict(self) -> dict[str, Any]:
        """A copy. Keys that vanish meanwhile are not in it."""
        found = ((key, self.get(key, _MISSING)) for key in self.keys())
        return {key: value for key, value in found if value is not _MISSING}

    def pop(self, key: str, default: Any = _MISSING) -> Any:
        value = self.get(key, default)
        if value is _MISSING:
            raise KeyError(key)
        if value is not default:
            self._view.state_delete(key)
        return value

    def setdefault(self, key: str, default: Any = None) -> Any:
        value = self.get(key, _MISSING)
        if value is _MISSING:
            self[key] = value = default
        return value

    def update(
        self, data: Mapping[str, Any] | Iterable[tuple[str, Any]], notify: bool = True
    ) -> None:
        """Set several values. Without ``notify`` the handlers of
        :meth:`on_change` are not told; the page is."""
        for key, value in dict(data).items():
            self._view.state_set(key, value, not notify)

    def batch_update(self) -> _Batch:
        """``with state.batch_update():`` what this thread sets inside takes effect
        at the end, or not at all if the block raises."""
        return _Batch(self)

    def clear(self) -> None:
        self._view.state_clear()

    # -- changes -----------------------------------------------------------------

    def on_change(self, handler: ChangeHandler) -> ChangeHandler:
        """Hear of changes: ``handler(key, value, source)``, also as a decorator.

        ``source`` is ``"python"`` or ``"javascript"``; ``value`` is None when the
        key is gone. Handlers run where all handlers run, after the change; of
        changes that follow each other quickly only the last is told.
        """
        if not callable(handler):
            raise TypeError(f"a handler must be callable, not {handler!r}")
        with self._lock:
            self._handlers = [*self._handlers, handler]
            observe, self._observing = not self._observing, True
        if observe:
            self._view.state_observe(self._changed)
        return handler

    def off_change(self, handler: ChangeHandler) -> bool:
        """Stop hearing. False if it was not heard."""
        with self._lock:
            left = [other for other in self._handlers if other != handler]
            found = len(left) < len(self._handlers)
            self._handlers = left
        return found

    def _changed(self, key: str, value: Any, side: int, exists: bool) -> None:
        for handler in self._handlers:
            if handler not in self._handlers:
                continue  # one before it has taken it off
            try:
                handler(key, value, _SOURCES.get(side, "python"))
            except Exception as failure:
                from auroraview.core.handlers import handler_failed

                handler_failed("state", key, failure)
