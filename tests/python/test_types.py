"""``auroraview types``: what hints become, and what they cannot."""

import array
import ast
import asyncio
import collections
import collections.abc
import concurrent.futures
import dataclasses
import datetime
import decimal
import enum
import pathlib
import subprocess
import sys
import types
import typing
from typing import Any, Dict, List, Literal, Optional, Tuple, TypedDict, Union

import numpy as np
import numpy.typing as npt
import pytest
from auroraview.cli import main
from auroraview.cli.hints import Converter, HintError, Signature
from auroraview.cli.types import contract

HERE = pathlib.Path(__file__).parent
GENERATED = HERE / "sdk_api.d.ts"
COMMAND = [
    "types", "sdk_api:Api", "sdk_api:ping", "--events", "sdk_api:Events", "--emits",
    "sdk_api:Emits", "--state", "sdk_api:Shared", "--commands", "sdk_api:rename",
    "--channels", "sdk_api:Channels",
]  # fmt: skip


class Text(str):
    pass


class Color(str, enum.Enum):
    RED = "red"
    BLUE = "blue"


class Number(enum.IntEnum):
    ONE = 1


class Plain(enum.Enum):
    A = "a"


class Bits(enum.Flag):
    A = 1


class Pair(typing.NamedTuple):
    a: int
    b: str


@dataclasses.dataclass
class Record:
    kept: typing.ClassVar[int] = 0
    a: int
    b: "Optional[Record]"


class Inner(TypedDict):
    when: datetime.datetime


class Outer(TypedDict, total=False):
    inner: List[Inner]


class Base(TypedDict):
    a: int


class Child(Base, total=False):
    b: int
    c: typing.Required[int]


class Odd(TypedDict("Odd", {"a-b": int, "class": str})):
    pass


T = typing.TypeVar("T")

# Both ways.
SAME = [
    (None, "null"),
    (bool, "boolean"),
    (int, "number"),
    (float, "number"),
    (str, "string"),
    (Text, "string"),
    (Any, "unknown"),
    (object, "unknown"),
    (bytes, "Uint8Array"),
    (bytearray, "Uint8Array"),
    (memoryview, "Uint8Array"),
    (typing.Annotated[memoryview, "f"], "Float32Array"),
    (typing.Annotated[array.array, "h"], "Int16Array"),
    (typing.Annotated[int, "in metres"], "number"),
    (npt.NDArray[np.float64], "Float64Array"),
    (npt.NDArray[np.int64], "BigInt64Array"),
    (list, "unknown[]"),
    (List[int], "number[]"),
    (List[Optional[int]], "(number | null)[]"),
    (List[List[str]], "string[][]"),
    (typing.Sequence[int], "number[]"),
    (tuple, "unknown[]"),
    (Tuple[int, str], "[number, string]"),
    (Tuple[int, ...], "number[]"),
    (Tuple[()], "[]"),
    (dict, "{ [key: string]: unknown }"),
    (Dict[str, int], "{ [key: string]: number }"),
    (typing.Mapping[str, Any], "{ [key: string]: unknown }"),
    (Dict[Literal["a", "b"], int], '{ [key in "a" | "b"]?: number }'),
    (Optional[int], "number | null"),
    (Union[None, int, str], "number | string | null"),
    (Union[int, float], "number"),
    (Union[int, Any], "unknown"),
    (Literal["a", 1, True, None], '"a" | 1 | true | null'),
    (Literal[Color.RED], '"red"'),
    (Literal['quote "'], '"quote \\""'),
    (Color, "Color"),
    (Number, "Number"),
    (Bits, "number"),
    (Base, "Base"),
    (typing.NewType("Id", int), "Id"),
    (typing.LiteralString, "string"),
]
if sys.version_info >= (3, 10):
    SAME.append((int | None, "number | null"))

FROM_PYTHON = [
    (Plain, "Plain"),
    (Pair, "Pair"),
    (Record, "Record"),
    (List[Record], "Record[]"),
    (Dict[int, str], "{ [key: number]: string }"),
]
FROM_PAGE = [
    (typing.Iterable[int], "number[]"),
    (collections.abc.Collection, "unknown[]"),
]


@pytest.mark.parametrize("hint, text", [*SAME, *FROM_PYTHON])
def test_what_python_gives(hint, text):
    assert Converter().value(hint, False) == text


@pytest.mark.parametrize("hint, text", [*SAME, *FROM_PAGE])
def test_what_a_page_sends(hint, text):
    assert Converter().value(hint, True) == text


