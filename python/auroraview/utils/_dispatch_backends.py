"""The main threads of the applications we know, for thread_dispatcher.

Every backend is made of one thing: how to have a function called soon on the
main thread (``post``). Waiting for a result, deadlines, errors and the end of
the interpreter are the same for all, and live once, in :class:`_Job`.
"""

from __future__ import annotations

import abc
import atexit
import collections
import importlib
import logging
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_logger = logging.getLogger("auroraview")

# Seconds between two looks for a main thread that waits for us.
_LOOK_EVERY = 0.25


class ThreadSafetyError(RuntimeError):
    """A function could not be run on the main thread."""


class ThreadDispatchTimeoutError(ThreadSafetyError):
    """The main thread did not run the function in time."""

    def __init__(self, name: str, timeout: float) -> None:
        super().__init__(
            f"{name} has not ended on the main thread within {timeout:g} s: "
            "the application is busy, or a modal dialog is open"
        )
        self.timeout = timeout


class DeadlockDetectedError(ThreadSafetyError):
    """The main thread waits for the very thread that asked it for something."""


class ShutdownInProgressError(ThreadSafetyError):
    """The interpreter is ending; the main thread runs nothing any more."""


# -- one function on its way -------------------------------------------------------

_jobs_lock = threading.Lock()
_jobs: set[_Job] = set()  # somebody waits for them
_ending = False


@atexit.register
def _end() -> None:
    global _ending
    with _jobs_lock:
        _ending = True
        jobs = list(_jobs)
    for job in jobs:
        job.give_up()


def _refuse_at_end() -> None:
    if _ending:
        raise ShutdownInProgressError("the interpreter is ending")


def _name_of(func: Callable[..., Any]) -> str:
    return getattr(func, "__qualname__", repr(func))


def _main_joins(thread: threading.Thread) -> bool:
    """Whether the main thread is inside ``thread.join()``."""
    main = threading.main_thread().ident
    frame = sys._current_frames().get(main) if main is not None else None
    join = threading.Thread.join.__code__
    while frame is not None:
        if frame.f_code is join and frame.f_locals.get("self") is thread:
            return True
        frame = frame.f_back
    return False


