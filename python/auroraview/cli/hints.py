"""Type hints as TypeScript types, as far as values of them cross the bridge.

The rule is what ``_core`` does with a value: its encoder for what Python gives
(``encode.c``), and JSON with binary parts for what a page sends (``decode.c``).
A hint that promises what cannot happen is an error that says what to write.
"""

from __future__ import annotations

import array
import collections
import collections.abc
import concurrent.futures
import dataclasses
import enum
import inspect
import json
import re
import sys
import types
import typing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["Converter", "HintError", "Signature", "members_of", "own_doc"]

# Columns of the written text; an object type that is longer takes a line a member.
_WIDTH = 100


class HintError(Exception):
    """A hint, or several of them on lines of their own, that have no counterpart."""


# -- Python's own changes ------------------------------------------------------

# What typing has only in later versions may come from typing_extensions, which
# is asked only if the hints' author has imported it.
def _named(*names: str) -> tuple[Any, ...]:
    modules = [typing, sys.modules.get("typing_extensions")]
    return tuple(
        getattr(module, name) for module in modules for name in names if hasattr(module, name)
    )


def _hints_of(obj: Any) -> dict[str, Any]:
    try:
        if sys.version_info >= (3, 9):
            return typing.get_type_hints(obj, include_extras=True)
        return typing.get_type_hints(obj)
    except (NameError, TypeError, SyntaxError, AttributeError) as error:
        raise HintError(f"its hints cannot be evaluated: {error}") from error


def _is_union(origin: Any) -> bool:
    return origin is typing.Union or origin is getattr(types, "UnionType", typing.Union)


def _is_typed_dict(hint: Any) -> bool:
    return inspect.isclass(hint) and issubclass(hint, dict) and hasattr(hint, "__total__")


def _is_named_tuple(hint: Any) -> bool:
    return inspect.isclass(hint) and issubclass(hint, tuple) and hasattr(hint, "_fields")


def _is_dataclass(hint: Any) -> bool:
    return inspect.isclass(hint) and hasattr(hint, "__dataclass_fields__")


def _is_alias(hint: Any) -> bool:
    """``type X = …`` of Python 3.12."""
    return isinstance(hint, _named("TypeAliasType"))


def own_doc(cls: Any) -> str | None:
    """The text that somebody wrote at this very class."""
    doc = getattr(cls, "__doc__", None) if not inspect.isclass(cls) else cls.__dict__.get("__doc__")
    # Python writes one itself for dataclasses, named tuples, enumerations and new types.
    if not isinstance(doc, str) or doc == "An enumeration." or hasattr(cls, "__supertype__"):
        return None
    if doc.startswith(f"{cls.__name__}("):
        return None
    return inspect.cleandoc(doc)


def members_of(obj: Any, what: str) -> list[tuple[str, Any]]:
    """Names and hints of a class, or of a dict of types."""
    if isinstance(obj, dict):
        return [(str(name), hint) for name, hint in obj.items()]
    if not inspect.isclass(obj):
        raise HintError(f"{what}: it is neither a class with annotations nor a dict of types")
    return [(name, _bare(hint)[0]) for name, hint in _hints_of(obj).items()]


def _bare(hint: Any) -> tuple[Any, set[str]]:
    """A member's hint without Required, NotRequired and ReadOnly, and which there were."""
    marks = set()
    while True:
        origin = typing.get_origin(hint)
        for name in ("Required", "NotRequired", "ReadOnly"):
            if origin is not None and origin in _named(name):
                marks.add(name)
                hint = typing.get_args(hint)[0]
                break
        else:
            return hint, marks


# -- tables --------------------------------------------------------------------

_PLAIN: dict[Any, str] = {
    type(None): "null",
    None: "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    object: "unknown",
    typing.Any: "unknown",
    bytes: "Uint8Array",
    bytearray: "Uint8Array",
    memoryview: "Uint8Array",
    typing.NoReturn: "never",
}

_LISTS = (list, collections.abc.Sequence, collections.abc.MutableSequence)
# They promise less than a list: right for what a page sends, while a result may
# be something that cannot be sent.
_LISTS_OF_PAGE = (collections.abc.Iterable, collections.abc.Collection)
_DICTS = (
    dict,
    collections.OrderedDict,
    collections.defaultdict,
    collections.abc.Mapping,
    collections.abc.MutableMapping,
)
_PROMISES = (
    concurrent.futures.Future,
    collections.abc.Awaitable,
    collections.abc.Coroutine,
)