ALWAYS_WRONG = [
    (datetime.datetime, "isoformat"),
    (datetime.date, "isoformat"),
    (decimal.Decimal, "float"),
    (set, "send a list"),
    (typing.Set[int], "send a list"),
    (complex, "two numbers"),
    (pathlib.Path, "cannot be sent"),
    (T, "type variable"),
    (List[T], "type variable"),
    (typing.Callable[[int], str], "nothing that can be sent"),
    (array.array, r'Annotated\[array.array, "f"\]'),
    (np.ndarray, "NDArray"),
    (npt.NDArray[np.float16], "no type that pages have"),
    (Literal[b"bytes"], "no counterpart"),
    (Dict[Tuple[int, int], str], "keys of"),
    (typing.Awaitable[int], "only a result"),
    (Outer, "Inner.when: datetime.datetime"),
]
WRONG_FROM_PYTHON = [
    (typing.Iterable[int], "hint list"),
]
WRONG_FROM_PAGE = [
    (Plain, "sends the value"),
    (Pair, "sends a list"),
    (Record, "sends a dict"),
    (Dict[int, str], "arrive as text"),
]


def declared(converter):
    """Text of all declarations."""
    lines = []
    while True:
        found = converter.next_declaration()
        if found is None:
            return "\n".join(lines)
        lines += found[1]


@pytest.mark.parametrize("hint, reason", [*ALWAYS_WRONG, *WRONG_FROM_PYTHON])
def test_what_python_cannot_give(hint, reason):
    converter = Converter()
    with pytest.raises(HintError, match=reason):
        converter.value(hint, False)
        declared(converter)


@pytest.mark.parametrize("hint, reason", [*ALWAYS_WRONG, *WRONG_FROM_PAGE])
def test_what_a_page_cannot_send(hint, reason):
    with pytest.raises(HintError, match=reason):
        Converter().value(hint, True)


@pytest.mark.parametrize(
    "hint, text",
    [
        (Child, "export interface Child {\n  a: number;\n  b?: number;\n  c: number;\n}"),
        (Odd, 'export interface Odd {\n  "a-b": number;\n  class: string;\n}'),
        (Pair, "export type Pair = [a: number, b: string];"),
        (Record, "export interface Record {\n  a: number;\n  b: Record | null;\n}"),
        (Color, 'export type Color = "red" | "blue";'),
        (Number, "export type Number = 1;"),
        (Plain, 'export type Plain = "a";'),
        (typing.NewType("Id", List[int]), "export type Id = number[];"),
    ],
)
def test_declarations(hint, text):
    converter = Converter()
    converter.value(hint, False)
    assert declared(converter) == text


def test_two_classes_of_one_name_stay_apart():
    converter = Converter()
    other = TypedDict("Base", {"x": str})
    assert [converter.value(hint, False) for hint in (Base, other, Base)] == [
        "Base", "Base2", "Base",
    ]  # fmt: skip
    assert "export interface Base2 {\n  x: string;\n}" in declared(converter)


def test_a_type_statement_is_an_alias():
    if sys.version_info >= (3, 12):
        space: dict = {}
        exec("type Tree = list[Tree] | int", space)
        alias = space["Tree"]
    else:
        # What such a statement makes, for versions that cannot write it.
        import typing_extensions  # comes with mypy

        alias = typing_extensions.TypeAliasType("Tree", List[int])
    converter = Converter()
    assert converter.value(alias, False) == "Tree"
    assert declared(converter).startswith("export type Tree = ")


@pytest.mark.parametrize(
    "hint, text",
    [
        (concurrent.futures.Future[int], "number"),
        ("concurrent.futures.Future[int]", "number"),
        (typing.Awaitable[str], "string"),
        (typing.Coroutine[Any, Any, str], "string"),
        (asyncio.Future[int], "number"),
        (asyncio.Task[int], "number"),
        (None, "null"),
        (typing.NoReturn, "never"),
    ],
)
def test_results(hint, text):
    def function():
        pass

    function.__annotations__["return"] = hint
    assert Signature.of(Converter(), function, False).text == f"() => {text}"


def signature(function):
    return Signature.of(Converter(), function, False).text


def test_signatures():
    def by_name(a: int, b: str = "", *, c: bool = False) -> None: ...

    def all_optional(a: Optional[int] = None) -> None: ...

    def by_place(a: int, /, b: str = "") -> None: ...

    def rest(*more: Union[int, str]) -> None: ...

    def anything(a: int, **more: str) -> None: ...

    def long(a_long_name: str, another_long_name: str, a_third_long_name: Optional[int] = 5) -> str: ...

    async def later() -> int: ...

    assert signature(by_name) == "(params: { a: number; b?: string; c?: boolean }) => null"
    assert signature(all_optional) == "(params?: { a?: number | null }) => null"
    assert signature(by_place) == "(params: [a: number, b?: string]) => null"
    assert signature(rest) == "(params?: [...more: (number | string)[]]) => null"
    assert signature(anything) == "(params: { a: number; [key: string]: unknown }) => null"
    assert signature(later) == "() => number"
    assert signature(long) == (
        "(params: {\n"
        "      a_long_name: string;\n"
        "      another_long_name: string;\n"
        "      a_third_long_name?: number | null;\n"
        "    }) => string"
    )


