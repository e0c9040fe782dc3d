"""What ``_core`` does about handlers that fail, and about answers that come later.

Python, because all of it is off the fast path. ``logging`` and ``traceback``
are imported on the first failure only: a host that loads neither keeps its
memory.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent.futures import Future
    from typing import Any

    from auroraview._core import Call

__all__ = ["call_failed", "describe", "handler_failed", "reply_later"]


def _text(value: object) -> str:
    """Text that C can take: no NUL, no lone surrogate."""
    text = str(value).replace("\0", "\\x00")
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _log(text: str, error: BaseException, *args: object) -> None:
    import logging

    logging.getLogger("auroraview").error(
        text, *args, exc_info=(type(error), error, error.__traceback__)
    )


def _traceback_json(error: BaseException) -> str:
    import json
    import traceback

    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return json.dumps({"traceback": "".join(lines)})


def handler_failed(kind: str, name: str | None, error: BaseException) -> None:
    """An event handler, observer or result function raised."""
    if name is None:
        _log("%s raised", error, kind)
    else:
        _log("handler of %s %r raised", error, kind, name)


def call_failed(
    name: str | None, error: BaseException, debug: bool
) -> tuple[str, str, int, str | None]:
    """A bound function raised: name, message, code and data of the rejection."""
    _log("handler of call %r raised", error, name)
    code = getattr(error, "code", 0)
    return (
        _text(type(error).__name__),
        _text(error),
        code if isinstance(code, int) and -(2**31) <= code < 2**31 else 0,
        _traceback_json(error) if debug else None,
    )


def describe(error: BaseException) -> tuple[str, str, int]:
    """Name, message and code of an error, for the page."""
    code = getattr(error, "code", 0)
    return (
        _text(type(error).__name__),
        _text(error),
        code if isinstance(code, int) and -(2**31) <= code < 2**31 else 0,
    )


def reply_later(call: Call, name: str, future: Future[Any], debug: bool) -> None:
    """Answer when the future is done, on the thread that completes it."""

    def done(future: Future[Any]) -> None:
        from auroraview import errors

        try:
            if future.cancelled():
                call.fail("Cancelled", "the host cancelled the work", errors.Cancelled.code)
                return
            error = future.exception()
            if error is None:
                try:
                    call.reply(future.result())
                    return
                except (TypeError, ValueError) as reason:
                    if isinstance(reason, errors.AuroraViewError):
                        raise
                    error = reason
            call.fail(*call_failed(name, error, debug))
        except (errors.Cancelled, errors.Closed, errors.WrongState):
            pass  # nobody waits for the answer any more
        except errors.TooLarge as reason:
            # The page has been told already.
            _log("answer to call %r was not sent", reason, name)

    future.add_done_callback(done)
