"""The command ``auroraview``. Each subcommand is a module of this package."""

from __future__ import annotations

import argparse
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code. ``arguments`` without the program's name."""
    from auroraview.cli import types

    parser = argparse.ArgumentParser(
        prog="auroraview", description="Tools for applications with AuroraView panels."
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    types.add_parser(commands)
    options = parser.parse_args(arguments)
    # As `python -m` does it: modules of the folder one stands in can be named.
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    code: int = options.run(options)
    return code
