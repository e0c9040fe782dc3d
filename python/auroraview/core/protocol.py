"""What a handler of a scheme may answer with, and how that becomes a body.

Everything here runs on the thread that processes messages, but for the answers
of futures, which are given on the thread that completes them.
"""

from __future__ import annotations

import os

from auroraview.errors import AuroraViewError, Cancelled, Closed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from auroraview._core import Fetch

__all__ = ["ProtocolRequest", "serve"]

_READ_SIZE = 64 * 1024
# Written in one go, before the host's other work gets its turn.
_WRITE_SIZE = 1024 * 1024
_ERR_SYSTEM = -16


class ProtocolRequest:
    """What a page asks for.

    Usable on any thread while the view lives.
    """

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self.url = fetch.url
        """The whole URL."""
        self.method = fetch.method
        """``GET`` or ``HEAD``."""

    def __repr__(self) -> str:
        return f"ProtocolRequest({self.method} {self.url!r})"

    def header(self, name: str) -> str | None:
        """A header, such as ``Range``; None if the page sent none."""
        return self._fetch.header(name)

    def range(self, size: int) -> tuple[int, int] | None:
        """First byte and length of the part that is asked for, of a body of
        ``size`` bytes; None means all of it.

        Only streams need it: of bytes and files the library cuts the part out
        itself. Raises InvalidArgument if the part lies behind the end: answer
        with status 416.
        """
        part, first, length = self._fetch.range(size)
        return (first, length) if part else None

    def is_cancelled(self) -> bool:
        """Whether the page has given up."""
        return self._fetch.is_cancelled()


def _log_failure(url: str, error: BaseException) -> None:
    import logging

    logging.getLogger("auroraview").error(
        "the handler of %s raised", url, exc_info=(type(error), error, error.__traceback__)
    )


def _type_of(name: str, fallback: str) -> str:
    import mimetypes

    name = name.split("?", 1)[0].split("#", 1)[0]
    kind = mimetypes.guess_type(name)[0] or fallback
    if kind.endswith("/javascript"):
        kind = "text/javascript"
    if kind.startswith("text/") or kind == "application/json":
        kind += "; charset=utf-8"
    return kind


class _Answer:
    """Status, type and headers of an answer, with what goes into its body."""

    def __init__(self, url: str, result: Any) -> None:
        self.status = 200
        self.mime_type: str | None = None
        self.headers: list[str] = []
        self.data = result
        self._url = url
        if isinstance(result, dict):
            unknown = set(result) - {"data", "mime_type", "status", "headers"}
            if unknown:
                raise TypeError(f"an answer has no {sorted(unknown)[0]!r}")
            self.data = result.get("data", b"")
            self.mime_type = result.get("mime_type")
            self.status = result.get("status", 200)
            headers = result.get("headers") or {}
            pairs = headers.items() if hasattr(headers, "items") else headers
            self.headers = [f"{name}: {value}" for name, value in pairs]

    def kind(self, fallback: str = "application/octet-stream", name: str | None = None) -> str:
        return self.mime_type or _type_of(name or self._url, fallback)


class _Body:
    """Writes pieces as there is room for them."""

    def __init__(self, fetch: Fetch, pieces: Iterator[Any], close: Callable[[], object]) -> None:
        self._fetch = fetch
        self._pieces = pieces
        self._close: Callable[[], object] | None = close
        self._rest = memoryview(b"")

    def _finish(self) -> None:
        close, self._close = self._close, None
        if close is not None:
            try:
                close()
            except Exception as error:
                _log_failure(self._fetch.url, error)

    def room(self, code: int) -> None:
        """There is room; or, with a code below 0, nobody reads any more."""
        if self._close is None:
            return
        if code < 0:
            self._finish()
            return
        try:
            self._write()
        except (Cancelled, Closed):
            self._finish()
        except Exception as error:
            # What the page has is not the whole: it must not look so.
            _log_failure(self._fetch.url, error)
            self._fetch.end(_ERR_SYSTEM)
            self._finish()

    def _write(self) -> None:
        left = _WRITE_SIZE
        while left > 0:
            if not self._rest:
                try:
                    piece = next(self._pieces)
                except StopIteration:
                    self._fetch.end()
                    self._finish()
                    return
                if isinstance(piece, str):
                    piece = piece.encode()
                self._rest = memoryview(piece).cast("B")
                continue
            taken = self._fetch.write(self._rest)
            full = taken < len(self._rest)
            self._rest = self._rest[taken:]
            left -= taken
            if full:
                return  # room() is called when there is some
        from auroraview.core import app

        app.default_app().post(lambda: self.room(0))


