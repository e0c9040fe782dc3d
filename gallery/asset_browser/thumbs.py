"""Thumbnails: any image that Qt reads, scaled down, as raw RGBA bytes. Safe on worker threads."""

from __future__ import annotations

from typing import Any, Dict

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QImageReader

LARGEST = 2048  # device pixels a side; what a page may ask for
SVG_SIDE = 96  # nominal size of a drawing without one


class ThumbnailError(ValueError):
    """The file cannot be shown as an image; the message says why."""


def make_thumbnail(path: str, side: int) -> Dict[str, Any]:
    """The image at `path`, fitted into `side` x `side` and never enlarged.

    Returns the size of the thumbnail, its pixels (RGBA, 8 bit, not premultiplied, no padding) and
    the size of the source.
    """
    side = max(8, min(int(side), LARGEST))
    reader = QImageReader(path)
    reader.setAutoTransform(True)
    vector = reader.format() in (b"svg", b"svgz")
    source = reader.size()
    if vector and (not source.isValid() or source.isEmpty()):
        source = QSize(SVG_SIDE, SVG_SIDE)
    if source.isValid() and (vector or max(source.width(), source.height()) > side):
        # Decoders that can (JPEG, SVG) then read at the small size; the others scale afterwards.
        fitted = source.scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio)
        if vector:
            fitted = fitted.boundedTo(QSize(side, side))
        reader.setScaledSize(fitted.expandedTo(QSize(1, 1)))
    image = reader.read()
    if image.isNull():
        raise ThumbnailError(reader.errorString() or "cannot be read")
    if not source.isValid():
        source = image.size()
    if max(image.width(), image.height()) > side:
        image = image.scaled(
            side,
            side,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
    image = image.convertToFormat(QImage.Format.Format_RGBA8888)
    width, height = image.width(), image.height()
    if image.bytesPerLine() != width * 4:  # four bytes per pixel always pack; stated, not assumed
        raise ThumbnailError("unexpected row padding")
    return {
        "width": width,
        "height": height,
        "sourceWidth": source.width(),
        "sourceHeight": source.height(),
        "rgba": bytes(image.constBits()),
    }