# Elements of array.array and memoryview, and names of NumPy's types.
_ARRAYS = {
    "B": "Uint8Array", "?": "Uint8Array", "c": "Uint8Array", "b": "Int8Array",
    "H": "Uint16Array", "h": "Int16Array", "I": "Uint32Array", "i": "Int32Array",
    "Q": "BigUint64Array", "q": "BigInt64Array", "L": "BigUint64Array", "l": "BigInt64Array",
    "f": "Float32Array", "d": "Float64Array",
    "uint8": "Uint8Array", "bool": "Uint8Array", "bool_": "Uint8Array", "int8": "Int8Array",
    "uint16": "Uint16Array", "int16": "Int16Array", "uint32": "Uint32Array",
    "int32": "Int32Array", "uint64": "BigUint64Array", "int64": "BigInt64Array",
    "float32": "Float32Array", "float64": "Float64Array",
}

_ADVICE = {
    "datetime.datetime": "send its isoformat(), and hint str",
    "datetime.date": "send its isoformat(), and hint str",
    "datetime.time": "send its isoformat(), and hint str",
    "datetime.timedelta": "send its total_seconds(), and hint float",
    "decimal.Decimal": "send str(it) or float(it)",
    "uuid.UUID": "send str(it), and hint str",
    "builtins.set": "send a list",
    "builtins.frozenset": "send a list",
    "collections.deque": "send a list",
    "builtins.complex": "send two numbers",
    "array.array": 'say of what: Annotated[array.array, "f"]',
    "numpy.ndarray": "say of what: numpy.typing.NDArray[numpy.float32]",
}


def _name_of(hint: Any) -> str:
    if inspect.isclass(hint) and not typing.get_args(hint):
        module = hint.__module__
        return hint.__qualname__ if module == "builtins" else f"{module}.{hint.__qualname__}"
    return str(hint)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_$][\w$]*", name, re.A) else json.dumps(name)


def _object(members: list[str], indent: int) -> str:
    """An object type; ``indent`` is where its closing brace stands."""
    if not members:
        return "{}"
    line = "{ " + "; ".join(members) + " }"
    if len(line) + indent + 20 <= _WIDTH:
        return line
    space = " " * (indent + 2)
    return "{\n" + "".join(f"{space}{member};\n" for member in members) + " " * indent + "}"


def _union(parts: list[str]) -> str:
    """Each once, in their order; null, the rarest, last."""
    unique = list(dict.fromkeys(parts))
    if "unknown" in unique:
        return "unknown"
    if "null" in unique:
        unique.remove("null")
        unique.append("null")
    return " | ".join(unique)


