"""Streams between Python and the page that cannot outrun their reader."""

from __future__ import annotations

import threading

from auroraview import _core, errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Iterator
    from types import TracebackType
    from typing import Any

    from auroraview.core.webview import WebView

    Waiter = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]

__all__ = ["Channel", "ChannelManager"]

_AT_ONCE = 64  # messages for handlers before others have their turn
_BY = {_core.SIDE_HOST: "python", _core.SIDE_PAGE: "javascript"}


class Channel:
    """Python's end of a channel; the page's is ``auroraview.channel(id)``.

    At most ``window`` bytes of each direction are under way: sent, and not yet
    used up by the reader. What is sent before the page has opened its end waits,
    within that bound. A channel ends with the page that has joined it.

    Messages go to the handlers of :meth:`on_message`, or to whoever iterates:
    ``for message in channel`` on a thread of its own, or ``async for``. Every
    method may be called on any thread; handlers run where all handlers run.
    """

    def __init__(self, webview: WebView, id: str, *, window: int = 0) -> None:
        self._app = webview._app
        self._id = id
        self._lock = threading.Lock()
        self._on_message: list[Callable[[Any], object]] = []
        self._on_close: list[Callable[[BaseException | None], object]] = []
        self._readers: list[Waiter] = []
        self._writers: list[Waiter] = []
        self._ended = False  # CLOSED has been told
        self._draining = False
        self._failed: BaseException | None = None  # by us
        self._core = webview._core.channel_open(id, window, self._event)

    def __repr__(self) -> str:
        return f"Channel({self._id!r}{', closed' if self.is_closed else ''})"

    def __enter__(self) -> Channel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.fail(error)

    @property
    def id(self) -> str:
        return self._id

    @property
    def is_closed(self) -> bool:
        return self._core.is_closed()

    @property
    def error(self) -> BaseException | None:
        """Why it has ended; None while it is open, and if it ended in order."""
        result = self._core.result()
        if result is None or result[1] == 0:
            return None
        side, error, value = result
        if side == _core.SIDE_HOST and self._failed is not None:
            return self._failed
        if value is not None:
            return errors.from_script(value)
        return errors.from_code(error, "the channel has ended")

    @property
    def closed_by(self) -> str | None:
        """``"python"``, ``"javascript"``, or None: the page or the view has gone."""
        result = self._core.result()
        return None if result is None else _BY.get(result[0])

    @property
    def pending(self) -> tuple[int, int]:
        """Bytes under way: sent to the page, received from it."""
        return self._core.pending()

    # -- sending -----------------------------------------------------------------

    def send(self, data: object) -> bool:
        """Send a value: JSON, and bytes or arrays anywhere inside. Never blocks.

        False if the page has not used up what was sent before; then nothing was
        sent. Raises ``Closed``, and ``TooLarge`` for more than the window.
        """
        return self._core.send(data)

    def send_wait(self, data: object, timeout: float | None = None) -> None:
        """Send, and wait up to ``timeout`` seconds for the page to use up what was
        sent before. Raises ``Timeout``, ``Closed``, ``TooLarge``."""
        self._core.send_wait(data, -1 if timeout is None else max(0, int(timeout * 1000)))

    async def send_async(self, data: object) -> None:
        """:meth:`send_wait` for coroutines. Handlers must be run meanwhile."""
        while not self._core.send(data):
            waiter = self._wait(self._writers)
            # Once more, now that nothing can be missed.
            if self._core.send(data):
                return
            await waiter

    # -- receiving ---------------------------------------------------------------

    def on_message(self, handler: Callable[[Any], object]) -> Callable[[Any], object]:
        """Give every message to ``handler``; also as a decorator."""
        if not callable(handler):
            raise TypeError(f"a handler must be callable, not {handler!r}")
        with self._lock:
            self._on_message = [*self._on_message, handler]
        self._post(self._go_on)
        return handler

    def receive(self, timeout: float | None = None) -> Any:
        """The next message. Waits up to ``timeout`` seconds: ``Timeout``; ``Closed``
        when there will be none."""
        return self._core.receive(-1 if timeout is None else max(0, int(timeout * 1000)))

    def __iter__(self) -> Iterator[Any]:
        while True:
            try:
                message = self._core.receive(-1)
            except errors.Closed:
                break
            yield message
        if (error := self.error) is not None:
            raise error

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._messages()

    async def _messages(self) -> AsyncIterator[Any]:
        while True:
            waiter = self._wait(self._readers)
            try:
                message = self._core.receive(0)
            except errors.Timeout:
                await waiter
                continue
            except errors.Closed:
                break
            finally:
                self._forget(self._readers, waiter)
            yield message
        if (error := self.error) is not None:
            raise error

    # -- the end -----------------------------------------------------------------

    def close(self) -> None:
        """End it in order, behind what was sent; it may have ended already."""
        self._core.close()

    def fail(self, error: BaseException) -> None:
        """End it; the page's end gets the error."""
        from auroraview.core.handlers import describe

        if self._failed is None:
            self._failed = error
        self._core.fail(*describe(error))

    def on_close(
        self, handler: Callable[[BaseException | None], object]
    ) -> Callable[[BaseException | None], object]:
        """Hear of the end, once: ``handler(error)``, None if it ended in order.
        Also as a decorator. If it has ended, the handler runs soon."""
        if not callable(handler):
            raise TypeError(f"a handler must be callable, not {handler!r}")
        with self._lock:
            ended = self._ended
            if not ended:
                self._on_close.append(handler)
        if ended:
            self._post(lambda: handler(self.error))
        return handler

    # -- events of the core ------------------------------------------------------

    def _event(self, kind: int, value: Any, side: int, error: int) -> None:
        if kind == _core.CHANNEL_READABLE:
            self._wake(self._readers)
            self._go_on()
        elif kind == _core.CHANNEL_WRITABLE:
            self._wake(self._writers)
        elif kind == _core.CHANNEL_CLOSED:
            self._close()

    def _close(self) -> None:
        if self._drain():
            self._post(self._close)
            return
        with self._lock:
            self._ended = True
            handlers, self._on_close = self._on_close, []
        for handler in handlers:
            self._call(handler, self.error)
        self._wake(self._readers)
        self._wake(self._writers)

    def _drain(self) -> bool:
        """Give what has come to the handlers, where they run. True if more may have
        come than is for this turn."""
        if self._draining or not self._on_message:
            return False
        self._draining = True
        try:
            for _ in range(_AT_ONCE):
                message = self._core.receive(0)
                for handler in self._on_message:
                    self._call(handler, message)
            return True
        except (errors.Timeout, errors.Closed):
            return False
        except errors.ProtocolError as failure:
            self.fail(failure)
            return False
        finally:
            self._draining = False

    def _go_on(self) -> None:
        if self._drain():
            self._post(self._go_on)

    def _post(self, fn: Callable[[], object]) -> None:
        try:
            self._app.post(fn)
        except errors.Closed:
            pass  # no handler runs any more

    def _call(self, handler: Callable[[Any], object], value: Any) -> None:
        try:
            handler(value)
        except Exception as failure:
            from auroraview.core.handlers import handler_failed

            handler_failed("channel", self._id, failure)

    # -- coroutines that wait ------------------------------------------------------

    def _wait(self, waiters: list[Waiter]) -> asyncio.Future[None]:
        import asyncio

        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._lock:
            waiters.append((loop, future))
        return future

    def _forget(self, waiters: list[Waiter], future: asyncio.Future[None]) -> None:
        with self._lock:
            waiters[:] = [waiter for waiter in waiters if waiter[1] is not future]

    def _wake(self, waiters: list[Waiter]) -> None:
        with self._lock:
            due, waiters[:] = list(waiters), []
        for loop, future in due:
            try:
                loop.call_soon_threadsafe(_resolve, future)
            except RuntimeError:
                pass  # its loop has been closed, and with it what waited


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class ChannelManager:
    """The open channels of a view, by id."""

    def __init__(self, webview: WebView) -> None:
        self._webview = webview
        self._lock = threading.Lock()
        self._last = 0
        self._channels: dict[str, Channel] = {}

    def create(self, id: str | None = None, *, window: int = 0) -> Channel:
        """Open a channel. Without an id it gets one that no other has.

        ``window``: bytes under way in each direction, and of the largest
        message; 0 means 1 MiB. Raises ``WrongState`` if one of that id is open.
        """
        with self._lock:
            if id is None:
                self._last += 1
                id = f"channel_{self._last}"
        channel = Channel(self._webview, id, window=window)
        with self._lock:
            self._channels[id] = channel
        channel.on_close(lambda error: self._forget(channel))
        return channel

    def _forget(self, channel: Channel) -> None:
        with self._lock:
            if self._channels.get(channel.id) is channel:
                del self._channels[channel.id]

    def get(self, id: str) -> Channel | None:
        """The open channel of that id."""
        with self._lock:
            channel = self._channels.get(id)
        return None if channel is None or channel.is_closed else channel

    def close_all(self) -> None:
        with self._lock:
            channels = list(self._channels.values())
        for channel in channels:
            channel.close()

    @property
    def active_count(self) -> int:
        with self._lock:
            channels = list(self._channels.values())
        return sum(not channel.is_closed for channel in channels)

    def __len__(self) -> int:
        return self.active_count

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self.get(id) is not None
