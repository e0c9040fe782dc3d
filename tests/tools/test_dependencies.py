"""docs/dependencies.md names what tools/setup installs, in the same versions."""

import json
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")


def section(title):
    """The text between a second-level heading and the next one."""
    return re.split(r"^## ", DOCUMENT.split(f"## {title}", 1)[1], flags=re.M)[0]


def rows(text):
    """First cell of each row to its second, without the marks of code."""
    return dict(re.findall(r"^\| `([^`]+)` \| ([^|]+?) \|", text, re.M))


def test_debian_packages():
    lines = (ROOT / "tools" / "debian-packages.txt").read_text().split("\n")
    listed = {line for line in lines if line and line[0] not in "#["}
    assert set(rows(section("Debian 12 packages"))) == listed


def test_python_packages():
    lines = (ROOT / "tools" / "requirements.txt").read_text().split("\n")
    listed = dict(line.split("==") for line in lines if line and line[0] != "#")
    assert rows(section("Python packages")) == listed


@pytest.mark.parametrize(("title", "folder"), [("demo", "gallery"), ("SDK", "sdk")])
def test_npm_packages(title, folder):
    package = json.loads((ROOT / folder / "package.json").read_text())
    listed = {**package.get("dependencies", {}), **package.get("devDependencies", {})}
    assert rows(section(f"npm packages of the {title}")) == listed