class Converter:
    """Turns hints into text, and remembers the types that need a declaration."""

    def __init__(self, untyped: bool = False) -> None:
        self.untyped = untyped
        self._names: dict[int, str] = {}  # id of a class or alias to its name
        self._taken: set[str] = set()
        self._kept: list[Any] = []  # so that no id is used twice
        self._undeclared: collections.deque[tuple[Any, str]] = collections.deque()
        # Classes that a page may send hold no members that it cannot send. Which
        # they are is known only when all methods have been read.
        self._of_page: set[int] = set()

    def reserve(self, name: str) -> None:
        self._taken.add(name)

    # -- values ----------------------------------------------------------------

    def value(self, hint: Any, from_page: bool) -> str:
        """A value that Python gives, or one that a page sends."""
        try:
            if hint in _PLAIN:
                return _PLAIN[hint]
        except TypeError:  # an Annotated or Literal of something unhashable
            pass
        if hint in _named("Never"):
            return "never"
        if hint in _named("LiteralString"):
            return "string"
        if hasattr(hint, "__supertype__") or _is_alias(hint):
            return self._declare(hint, from_page)
        origin = typing.get_origin(hint)
        if origin is not None:
            return self._generic(hint, origin, typing.get_args(hint), from_page)
        if isinstance(hint, typing.TypeVar):
            raise HintError(f"{hint} is a type variable: say a type")
        if inspect.isclass(hint):
            return self._class(hint, from_page)
        raise HintError(f"{_name_of(hint)} is nothing that can be sent to a page")

    def _generic(self, hint: Any, origin: Any, args: tuple[Any, ...], from_page: bool) -> str:
        if _is_union(origin):
            return _union([self.value(arg, from_page) for arg in args])
        if origin in _named("Annotated") or hasattr(hint, "__metadata__"):
            return self._annotated(hint, from_page)
        if origin in _named("Literal"):
            return _union([self._literal(arg) for arg in args])
        if origin in _LISTS or (from_page and origin in _LISTS_OF_PAGE):
            return self._list(args[0] if args else typing.Any, from_page)
        if origin is tuple:
            return self._tuple(args, from_page)
        if origin in _DICTS:
            return self._dict(args, from_page)
        if getattr(origin, "__module__", "") == "numpy" and origin.__name__ == "ndarray":
            return self._array(hint, args)
        if inspect.isclass(origin) and origin is not collections.abc.Callable:
            raise HintError(f"{_name_of(hint)}: {self._reason(origin, from_page)}")
        raise HintError(f"{_name_of(hint)} is nothing that can be sent to a page")

    def _annotated(self, hint: Any, from_page: bool) -> str:
        inner = hint.__origin__
        if inner in (memoryview, array.array):
            for mark in hint.__metadata__:
                if isinstance(mark, str) and mark in _ARRAYS:
                    return _ARRAYS[mark]
        return self.value(inner, from_page)

    def _array(self, hint: Any, args: tuple[Any, ...]) -> str:
        scalar = typing.get_args(args[1]) if len(args) == 2 else ()
        name = getattr(scalar[0], "__name__", "") if scalar else ""
        if name not in _ARRAYS:
            raise HintError(f"{hint} is of no type that pages have arrays of")
        return _ARRAYS[name]

    @staticmethod
    def _literal(value: Any) -> str:
        if isinstance(value, enum.Enum):
            value = value.value
        if value is None or isinstance(value, (bool, int, str)):
            return json.dumps(value, ensure_ascii=False)
        raise HintError(f"Literal[{value!r}] has no counterpart in TypeScript")

    def _list(self, item: Any, from_page: bool) -> str:
        text = self.value(item, from_page)
        return f"({text})[]" if " | " in text or text.startswith("(") else f"{text}[]"

    def _tuple(self, args: tuple[Any, ...], from_page: bool) -> str:
        if len(args) == 2 and args[1] is Ellipsis:
            return self._list(args[0], from_page)
        if args == ((),):  # tuple[()] before Python 3.11
            args = ()
        return "[" + ", ".join(self.value(arg, from_page) for arg in args) + "]"

    def _dict(self, args: tuple[Any, ...], from_page: bool) -> str:
        key, item = args if len(args) == 2 else (str, typing.Any)
        text = self.value(item, from_page)
        if key in (str, typing.Any):
            return f"{{ [key: string]: {text} }}"
        if typing.get_origin(key) in _named("Literal"):
            return f"{{ [key in {self.value(key, from_page)}]?: {text} }}"
        if key in (int, float) and not from_page:
            return f"{{ [key: number]: {text} }}"
        raise HintError(
            f"a dict with keys of {_name_of(key)}: "
            + ("they arrive as text, hint str" if from_page else "objects have keys of text only")
        )

    # -- classes -----------------------------------------------------------------

    def _class(self, cls: Any, from_page: bool) -> str:
        if cls in _LISTS or (from_page and cls in _LISTS_OF_PAGE) or cls is tuple:
            return "unknown[]"
        if cls in _DICTS:
            return self._dict((), from_page)
        if _is_typed_dict(cls):
            return self._declare(cls, from_page)
        if issubclass(cls, enum.Flag):
            return "number"
        if issubclass(cls, enum.Enum) and (issubclass(cls, (str, int)) or not from_page):
            return self._declare(cls, from_page)
        if issubclass(cls, (str, int, float)):
            return self.value(next(c for c in (str, int, float) if issubclass(cls, c)), from_page)
        if (_is_named_tuple(cls) or _is_dataclass(cls)) and not from_page:
            return self._declare(cls, from_page)
        raise HintError(f"{_name_of(cls)}: {self._reason(cls, from_page)}")

    @staticmethod
    def _reason(cls: Any, from_page: bool) -> str:
        advice = _ADVICE.get(f"{cls.__module__}.{cls.__qualname__}")
        if advice:
            return f"it cannot be sent as it is; {advice}"
        if issubclass(cls, enum.Enum):
            return "a page sends the value, not the member; derive it from str, or hint Literal"
        if _is_named_tuple(cls):
            return "a page sends a list; hint tuple or TypedDict"
        if _is_dataclass(cls):
            return "a page sends a dict; hint a TypedDict"
        if cls in _LISTS_OF_PAGE:
            return "only lists and tuples can be sent; hint list"
        if cls in _PROMISES:
            return "only a result can be promised"
        return "it cannot be sent to a page; hint a dataclass or a TypedDict"

    # -- declarations --------------------------------------------------------------

    def _declare(self, hint: Any, from_page: bool) -> str:
        name = self._names.get(id(hint))
        if name is None:
            base = re.sub(r"\W", "", hint.__name__) or "Type"
            name, number = base, 1
            while name in self._taken:
                number += 1
                name = f"{base}{number}"
            self._taken.add(name)
            self._names[id(hint)] = name
            self._kept.append(hint)
            self._undeclared.append((hint, name))
        if from_page and id(hint) not in self._of_page:
            self._of_page.add(id(hint))
            # Once more, to find what a page cannot send.
            self._body(hint, name, True)
        return name

    def next_declaration(self) -> tuple[str | None, list[str]] | None:
        """Doc comment and lines of a type that was named, in the order of naming."""
        if not self._undeclared:
            return None
        hint, name = self._undeclared.popleft()
        return own_doc(hint), self._body(hint, name, False)

    def _body(self, hint: Any, name: str, from_page: bool) -> list[str]:
        """Raises HintError that names the class and, if one is at fault, the member."""
        if hasattr(hint, "__supertype__"):
            return [f"export type {name} = {self._within(hint, '', hint.__supertype__, from_page)};"]
        if _is_alias(hint):
            return [f"export type {name} = {self._within(hint, '', hint.__value__, from_page)};"]
        if issubclass(hint, enum.Enum):
            values = _union([self._literal(member) for member in hint])
            return [f"export type {name} = {values};"]
        hints = self._members(hint)
        if _is_dataclass(hint):
            # Neither ClassVar nor InitVar.
            hints = {field.name: hints[field.name] for field in dataclasses.fields(hint)}
        if _is_named_tuple(hint):
            items = [
                f"{field}: {self._within(hint, field, hints.get(field, typing.Any), from_page)}"
                for field in hint._fields
            ]
            return [f"export type {name} = [{', '.join(items)}];"]
        lines = [f"export interface {name} {{"]
        required = getattr(hint, "__required_keys__", None)
        for field, marked in hints.items():
            inner, marks = _bare(marked)
            optional = "NotRequired" in marks or (
                _is_typed_dict(hint)
                and "Required" not in marks
                and (field not in required if required is not None else not hint.__total__)
            )
            text = self._within(hint, field, inner, from_page)
            readonly = "readonly " if "ReadOnly" in marks else ""
            lines.append(f"  {readonly}{_key(field)}{'?' if optional else ''}: {text};")
        lines.append("}")
        return lines

    def _members(self, cls: Any) -> dict[str, Any]:
        try:
            return _hints_of(cls)
        except HintError as error:
            raise HintError(f"{_name_of(cls)}: {error}") from error

    def _within(self, cls: Any, field: str, hint: Any, from_page: bool) -> str:
        try:
            return self.value(hint, from_page)
        except HintError as error:
            place = f"{getattr(cls, '__qualname__', cls.__name__)}{'.' * bool(field)}{field}"
            raise HintError(f"{place}: {error}") from error

    # -- events and results ----------------------------------------------------------

    def event(self, hint: Any) -> str:
        """What a page gets of an event: ``emit()`` makes an object of anything else."""
        if _is_union(typing.get_origin(hint)):
            return _union([self.event(arg) for arg in typing.get_args(hint)])
        if hint in (None, type(None)):
            return "{}"
        text = self.value(hint, False)
        return text if self._is_dict(hint) else f"{{ value: {text} }}"

    @staticmethod
    def _is_dict(hint: Any) -> bool:
        while hasattr(hint, "__supertype__") or _is_alias(hint):
            hint = hint.__supertype__ if hasattr(hint, "__supertype__") else hint.__value__
        return (typing.get_origin(hint) or hint) in _DICTS or _is_typed_dict(hint)

    def emit(self, hint: Any) -> str:
        """What a page sends as an event: None is what it gives no detail for."""
        text = self.value(hint, True)
        return f"{text} | undefined" if text.endswith("null") else text

    def shared(self, hint: Any) -> str:
        """A value of the state: whoever reads it may be the other one."""
        return self.value(hint, True)

    def channel(self, hint: Any) -> str:
        """As the page sees it: what the host sends, it receives."""
        ends = dict(members_of(hint, _name_of(hint)))
        unknown = sorted(set(ends) - {"send", "receive"})
        if unknown:
            raise HintError(f"a channel has 'send' and 'receive', but no {unknown[0]!r}")
        receive = self.value(ends["send"], False) if "send" in ends else "never"
        send = self.value(ends["receive"], True) if "receive" in ends else "never"
        return f"{{ receive: {receive}; send: {send} }}"

    def result(self, hint: Any) -> str:
        origin = typing.get_origin(hint) or hint
        if inspect.isclass(origin) and (
            origin in _PROMISES or origin.__module__.partition(".")[0] in ("asyncio", "_asyncio")
        ):
            args = typing.get_args(hint)
            if not args:
                return self.missing("what it promises", _name_of(hint))
            return self.value(args[-1], False)
        return self.value(hint, False)

    def missing(self, what: str, where: str) -> str:
        if self.untyped:
            return "unknown"
        raise HintError(f"{where} has no type hint for {what}")


