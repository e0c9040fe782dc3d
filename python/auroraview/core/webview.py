"""A web view: a page in a window of its own, or inside a native window."""

from __future__ import annotations

import os

from auroraview import _core
from auroraview.core import app as _app
from auroraview.core.companions import Companions
from auroraview.core.events import EventHub, ViewEvent
from auroraview.core.functions import PageFunctions
from auroraview.errors import Busy, Cancelled, Closed, EngineLost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Any, TypeVar

    from auroraview.core.audit import AuditEntry
    from auroraview.core.channel import Channel, ChannelManager
    from auroraview.core.events import ConnectionId
    from auroraview.core.ready_events import ReadyEvents
    from auroraview.core.signals import WebViewSignals
    from auroraview.core.state import State
    from auroraview.utils.thread_dispatcher import DCCThreadSafeWrapper

    F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["WebView"]

# A script whose result nobody asked for still ends, and its error is logged.
_FORGOTTEN_SCRIPT_MS = 30_000

_STATE_NAMES = {
    _core.STATE_CREATING: "creating",
    _core.STATE_ACTIVE: "active",
    _core.STATE_CLOSE_REQUESTED: "close_requested",
    _core.STATE_DESTROYING: "destroying",
    _core.STATE_DESTROYED: "destroyed",
}

# Options of the interface that this version does not have. They are refused,
# because a window that silently ignores one is worse than an error.
_NOT_YET = frozenset(
    "mode bridge data_directory allow_file_protocol capture_file_drop always_on_top "
    "background_color ipc_batch_size icon tool_window undecorated_shadow "
    "allow_new_window new_window_mode remote_debugging_port splash_overlay "
    "allow_downloads download_prompt download_directory proxy_url user_agent "
    "embed_mode dcc_mode config".split()
)


def refuse_options(kind: str, options: dict[str, Any]) -> None:
    """Raise TypeError that says which option is unknown, and which only missing."""
    for name in options:
        if name in _NOT_YET:
            raise TypeError(f"{kind}() does not support the option {name!r} in this version")
        raise TypeError(f"{kind}() got an unexpected keyword argument {name!r}")


def check_profile(profile: str, allowed: Sequence[str] | None) -> None:
    """Raise ValueError for a profile that does not exist, or has no such list."""
    if profile not in ("local", "remote"):
        raise ValueError(f"profile must be 'local' or 'remote', not {profile!r}")
    if allowed is not None and profile == "local":
        raise ValueError("only a view of the remote profile has a list of allowed origins")


def file_url(path: str | os.PathLike[str]) -> str:
    """The URL of a file that exists."""
    import pathlib

    file = pathlib.Path(path).resolve()
    if not file.is_file():
        raise FileNotFoundError(f"no such page: {file}")
    return file.as_uri()


def _log_script_error(value: object, error: BaseException | None) -> None:
    # That the page is gone is told by other means, and no fault of the script.
    if error is not None and not isinstance(error, (Cancelled, Closed, EngineLost)):
        import logging

        logging.getLogger("auroraview").warning("eval_js: %s", error)


