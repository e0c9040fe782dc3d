"""QtWebView: a page as a QWidget, drawn by another process.

The engine draws into a native child widget of ours (its *host*), follows its
size by itself, and takes the keyboard when the user clicks into the page. What
is left to do here: tell the engine which native window the host has now, and
keep Qt's idea of the focus and the engine's in step.
"""

from __future__ import annotations

import os
import weakref

from auroraview import _core
from auroraview.core.events import ViewEvent
from auroraview.core.functions import PageFunctions
from auroraview.core.webview import WebView, check_profile, file_url, refuse_options
from auroraview.errors import Closed, Unsupported
from auroraview.integration.qt import pump
from auroraview.integration.qt._binding import QtCore, QtGui, QtWidgets, Signal, is_valid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeVar

    from auroraview.core.channel import Channel, ChannelManager
    from auroraview.core.state import State

    F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["QtWebView"]

_Reason = QtCore.Qt.FocusReason
_Event = QtCore.QEvent.Type

# The user is not leaving the page: a menu is open, or another window is active.
_NOT_LEAVING = (_Reason.ActiveWindowFocusReason, _Reason.PopupFocusReason, _Reason.MenuBarFocusReason)


def _check_platform() -> None:
    if QtWidgets.QApplication.instance() is None:
        raise RuntimeError("make the QApplication before the first QtWebView")
    platform = QtGui.QGuiApplication.platformName()
    # The null engine has no window that would need a parent.
    if platform != "xcb" and os.environ.get("AURORAVIEW_BACKEND") != "null":
        raise Unsupported(
            f"a page can be embedded on X11 only, and this application runs on {platform!r}: "
            "start it with QT_QPA_PLATFORM=xcb"
        )


class _Host(QtWidgets.QWidget):
    """The native widget that the engine's window lives in."""

    def __init__(self, owner: QtWebView) -> None:
        super().__init__(owner)
        # Before the other: else every widget up to the window becomes native.
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DontCreateNativeAncestors)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_NativeWindow)
        self._owner = weakref.ref(owner)

    def event(self, event: QtCore.QEvent) -> bool:
        owner = self._owner()
        if owner is not None:
            kind = event.type()
            if kind == _Event.WinIdChange:
                owner._native_changed()
            elif kind in (_Event.WindowBlocked, _Event.WindowUnblocked):
                owner._set_input(kind == _Event.WindowUnblocked)
        return super().event(event)