class Signature:
    """A bound function as a type of TypeScript."""

    def __init__(self, text: str, doc: str | None) -> None:
        self.text = text
        self.doc = doc

    @classmethod
    def of(cls, converter: Converter, function: Any, is_method: bool) -> Signature:
        """``is_method``: its first parameter is the instance, which no page passes."""
        plain = inspect.unwrap(function)
        variants = _overloads(plain) or [plain]
        texts = []
        errors = []
        for variant in variants:
            try:
                # An overload is a plain function, whatever the method was got from.
                bound = is_method or (variant is not plain and inspect.ismethod(plain))
                texts.append(_function_type(converter, variant, bound))
            except HintError as error:
                errors += str(error).splitlines()
        if errors:
            raise HintError("\n".join(dict.fromkeys(errors)))
        if len(texts) > 1:
            text = " | ".join(f"({one})" for one in texts)
        else:
            text = texts[0]
        return cls(text, inspect.getdoc(plain) if plain.__doc__ else None)


def _overloads(function: Any) -> list[Any]:
    for get in _named("get_overloads"):
        found: list[Any] = list(get(getattr(function, "__func__", function)))
        if found:
            return found
    return []


def _parameters(
    converter: Converter, signature: inspect.Signature, hints: dict[str, Any], is_method: bool
) -> Iterator[tuple[inspect.Parameter, str]]:
    for index, parameter in enumerate(signature.parameters.values()):
        if is_method and index == 0:
            continue
        name = parameter.name
        if name in hints:
            try:
                yield parameter, converter.value(hints[name], True)
            except HintError as error:
                raise HintError(f"parameter {name!r}: {error}") from error
        else:
            yield parameter, converter.missing(f"parameter {name!r}", "it")


