"""The registry of commands, without a page."""

import asyncio
import pickle

import pytest
from auroraview import errors
from auroraview.core.commands import CommandError, CommandErrorCode, CommandRegistry

Code = CommandErrorCode


@pytest.fixture
def registry():
    return CommandRegistry()


def code_of(call, *args, **kwargs):
    with pytest.raises(CommandError) as caught:
        call(*args, **kwargs)
    return caught.value.code


def test_every_way_to_register(registry):
    @registry.register
    def one():
        return 1

    @registry.register("two")
    def second():
        return 2

    @registry.register(name="three")
    def third():
        return 3

    registry.register(lambda: 4, name="four")
    assert one() == 1 and second() == 2
    assert registry.list_commands() == ["one", "two", "three", "four"]
    assert [registry.invoke(name) for name in registry.list_commands()] == [1, 2, 3, 4]
    registry.register(lambda: 10, name="one")
    assert registry.invoke("one") == 10
    assert registry.has_command("one") and registry.unregister("one")
    assert not registry.has_command("one") and not registry.unregister("one")
    with pytest.raises(TypeError):
        registry.register(7)


def test_binding_follows_the_registry():
    bound = {}
    registry = CommandRegistry(
        lambda name, func, worker: bound.__setitem__(name, worker), bound.pop
    )
    registry.register(lambda: 1, name="a", worker=True)
    registry.register(lambda: 1, name="b")
    assert bound == {"invoke:a": True, "invoke:b": False}
    registry.unregister("a")
    assert list(bound) == ["invoke:b"]


def test_arguments_are_checked_first(registry):
    ran = []

    @registry.register
    def f(a, b=2, *, c, **rest):
        ran.append((a, b, c, rest))

    @registry.register
    def g(a):
        ran.append(a)

    registry.invoke("f", a=1, c=3, d=4)
    assert ran == [(1, 2, 3, {"d": 4})]
    with pytest.raises(CommandError) as caught:
        registry.invoke("f", b=1)
    assert caught.value.code is Code.MISSING_ARGUMENT
    assert caught.value.details == {"missing": ["a", "c"]}
    with pytest.raises(CommandError) as caught:
        registry.invoke("g", a=1, x=2)
    assert caught.value.to_dict() == {
        "code": "INVALID_ARGUMENTS",
        "message": "g does not take x",
        "details": {"unexpected": ["x"]},
    }
    assert len(ran) == 1
    assert code_of(registry.invoke, "") is Code.MISSING_COMMAND
    assert code_of(registry.invoke, "nobody") is Code.COMMAND_NOT_FOUND


@pytest.mark.parametrize(
    "error, code",
    [
        (TypeError("t"), Code.TYPE_ERROR),
        (PermissionError("p"), Code.PERMISSION_DENIED),
        (TimeoutError("t"), Code.TIMEOUT),
        (errors.Timeout("t"), Code.TIMEOUT),
        (asyncio.TimeoutError(), Code.TIMEOUT),
        (errors.Cancelled("c"), Code.CANCELLED),
        (ValueError("v"), Code.EXECUTION_ERROR),
        (CommandError("MINE", "m"), "MINE"),
        (CommandError(Code.INTERNAL), Code.INTERNAL),
    ],
    ids=repr,
)
def test_exceptions_have_codes(registry, error, code):
    @registry.register
    def plain():
        raise error

    @registry.register
    async def awaited():
        raise error

    assert code_of(registry.invoke, "plain") == code
    assert code_of(asyncio.run, registry.invoke("awaited")) == code


def test_an_async_command_is_awaited(registry):
    @registry.register
    async def double(n):
        await asyncio.sleep(0)
        return 2 * n

    assert asyncio.run(registry.invoke("double", n=4)) == 8


def test_errors_survive_pickling():
    error = pickle.loads(pickle.dumps(CommandError(Code.TIMEOUT, "late", {"a": 1})))
    assert (error.code, error.message, error.details) == (Code.TIMEOUT, "late", {"a": 1})


def test_the_command_line(registry):
    @registry.register(cli=["e", "exp"], args_help={"path": "where to"})
    def export(path: str, frames: int = 10):
        """Write it all.

        And more.
        """

    @registry.register
    def hidden():
        pass

    assert registry.list_cli_commands() == [
        {
            "name": "export",
            "aliases": ["e", "exp"],
            "help": "Write it all.",
            "params": [
                {"name": "path", "type": "str", "required": True, "default": None, "help": "where to"},
                {"name": "frames", "type": "int", "required": False, "default": 10, "help": ""},
            ],
        }
    ]
    assert registry.cli_meta("hidden") is None
    registry.enable_cli({"hidden": "h"})
    assert registry.cli_meta("hidden")["aliases"] == ["h"]
    registry.enable_cli("hidden")
    assert registry.cli_meta("hidden")["aliases"] == []
    for alias in ("run", "list", "help", "version", "e", "export"):
        with pytest.raises(ValueError):
            registry.register(lambda: 1, name="other", cli=alias)
    assert not registry.has_command("other")
    assert code_of(registry.enable_cli, "nobody") is Code.COMMAND_NOT_FOUND
