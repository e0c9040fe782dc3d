"""Commands: functions that a page runs by ``auroraview.invoke(name, args)``.

A command takes keyword arguments only, which are checked before it runs, and
fails with a :class:`CommandError`. On the bridge it is the bound method
``invoke:<name>``; hosts in C bind that.
"""

from __future__ import annotations

import enum
import inspect

from auroraview.core.functions import is_worker
from auroraview.errors import CallError, Cancelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["CommandError", "CommandErrorCode", "CommandRegistry", "METHOD_PREFIX"]

METHOD_PREFIX = "invoke:"
# Words of the command line itself, which no alias may hide.
_RESERVED = frozenset(("run", "list", "help", "version"))


class CommandErrorCode(str, enum.Enum):
    """Why a command failed."""

    UNKNOWN = "UNKNOWN"
    INTERNAL = "INTERNAL"
    INVALID_DATA = "INVALID_DATA"
    MISSING_COMMAND = "MISSING_COMMAND"
    COMMAND_NOT_FOUND = "COMMAND_NOT_FOUND"
    INVALID_ARGUMENTS = "INVALID_ARGUMENTS"
    MISSING_ARGUMENT = "MISSING_ARGUMENT"
    TYPE_ERROR = "TYPE_ERROR"
    EXECUTION_ERROR = "EXECUTION_ERROR"
    TIMEOUT = "TIMEOUT"
    CANCELLED = "CANCELLED"
    PERMISSION_DENIED = "PERMISSION_DENIED"

    def __str__(self) -> str:
        return self.value


class CommandError(CallError):
    """A command failed. The page's error has ``code`` as text, ``details`` as data.

    ``code`` is a :class:`CommandErrorCode` or a text of your own; ``details`` is
    any value that JSON has.
    """

    code: Any

    def __init__(
        self,
        code: CommandErrorCode | str = CommandErrorCode.UNKNOWN,
        message: str = "",
        details: object = None,
    ) -> None:
        super().__init__(message, name="CommandError")
        self.code = code if isinstance(code, CommandErrorCode) else _known(str(code))
        self.message = message
        self.details = details
        self.data = self.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """``{"code", "message"}``, and ``"details"`` if there are any."""
        out: dict[str, Any] = {"code": str(self.code), "message": self.message}
        if self.details is not None:
            out["details"] = self.details
        return out

    def __reduce__(self) -> tuple[type[CommandError], tuple[str, str, object]]:
        return type(self), (str(self.code), self.message, self.details)


def _known(code: str) -> CommandErrorCode | str:
    try:
        return CommandErrorCode(code)
    except ValueError:
        return code


def _error_for(error: Exception) -> CommandError:
    """What the page is told of an exception that is no CommandError."""
    code = CommandErrorCode.EXECUTION_ERROR
    if isinstance(error, TypeError):
        code = CommandErrorCode.TYPE_ERROR
    elif isinstance(error, PermissionError):
        code = CommandErrorCode.PERMISSION_DENIED
    elif isinstance(error, Cancelled):
        code = CommandErrorCode.CANCELLED
    # Before 3.11 those of asyncio and concurrent.futures are classes of their own.
    elif isinstance(error, TimeoutError) or type(error).__name__ == "TimeoutError":
        code = CommandErrorCode.TIMEOUT
    return CommandError(code, str(error), {"type": type(error).__name__})


class _Command:
    """A registered function and what is known of it."""

    def __init__(
        self,
        name: str,
        func: Callable[..., Any],
        help: str | None,
        args_help: dict[str, str] | None,
    ) -> None:
        self.name = name
        self.func = func
        self.aliases: list[str] = []
        self.cli = False
        self.help = help if help is not None else (inspect.getdoc(func) or "").partition("\n")[0]
        self.args_help = dict(args_help or {})
        self.signature: inspect.Signature | None
        try:
            self.signature = inspect.signature(func)
        except (TypeError, ValueError):
            self.signature = None  # written in C, and does not say

    def check(self, given: dict[str, Any]) -> None:
        if self.signature is None:
            return
        parameters = self.signature.parameters.values()
        named = {
            p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        }
        missing = [n for n, p in named.items() if p.default is p.empty and n not in given]
        if missing:
            raise CommandError(
                CommandErrorCode.MISSING_ARGUMENT,
                f"{self.name} needs {', '.join(missing)}",
                {"missing": missing},
            )
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            return
        unexpected = [n for n in given if n not in named]
        if unexpected:
            raise CommandError(
                CommandErrorCode.INVALID_ARGUMENTS,
                f"{self.name} does not take {', '.join(unexpected)}",
                {"unexpected": unexpected},
            )

    def __call__(self, *args: Any, **given: Any) -> Any:
        if args:
            raise CommandError(
                CommandErrorCode.INVALID_DATA, "the arguments of a command are an object"
            )
        self.check(given)
        try:
            result = self.func(**given)
        except CommandError:
            raise
        except Exception as error:
            raise _error_for(error) from error
        return self._wait(result) if inspect.isawaitable(result) else result

    async def _wait(self, result: Awaitable[Any]) -> Any:
        try:
            return await result
        except CommandError:
            raise
        except Exception as error:
            raise _error_for(error) from error

    def metadata(self) -> dict[str, Any]:
        params = []
        for p in self.signature.parameters.values() if self.signature else ():
            if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
                continue
            kind = p.annotation
            params.append(
                {
                    "name": p.name,
                    "type": "any"
                    if kind is p.empty
                    else kind
                    if isinstance(kind, str)
                    else getattr(kind, "__name__", str(kind)),
                    "required": p.default is p.empty,
                    "default": None if p.default is p.empty else p.default,
                    "help": self.args_help.get(p.name, ""),
                }
            )
        return {
            "name": self.name,
            "aliases": list(self.aliases),
            "help": self.help,
            "params": params,
        }