def test_signatures_that_no_page_can_call():
    def mixed(a: int, /, *, b: int) -> None: ...

    def bare(a, b: int) -> None: ...

    def silent(a: int): ...

    def unknown(a: "Missing") -> None: ...  # noqa: F821

    for function, reason in (
        (mixed, "needs some of each"),
        (bare, "parameter 'a'"),
        (silent, "what it returns"),
        (unknown, "Missing"),
    ):
        with pytest.raises(HintError, match=reason):
            signature(function)
    untyped = Signature.of(Converter(untyped=True), bare, False)
    assert untyped.text == "(params: { a: unknown; b: number }) => null"


def test_events_arrive_as_objects():
    converter = Converter()
    for hint, text in (
        (Base, "Base"),
        (Dict[str, int], "{ [key: string]: number }"),
        (typing.NewType("Same", Base), "Same"),
        (int, "{ value: number }"),
        (Record, "{ value: Record }"),
        (None, "{}"),
        (Optional[Base], "Base | {}"),
    ):
        assert converter.event(hint) == text


def test_channels_are_as_the_page_sees_them():
    converter = Converter()
    two = TypedDict("two", {"send": Record, "receive": int})
    assert converter.channel(two) == "{ receive: Record; send: number }"
    assert converter.channel(TypedDict("one", {"receive": int})) == "{ receive: never; send: number }"
    for bad in ({"sent": int}, {"receive": Record}):
        with pytest.raises(HintError):
            converter.channel(TypedDict("bad", bad))


# -- the command ---------------------------------------------------------------


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(HERE)


@pytest.fixture
def module(monkeypatch):
    """A module that the command can import, with whatever a test puts there."""
    made = types.ModuleType("made_here")
    monkeypatch.setitem(sys.modules, "made_here", made)
    return made


def test_the_generated_contract_is_up_to_date(capsys):
    assert main([*COMMAND, "--check", str(GENERATED)]) == 0
    assert main(COMMAND) == 0
    assert capsys.readouterr().out == GENERATED.read_text(encoding="utf-8")


def test_check_shows_what_is_stale(tmp_path, capsys):
    stale = tmp_path / "api.d.ts"
    stale.write_text(GENERATED.read_text().replace("limit?: number", "limit: number"))
    assert main([*COMMAND, "--check", str(stale)]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "+" in output.err and "limit?: number" in output.err
    assert f"{stale} is not up to date" in output.err
    assert main([*COMMAND, "--check", str(tmp_path / "missing.d.ts")]) == 1


@pytest.mark.parametrize("program", [[sys.executable, "-m", "auroraview"],
                                     [str(pathlib.Path(sys.executable).parent / "auroraview")]])
def test_as_a_program_from_the_folder_of_the_module(program):
    done = subprocess.run([*program, *COMMAND], cwd=HERE, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == GENERATED.read_bytes()


def test_an_object_is_as_good_as_its_class(module):
    class Api:
        def f(self, a: int) -> str: ...

        @classmethod
        def g(cls) -> None: ...

        class Nested:
            pass

    module.Api, module.api = Api, Api()
    text = contract(["made_here:Api"])
    assert text.replace("made_here:Api", "made_here:api") == contract(["made_here:api"])
    assert '"api.f": (params: { a: number }) => string;' in text
    assert '"api.g": () => null;' in text
    assert "Nested" not in text


def test_namespaces_and_functions(module):
    class Api:
        def f(self) -> None: ...

    def free() -> None: ...

    module.Api, module.free = Api, free
    text = contract(["tool=made_here:Api", "made_here:free", "x=made_here:free", "made_here:Api.f"])
    for name in ("tool.f", "free", "x.free", "f"):
        assert f'"{name}": () => null;' in text
    with pytest.raises(HintError, match="a method tool.f already"):
        contract(["tool=made_here:Api", "tool=made_here:Api"])


def test_a_page_cannot_emit_a_windows_event(module):
    module.Emits = TypedDict("Emits", {"closed": None})
    with pytest.raises(HintError, match="the window's own event"):
        contract(["sdk_api:Api"], emits=["made_here:Emits"])


def test_every_bad_hint_is_named(module, capsys):
    class Api:
        def f(self, a: set) -> None: ...

        def g(self, b) -> complex: ...

        def h(self) -> Outer: ...

    module.Api = Api
    assert main(["types", "made_here:Api"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    for part in ("api.f: parameter 'a': set", "api.g:", "Inner.when: datetime.datetime"):
        assert part in output.err


@pytest.mark.parametrize(
    "target, reason",
    [
        ("nothing", "MODULE:NAME"),
        ("no_such_module:Api", "no_such_module"),
        ("sdk_api:Nobody", "Nobody"),
        ("sdk_api:AssetId", "no public method"),
    ],
)
def test_targets_that_are_not_there(target, reason, capsys):
    assert main(["types", target]) == 2
    assert reason in capsys.readouterr().err


def test_the_oldest_python_can_read_it():
    import auroraview.cli

    folder = pathlib.Path(auroraview.cli.__file__).parent
    for source in [*folder.glob("*.py"), folder.parent / "__main__.py"]:
        ast.parse(source.read_text(), feature_version=(3, 8))
