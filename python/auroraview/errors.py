"""Every error of the library is one of these.

They carry the library's number in ``code``. Where Python has a class of its
own for the case (``TimeoutError``, ``ValueError``, …) the error is that too.
"""

from __future__ import annotations

__all__ = [
    "AuroraViewError",
    "Busy",
    "CallError",
    "Cancelled",
    "Closed",
    "EngineLost",
    "EngineMissing",
    "EngineVersion",
    "InvalidArgument",
    "LoadFailed",
    "MethodNotFound",
    "NoDisplay",
    "OutOfMemory",
    "ProtocolError",
    "QueueFull",
    "ScriptError",
    "SystemFailure",
    "Timeout",
    "TooLarge",
    "Unsupported",
    "WrongState",
]


class AuroraViewError(Exception):
    """Base of all. ``code`` is the library's negative error number."""

    code: int = 0

    def __init__(self, message: str = "", code: int | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class CallError(AuroraViewError):
    """Raise it in a bound function to choose what the page's promise rejects with.

    ``name`` and ``message`` are text, ``code`` is an ``int`` of 32 bits, ``data``
    any value that JSON has. It is an answer and no mishap: nothing is logged,
    unless it was raised ``from`` another exception.
    """

    def __init__(
        self,
        message: str = "",
        code: int = 0,
        data: object = None,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(message, code)
        self.name = type(self).__name__ if name is None else name
        self.data = data


class InvalidArgument(AuroraViewError, ValueError):
    """An argument is unknown or malformed."""

    code = -1


class OutOfMemory(AuroraViewError, MemoryError):
    """The library found no memory."""

    code = -2


class WrongState(AuroraViewError, RuntimeError):
    """Not possible in the present state of the object."""

    code = -3


class Timeout(AuroraViewError, TimeoutError):
    """The deadline passed first."""

    code = -4


class Cancelled(AuroraViewError):
    """Cancelled, or the document that it was for is gone."""

    code = -5


class Closed(AuroraViewError):
    """The view or the application is closing or closed."""

    code = -6


class EngineLost(AuroraViewError):
    """The engine process or the page process has ended."""

    code = -7


class QueueFull(AuroraViewError):
    """Too much is waiting; try again later."""

    code = -8


class TooLarge(AuroraViewError, ValueError):
    """A name or a payload is over the limit."""

    code = -9


class NoDisplay(AuroraViewError):
    """The engine found no display to open."""

    code = -10


class EngineMissing(AuroraViewError):
    """The engine program or the web engine is not installed."""

    code = -11


class EngineVersion(AuroraViewError):
    """The engine program is of another version."""

    code = -12


class ScriptError(AuroraViewError):
    """A script in the page threw, or could not be parsed.

    ``name``, ``message`` and ``stack`` are those of the JavaScript error;
    ``script_code`` (number or text) and ``data`` too, None if it has none.
    """

    code = -13

    def __init__(
        self,
        name: str = "Error",
        message: str = "",
        stack: str = "",
        script_code: float | str | None = None,
        data: object = None,
    ) -> None:
        super().__init__(f"{name}: {message}" if message else name)
        self.name = name
        self.message = message
        self.stack = stack
        self.script_code = script_code
        self.data = data

    def __reduce__(self) -> tuple[type[ScriptError], tuple[object, ...]]:
        fields = self.name, self.message, self.stack, self.script_code, self.data
        return type(self), fields


class LoadFailed(AuroraViewError):
    """The page could not be loaded."""

    code = -14


class Unsupported(AuroraViewError, NotImplementedError):
    """This engine, or this platform, cannot do it."""

    code = -15


class SystemFailure(AuroraViewError, OSError):
    """A call of the operating system failed."""

    code = -16


class ProtocolError(AuroraViewError):
    """The other side sent what it must not send."""

    code = -17


class MethodNotFound(AuroraViewError, LookupError):
    """Nobody bound that method."""

    code = -18


class Busy(AuroraViewError, RuntimeError):
    """Messages are being processed already: by a caller further up the stack,
    or by another thread."""

    code = -19


_BY_CODE = {
    error.code: error
    for error in AuroraViewError.__subclasses__()
    if error not in (CallError, ScriptError)
}


def from_code(code: int, text: str, detail: str = "") -> AuroraViewError:
    """The error for a code of the library. ``_core`` calls this."""
    message = f"{text}: {detail}" if detail else text
    if code == ScriptError.code:
        return ScriptError("Error", message)
    error = _BY_CODE.get(code)
    return AuroraViewError(message, code) if error is None else error(message)


def from_script(value: object) -> ScriptError:
    """The error for ``{"name", "message", "stack"}``. ``_core`` calls this."""
    if not isinstance(value, dict):
        return ScriptError("Error", "" if value is None else str(value))
    code = value.get("code")
    return ScriptError(
        str(value.get("name") or "Error"),
        str(value.get("message") or ""),
        str(value.get("stack") or ""),
        code if isinstance(code, (int, float, str)) else None,
        value.get("data"),
    )
