"""Each public header compiles alone, in C and in C++, without a warning."""

import pathlib
import subprocess

import pytest

INCLUDE = pathlib.Path(__file__).resolve().parents[2] / "include"
HEADERS = sorted(path.relative_to(INCLUDE).as_posix() for path in INCLUDE.rglob("*.h"))


@pytest.mark.parametrize("language, standard", [("c", "c11"), ("c++", "c++11")])
@pytest.mark.parametrize("header", HEADERS)
def test_compiles_alone(header, language, standard):
    result = subprocess.run(
        ["clang", "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
         "-fsyntax-only", "-I", INCLUDE, "-"],
        input=f"#include <{header}>\n", stderr=subprocess.PIPE, text=True, timeout=60)
    assert result.returncode == 0, result.stderr


def test_there_are_headers():
    assert "auroraview/auroraview.h" in HEADERS
