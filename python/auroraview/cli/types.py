"""``auroraview types``: a TypeScript contract out of Python type hints.

What ``bind_api(obj)`` would bind becomes the ``calls`` of one interface, for
``createAuroraView<Api>()`` of the package ``@auroraview/sdk``. The text depends
on nothing but the hints, so it can be committed and compared (``--check``).
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import inspect
import json
import sys

from auroraview.cli.hints import Converter, HintError, Signature, members_of, own_doc
from auroraview.core.events import WINDOW_EVENTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["add_parser", "contract"]

_EPILOG = """\
examples:
  auroraview types tool.service:Api > api.d.ts
  auroraview types tool.service:Api mesh=tool.meshes:Meshes --events tool.service:Events > api.d.ts
  auroraview types tool.service:Api --check api.d.ts

The second names its methods api.* and mesh.*. NAME may also be a function, which is then
bound without a namespace, unless one is given: MODULE:function, or scene=MODULE:Class.method.
The class of --events and --emits is a TypedDict, whose keys are the events' names.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "types",
        help="write a TypeScript contract from type hints",
        description="Write the TypeScript contract of a bound API, from its type hints.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "targets",
        nargs="+",
        metavar="[NAMESPACE=]MODULE:NAME",
        help="a class, or an object, as given to bind_api(); the namespace is 'api' if left out",
    )
    parser.add_argument(
        "--events", action="append", default=[], metavar="MODULE:NAME",
        help="details of the events that the host emits",
    )
    parser.add_argument(
        "--emits", action="append", default=[], metavar="MODULE:NAME",
        help="details of the events that the page emits",
    )
    parser.add_argument(
        "--state", action="append", default=[], metavar="MODULE:NAME",
        help="values of the shared state",
    )
    parser.add_argument(
        "--channels", action="append", default=[], metavar="MODULE:NAME",
        help="messages of the channels: a class with 'send' and 'receive', as the host sees them",
    )
    parser.add_argument(
        "--commands", action="append", default=[], metavar="MODULE:NAME",
        help="what is registered with command(): a function, or a class of them",
    )
    parser.add_argument("--name", help="the interface's name; the first target's if left out")
    parser.add_argument(
        "--untyped", action="store_true",
        help="take 'unknown' for a hint that is missing, in place of an error",
    )
    parser.add_argument(
        "--check", metavar="FILE", help="write nothing; fail if FILE is not up to date"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    try:
        text = contract(
            options.targets,
            events=options.events,
            emits=options.emits,
            state=options.state,
            channels=options.channels,
            commands=options.commands,
            name=options.name,
            untyped=options.untyped,
        )
    except HintError as error:
        for line in str(error).splitlines():
            print(f"auroraview types: {line}", file=sys.stderr)
        return 2
    if options.check is None:
        sys.stdout.write(text)
        return 0
    return _check(options.check, text)


def _check(path: str, text: str) -> int:
    try:
        with open(path, encoding="utf-8") as file:
            before = file.read()
    except FileNotFoundError:
        before = ""
    if before == text:
        return 0
    sys.stderr.writelines(
        difflib.unified_diff(
            before.splitlines(True), text.splitlines(True), path, "what the hints say now"
        )
    )
    print(f"auroraview types: {path} is not up to date", file=sys.stderr)
    return 1


# -- what the command line names ----------------------------------------------


def _find(target: str) -> Any:
    module, colon, path = target.partition(":")
    if not colon or not module or not path:
        raise HintError(f"{target}: name it as MODULE:NAME")
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        raise HintError(f"{target}: {error}") from error
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            raise HintError(f"{target}: {error}") from error
    return found


def _methods(obj: Any) -> list[tuple[str, Any, bool]]:
    """Name, function, and whether its first parameter is the instance.

    In the order of ``bind_api()``, which binds what is public and callable.
    """
    found = []
    for name in dir(obj):
        if name.startswith("_"):
            continue
        static = inspect.getattr_static(obj, name)
        if isinstance(static, property) or inspect.isclass(static):
            continue
        value = getattr(obj, name)
        if callable(value):
            plain = inspect.isclass(obj) and inspect.isfunction(static)
            found.append((name, value, plain))
    return found


def _calls(targets: list[str], otherwise: str) -> list[tuple[str, Any, bool]]:
    found: dict[str, tuple[str, Any, bool]] = {}
    for target in targets:
        namespace, equals, path = target.rpartition("=")
        obj = _find(path)
        if inspect.isroutine(obj):
            owner = path.partition(":")[2].rpartition(".")[0]
            prefix = f"{namespace}." if namespace else ""
            entries = [(obj.__name__, obj, bool(owner) and inspect.isfunction(obj))]
        else:
            namespace = namespace if equals else otherwise
            prefix = f"{namespace}." if namespace else ""
            entries = _methods(obj)
            if not entries:
                raise HintError(f"{path}: it has no public method")
        for name, function, is_method in entries:
            full = prefix + name
            if full in found:
                raise HintError(f"{target}: there is a method {full} already")
            found[full] = (full, function, is_method)
    return list(found.values())


# -- the text -----------------------------------------------------------------


def contract(
    targets: list[str],
    *,
    events: list[str] | None = None,
    emits: list[str] | None = None,
    state: list[str] | None = None,
    channels: list[str] | None = None,
    commands: list[str] | None = None,
    name: str | None = None,
    untyped: bool = False,
) -> str:
    """The TypeScript text. Raises :class:`HintError` that names every bad hint."""
    converter = Converter(untyped=untyped)
    errors: list[str] = []
    if name is None:
        name = targets[0].rpartition("=")[2].partition(":")[2].partition(".")[0]
        if not name[:1].isupper():
            name = "Api"
    converter.reserve(name)
    api = _find(targets[0].rpartition("=")[2])
    owner = api if inspect.isclass(api) else type(api)
    about = None if inspect.isroutine(api) else own_doc(owner)
    lines = [*_doc(about, 0), f"export interface {name} {{"]
    for title, functions in (
        ("calls", _calls(targets, "api")),
        ("commands", _calls(commands or [], "")),
    ):
        if not functions:
            continue
        lines.append(f"  {title}: {{")
        for full, function, is_method in functions:
            try:
                signature = Signature.of(converter, function, is_method)
            except HintError as error:
                errors += [f"{full}: {line}" for line in str(error).splitlines()]
                continue
            lines += _doc(signature.doc, 4)
            lines.append(f"    {json.dumps(full, ensure_ascii=False)}: {signature.text};")
        lines.append("  };")
    for title, sources, convert in (
        ("events", events, converter.event),
        ("emits", emits, converter.emit),
        ("state", state, converter.shared),
        ("channels", channels, converter.channel),
    ):
        if not sources:
            continue
        lines.append(f"  {title}: {{")
        for source in sources:
            for event, hint in members_of(_find(source), source):
                try:
                    if title == "emits" and event in WINDOW_EVENTS:
                        raise HintError("the host hears the window's own event of that name")
                    text = convert(hint)
                except HintError as error:
                    errors += [f"{source}[{event!r}]: {line}" for line in str(error).splitlines()]
                    continue
                lines.append(f"    {json.dumps(event, ensure_ascii=False)}: {text};")
        lines.append("  };")
    lines.append("}")
    declarations = []
    while True:
        # Each may name further ones.
        try:
            declaration = converter.next_declaration()
        except HintError as error:
            errors += str(error).splitlines()
            continue
        if declaration is None:
            break
        doc, declared = declaration
        declarations += ["", *_doc(doc, 0), *declared]
    if errors:
        raise HintError("\n".join(errors))
    first = targets[0].rpartition("=")[2]
    header = f"// Made by `auroraview types` from {first}; do not edit."
    return "\n".join([header, "", *lines, *declarations, ""])


def _doc(text: str | None, indent: int) -> list[str]:
    """A comment that editors show; the text cannot end it."""
    if not text:
        return []
    space = " " * indent
    rows = text.replace("*/", "*\\/").splitlines()
    if len(rows) == 1:
        return [f"{space}/** {rows[0]} */"]
    return [
        f"{space}/**",
        *(f"{space} * {row}".rstrip() for row in rows),
        f"{space} */",
    ]
