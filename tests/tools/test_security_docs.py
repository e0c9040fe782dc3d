"""Every promise of docs/security.md names a test that exists."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
NAMED = re.compile(r"`(test_\w+\.(?:py|c|mjs))(?:::(\w+))?`")


def named():
    return sorted(set(NAMED.findall((ROOT / "docs/security.md").read_text())))


def rows():
    """The tables of promises: each row but the head must name a test."""
    inside = False
    for line in (ROOT / "docs/security.md").read_text().splitlines():
        if line == "| promise | test |":
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("|---"):
            yield line


def test_promises_are_found():
    assert len(named()) > 40
    assert len(list(rows())) > 40


@pytest.mark.parametrize("row", list(rows()))
def test_every_promise_has_a_test(row):
    assert NAMED.search(row.split("|")[2]), row


@pytest.mark.parametrize(("file", "test"), named())
def test_every_test_exists(file, test):
    (path,) = (ROOT / "tests").rglob(file)
    if not test:
        return
    text = path.read_text()
    if file.endswith(".c"):
        assert f"cmocka_unit_test({test})" in text, f"{path} runs no {test}"
    else:
        assert re.search(rf"^def {test}\(", text, re.M), f"{path} has no {test}"