def _function_type(converter: Converter, function: Any, is_method: bool) -> str:
    hints = _hints_of(function)
    signature = inspect.signature(function)
    result = (
        converter.missing("what it returns", "it")
        if "return" not in hints
        else _result(converter, hints["return"])
    )
    kind = inspect.Parameter
    by_place: list[str] = []  # a page sends an array
    by_name: list[str] = []  # or an object
    must_place = must_name = False
    all_optional = True
    for parameter, text in _parameters(converter, signature, hints, is_method):
        name = parameter.name
        optional = "?" if parameter.default is not kind.empty else ""
        if parameter.kind is kind.VAR_POSITIONAL:
            by_place.append(f"...{name}: {_array_of(text)}")
            must_place = True
            continue
        if parameter.kind is kind.VAR_KEYWORD:
            by_name.append(f"[key: string]: {'unknown' if by_name else text}")
            must_name = True
            continue
        all_optional &= bool(optional)
        must_place |= parameter.kind is kind.POSITIONAL_ONLY
        must_name |= parameter.kind is kind.KEYWORD_ONLY and not optional
        if parameter.kind is not kind.KEYWORD_ONLY:
            by_place.append(f"{name}{optional}: {text}")
        if parameter.kind is not kind.POSITIONAL_ONLY:
            by_name.append(f"{_key(name)}{optional}: {text}")
    if must_place and must_name:
        raise HintError(
            "a page passes all parameters by place or all by name; this needs some of each"
        )
    if not by_place and not by_name:
        return f"() => {result}"
    params = f"[{', '.join(by_place)}]" if must_place else _object(by_name, 4)
    return f"(params{'?' if all_optional else ''}: {params}) => {result}"


def _result(converter: Converter, hint: Any) -> str:
    try:
        return converter.result(hint)
    except HintError as error:
        raise HintError(f"its result: {error}") from error


def _array_of(text: str) -> str:
    return f"({text})[]" if " | " in text else f"{text}[]"