class WebView(PageFunctions):
    """A page, its window, and the functions that the page may call.

    Every method may be called on any thread. Handlers run on the thread that
    processes messages: the one in :meth:`show`, or the one that calls
    :meth:`process_events`, or the host's own loop. :meth:`bind_call` names the
    exceptions.

    The library keeps an open view alive; :meth:`close` ends it.

    ``profile="remote"`` is for pages that nobody here has written: no bridge,
    storage that ends with the view, no clipboard, download or permission, no
    ``file:`` and ``auroraview:``, no other origins than those that are loaded
    here and in ``allowed`` (origins, ``"https://*.example.com"``, or ``"*"``),
    and no developer tools unless asked for.
    """

    def __init__(
        self,
        title: str = "AuroraView",
        width: int = 800,
        height: int = 600,
        url: str | None = None,
        html: str | None = None,
        debug: bool | None = None,
        context_menu: bool = True,
        resizable: bool = True,
        frame: bool | None = None,
        parent: int | None = None,
        *,
        dev_tools: bool | None = None,
        decorations: bool | None = None,
        parent_hwnd: int | None = None,
        asset_root: str | os.PathLike[str] | None = None,
        csp: str | None = None,
        transparent: bool = False,
        auto_show: bool = True,
        profile: str = "local",
        allowed: Sequence[str] | None = None,
        recover: bool = True,
        **options: Any,
    ) -> None:
        """Open a view.

        With ``recover`` it comes back by itself when its page's process or the
        engine's has ended; without, that is the application's business:
        docs/faults.md.
        """
        refuse_options("WebView", options)
        check_profile(profile, allowed)
        if debug is None:
            debug = profile == "local" if dev_tools is None else dev_tools
        if frame is None:
            frame = not transparent if decorations is None else decorations
        if parent is None:
            parent = parent_hwnd
        self._title = title
        self._width = width
        self._height = height
        self._embedded = bool(parent)
        self._hwnd: int | None = None
        self._url: str | None = None
        self._asset_root = None if asset_root is None else os.fspath(asset_root)
        self._done = False
        self._init_functions()
        # Events may be told on another thread as soon as the view is made.
        self._events = EventHub()
        self._companions = Companions(self)
        self._app = _app.default_app()
        self._state: State | None = None
        self._channels: ChannelManager | None = None
        self._core = _core.View(
            self._app,
            title=title,
            width=width,
            height=height,
            url=url,
            # A parser of HTML makes the same of a NUL, which C text cannot hold.
            html=None if html is None else html.replace("\0", "\ufffd"),
            asset_root=self._asset_root,
            csp=csp,
            parent=parent or 0,
            hidden=not auto_show,
            dev_tools=debug,
            transparent=transparent,
            context_menu=context_menu,
            resizable=resizable,
            decorated=frame,
            observer=self._observe,
            remote=profile == "remote",
            allowed=allowed,
            recover=_core.RECOVER_AUTOMATIC if recover else _core.RECOVER_MANUAL,
        )
        self._events.attach(self._core)
        self._companions.register(self)

    def __repr__(self) -> str:
        return f"WebView(title={self._title!r}, width={self._width}, height={self._height})"

    def __enter__(self) -> WebView:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _observe(self, *fields: Any) -> None:
        event = ViewEvent(*fields)
        # Runs before any handler of the application, so that handlers find the
        # properties up to date.
        if event.kind == _core.EVENT_NATIVE:
            self._hwnd = event.native
        elif event.kind == _core.EVENT_RESIZED:
            self._width, self._height = event.width, event.height
        elif event.kind == _core.EVENT_URL:
            self._url = event.text
        elif event.kind == _core.EVENT_CLOSED:
            self._done = True
            self._hwnd = None
        self._companions.observe(event)
        self._events.dispatch(event)

    # -- life ------------------------------------------------------------------

    def show(self, *, wait: bool | None = None) -> None:
        """Show the view.

        A view with a window of its own then keeps this thread until it is
        closed, unless ``wait`` is false or the loop of a GUI toolkit already
        processes messages here. With ``wait=False`` a thread of the library
        does it, and handlers run there.
        """
        self._core.set_visible(True)
        if wait is None:
            wait = not self._embedded and not _app.host_loop_drives()
        if wait:
            _app.run(lambda: self._done)
        elif not self._embedded:
            _app.start_thread()

    def show_async(self) -> None:
        """``show(wait=False)``."""
        self.show(wait=False)

    def show_blocking(self) -> None:
        """``show(wait=True)``."""
        self.show(wait=True)

    def hide(self) -> None:
        self._core.set_visible(False)

    def close(self) -> None:
        """Ask the view to close; it may be closing already."""
        self._core.close(_core.CLOSE_APP)

    def is_alive(self) -> bool:
        return self._core.state()[0] < _core.STATE_CLOSE_REQUESTED

    @property
    def lifecycle_state(self) -> str:
        """``creating``, ``active``, ``close_requested``, ``destroying`` or ``destroyed``."""
        return _STATE_NAMES.get(self._core.state()[0], "close_requested")

    @property
    def ready_events(self) -> ReadyEvents:
        """How far the view has come, to wait for."""
        return self._companions.ready

    @property
    def signals(self) -> WebViewSignals:
        """What happens to the window, as signals."""
        return self._companions.signals

    @property
    def window_id(self) -> str:
        """The view's number in the window manager."""
        return self._companions.window_id

    def create_emitter(self) -> WebView:
        """What worker threads emit with. A view is that by itself."""
        return self

    def get_proxy(self) -> WebView:
        """What other threads call. A view is that by itself."""
        return self

    def thread_safe(self) -> DCCThreadSafeWrapper:
        """The same view, as older tools know it."""
        from auroraview.utils.thread_dispatcher import DCCThreadSafeWrapper

        return DCCThreadSafeWrapper(self)

    def is_valid(self) -> bool:
        """Whether calls still reach the page: of the proxy."""
        return self.is_alive()

    def _process_while_waiting(self) -> None:
        _app.process_while_waiting()

    def process_events(self) -> bool:
        """Run the handlers that are due. True once the view should be let go.

        From inside a handler, and while another thread processes, it does
        nothing.
        """
        try:
            _app.default_app().process()
        except Busy:
            pass
        except Closed:
            return True
        return self._done or not self.is_alive()

    @property
    def is_ready(self) -> bool:
        """Whether the engine shows the view, and messages get through."""
        return self._core.state()[0] == _core.STATE_ACTIVE

    def is_window_valid(self) -> bool:
        """Whether the view has not begun to close."""
        return self.is_alive()

    def process_events_ipc_only(self) -> bool:
        """The same: window messages are handled in the engine's process."""
        return self.process_events()

    # -- window ----------------------------------------------------------------

    @property
    def title(self) -> str:
        return self._title

    @title.setter
    def title(self, title: str) -> None:
        self._core.set_title(title)
        self._title = title

    @property
    def width(self) -> int:
        return self._width

    @property
    def height(self) -> int:
        return self._height

    def move(self, x: int, y: int) -> None:
        self._core.set_bounds(x, y, 0, 0)

    def get_hwnd(self) -> int | None:
        """Number of the native window, once it exists."""
        return self._hwnd

    # -- content ---------------------------------------------------------------

    def load_url(self, url: str) -> None:
        self._core.navigate(url)

    def load_html(self, html: str) -> None:
        self._core.load_html(html)

    def load_file(self, path: str | os.PathLike[str]) -> None:
        """Load a file of this machine. Raises FileNotFoundError if there is none."""
        self._core.navigate(file_url(path))

    def load_local_html(self, path: str | os.PathLike[str], rewrite_paths: bool = True) -> None:
        """Load a local HTML file with what it refers to.

        A file in the asset folder is shown as HTML text whose relative links lead
        into that folder (``rewrite_paths=False`` leaves them alone: they are then
        relative to the folder itself). Any other file is loaded as ``file:``,
        where relative links work by themselves. Raises FileNotFoundError if there
        is none, and UnicodeDecodeError if it is not UTF-8.
        """
        import pathlib

        from auroraview.utils.file_protocol import rewrite_html_for_custom_protocol

        file_url(path)  # complains
        file = pathlib.Path(path).resolve()
        root = None if self._asset_root is None else pathlib.Path(self._asset_root).resolve()
        if root is None or root not in file.parents:
            self.load_file(file)
            return
        html = file.read_text(encoding="utf-8-sig")
        if rewrite_paths:
            base = file.parent.relative_to(root).as_posix()
            html = rewrite_html_for_custom_protocol(html, "" if base == "." else base)
        self.load_html(html.replace("\0", "\ufffd"))

    def register_protocol(
        self,
        scheme: str,
        handler: Callable[[Any], Any],
        *,
        with_request: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Serve the URLs of a scheme: ``handler(uri)`` runs for each, as handlers
        of calls do, and what it returns is the answer.

        - ``{"data": …, "mime_type": str, "status": int, "headers": {…}}``, each of
          which may be missing, or only the data:
        - bytes or any buffer, or str;
        - a ``pathlib.Path``: that file, read by the engine;
        - a file object, read from where it stands, and closed;
        - an iterator or generator of bytes: asked for more as the page takes it;
        - None: status 404;
        - a ``concurrent.futures.Future`` of one of these.

        Parts that a page asks for (``Range``) are cut out of bytes and files by
        themselves. A handler that raises is logged, and the page gets status 500;
        for FileNotFoundError it is 404, for PermissionError 403.

        With ``with_request`` the handler gets a ``ProtocolRequest`` (``url``,
        ``method``, ``header(name)``, ``range(size)``, ``is_cancelled()``)
        instead. A page waits ``timeout`` seconds for the answer to begin, 30 by
        default, and then gets status 504.

        A second registration replaces the first. Any thread. Raises
        InvalidArgument for a scheme that is none or has a meaning already.
        """
        from auroraview.core.protocol import serve

        if not callable(handler):
            raise TypeError(f"a handler must be callable, not {handler!r}")
        milliseconds = 0 if timeout is None else max(1, int(timeout * 1000))
        self._core.register_scheme(scheme, serve(handler, with_request), milliseconds)

    def get_current_url(self) -> str | None:
        return self._url

    def reload(self) -> None:
        self._core.reload()

    def kill_page(self) -> None:
        """End the page's process, however busy it is. Counts as its loss."""
        self._core.kill_page()

    def stop(self) -> None:
        """Stop loading."""
        self._core.stop()

    def allow_origin(
        self,
        origin: str,
        methods: Sequence[str] | None = None,
        events: Sequence[str] | None = None,
        frames: Sequence[str] | None = None,
        top: bool = True,
    ) -> None:
        """Let documents of ``scheme://host[:port]`` use the bridge.

        ``methods`` and ``events`` are names, or patterns that end in ``*``
        (``"assets.*"``); None is every name. ``frames`` are names of frames that
        get it too, inside a page that has it itself; ``["*"]`` is any of this
        origin. With ``top=False`` only they get it.

        Holds for documents that load from now on, and takes the place of what the
        origin had. Raises InvalidArgument for what is no origin or pattern, and
        PermissionDenied for a view of the remote profile. Any thread.
        """
        self._core.grant(origin, methods, events, frames, top)

    def deny_origin(self, origin: str) -> None:
        """Take back what an origin was granted, at once. Any thread."""
        self._core.deny_origin(origin)

    def audit(self, since: int = 0) -> list[AuditEntry]:
        """What pages of this view were granted and refused: :func:`auroraview.audit`."""
        from auroraview.core.audit import audit

        return audit(since, self._core.id)

    # -- script ----------------------------------------------------------------

    def eval_js(self, script: str) -> None:
        """Run a script. An error of it is logged."""
        self._core.eval(script, _FORGOTTEN_SCRIPT_MS, _log_script_error)

    def eval_js_async(
        self,
        script: str,
        callback: Callable[[Any, BaseException | None], object] | None = None,
        timeout_ms: int = 5000,
    ) -> None:
        """Run a script; ``callback(result, error)`` is then called exactly once."""
        self._core.eval(script, timeout_ms, callback or _log_script_error)

    def eval_js_sync(self, script: str, timeout_ms: int = 5000) -> Any:
        """Run a script and wait for its value, awaited if it is a promise.

        Works on every thread, in handlers too: the page never waits for us.
        """
        return self._core.eval_wait(script, timeout_ms)

    async def eval_js_awaitable(self, script: str, timeout_ms: int = 5000) -> Any:
        import asyncio

        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self._core.eval_wait, script, timeout_ms)

    # -- events ----------------------------------------------------------------

    def emit(
        self,
        event: str,
        data: object = None,
        latest: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Send an event to the page. Never blocks, unless told to.

        The page gets an object: None becomes ``{}``, and anything but a dict
        ``{"value": data}``. Bytes and arrays travel as binary.

        When too much waits for the page, ``QueueFull`` is raised. With
        ``latest`` the event instead replaces the one of its name that still
        waits (also sent with ``latest``): for progress and state. With
        ``timeout``, in seconds, the call waits so long for room and then raises
        ``Timeout``; other Python threads run meanwhile.
        """
        # _core makes an object of the data.
        if not latest and timeout is None:
            self._core.emit(event, data)
        elif timeout is None:
            self._core.emit_latest(event, data)
        elif not latest:
            self._core.emit_wait(event, data, max(0, int(timeout * 1000)))
        else:
            raise ValueError("an event that replaces another has nothing to wait for")

    def on(self, event: str, handler: Callable[[Any], object] | None = None) -> Any:
        """Hear an event of the page: ``on(name, fn)``, or as a decorator.

        The names of window events (``loaded``, ``closed``, ``resized``, …) mean
        those, and a page cannot make them up.
        """
        if handler is not None:
            return self._events.connect(event, handler)

        def decorate(handler: F) -> F:
            self._events.connect(event, handler)
            return handler

        return decorate

    def register_callback(self, event: str, handler: Callable[[Any], object]) -> ConnectionId:
        return self._events.connect(event, handler)

    def disconnect(self, event: str, connection: ConnectionId) -> bool:
        """Stop hearing. False if it was not connected."""
        return self._events.disconnect(event, connection)

    def on_loaded(self, handler: Callable[[Any], object]) -> ConnectionId:
        return self._events.connect("loaded", handler)

    def on_shown(self, handler: Callable[[Any], object]) -> ConnectionId:
        return self._events.connect("shown", handler)

    def on_hidden(self, handler: Callable[[Any], object]) -> ConnectionId:
        return self._events.connect("hidden", handler)

    def on_closed(self, handler: Callable[[Any], object]) -> ConnectionId:
        return self._events.connect("closed", handler)

    def on_resized(self, handler: Callable[[Any], object]) -> ConnectionId:
        return self._events.connect("resized", handler)

    def on_moved(self, handler: Callable[[Any], object]) -> ConnectionId:
        return self._events.connect("moved", handler)

    def on_focused(self, handler: Callable[[Any], object]) -> ConnectionId:
        return self._events.connect("focused", handler)

    def on_blurred(self, handler: Callable[[Any], object]) -> ConnectionId:
        return self._events.connect("blurred", handler)

    def on_page_lost(self, handler: Callable[[Any], object]) -> ConnectionId:
        """Hear that the page's process has ended.

        The handler is given ``{"reason", "error", "recovering", "stopped"}``:
        whether the page comes back by itself, or does so no more because it was
        lost three times in a minute.
        """
        return self._events.connect("page_lost", handler)

    def on_engine_lost(self, handler: Callable[[Any], object]) -> ConnectionId:
        """Hear that the engine's process has ended; data as :meth:`on_page_lost`.

        Unless ``recovering``, the view closes.
        """
        return self._events.connect("engine_lost", handler)

    def on_recovered(self, handler: Callable[[Any], object]) -> ConnectionId:
        """Hear that a page is up again: ``{"lost": "page"}`` or ``"engine"``."""
        return self._events.connect("recovered", handler)

    def on_unresponsive(self, handler: Callable[[Any], object]) -> ConnectionId:
        """Hear that page or engine does not answer: ``{"reason": which}``."""
        return self._events.connect("unresponsive", handler)

    def on_responsive(self, handler: Callable[[Any], object]) -> ConnectionId:
        """Hear that they answer again. Not told if they were lost instead."""
        return self._events.connect("responsive", handler)

    # -- state and channels ------------------------------------------------------

    @property
    def state(self) -> State:
        """Values shared with the page: its ``auroraview.state``."""
        if self._state is None:
            from auroraview.core.state import State

            self._state = State(self)
        return self._state

    @property
    def channels(self) -> ChannelManager:
        """The open channels of this view."""
        if self._channels is None:
            from auroraview.core.channel import ChannelManager

            self._channels = ChannelManager(self)
        return self._channels

    def create_channel(self, id: str | None = None, *, window: int = 0) -> Channel:
        """Open our end of the channel that the page has as
        ``auroraview.channel(id)``; see :meth:`ChannelManager.create`."""
        return self.channels.create(id, window=window)

    def on_channel(self, id: str, handler: Callable[[Channel], object] | None = None) -> Any:
        """``handler(channel)`` for every channel of that id that the page opens and
        that has no end here: ``on_channel(id, fn)``, or as a decorator."""

        def bind(handler: Callable[[Channel], object]) -> Callable[[Channel], object]:
            self._core.on_channel(id, lambda name: handler(self.channels.create(name)))
            return handler

        return bind if handler is None else bind(handler)

    # -- functions for the page --------------------------------------------------

    def _bind_now(self, method: str, func: Callable[..., Any], worker: bool) -> None:
        self._core.bind(method, func, worker)

    def _unbind_now(self, method: str) -> None:
        self._core.unbind(method)

    def _tell_now(self, methods: str) -> None:
        self._core.set_methods(methods)