class CommandRegistry:
    """The commands of a view. Any thread may change it; the last change counts."""

    def __init__(
        self,
        bind: Callable[[str, Callable[..., Any], bool], object] | None = None,
        unbind: Callable[[str], object] | None = None,
    ) -> None:
        self._bind = bind
        self._unbind = unbind
        self._commands: dict[str, _Command] = {}

    def register(
        self,
        func_or_name: Callable[..., Any] | str | None = None,
        *,
        name: str | None = None,
        cli: bool | str | Iterable[str] = False,
        help: str | None = None,
        args_help: dict[str, str] | None = None,
        worker: bool | None = None,
    ) -> Any:
        """Register a command: ``register(fn)``, or as a decorator, with a name or not.

        A name that is taken gets the new function. ``cli`` offers it on the
        command line: True, or one alias or several. ``worker`` is that of
        :meth:`WebView.bind_call`. Raises ValueError for an alias that is
        reserved or taken, TypeError for what is no function.
        """
        if isinstance(func_or_name, str):
            name, func_or_name = func_or_name, None

        def add(func: F) -> F:
            if not callable(func):
                raise TypeError(f"a command must be callable, not {func!r}")
            own = name if name is not None else getattr(func, "__name__", "")
            if not own:
                raise CommandError(CommandErrorCode.MISSING_COMMAND, "a command needs a name")
            command = _Command(own, func, help, args_help)
            if cli is not False:
                self._set_cli(command, cli)
            self._commands[own] = command
            if self._bind is not None:
                on_worker = is_worker(func) if worker is None else worker
                self._bind(METHOD_PREFIX + own, command, on_worker)
            return func

        return add if func_or_name is None else add(func_or_name)

    def unregister(self, name: str) -> bool:
        """Forget a command. False if there was none."""
        if self._commands.pop(name, None) is None:
            return False
        if self._unbind is not None:
            self._unbind(METHOD_PREFIX + name)
        return True

    def list_commands(self) -> list[str]:
        return list(self._commands)

    def has_command(self, name: str) -> bool:
        return name in self._commands

    def invoke(self, name: str, **arguments: Any) -> Any:
        """Run a command as a page would; of an ``async def`` one, await the result.

        Raises CommandError.
        """
        if not name:
            raise CommandError(CommandErrorCode.MISSING_COMMAND, "which command?")
        command = self._commands.get(name)
        if command is None:
            raise CommandError(
                CommandErrorCode.COMMAND_NOT_FOUND, f"no command {name!r} is registered"
            )
        return command(**arguments)

    # -- the command line ------------------------------------------------------------

    def _set_cli(self, command: _Command, cli: bool | str | Iterable[str]) -> None:
        aliases = [] if isinstance(cli, bool) else [cli] if isinstance(cli, str) else list(cli)
        taken = {
            word
            for other in self._commands.values()
            if other.name != command.name
            for word in (other.name, *other.aliases)
        }
        for alias in aliases:
            if alias in _RESERVED:
                raise ValueError(f"the alias {alias!r} is a word of the command line")
            if alias in taken:
                raise ValueError(f"the alias {alias!r} is taken")
        command.cli = cli is not False
        command.aliases = aliases

    def enable_cli(self, *names: str | dict[str, str]) -> None:
        """Offer commands on the command line: names, or ``{name: alias}``."""
        for entry in names:
            pairs = entry.items() if isinstance(entry, dict) else [(entry, None)]
            for name, alias in pairs:
                command = self._commands.get(name)
                if command is None:
                    raise CommandError(
                        CommandErrorCode.COMMAND_NOT_FOUND, f"no command {name!r} is registered"
                    )
                self._set_cli(command, True if alias is None else alias)

    def cli_meta(self, name: str) -> dict[str, Any] | None:
        """What the command line shows of a command; None if it is not offered there."""
        command = self._commands.get(name)
        return command.metadata() if command is not None and command.cli else None

    def list_cli_commands(self) -> list[dict[str, Any]]:
        return [c.metadata() for c in self._commands.values() if c.cli]
