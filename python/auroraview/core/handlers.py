"""What ``_core`` does about handlers that fail, and about answers that come later.

Python, because all of it is off the fast path. ``logging`` and ``traceback``
are imported on the first failure only: a host that loads neither keeps its
memory.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable
    from concurrent.futures import Future
    from typing import Any

    from auroraview._core import Call

__all__ = [
    "answer_failed",
    "answer_with",
    "call_failed",
    "describe",
    "handler_failed",
    "reply_awaited",
    "reply_later",
]


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


def _data_json(error: BaseException, debug: bool) -> str | None:
    import json

    data = getattr(error, "data", None)
    if data is not None:
        try:
            # Characters of C text only, as above.
            return json.dumps(data, allow_nan=False)
        except (TypeError, ValueError):
            _log("the data of %r is no JSON", error, type(error).__name__)
    return _traceback_json(error) if debug else None


def call_failed(
    name: str | None, error: BaseException, debug: bool
) -> tuple[str, str, int, str | None]:
    """A bound function raised: name, message, code and data of the rejection."""
    from auroraview import errors

    answer = isinstance(error, errors.CallError)
    if not answer or error.__cause__ is not None:
        _log("handler of call %r raised", error, name)
    code = getattr(error, "code", 0)
    return (
        _text(error.name if isinstance(error, errors.CallError) else type(error).__name__),
        _text(error),
        code if isinstance(code, int) and -(2**31) <= code < 2**31 else 0,
        _data_json(error, debug and not answer),
    )


def describe(error: BaseException) -> tuple[str, str, int]:
    """Name, message and code of an error, for the page."""
    code = getattr(error, "code", 0)
    return (
        _text(type(error).__name__),
        _text(error),
        code if isinstance(code, int) and -(2**31) <= code < 2**31 else 0,
    )
def answer_failed(call: Call, name: str, error: BaseException, debug: bool) -> None:
    """Reject the page's promise, unless nobody waits for it any more."""
    from auroraview import errors

    if isinstance(error, errors.Cancelled) and call.cancelled:
        return
    try:
        call.fail(*call_failed(name, error, debug))
    except (errors.Cancelled, errors.Closed, errors.WrongState):
        pass


def answer_with(call: Call, name: str, value: object, debug: bool) -> None:
    """Resolve the page's promise, or say in its place why that is impossible."""
    from auroraview import errors

    try:
        call.reply(value)
    except (errors.Cancelled, errors.Closed, errors.WrongState):
        pass  # nobody waits for the answer any more
    except errors.TooLarge as reason:
        # The page has been told already.
        _log("answer to call %r was not sent", reason, name)
    except Exception as error:
        answer_failed(call, name, error, debug)


def reply_awaited(call: Call, name: str, value: Awaitable[Any], debug: bool) -> None:
    """Answer with what awaiting ``value`` gives."""
    from auroraview.core import async_calls

    async_calls.answer_awaited(call, name, value, debug)


def reply_later(call: Call, name: str, future: Future[Any], debug: bool) -> None:
    """Answer when the future is done, on the thread that completes it.

    A cancelled call does not cancel it: whoever completes it would then be met
    by an InvalidStateError. ``current_call().on_cancel(future.cancel)`` does.
    """

    def done(future: Future[Any]) -> None:
        from auroraview import errors

        if future.cancelled():
            answer_failed(call, name, errors.Cancelled("the host cancelled the work"), debug)
            return
        error = future.exception()
        if error is None:
            answer_with(call, name, future.result(), debug)
        else:
            answer_failed(call, name, error, debug)

    future.add_done_callback(done)
