"""URLs of local files, and HTML that names them.

Pure functions: any thread, no view needed.
"""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Union

    Path = Union[str, "os.PathLike[str]"]

__all__ = [
    "normalize_url",
    "path_to_file_url",
    "prepare_html_with_local_assets",
    "rewrite_html_for_custom_protocol",
]

_ASSETS = "auroraview://localhost/"
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
# Schemes that are complete without "//". Any other word before a colon is the
# name of a host: "localhost:8080".
_BARE = ("about:", "blob:", "data:", "javascript:", "mailto:", "tel:")
# A comment, or a tag; of a script or style with all that is in it, so that what
# looks like a tag there is left alone.
_TAG = re.compile(
    r"<!--.*?-->|(?P<open><(?P<raw>script|style|textarea|title)\b[^>]*>)"
    r"(?P<text>.*?</(?P=raw)\s*>)|<[a-z][^>]*>",
    re.IGNORECASE | re.DOTALL,
)
_LINK = re.compile(
    r"(?P<name>[\s\"'](?:src|href|poster)\s*=\s*)(?P<quote>[\"'])(?P<url>[^\"']*)(?P=quote)",
    re.IGNORECASE,
)


def path_to_file_url(path: Path) -> str:
    """The ``file:`` URL of a path, which need not exist. Relative paths are of
    the working folder; what a URL cannot hold is percent-encoded."""
    import pathlib

    return pathlib.Path(path).resolve().as_uri()


def prepare_html_with_local_assets(
    html: str,
    asset_paths: Mapping[str, Path] | None = None,
    manifest_path: Path | None = None,
) -> str:
    """Replace each ``{{KEY}}`` by the ``file:`` URL of ``asset_paths[KEY]``, and
    ``{{MANIFEST_PATH}}`` by that of ``manifest_path``.

    A page that is loaded from a file may use such URLs; one that is given as
    text or comes from the asset folder may not, and names files by relative
    paths instead.
    """
    paths = dict(asset_paths or {})
    if manifest_path is not None:
        paths["MANIFEST_PATH"] = manifest_path
    for key, path in paths.items():
        html = html.replace("{{" + key + "}}", path_to_file_url(path))
    return html


def normalize_url(url: str) -> str:
    """``url``, with ``https://`` in front if it names no scheme. So
    ``localhost:8080`` becomes ``https://localhost:8080``: say ``http://`` if you
    mean it. Raises ValueError for an empty one."""
    url = url.strip()
    if not url:
        raise ValueError("a URL must not be empty")
    scheme = _SCHEME.match(url)
    if scheme and (url.startswith("//", scheme.end()) or url.lower().startswith(_BARE)):
        return url
    return "https:" + url if url.startswith("//") else "https://" + url


def _rewritten(url: str, base: str) -> str:
    import posixpath

    if not url or url[0] in "/\\#?" or url.startswith("{{") or _SCHEME.match(url):
        return url
    end = min((i for i in (url.find("?"), url.find("#")) if i >= 0), default=len(url))
    path = posixpath.normpath(posixpath.join(base, url[:end]))
    if path == ".." or path.startswith("../"):
        return url  # out of the folder: nobody serves that
    slash = "/" if url[:end].endswith("/") else ""
    return _ASSETS + ("" if path == "." else path + slash) + url[end:]


def rewrite_html_for_custom_protocol(html: str, base: str = "") -> str:
    """Let every relative ``src``, ``href`` and ``poster`` of a page lead into the
    asset folder: ``./a.js`` becomes ``auroraview://localhost/a.js``.

    ``base`` is the folder of the page below the asset folder, with ``/`` between
    its parts. Absolute URLs, anchors, and what stands in scripts, styles and
    comments stay as they are.
    """

    def link(match: re.Match[str]) -> str:
        url = _rewritten(match.group("url"), base)
        return match.group("name") + match.group("quote") + url + match.group("quote")

    def tag(match: re.Match[str]) -> str:
        text = match.group(0)
        if text.startswith("<!--"):
            return text
        opening = match.group("open")
        if opening:
            return _LINK.sub(link, opening) + match.group("text")
        return _LINK.sub(link, text)

    return _TAG.sub(tag, html)
