"""What the documents name must exist."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
HOP = re.compile(r"^\| \d+ \| `([^`]+)` \| `([^`]+)` \|", re.M)


def hops():
    text = (ROOT / "docs/internals/life-of-a-call.md").read_text()
    return HOP.findall(text)


def test_the_life_of_a_call_has_its_hops():
    assert len(hops()) > 20


@pytest.mark.parametrize(("path", "function"), hops())
def test_every_hop_is_where_the_document_says(path, function):
    text = (ROOT / path).read_text()
    definition = re.compile(
        rf"^(?:\s*(?:async )?function {function}\(|    def {function}\(|"
        rf"[a-z][\w \*]*\b\**{function}\()",
        re.M,
    )
    assert definition.search(text), f"{path} defines no {function}"


def links():
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            yield pytest.param(page, target, id=f"{page.name}:{target}")


@pytest.mark.parametrize(("page", "target"), list(links()))
def test_every_link_leads_somewhere(page, target):
    assert (page.parent / target).exists()
