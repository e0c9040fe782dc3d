"""URLs of local files, and HTML that names them."""

import pathlib

import auroraview
import pytest
from auroraview import file_protocol as alias
from auroraview.utils.file_protocol import (
    normalize_url,
    path_to_file_url,
    prepare_html_with_local_assets,
    rewrite_html_for_custom_protocol,
)


def test_the_functions_are_where_tools_look_for_them():
    for name in (
        "path_to_file_url",
        "prepare_html_with_local_assets",
        "normalize_url",
        "rewrite_html_for_custom_protocol",
    ):
        assert getattr(auroraview, name) is getattr(alias, name)
        assert name in auroraview.__all__
    assert auroraview.file_protocol is alias


def test_paths_become_urls(tmp_path, monkeypatch):
    assert path_to_file_url("/tmp/test.txt") == "file:///tmp/test.txt"
    assert path_to_file_url(pathlib.Path("/a b/c#d?é%.txt")) == "file:///a%20b/c%23d%3F%C3%A9%25.txt"
    monkeypatch.chdir(tmp_path)
    assert path_to_file_url("x/../y.html") == (tmp_path.resolve() / "y.html").as_uri()


def test_placeholders_become_urls():
    html = '<img src="{{LOGO}}"><a href="{{MANIFEST_PATH}}">{{LOGO}}{{OTHER}}</a>'
    result = prepare_html_with_local_assets(html, {"LOGO": "/l.png"}, manifest_path="/m.json")
    assert result == (
        '<img src="file:///l.png"><a href="file:///m.json">file:///l.png{{OTHER}}</a>'
    )
    assert prepare_html_with_local_assets(html) == html


@pytest.mark.parametrize(
    "url, expected",
    [
        ("example.com", "https://example.com"),
        (" example.com/a?b#c ", "https://example.com/a?b#c"),
        ("localhost:8080", "https://localhost:8080"),
        ("//example.com", "https://example.com"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("HTTPS://x", "HTTPS://x"),
        ("auroraview://localhost/", "auroraview://localhost/"),
        ("file:///tmp/x", "file:///tmp/x"),
        ("about:blank", "about:blank"),
        ("data:text/html,x", "data:text/html,x"),
    ],
)
def test_urls_get_a_scheme(url, expected):
    assert normalize_url(url) == expected


@pytest.mark.parametrize("url", ["", "  "])
def test_an_empty_url_is_none(url):
    with pytest.raises(ValueError):
        normalize_url(url)


@pytest.mark.parametrize(
    "before, after",
    [
        ('<img src="a.png">', '<img src="auroraview://localhost/a.png">'),
        ("<IMG SRC = './a.png'>", "<IMG SRC = 'auroraview://localhost/a.png'>"),
        ('<link rel="x" href="css/../s.css?v=1#t">',
         '<link rel="x" href="auroraview://localhost/s.css?v=1#t">'),
        ('<script src="a.js">let s = \'<img src="b.png">\'</script>',
         '<script src="auroraview://localhost/a.js">let s = \'<img src="b.png">\'</script>'),
        ('<video poster="p.png"></video>',
         '<video poster="auroraview://localhost/p.png"></video>'),
        ('<a href="docs/">', '<a href="auroraview://localhost/docs/">'),
    ],
)  # fmt: skip
def test_relative_links_lead_into_the_folder(before, after):
    assert rewrite_html_for_custom_protocol(before) == after


@pytest.mark.parametrize(
    "html",
    [
        '<a href="#top">', '<a href="?x">', '<a href="/abs">', '<img src="//host/x">',
        '<img src="https://x/y">', '<img src="data:image/png;base64,x">', '<a href="mailto:a@b">',
        '<img src="">', '<img src="../outside.png">', '<img src="a/../../outside.png">',
        '<!-- <img src="a.png"> -->', '<style>a { src="x" }</style>', '<p>src="a.png"</p>',
        '<img data-src="a.png">', '<img src="{{LOGO}}">',
    ],
)  # fmt: skip
def test_everything_else_stays(html):
    assert rewrite_html_for_custom_protocol(html) == html


def test_the_folder_of_the_page_counts():
    html = '<img src="a.png"><img src="../b.png"><img src="../../c.png">'
    assert rewrite_html_for_custom_protocol(html, "pages") == (
        '<img src="auroraview://localhost/pages/a.png">'
        '<img src="auroraview://localhost/b.png"><img src="../../c.png">'
    )
