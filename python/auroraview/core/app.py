"""The one application that all views of this process share.

Made with the first view. Somebody has to process its messages, and only one:
the loop of :func:`run`, a thread of ours, or the loop of a GUI toolkit.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading

from auroraview import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["default_app", "host_loop_drives", "run", "set_host_loop", "shutdown", "start_thread"]

_QT_MODULES = ("PySide6", "PyQt6", "PySide2", "PyQt5")
# Longer than the handler that is running may take, shorter than a user waits.
_JOIN_TIMEOUT = 5.0

_lock = threading.RLock()
_app: _core.App | None = None
_thread: threading.Thread | None = None
_thread_stop = threading.Event()
_host_loop: object | None = None
_exit_hooks = False


def default_app() -> _core.App:
    """The application, made at first use."""
    global _app, _exit_hooks, _host_loop
    with _lock:
        if _app is None or _app.destroyed:
            in_qt = any(name in sys.modules for name in _QT_MODULES)
            _host_loop = None
            _app = _core.App(
                preset=_core.PRESET_QT_EMBEDDED if in_qt else _core.PRESET_STANDALONE
            )
            if not _exit_hooks:
                _exit_hooks = True
                atexit.register(shutdown)
                os.register_at_fork(after_in_child=_forget)
        return _app


def _forget() -> None:
    """In a forked child, which has neither the library's thread nor ours."""
    global _app, _thread, _host_loop, _lock
    _core._after_fork()
    _lock = threading.RLock()
    _app = _thread = _host_loop = None


def set_host_loop(loop: object | None) -> None:
    """The host's own loop processes from now on; ``loop`` is whatever does it."""
    global _host_loop
    with _lock:
        _host_loop = loop
    if loop is not None:
        _stop_thread()


def host_loop_drives() -> bool:
    return _host_loop is not None


def run(stop: Callable[[], object] | None = None) -> None:
    """Process on this thread until the last view has closed or ``stop()`` is true."""
    _stop_thread()
    default_app().run(stop)


def start_thread() -> threading.Thread | None:
    """Process on a thread of ours, unless the host's loop does it already."""
    global _thread, _thread_stop
    with _lock:
        if _host_loop is not None:
            return None
        if _thread is None or not _thread.is_alive():
            app = default_app()
            _thread_stop = threading.Event()
            _thread = threading.Thread(
                target=_run_thread,
                args=(app, _thread_stop),
                name="auroraview",
                daemon=True,
            )
            _thread.start()
        return _thread


def _run_thread(app: _core.App, stop: threading.Event) -> None:
    from auroraview import errors

    try:
        app.run(stop.is_set)
    except errors.Closed:
        pass  # shutdown() was faster than this thread


def _stop_thread() -> None:
    global _thread
    with _lock:
        thread, _thread = _thread, None
    if thread is None or not thread.is_alive() or thread is threading.current_thread():
        return
    # Not quit(), which would also end the next run().
    _thread_stop.set()
    default_app().post(int)
    thread.join(_JOIN_TIMEOUT)


def shutdown() -> None:
    """Close every view and end the engine. Runs at exit by itself."""
    from auroraview import errors

    global _app, _thread, _host_loop
    with _lock:
        app, _app = _app, None
        _thread = _host_loop = None
    if app is None:
        return
    try:
        app.destroy()
    except errors.AuroraViewError:
        pass  # inside a handler, or beside one that never ends: at exit
        # the engine goes with this process