def _nothing() -> None:
    pass


def _stream(fetch: Fetch, answer: _Answer, pieces: Iterator[Any], close: Any) -> None:
    if not callable(close):
        close = _nothing
    try:
        body = _Body(fetch, pieces, close)
        fetch.stream(answer.status, answer.kind(), answer.headers, body.room)
    except BaseException:
        close()
        raise


def _open_file(path: str) -> int:
    # A pipe must not make us wait for its writer.
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)


def _reply_file(fetch: Fetch, answer: _Answer, path: str) -> None:
    kind = answer.kind(name=path)
    fetch.reply_fd(answer.status, kind, answer.headers, _open_file(path))


def _regular_fd(file: Any) -> int | None:
    """A descriptor of its own for a file on disk, else None."""
    import stat

    try:
        number = file.fileno()
        if stat.S_ISREG(os.fstat(number).st_mode):
            return os.dup(number)
    except (AttributeError, OSError, ValueError):
        pass
    return None


def _pieces_of(file: Any) -> Iterator[Any]:
    while True:
        piece = file.read(_READ_SIZE)
        if not piece:
            return
        yield piece


def _reply_file_object(fetch: Fetch, answer: _Answer, file: Any) -> None:
    number = _regular_fd(file)
    if number is not None:
        try:
            at = file.tell()
        except BaseException:
            os.close(number)
            raise
        fetch.reply_fd(answer.status, answer.kind(), answer.headers, number, at)
        file.close()
        return
    _stream(fetch, answer, _pieces_of(file), getattr(file, "close", None))


def _reply(fetch: Fetch, result: Any) -> None:
    answer = _Answer(fetch.url, result)
    data = answer.data
    if data is None:
        text = b"There is no such resource."
        fetch.reply(404, "text/plain; charset=utf-8", answer.headers, text)
    elif isinstance(data, str):
        kind = answer.kind("text/plain")
        fetch.reply(answer.status, kind, answer.headers, data.encode())
    elif isinstance(data, os.PathLike):
        _reply_file(fetch, answer, os.fspath(data))
    elif hasattr(data, "read"):
        _reply_file_object(fetch, answer, data)
    elif hasattr(data, "__next__"):
        _stream(fetch, answer, data, getattr(data, "close", None))
    else:
        # Raises TypeError for what is no buffer either.
        fetch.reply(answer.status, answer.kind(), answer.headers, memoryview(data).cast("B"))


def _fail(fetch: Fetch, error: BaseException) -> None:
    """Tell the page as much as it may know."""
    status, text = 500, f"The application's handler of this URL raised {type(error).__name__}."
    if isinstance(error, FileNotFoundError):
        status, text = 404, "There is no such file."
    elif isinstance(error, PermissionError):
        status, text = 403, "The file cannot be read."
    else:
        _log_failure(fetch.url, error)
    try:
        fetch.reply(status, "text/plain; charset=utf-8", [], text.encode())
    except AuroraViewError:
        pass  # answered already, or nobody waits any more


def _answer(fetch: Fetch, result: Any) -> None:
    try:
        _reply(fetch, result)
    except (Cancelled, Closed):
        pass
    except Exception as error:
        _fail(fetch, error)


def serve(handler: Callable[[Any], Any], with_request: bool) -> Callable[[Fetch], None]:
    """The function that ``_core`` calls for each fetch."""

    def on_fetch(fetch: Fetch) -> None:
        try:
            result = handler(ProtocolRequest(fetch) if with_request else fetch.url)
        except Exception as error:
            _fail(fetch, error)
            return
        if hasattr(result, "add_done_callback"):

            def done(future: Any) -> None:
                try:
                    value = future.result()
                except BaseException as error:
                    _fail(fetch, error)
                else:
                    _answer(fetch, value)

            result.add_done_callback(done)
        else:
            _answer(fetch, result)

    return on_fetch
