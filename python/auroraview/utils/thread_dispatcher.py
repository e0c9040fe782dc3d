"""Run functions on the host's main thread, whichever application the host is.

    from auroraview.utils.thread_dispatcher import ensure_main_thread, run_on_main_thread

    run_on_main_thread(cmds.polyCube)                      # soon; nobody waits
    cube = run_on_main_thread_sync(cmds.polyCube, w=2)     # waits for the result

    @ensure_main_thread
    def select(names): ...                                 # callable from any thread

The backend is the first available one of the registry, by priority; the
environment variable ``AURORAVIEW_DISPATCHER`` names another. Where there is no
main thread to speak of (a script without a GUI), functions run inline.

A view itself needs none of this: its methods may be called on any thread.
"""

from __future__ import annotations

import enum
import functools
import importlib
import logging
import os
import threading

from auroraview.utils import _dispatch_backends as _backends
from auroraview.utils._dispatch_backends import (
    DeadlockDetectedError,
    ShutdownInProgressError,
    ThreadDispatcherBackend,
    ThreadDispatchTimeoutError,
    ThreadSafetyError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")
    F = TypeVar("F", bound=Callable[..., Any])
    BackendClass = type[ThreadDispatcherBackend]

__all__ = [
    "DCCThreadSafeWrapper",
    "DeadlockDetectedError",
    "DispatcherPriority",
    "ShutdownInProgressError",
    "ThreadDispatchTimeoutError",
    "ThreadDispatcherBackend",
    "ThreadSafetyError",
    "clear_dispatcher_backends",
    "dcc_thread_safe",
    "dcc_thread_safe_async",
    "defer_to_main_thread",
    "ensure_main_thread",
    "get_current_dcc_name",
    "get_dispatcher_backend",
    "is_dcc_environment",
    "is_main_thread",
    "list_dispatcher_backends",
    "register_dispatcher_backend",
    "run_on_main_thread",
    "run_on_main_thread_sync",
    "run_on_main_thread_sync_with_timeout",
    "unregister_dispatcher_backend",
    "wrap_callback_for_dcc",
]

_logger = logging.getLogger("auroraview")


class DispatcherPriority(enum.IntEnum):
    """The higher one is asked first. From ``UNREAL`` on it is an application."""

    MAYA = 200
    HOUDINI = 190
    NUKE = 180
    BLENDER = 170
    MAX = 160
    FREECAD = 156
    KRITA = 154
    UNREAL = 150
    QT = 100
    FALLBACK = 0


_DCC_THRESHOLD = DispatcherPriority.UNREAL


class _Entry:
    def __init__(self, backend: BackendClass | str, priority: int, name: str) -> None:
        self.backend = backend
        self.priority = priority
        self.name = name
        self.made: ThreadDispatcherBackend | None = None

    def get(self) -> ThreadDispatcherBackend:
        if self.made is None:
            backend = self.backend
            if isinstance(backend, str):
                module, _, attribute = backend.partition(":")
                backend = getattr(importlib.import_module(module), attribute)
            self.made = backend()
        return self.made


def _class_name(backend: BackendClass | str) -> str:
    name = backend.partition(":")[2] if isinstance(backend, str) else backend.__name__
    return _backends.short_name(name)


def _builtin() -> list[_Entry]:
    return [
        _Entry(backend, priority, _class_name(backend))
        for backend, priority in (
            (_backends.MayaDispatcherBackend, DispatcherPriority.MAYA),
            (_backends.HoudiniDispatcherBackend, DispatcherPriority.HOUDINI),
            (_backends.NukeDispatcherBackend, DispatcherPriority.NUKE),
            (_backends.BlenderDispatcherBackend, DispatcherPriority.BLENDER),
            (_backends.MaxDispatcherBackend, DispatcherPriority.MAX),
            (_backends.FreeCADDispatcherBackend, DispatcherPriority.FREECAD),
            (_backends.KritaDispatcherBackend, DispatcherPriority.KRITA),
            (_backends.UnrealDispatcherBackend, DispatcherPriority.UNREAL),
            (_backends.QtDispatcherBackend, DispatcherPriority.QT),
            (_backends.FallbackDispatcherBackend, DispatcherPriority.FALLBACK),
        )
    ]


_lock = threading.RLock()
_entries: list[_Entry] = _builtin()


# -- registry --------------------------------------------------------------------


def register_dispatcher_backend(
    backend: BackendClass | str, priority: int = 0, *, name: str | None = None
) -> None:
    """Add a backend, or replace the one of that name.

    Args:
        backend: a class, or ``"module:Class"``, imported when it is first asked.
        priority: see :class:`DispatcherPriority`; of equals the later one wins.
        name: for ``AURORAVIEW_DISPATCHER`` and :func:`unregister_dispatcher_backend`;
            by default the class's name without ``DispatcherBackend``.

    Raises:
        ValueError: a text that is not ``"module:Class"``.

    Threads: any.
    """
    if isinstance(backend, str) and ":" not in backend:
        raise ValueError(f"{backend!r} is not 'module:Class'")
    entry = _Entry(backend, int(priority), name or _class_name(backend))
    with _lock:
        _entries[:] = [other for other in _entries if other.name != entry.name]
        at = next(
            (i for i, other in enumerate(_entries) if other.priority <= entry.priority),
            len(_entries),
        )
        _entries.insert(at, entry)


def unregister_dispatcher_backend(name: str) -> bool:
    """Take the backend of that name out. False if there is none. Threads: any."""
    with _lock:
        before = len(_entries)
        _entries[:] = [entry for entry in _entries if entry.name.lower() != name.lower()]
        return len(_entries) < before


def clear_dispatcher_backends() -> None:
    """Back to the backends that come with this package. Threads: any."""
    with _lock:
        _entries[:] = _builtin()


def list_dispatcher_backends() -> list[tuple[int, str, bool]]:
    """``(priority, name, available)`` of each, the first to be asked first."""
    with _lock:
        entries = list(_entries)
    return [(entry.priority, entry.name, _available(entry) is not None) for entry in entries]


def _available(entry: _Entry) -> ThreadDispatcherBackend | None:
    """A backend that fails to load, or to answer, is one that is not there."""
    try:
        backend = entry.get()
        return backend if backend.is_available() else None
    except Exception as error:
        _logger.debug("dispatcher %s: %s", entry.name, error)
        return None


def _find() -> tuple[_Entry | None, ThreadDispatcherBackend]:
    wanted = os.environ.get("AURORAVIEW_DISPATCHER", "").lower()
    with _lock:
        entries = list(_entries)
    if wanted:
        for entry in entries:
            if entry.name.lower() == wanted:
                backend = _available(entry)
                if backend is not None:
                    return entry, backend
                _logger.warning(
                    "AURORAVIEW_DISPATCHER=%s is not available here; choosing by priority", wanted
                )
                break
        else:
            _logger.warning(
                "AURORAVIEW_DISPATCHER=%s is unknown; there are: %s",
                wanted,
                ", ".join(entry.name for entry in entries),
            )
    for entry in entries:
        backend = _available(entry)
        if backend is not None:
            return entry, backend
    return None, _inline


_inline = _backends.FallbackDispatcherBackend()


def get_dispatcher_backend() -> ThreadDispatcherBackend:
    """The backend in use now. Threads: any."""
    return _find()[1]


def is_dcc_environment() -> bool:
    """Whether an application with a main thread of its own is the host."""
    entry, _ = _find()
    return entry is not None and entry.priority >= _DCC_THRESHOLD


def get_current_dcc_name() -> str | None:
    """Lower-case name of the application, ``None`` outside of one."""
    entry, backend = _find()
    if entry is None or entry.priority < _DCC_THRESHOLD:
        return None
    return backend.get_name().lower()


# -- running ---------------------------------------------------------------------


def is_main_thread() -> bool:
    """Whether this is the host's main thread."""
    return get_dispatcher_backend().is_main_thread()


def run_on_main_thread(func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Run ``func(*args, **kwargs)`` on the main thread, later. What it raises is logged.

    Threads: any.
    """
    get_dispatcher_backend().run_deferred(func, *args, **kwargs)


def run_on_main_thread_sync(func: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Run ``func(*args, **kwargs)`` on the main thread and return its result.

    On the main thread it is called at once.

    Raises:
        Exception: what ``func`` raises.
        DeadlockDetectedError: the main thread waits for this very thread.
        ShutdownInProgressError: the interpreter is ending.

    Threads: any.
    """
    result: T = get_dispatcher_backend().run_sync(func, *args, **kwargs)
    return result


def run_on_main_thread_sync_with_timeout(
    func: Callable[..., T], *args: Any, timeout: float = 30.0, **kwargs: Any
) -> T:
    """As :func:`run_on_main_thread_sync`, but waits ``timeout`` seconds at most.

    A function that has begun is not interrupted: only the waiting ends. On the
    main thread of an application it is called directly and not bounded, for
    nobody else could run it.

    Raises:
        ThreadDispatchTimeoutError: the time is over.
    """
    result: T = _backends.run_bounded(get_dispatcher_backend(), timeout, func, args, kwargs)
    return result


# -- decorators ------------------------------------------------------------------


def ensure_main_thread(func: F) -> F:
    """Decorator: calls run on the main thread, and the caller waits for the result."""

    @functools.wraps(func)
    def on_main_thread(*args: Any, **kwargs: Any) -> Any:
        return run_on_main_thread_sync(func, *args, **kwargs)

    # wraps() gives it the signature of F; ParamSpec is not in Python 3.8.
    return on_main_thread  # type: ignore[return-value]


def defer_to_main_thread(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """``@defer_to_main_thread`` makes calls run later on the main thread;
    ``defer_to_main_thread(func, value)`` is one such call."""
    if args or kwargs:
        run_on_main_thread(func, *args, **kwargs)
        return None

    @functools.wraps(func)
    def deferred(*args: Any, **kwargs: Any) -> None:
        run_on_main_thread(func, *args, **kwargs)

    return deferred


def dcc_thread_safe(func: F) -> F:
    """Decorator: in an application, calls run on its main thread; elsewhere inline."""

    @functools.wraps(func)
    def safe(*args: Any, **kwargs: Any) -> Any:
        if is_dcc_environment() and not is_main_thread():
            return run_on_main_thread_sync(func, *args, **kwargs)
        return func(*args, **kwargs)

    # wraps() gives it the signature of F; ParamSpec is not in Python 3.8.
    return safe  # type: ignore[return-value]


def dcc_thread_safe_async(func: Callable[..., Any]) -> Callable[..., None]:
    """As :func:`dcc_thread_safe`, but nobody waits and nothing is returned."""

    @functools.wraps(func)
    def safe(*args: Any, **kwargs: Any) -> None:
        if is_dcc_environment() and not is_main_thread():
            run_on_main_thread(func, *args, **kwargs)
        else:
            func(*args, **kwargs)

    return safe


def wrap_callback_for_dcc(
    callback: Callable[..., Any], async_mode: bool = False
) -> Callable[..., Any]:
    """A callback for another thread's use that runs on the application's main thread."""
    return dcc_thread_safe_async(callback) if async_mode else dcc_thread_safe(callback)


class DCCThreadSafeWrapper:
    """A view for other threads. A view is that by itself; this keeps older tools working."""

    def __init__(self, webview: Any) -> None:
        self._webview = webview

    def eval_js(self, script: str) -> None:
        self._webview.eval_js(script)

    def eval_js_sync(self, script: str, timeout_ms: int = 5000) -> Any:
        """Milliseconds; raises :class:`auroraview.errors.Timeout` after them."""
        return self._webview.eval_js_sync(script, timeout_ms)

    def emit(self, event: str, data: object = None) -> None:
        self._webview.emit(event, data)

    def load_url(self, url: str) -> None:
        self._webview.load_url(url)

    def load_html(self, html: str) -> None:
        self._webview.load_html(html)

    def reload(self) -> None:
        self._webview.reload()

    def close(self) -> None:
        self._webview.close()
