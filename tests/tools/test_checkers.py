"""Each checker is given a tree that is in order, then broken in one place."""

import pathlib
import subprocess
import sys

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"

DOC = """\
/* Does it.
 *
 * threads: any
 * returns: 0
 * errors:  none
 * owns:    nothing
 * since:   0.1 */
"""
FUNCTION = """\
AUV_API int auv_go(int first_of_two_long_arguments,
                   int second_of_two_long_arguments);
"""
MAP = "AURORAVIEW_0 {\nglobal:\n    auv_go;\nlocal:\n    *;\n};\n"
# Concatenated, so that the project's own check does not find it here.
MARKER = "TO" + "DO"


@pytest.fixture
def tree(tmp_path):
    write(tmp_path, "include/auroraview/base.h", DOC + FUNCTION)
    write(tmp_path, "src/auroraview.map", MAP)
    return tmp_path


def write(root, path, text):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def check(tool, root, *arguments):
    """Exit code and output of a checker."""
    result = subprocess.run(
        [sys.executable, TOOLS / tool, *arguments, root],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return result.returncode, result.stdout


# -- check-includes ------------------------------------------------------------

@pytest.mark.parametrize("path, include", [
    ("src/base/fd.c", '"base/fd.h"'),
    ("src/base/fd.c", '"auroraview/base.h"'),
    ("src/wire/link.c", '"base/fd.h"'),
    ("src/core/view.c", '"engine/engine.h"'),
    ("src/core/view.c", "<stdatomic.h>"),
    ("src/engine/registry.c", '"engine/null/null.h"'),
    ("src/engine/remote/remote.c", '"wire/frame.h"'),
    ("src/engine/webkitgtk/view.c", "<webkit2/webkit2.h>"),
    ("src/page/bridge.c", '"wire/link.h"'),
    ("programs/engine/main.c", '"engine/webkitgtk/webkitgtk.h"'),
    ("python/core.c", "<Python.h>"),
    ("examples/minimal.c", "<auroraview/auroraview.h>"),
])
def test_legal_include_passes(tree, path, include):
    write(tree, path, f"#include {include}\n")
    assert check("check-includes", tree)[0] == 0


@pytest.mark.parametrize("path, include", [
    ("src/base/fd.c", '"wire/frame.h"'),
    ("src/wire/link.c", '"core/queue.h"'),
    ("src/wire/link.c", '"engine/engine.h"'),
    ("src/core/view.c", '"engine/remote/remote.h"'),
    ("src/core/view.c", '"page/bridge.h"'),
    ("src/core/view.c", "<glib.h>"),
    ("src/core/view.c", '"queue.h"'),
    ("src/core/view.c", '"wire/frame_priv.h"'),
    ("src/engine/null/null.c", '"engine/remote/remote.h"'),
    ("src/engine/null/null.c", '"core/view.h"'),
    ("src/engine/webkitgtk/view.c", '"wire/frame.h"'),
    ("src/engine/remote/remote.c", "<gtk/gtk.h>"),
    ("src/page/bridge.c", '"engine/engine.h"'),
    ("programs/engine/main.c", '"core/view.h"'),
    ("python/core.c", '"core/view.h"'),
    ("src/core/view.c", "<Python.h>"),
    ("examples/minimal.c", '"wire/frame.h"'),
    ("include/auroraview/view.h", '"core/view.h"'),
    ("src/unknown/file.c", "<stdio.h>"),
])
def test_broken_include_is_named_with_file_and_line(tree, path, include):
    write(tree, path, f"/* first */\n#include {include}\n")
    code, output = check("check-includes", tree)
    assert code == 1
    assert output.startswith(f"{path}:2: ")


def test_header_beside_a_binding_is_its_own(tree):
    write(tree, "python/core.h", "")
    write(tree, "python/core.c", '#include "core.h"\n')
    assert check("check-includes", tree)[0] == 0


# -- check-headers ---------------------------------------------------------------

def test_documented_function_passes(tree):
    assert check("check-headers", tree) == (0, "check-headers: 1 functions in order\n")


@pytest.mark.parametrize("field", ["threads", "returns", "errors", "owns", "since"])
def test_missing_line_of_a_comment(tree, field):
    doc = DOC.replace(f" * {field}:", " * ")
    write(tree, "include/auroraview/base.h", doc + "AUV_API int auv_go(void);\n")
    code, output = check("check-headers", tree)
    assert code == 1
    assert f"auv_go lacks the lines {field}:" in output


@pytest.mark.parametrize("text, message", [
    ("AUV_API int auv_go(void);\n", "no comment right above"),
    (DOC + "\nAUV_API int auv_go(void);\n", "no comment right above"),
    (DOC.replace("threads: any", "threads:"), "empty threads: line"),
    (DOC.replace("threads", "x").replace("since", "threads").replace("x:", "since:"),
     "not in the order"),
    (DOC + "AUV_API int (*auv_go_slot);\n", "no function that this script can read"),
])
def test_bad_comment(tree, text, message):
    if "AUV_API" not in text:
        text += "AUV_API int auv_go(void);\n"
    write(tree, "include/auroraview/base.h", text)
    code, output = check("check-headers", tree)
    assert code == 1
    assert message in output


def test_function_that_the_map_lacks(tree):
    write(tree, "include/auroraview/view.h", DOC + "AUV_API void auv_stop(void);\n")
    code, output = check("check-headers", tree)
    assert code == 1
    assert "lacks auv_stop" in output


def test_symbol_that_no_header_declares(tree):
    write(tree, "src/auroraview.map", MAP.replace("auv_go;", "auv_go;\n    auv_*;"))
    code, output = check("check-headers", tree)
    assert code == 1
    assert "has auv_*, which no public header declares" in output


def test_written_map_satisfies_the_check(tree):
    write(tree, "include/auroraview/view.h", DOC + "AUV_API void auv_stop(void);\n")
    assert check("check-headers", tree, "--write-map")[0] == 0
    assert check("check-headers", tree)[0] == 0


def test_library_that_exports_more_than_the_map(tree):
    write(tree, "go.c", "int auv_go(void){return 0;}\nint auvi_leak(void){return 0;}\n")
    library = tree / "libgo.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, tree / "go.c"], check=True)
    code, output = check("check-headers", tree, "--library", library)
    assert code == 1
    assert "has auvi_leak" in output


# -- check-style -----------------------------------------------------------------

def test_tidy_tree_passes(tree):
    write(tree, "src/core/a.c", "int a;\n")
    assert check("check-style", tree)[0] == 0


def test_layout_is_checked_and_mended(tree):
    write(tree, "src/core/a.c", "int  a ;\n")
    code, output = check("check-style", tree)
    assert code == 1
    assert "src/core/a.c:1" in output
    assert check("check-style", tree, "--format")[0] == 0
    assert check("check-style", tree)[0] == 0
    assert (tree / "src/core/a.c").read_text() == "int a;\n"


@pytest.mark.parametrize("path", ["src/core/a.c", "python/a.py", "tools/script", "src/meson.build"])
def test_debt_marker(tree, path):
    write(tree, path, f"#!/bin/sh\n# {MARKER}: later\n" if path == "tools/script"
          else f"/* {MARKER}: later */\n")
    code, output = check("check-style", tree)
    assert code == 1
    assert f"debt marker {MARKER}" in output


@pytest.mark.parametrize("lines, code", [(800, 0), (801, 1)])
def test_long_file(tree, lines, code):
    write(tree, "python/a.py", "a = 1\n" * lines)
    result, output = check("check-style", tree)
    assert result == code
    assert ("python/a.py: 801 lines" in output) == (code == 1)


def test_what_is_built_or_fetched_is_not_ours(tree):
    write(tree, "build/a.c", f"int  a ; /* {MARKER} */\n")
    write(tree, "gallery/node_modules/b.js", f"// {MARKER}\n")
    assert check("check-style", tree)[0] == 0