class _Job:
    """A function, where its result goes, and who waits for it."""

    def __init__(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._func, self._args, self._kwargs = func, args, kwargs
        self._done = threading.Event()
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._func(*self._args, **self._kwargs)
        except BaseException as error:
            # Also SystemExit: it belongs to the one who asked.
            self._error = error
        self._done.set()

    def give_up(self) -> None:
        self._error = ShutdownInProgressError("the interpreter is ending")
        self._done.set()

    def wait(self, timeout: float | None) -> Any:
        me = threading.current_thread()
        end = None if timeout is None else time.monotonic() + timeout
        with _jobs_lock:
            _refuse_at_end()
            _jobs.add(self)
        try:
            while not self._done.wait(
                _LOOK_EVERY if end is None else min(_LOOK_EVERY, max(0.0, end - time.monotonic()))
            ):
                if end is not None and time.monotonic() >= end:
                    raise ThreadDispatchTimeoutError(_name_of(self._func), timeout or 0.0)
                if _main_joins(me):
                    raise DeadlockDetectedError(
                        f"{_name_of(self._func)} cannot run: the main thread waits in join() "
                        f"for {me.name!r}, the thread that asks for it"
                    )
        finally:
            with _jobs_lock:
                _jobs.discard(self)
        if self._error is not None:
            raise self._error
        return self._result


def _guarded(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[[], None]:
    """What nobody waits for must not raise into the host's loop."""

    def run() -> None:
        try:
            func(*args, **kwargs)
        except Exception:
            _logger.exception("%s, deferred to the main thread, failed", _name_of(func))

    return run


def run_bounded(
    backend: ThreadDispatcherBackend,
    timeout: float,
    func: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    job = _Job(func, args, kwargs)
    if isinstance(backend, FallbackDispatcherBackend):
        # No thread is the right one, so another one may be waited for.
        threading.Thread(target=job.run, name="auroraview-dispatch", daemon=True).start()
    elif backend.is_main_thread():
        return func(*args, **kwargs)
    else:
        backend.run_deferred(job.run)
    return job.wait(timeout)


# -- what a backend is ---------------------------------------------------------------


def short_name(class_name: str) -> str:
    """``MayaDispatcherBackend`` -> ``Maya``; ``MyDispatcher`` stays."""
    suffix = "DispatcherBackend"
    if class_name.endswith(suffix) and class_name != suffix:
        return class_name[: -len(suffix)]
    return class_name


class ThreadDispatcherBackend(abc.ABC):
    """How one application runs functions on its main thread."""

    @abc.abstractmethod
    def is_available(self) -> bool:
        """Whether this is the application we are in. Cheap: asked each time."""

    @abc.abstractmethod
    def run_deferred(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Have ``func`` called on the main thread, soon. Any thread; never raises what
        ``func`` raises."""

    @abc.abstractmethod
    def run_sync(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call ``func`` on the main thread and return its result. Any thread."""

    def is_main_thread(self) -> bool:
        return threading.current_thread() is threading.main_thread()

    def get_name(self) -> str:
        return short_name(type(self).__name__)


class _PostingBackend(ThreadDispatcherBackend):
    """A backend made of one way to post a function without arguments."""

    module = ""  # in sys.modules only inside the application

    def is_available(self) -> bool:
        return self.module in sys.modules

    @abc.abstractmethod
    def post(self, func: Callable[[], None]) -> None: ...

    def run_deferred(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        _refuse_at_end()
        self.post(_guarded(func, args, kwargs))

    def run_sync(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self.is_main_thread():
            return func(*args, **kwargs)
        _refuse_at_end()
        job = _Job(func, args, kwargs)
        self.post(job.run)
        return job.wait(None)


def _host_module(name: str) -> Any:
    """A module that only the application has; None elsewhere."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


# -- applications ----------------------------------------------------------------------


class MayaDispatcherBackend(_PostingBackend):
    """``maya.utils.executeDeferred``."""

    module = "maya"

    def is_available(self) -> bool:
        if self.module not in sys.modules or _host_module("maya.utils") is None:
            return False
        # In mayapy without a loop nothing that is deferred would ever run.
        cmds = _host_module("maya.cmds")
        return cmds is None or not cmds.about(batch=True)

    def post(self, func: Callable[[], None]) -> None:
        _host_module("maya.utils").executeDeferred(func)


class HoudiniDispatcherBackend(_PostingBackend):
    """``hdefereval.executeDeferred``; the module exists only with a user interface."""

    module = "hou"

    def is_available(self) -> bool:
        return self.module in sys.modules and _host_module("hdefereval") is not None

    def post(self, func: Callable[[], None]) -> None:
        _host_module("hdefereval").executeDeferred(func)


class NukeDispatcherBackend(_PostingBackend):
    """``nuke.executeInMainThread``."""

    module = "nuke"

    def is_available(self) -> bool:
        nuke = sys.modules.get("nuke")
        return nuke is not None and bool(getattr(nuke, "GUI", True))

    def post(self, func: Callable[[], None]) -> None:
        sys.modules["nuke"].executeInMainThread(func)


class _Backlog:
    """Functions for an application that calls us again and again on its own."""

    def __init__(self) -> None:
        self._waiting: collections.deque[Callable[[], None]] = collections.deque()

    def add(self, func: Callable[[], None]) -> None:
        self._waiting.append(func)

    def run(self) -> bool:
        """Run what waited at the beginning, so that a function which posts itself
        again cannot hold the loop. Whether there was anything."""
        count = len(self._waiting)
        for _ in range(count):
            self._waiting.popleft()()
        return count > 0


class BlenderDispatcherBackend(_PostingBackend):
    """A timer of ``bpy.app.timers`` that runs what other threads have put aside.

    The timer is registered once and stays, at 10 ms while there is work, else at
    100 ms. Registering belongs to the main thread like all of ``bpy``: ask for
    the backend there once (an add-on's ``register()`` does well) before a worker
    thread posts.
    """

    module = "bpy"
    BUSY_SECONDS = 0.01
    IDLE_SECONDS = 0.1

    def __init__(self) -> None:
        self._backlog = _Backlog()
        self._registered = False
        self._lock = threading.Lock()

    def is_available(self) -> bool:
        bpy = sys.modules.get("bpy")
        if bpy is None or getattr(bpy.app, "background", False):
            return False
        if self.is_main_thread():
            self._register()
        return True

    def _tick(self) -> float:
        return self.BUSY_SECONDS if self._backlog.run() else self.IDLE_SECONDS

    def _register(self) -> None:
        with self._lock:
            if self._registered:
                return
            self._registered = True
        sys.modules["bpy"].app.timers.register(self._tick, first_interval=0, persistent=True)

    def post(self, func: Callable[[], None]) -> None:
        self._backlog.add(func)
        self._register()


class UnrealDispatcherBackend(_PostingBackend):
    """A callback after each tick of Slate."""

    module = "unreal"

    def __init__(self) -> None:
        self._backlog = _Backlog()
        self._registered = False
        self._lock = threading.Lock()

    def _tick(self, _delta: float) -> None:
        self._backlog.run()

    def post(self, func: Callable[[], None]) -> None:
        self._backlog.add(func)
        with self._lock:
            if self._registered:
                return
            self._registered = True
        sys.modules["unreal"].register_slate_post_tick_callback(self._tick)


# -- Qt --------------------------------------------------------------------------------

_QT_BINDINGS = ("PySide6", "PyQt6", "PySide2", "PyQt5")


def _qt_core() -> Any:
    """QtCore of the binding that the application has loaded; two cannot live together."""
    for name in _QT_BINDINGS:
        core = sys.modules.get(f"{name}.QtCore")
        if core is not None:
            return core
    return None


class QtDispatcherBackend(_PostingBackend):
    """A queued signal to an object that lives on the GUI thread.

    Not ``QTimer.singleShot``: on a thread without an event loop its timer never
    fires.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._receiver: Any = None
        self._app: Any = None

    def is_available(self) -> bool:
        core = _qt_core()
        return core is not None and core.QCoreApplication.instance() is not None

    def is_main_thread(self) -> bool:
        core = _qt_core()
        app = core.QCoreApplication.instance() if core is not None else None
        if app is None:
            return super().is_main_thread()
        return bool(core.QThread.currentThread() == app.thread())

    def _get_receiver(self) -> Any:
        core = _qt_core()
        app = core.QCoreApplication.instance()
        with self._lock:
            if self._receiver is None or self._app is not app:
                signal = getattr(core, "Signal", None) or core.pyqtSignal
                slot = getattr(core, "Slot", None) or core.pyqtSlot

                class Receiver(core.QObject):  # type: ignore[misc, name-defined]
                    posted = signal(object)

                    @slot(object)  # type: ignore[untyped-decorator]
                    def run(self, func: Callable[[], None]) -> None:
                        func()

                receiver = Receiver()
                # An object without a parent may be given away by the thread
                # that made it.
                receiver.moveToThread(app.thread())
                queued = getattr(core.Qt, "ConnectionType", core.Qt).QueuedConnection
                receiver.posted.connect(receiver.run, queued)
                self._receiver, self._app = receiver, app
            return self._receiver

    def post(self, func: Callable[[], None]) -> None:
        self._get_receiver().posted.emit(func)


class MaxDispatcherBackend(QtDispatcherBackend):
    """3ds Max: its loop is Qt's."""

    def is_available(self) -> bool:
        return "pymxs" in sys.modules and super().is_available()


class FreeCADDispatcherBackend(QtDispatcherBackend):
    """FreeCAD with its user interface: its loop is Qt's."""

    def is_available(self) -> bool:
        freecad = sys.modules.get("FreeCAD")
        return (
            freecad is not None
            and bool(getattr(freecad, "GuiUp", False))
            and super().is_available()
        )


class KritaDispatcherBackend(QtDispatcherBackend):
    """Krita: its loop is Qt's."""

    def is_available(self) -> bool:
        return "krita" in sys.modules and super().is_available()


class FallbackDispatcherBackend(ThreadDispatcherBackend):
    """No application: every thread is as good as the main one."""

    def is_available(self) -> bool:
        return True

    def run_deferred(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        _guarded(func, args, kwargs)()

    def run_sync(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)
