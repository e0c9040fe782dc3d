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

    from auroraview.core.processing import ProcessorConfig

__all__ = [
    "configure",
    "default_app",
    "host_loop_drives",
    "kill_engine",
    "process_while_waiting",
    "reset_stats",
    "run",
    "set_host_loop",
    "shutdown",
    "start_thread",
    "stats",
]

_QT_MODULES = ("PySide6", "PyQt6", "PySide2", "PyQt5")
# Longer than the handler that is running may take, shorter than a user waits.
_JOIN_TIMEOUT = 5.0

_config: ProcessorConfig | None = None
_lock = threading.RLock()
_app: _core.App | None = None
_thread: threading.Thread | None = None
_thread_stop = threading.Event()
_host_loop: object | None = None
_host_thread = 0  # that runs the host's loop
_runner = 0  # the thread inside run(), or ours; 0: none
_exit_hooks = False


def default_app() -> _core.App:
    """The application, made at first use."""
    global _app, _exit_hooks, _host_loop
    with _lock:
        if _app is None or _app.destroyed:
            _host_loop = None
            if _config is not None:
                _app = _core.App(**vars(_config))
            else:
                in_qt = any(name in sys.modules for name in _QT_MODULES)
                _app = _core.App(
                    preset=_core.PRESET_QT_EMBEDDED if in_qt else _core.PRESET_STANDALONE
                )
            if not _exit_hooks:
                _exit_hooks = True
                atexit.register(shutdown)
                os.register_at_fork(after_in_child=_forget)
        return _app


def configure(config: ProcessorConfig | None) -> None:
    """Say how messages are processed, before the first view.

    Args:
        config: ``None`` chooses by itself: the preset of Qt if a Qt binding is
            loaded, else that of a standalone application.

    Raises:
        WrongState: there is an application already; :func:`shutdown` ends it.

    Threads: any.
    """
    from auroraview import errors

    global _config
    with _lock:
        if _app is not None and not _app.destroyed:
            raise errors.WrongState("configure() comes before the first view")
        _config = config


def stats() -> dict[str, int]:
    """The figures of the application; their meaning is that of ``auv_app_stats``.

    Times are in microseconds. Threads: any, also while another one processes.
    """
    return default_app().stats()


def kill_engine() -> None:
    """End the engine's process, stopped or not. Counts as its loss: its views
    come back, or close. Any thread."""
    with _lock:
        if _app is not None and not _app.destroyed:
            _app.kill_engine()


def reset_stats() -> None:
    """Set the figures back to 0. Threads: any."""
    default_app().reset_stats()


def _forget() -> None:
    """In a forked child, which has neither the library's thread nor ours."""
    global _app, _thread, _host_loop, _lock
    _core._after_fork()
    asynchronous = sys.modules.get("auroraview.core.async_calls")
    if asynchronous is not None:
        asynchronous.forget()
    _lock = threading.RLock()
    _app = _thread = _host_loop = None


def set_host_loop(loop: object | None) -> None:
    """The host's own loop processes from now on; ``loop`` is whatever does it."""
    global _host_loop, _host_thread
    with _lock:
        _host_loop = loop
        _host_thread = threading.get_ident()
    if loop is not None:
        _stop_thread()


def host_loop_drives() -> bool:
    return _host_loop is not None


def run(stop: Callable[[], object] | None = None) -> None:
    """Process on this thread until the last view has closed or ``stop()`` is true."""
    _stop_thread()
    _run(default_app(), stop)


def _run(app: _core.App, stop: Callable[[], object] | None) -> None:
    global _runner
    before, _runner = _runner, threading.get_ident()
    try:
        app.run(stop)
    finally:
        _runner = before


def process_while_waiting() -> None:
    """For a thread that waits for what a message will bring: process them here, if
    this is the thread that does it, or if nobody else would.

    Inside a handler nothing can be processed, and nothing is.
    """
    from auroraview import errors

    me = threading.get_ident()
    if (_host_thread if _host_loop is not None else _runner) not in (0, me):
        return
    try:
        default_app().process()
    except (errors.Busy, errors.Closed):
        pass


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
        _run(app, stop.is_set)
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
    asynchronous = sys.modules.get("auroraview.core.async_calls")
    if asynchronous is not None:
        asynchronous.stop()
