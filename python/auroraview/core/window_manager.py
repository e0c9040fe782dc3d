"""All views of this process: found by number or title, told things together."""

from __future__ import annotations

import os
import threading
import weakref

from auroraview.core.log import log_failure
from auroraview.errors import Closed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = [
    "WindowManager",
    "broadcast_event",
    "get_active_window",
    "get_window_manager",
    "get_windows",
]


class WindowManager:
    """The views, weakly: it keeps none alive. There is one, :func:`get_window_manager`.

    The first view that is registered is the active one; when it goes, the one
    that was active before it, or else the oldest. Threads: any. Callbacks run
    with no lock held, on the thread that made the change, and may ask or change
    anything here.
    """

    _instance: WindowManager | None = None
    _instance_lock = threading.Lock()

    def __new__(cls) -> WindowManager:
        with cls._instance_lock:
            if cls._instance is None:
                cls._instance = super().__new__(cls)
                cls._instance._set_up()
            return cls._instance

    def _set_up(self) -> None:
        self._lock = threading.RLock()
        self._views: dict[str, weakref.ref[Any]] = {}
        # The active one last, before it the one that was active before.
        self._stacking: list[str] = []
        self._callbacks: dict[int, Callable[[], object]] = {}
        self._last_callback = 0

    def register(self, view: Any, uid: str | None = None) -> str:
        """Add a view, or find it again.

        Args:
            view: anything with ``emit``, ``close`` and ``title``.
            uid: its number; by default ``wv_`` and eight hexadecimal digits.

        Returns:
            The number.

        Raises:
            ValueError: another view has that number.
        """
        with self._lock:
            self._forget_dead()
            for known, other in self._views.items():
                if other() is view:
                    return known
            if uid is None:
                uid = f"wv_{os.urandom(4).hex()}"
            elif uid in self._views:
                raise ValueError(f"there is a window {uid!r} already")
            self._views[uid] = weakref.ref(view)
            # Below the active one, which stays it.
            self._stacking.insert(max(0, len(self._stacking) - 1), uid)
        self._changed()
        return uid

    def unregister(self, uid: str) -> bool:
        """Take a view out. False if there is none of that number."""
        with self._lock:
            if self._views.pop(uid, None) is None:
                return False
            self._stacking.remove(uid)
        self._changed()
        return True

    def _forget_dead(self) -> None:
        dead = [uid for uid, view in self._views.items() if view() is None]
        for uid in dead:
            del self._views[uid]
            self._stacking.remove(uid)

    def get(self, uid: str) -> Any | None:
        """The view of that number, None if it is gone."""
        with self._lock:
            view = self._views.get(uid)
            return None if view is None else view()

    def has(self, uid: str) -> bool:
        return self.get(uid) is not None

    def get_active_id(self) -> str | None:
        with self._lock:
            self._forget_dead()
            return self._stacking[-1] if self._stacking else None

    def get_active(self) -> Any | None:
        uid = self.get_active_id()
        return None if uid is None else self.get(uid)

    def set_active(self, uid: str) -> bool:
        """Put a view on top of the order. False if there is none of that number."""
        with self._lock:
            self._forget_dead()
            if uid not in self._views:
                return False
            if self._stacking[-1] == uid:
                return True
            self._stacking.remove(uid)
            self._stacking.append(uid)
        self._changed()
        return True

    def stacking_order(self) -> list[str]:
        """Numbers in the order in which they were last active, the active one last."""
        with self._lock:
            self._forget_dead()
            return list(self._stacking)

    def get_all(self) -> list[Any]:
        with self._lock:
            return [view for view in (ref() for ref in self._views.values()) if view is not None]

    def get_all_ids(self) -> list[str]:
        with self._lock:
            self._forget_dead()
            return list(self._views)

    def count(self) -> int:
        return len(self.get_all())

    def find_by_title(self, title: str) -> Any | None:
        """The first view of exactly that title."""
        return next((view for view in self.get_all() if view.title == title), None)

    def on_change(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call it when a view comes, goes or becomes active; returns what ends that."""
        with self._lock:
            self._last_callback += 1
            number = self._last_callback
            self._callbacks[number] = callback
        return lambda: self._drop_callback(number)

    def _drop_callback(self, number: int) -> None:
        with self._lock:
            self._callbacks.pop(number, None)

    def _changed(self) -> None:
        with self._lock:
            callbacks = list(self._callbacks.values())
        for callback in callbacks:
            try:
                callback()
            except Exception:
                log_failure("a callback of on_change() failed")

    def emit_to(self, uid: str, event: str, data: object = None) -> bool:
        """Send an event to the page of one view. False if it is gone."""
        view = self.get(uid)
        return view is not None and _emit(view, event, data)

    def emit_to_others(self, uid: str, event: str, data: object = None) -> int:
        """To all but that one; how many took it."""
        me = self.get(uid)
        return sum(_emit(view, event, data) for view in self.get_all() if view is not me)

    def broadcast(self, event: str, data: object = None) -> int:
        """To all; how many took it."""
        return sum(_emit(view, event, data) for view in self.get_all())

    def close_all(self) -> int:
        """Ask every view to close; how many there were."""
        views = self.get_all()
        for view in views:
            view.close()
        return len(views)

    def reset(self) -> None:
        """Forget all views and callbacks. Closes nothing."""
        with self._lock:
            self._views.clear()
            self._stacking.clear()
            self._callbacks.clear()


def _emit(view: Any, event: str, data: object) -> bool:
    try:
        view.emit(event, data)
    except Closed:
        return False
    except Exception:
        log_failure("%r could not be sent to %r", event, view)
        return False
    return True


def get_window_manager() -> WindowManager:
    return WindowManager()


def get_windows() -> list[Any]:
    """All views."""
    return get_window_manager().get_all()


def get_active_window() -> Any | None:
    return get_window_manager().get_active()


def broadcast_event(event: str, data: object = None) -> int:
    """Send an event to the pages of all views; how many took it."""
    return get_window_manager().broadcast(event, data)