class QtWebView(PageFunctions, QtWidgets.QWidget):
    """A web page in a widget.

    Handlers run on the GUI thread. Closing ends the page but not the widget:
    shown again, it loads again. :meth:`destroy` is final. A call to a page that
    is gone does nothing, so that a long task need not care whether its panel is
    still open.

    When its page or the engine is lost, ``renderProcessTerminated(1, code)`` or
    ``(2, code)`` tells it, the widget gets its page back by itself, and
    ``recovered("page")`` or ``("engine")`` tells that. If they are lost three
    times in a minute, or with ``recover=False``, it does not: without its page it
    waits for :meth:`reload`, without the engine it stays empty until
    :meth:`show`, :meth:`reload` or one of the load methods is called.
    ``responsiveChanged(False)`` tells that page or engine does not answer.

    While a handler runs a loop of its own, such as a modal dialog, no message of
    any page gets through until it returns. To let them, return a
    ``concurrent.futures.Future`` at once, open the dialog with its ``open()``
    or from a timer, and complete the future when it is done.
    """

    urlChanged = Signal(str)
    loadStarted = Signal()
    loadFinished = Signal(bool)
    loadProgress = Signal(int)
    titleChanged = Signal(str)
    jsError = Signal(str, int, str)
    renderProcessTerminated = Signal(int, int)
    recovered = Signal(str)
    responsiveChanged = Signal(bool)
    ipcMessageReceived = Signal(str, object)
    windowCloseRequested = Signal()
    aboutToClose = Signal()

    def __init__(
        self,
        parent: QtWidgets.QWidget | None = None,
        title: str = "AuroraView",
        width: int = 800,
        height: int = 600,
        url: str | None = None,
        html: str | None = None,
        dev_tools: bool | None = None,
        context_menu: bool = True,
        asset_root: str | os.PathLike[str] | None = None,
        transparent: bool = False,
        profile: str = "local",
        allowed: Sequence[str] | None = None,
        recover: bool = True,
        *,
        csp: str | None = None,
        **options: Any,
    ) -> None:
        refuse_options("QtWebView", options)
        check_profile(profile, allowed)
        _check_platform()
        super().__init__(parent)
        pump.attach()
        self._options: dict[str, Any] = {
            "title": title,
            "width": width,
            "height": height,
            "dev_tools": dev_tools,
            "context_menu": context_menu,
            "asset_root": asset_root,
            "csp": csp,
            "transparent": transparent,
            "profile": profile,
            "allowed": allowed,
            "recover": recover,
        }
        # What a view made anew shows: {"url": …}, {"html": …} or nothing.
        self._content: dict[str, str] = {}
        if url is not None:
            self._content = {"url": url}
        elif html is not None:
            self._content = {"html": html}
        self._view: WebView | None = None
        self._init_functions()
        self._protocols: dict[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {}
        self._handlers: list[tuple[str, Callable[[Any], object]]] = []
        self._offers: list[tuple[str, Callable[[Channel], object]]] = []
        self._state: State | None = None
        self._page_title = ""
        self._url = ""
        self._loading = False
        self._native = 0
        self._gone = False
        self._taking_focus = False
        self._engine_has_focus = False
        self._watched: QtWidgets.QWidget | None = None
        #: Events that were meant for a page that was gone.
        self.dropped_emits = 0
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.setWindowTitle(title)
        self.resize(width, height)
        self._host = _Host(self)
        self._host.setGeometry(self.rect())
        self._open()

    # -- the view behind the widget ----------------------------------------------

    def _open(self) -> None:
        """Make the view, hidden and without a parent: its page loads meanwhile."""
        options = {**self._options, **self._content}
        view = WebView(**options, decorations=False, auto_show=False)
        self._view = view
        self._native = 0
        self._engine_has_focus = False
        me = weakref.ref(self)

        def observe(*event: Any) -> None:
            widget = me()
            if widget is not None and is_valid(widget) and widget._view is view:
                widget._observe(ViewEvent(*event))

        def unheard(name: str, data: object) -> None:
            widget = me()
            if widget is not None and is_valid(widget):
                widget.ipcMessageReceived.emit(name, data)

        view._core.observe(observe)
        view._core.on("", unheard)
        for scheme, (serve, settings) in self._protocols.items():
            view.register_protocol(scheme, serve, **settings)
        for name, (func, worker) in self._bound.items():
            view._bind_now(name, func, worker)
        view._tell_now(self._methods())
        for event, handler in self._handlers:
            view.register_callback(event, handler)
        for id, offer in self._offers:
            view.on_channel(id, offer)
        if self._state is not None:
            self._state._move(view._core)
        self.destroyed.connect(view.close)

    def _open_view(self) -> WebView:
        if self._view is None:
            raise Closed("the widget was destroyed")
        return self._view

    def _alive(self) -> WebView | None:
        view = self._view
        return view if view is not None and view.is_alive() else None

    def _do(self, method: str, *args: Any) -> None:
        """Call the engine's side, which may end at any moment: then it is over."""
        view = self._alive()
        if view is not None:
            try:
                getattr(view._core, method)(*args)
            except Closed:
                pass

    def _embed(self) -> None:
        """Give the view the window that the host has now."""
        native = int(self._host.winId())
        if native != self._native:
            self._native = native
            self._do("set_parent", native)

    def _native_changed(self) -> None:
        # While Qt takes the old window down there is none to embed in.
        created = QtCore.Qt.WidgetAttribute.WA_WState_Created
        if self._native and self._host.testAttribute(created) and self.isVisible():
            self._embed()

    def _set_input(self, admitted: bool) -> None:
        self._do("set_input", admitted)

    def _observe(self, event: ViewEvent) -> None:
        kind = event.kind
        if kind == _core.EVENT_LOAD_STARTED:
            self._loading = True
            self.loadStarted.emit()
        elif kind in (_core.EVENT_LOADED, _core.EVENT_LOAD_FAILED):
            self._loading = False
            self.loadFinished.emit(kind == _core.EVENT_LOADED)
        elif kind == _core.EVENT_PROGRESS:
            self.loadProgress.emit(event.x)
        elif kind == _core.EVENT_TITLE:
            self._page_title = event.text
            self.titleChanged.emit(event.text)
        elif kind == _core.EVENT_URL:
            self._url = event.text
            self.urlChanged.emit(event.text)
        elif kind == _core.EVENT_SCRIPT_ERROR:
            self.jsError.emit(event.text, event.y, event.source)
        elif kind == _core.EVENT_PAGE_LOST:
            self.renderProcessTerminated.emit(1, event.error)
        elif kind == _core.EVENT_ENGINE_LOST:
            self._engine_has_focus = False
            if event.x == _core.RECOVERY_UNDER_WAY:  # else CLOSED follows
                self.renderProcessTerminated.emit(2, event.error)
        elif kind == _core.EVENT_RECOVERED:
            self.recovered.emit("page" if event.x == _core.LOST_PAGE else "engine")
        elif kind in (_core.EVENT_UNRESPONSIVE, _core.EVENT_RESPONSIVE):
            self.responsiveChanged.emit(kind == _core.EVENT_RESPONSIVE)
        elif kind == _core.EVENT_FOCUS_IN:
            self._engine_took_focus()
        elif kind == _core.EVENT_FOCUS_OUT:
            self._engine_has_focus = False
        elif kind == _core.EVENT_FOCUS_LEAVE:
            self._leave(forward=event.x > 0)
        elif kind == _core.EVENT_PARENT_LOST:
            self._native = 0
            if self.isVisible():
                self._embed()
        elif kind == _core.EVENT_CLOSE_REQUESTED and event.reason == _core.CLOSE_USER:
            self.windowCloseRequested.emit()
        elif kind == _core.EVENT_CLOSED and event.reason == _core.CLOSE_ENGINE_LOST:
            self.renderProcessTerminated.emit(2, event.error)

    # -- keyboard ----------------------------------------------------------------

    def _engine_took_focus(self) -> None:
        self._engine_has_focus = True
        self._taking_focus = True  # it has the keyboard: do not offer it
        try:
            self.setFocus(_Reason.OtherFocusReason)
        finally:
            self._taking_focus = False

    def _leave(self, forward: bool) -> None:
        self._engine_has_focus = False
        self.focusNextPrevChild(forward)
        self.window().activateWindow()

    def focusInEvent(self, event: QtGui.QFocusEvent) -> None:
        super().focusInEvent(event)
        if self._taking_focus:
            return
        if event.reason() == _Reason.TabFocusReason:
            self._do("set_focus", _core.FOCUS_FIRST)
        elif event.reason() == _Reason.BacktabFocusReason:
            self._do("set_focus", _core.FOCUS_LAST)
        else:
            self._do("set_focus", _core.FOCUS_IN)

    def focusOutEvent(self, event: QtGui.QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() in _NOT_LEAVING:
            return
        self._do("set_focus", _core.FOCUS_OUT)
        if self._engine_has_focus:
            # Qt believes that its window has the keyboard already.
            self._engine_has_focus = False
            self.window().activateWindow()

    # -- geometry and visibility ---------------------------------------------------

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        super().resizeEvent(event)
        self._host.setGeometry(self.rect())

    def showEvent(self, event: QtGui.QShowEvent) -> None:
        super().showEvent(event)
        if self._gone:
            return
        if self._alive() is None:
            self._open()
        self._watch(self.window())
        self._embed()
        self._do("set_visible", True)

    def setVisible(self, visible: bool) -> None:
        super().setVisible(visible)
        if visible:  # no event tells of a second show()
            self._reopen()

    def _reopen(self) -> bool:
        """Make the page anew that the widget on the screen has lost."""
        if self._gone or self._alive() is not None or not self.isVisible():
            return False
        self._open()
        self._embed()
        self._do("set_visible", True)
        return True

    def hideEvent(self, event: QtGui.QHideEvent) -> None:
        super().hideEvent(event)
        self._do("set_visible", False)

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        super().closeEvent(event)
        if event.isAccepted():
            self._close_view()

    def _watch(self, window: QtWidgets.QWidget) -> None:
        if window is self._watched or window is self:
            return
        if self._watched is not None and is_valid(self._watched):
            self._watched.removeEventFilter(self)
        self._watched = window
        window.installEventFilter(self)

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        if watched is self._watched and event.type() == _Event.Close:
            # It may yet be refused; whether it was shows after the event.
            QtCore.QTimer.singleShot(0, self._window_may_have_closed)
        return False

    def _window_may_have_closed(self) -> None:
        if not is_valid(self):
            return  # it went with its window
        watched = self._watched
        if watched is None or not is_valid(watched) or not watched.isVisible():
            self._close_view()

    def _close_view(self) -> None:
        view = self._alive()
        if view is not None:
            self.aboutToClose.emit()
            view.close()

    def destroy(self, *args: bool) -> None:
        """End the page and the widget, for good."""
        self._gone = True
        self._close_view()
        if is_valid(self):
            self.hide()
            self.deleteLater()

    # -- content -------------------------------------------------------------------

    def load_url(self, url: str) -> None:
        self._content = {"url": url}
        if not self._reopen():
            self._do("navigate", url)

    def load_html(self, html: str) -> None:
        self._content = {"html": html}
        if not self._reopen():
            self._do("load_html", html)

    def load_file(self, path: str | os.PathLike[str]) -> None:
        """Load a file of this machine. Raises FileNotFoundError if there is none."""
        self.load_url(file_url(path))

    def reload(self) -> None:
        if not self._reopen():
            self._do("reload")

    def kill_page(self) -> None:
        """End the page's process, however busy it is. Counts as its loss."""
        self._do("kill_page")

    def allow_origin(
        self,
        origin: str,
        methods: Sequence[str] | None = None,
        events: Sequence[str] | None = None,
        frames: Sequence[str] | None = None,
        top: bool = True,
    ) -> None:
        """Let documents of an origin use the bridge: :meth:`WebView.allow_origin`."""
        self._do("allow_origin", origin, methods, events, frames, top)

    def deny_origin(self, origin: str) -> None:
        """Take back what an origin was granted: :meth:`WebView.deny_origin`."""
        self._do("deny_origin", origin)

    # -- script and events -----------------------------------------------------------

    def eval_js(self, script: str) -> None:
        view = self._alive()
        if view is not None:
            try:
                view.eval_js(script)
            except Closed:
                pass

    def eval_js_async(
        self,
        script: str,
        callback: Callable[[Any, BaseException | None], object] | None = None,
        timeout_ms: int = 5000,
    ) -> None:
        """Run a script; ``callback(result, error)`` is then called exactly once.

        If the page is gone, it is called at once, with that error.
        """
        view = self._view
        try:
            if view is None:
                raise Closed("the page is closed")
            view.eval_js_async(script, callback, timeout_ms)
        except Closed as error:
            if callback is not None:
                callback(None, error)

    def eval_js_sync(self, script: str, timeout_ms: int = 5000) -> Any:
        """Run a script and wait for its value. Raises Closed if the page is gone."""
        if self._view is None:
            raise Closed("the page is closed")
        return self._view.eval_js_sync(script, timeout_ms)

    # QObject has an emit() of other arguments, which is served below as well.
    def emit(  # type: ignore[override]
        self,
        event: str,
        *data: Any,
        latest: bool = False,
        timeout: float | None = None,
    ) -> None:
        """``emit(event, data=None, latest=False, timeout=None)``: send an event to the
        page, as :meth:`auroraview.WebView.emit` does. The last two by name only.

        Nothing happens, but it is counted, if the page is gone.
        """
        if event[:1] == "2" and self.metaObject().indexOfSignal(event[1:]) >= 0:
            # In older PySide6 the emit() of a signal comes through this name,
            # with "2titleChanged(QString)".
            super().emit(event, *data)  # type: ignore[arg-type]
            return
        view = self._view
        try:
            if view is None:
                raise Closed
            if latest or timeout is not None:
                # More than one value is a TypeError, as without the keywords.
                view.emit(event, *data, latest=latest, timeout=timeout)  # type: ignore[misc]
            else:
                # Without the keywords, which take longer than all the rest.
                view.emit(event, *data)
        except Closed:
            self.dropped_emits += 1

    def on(self, event: str, handler: Callable[[Any], object] | None = None) -> Any:
        """Hear an event of the page: ``on(name, fn)``, or as a decorator."""
        if handler is not None:
            return self.register_callback(event, handler)

        def decorate(handler: F) -> F:
            self.register_callback(event, handler)
            return handler

        return decorate

    def register_callback(self, event: str, handler: Callable[[Any], object]) -> Any:
        connection = None
        view = self._alive()
        if view is not None:
            connection = view.register_callback(event, handler)
        self._handlers.append((event, handler))
        return connection

    @property
    def state(self) -> State:
        """Values shared with the page. They are kept when the widget is closed and
        shown again."""
        if self._state is None:
            from auroraview.core.state import State

            self._state = State(self._open_view())
        return self._state

    @property
    def channels(self) -> ChannelManager:
        """The open channels of the page."""
        return self._open_view().channels

    def create_channel(self, id: str | None = None, *, window: int = 0) -> Channel:
        """Open a channel; see :meth:`WebView.create_channel`."""
        return self._open_view().create_channel(id, window=window)

    def on_channel(self, id: str, handler: Callable[[Channel], object] | None = None) -> Any:
        """Hear of channels that the page opens; see :meth:`WebView.on_channel`."""

        def bind(handler: Callable[[Channel], object]) -> Callable[[Channel], object]:
            self._offers.append((id, handler))
            view = self._alive()
            if view is not None:
                view.on_channel(id, handler)
            return handler

        return bind if handler is None else bind(handler)

    def _bind_now(self, method: str, func: Callable[..., Any], worker: bool) -> None:
        view = self._alive()
        if view is not None:
            view._bind_now(method, func, worker)

    def _unbind_now(self, method: str) -> None:
        view = self._alive()
        if view is not None:
            view._unbind_now(method)

    def _tell_now(self, methods: str) -> None:
        view = self._alive()
        if view is not None:
            view._tell_now(methods)

    def register_protocol(
        self,
        scheme: str,
        handler: Callable[[Any], Any],
        *,
        with_request: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Serve the URLs of a scheme; see :meth:`WebView.register_protocol`."""
        settings = {"with_request": with_request, "timeout": timeout}
        view = self._alive()
        if view is not None:
            view.register_protocol(scheme, handler, **settings)  # type: ignore[arg-type]
        self._protocols[scheme] = (handler, settings)

    # -- what it is ------------------------------------------------------------------

    @property
    def title(self) -> str:
        """Title of the widget."""
        return str(self._options["title"])

    @property
    def current_url(self) -> str:
        return self._url

    @property
    def current_title(self) -> str:
        """Title of the page."""
        return self._page_title

    @property
    def is_loading(self) -> bool:
        return self._loading

    def is_alive(self) -> bool:
        return self._alive() is not None

    def get_hwnd(self) -> int | None:
        """Number of the engine's native window, once it exists."""
        return None if self._view is None else self._view.get_hwnd()
