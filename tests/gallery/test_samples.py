"""The generated samples are what the readers and the viewer take for good assets."""

import os

import pytest


from gallery.asset_browser import samples, thumbs
from gallery.asset_browser.meshes import read_mesh


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtGui import QGuiApplication

    app = QGuiApplication.instance() or QGuiApplication([])  # text on textures needs fonts
    yield samples.ensure_samples(str(tmp_path_factory.mktemp("gallery") / "samples"))
    del app


def volume(mesh):
    """Positive if the triangles of a closed mesh turn outwards."""
    order = mesh.indices if mesh.indices is not None else range(mesh.vertex_count)
    points = [mesh.positions[i * 3 : i * 3 + 3] for i in order]
    total = 0.0
    for a, b, c in zip(points[0::3], points[1::3], points[2::3]):
        total += a[0] * (b[1] * c[2] - b[2] * c[1])
        total += a[1] * (b[2] * c[0] - b[0] * c[2])
        total += a[2] * (b[0] * c[1] - b[1] * c[0])
    return total / 6


def test_meshes(folder):
    formats = set()
    names = sorted(os.listdir(os.path.join(folder, "meshes")))
    assert len(names) >= 6
    for name in names:
        mesh = read_mesh(os.path.join(folder, "meshes", name))
        formats.add(mesh.format)
        assert mesh.warnings == [], name
        assert mesh.points or volume(mesh) > 0, name
    assert formats == {"OBJ", "STL text", "STL binary", "PLY text", "PLY binary"}


def test_textures(folder):
    names = sorted(os.listdir(os.path.join(folder, "textures")))
    assert len(names) >= 8
    for name in names:
        thumbnail = thumbs.make_thumbnail(os.path.join(folder, "textures", name), 96)
        assert (thumbnail["width"], thumbnail["height"]) == (96, 96)
        assert len(thumbnail["rgba"]) == 96 * 96 * 4
        assert len(set(thumbnail["rgba"])) > 8, name


def test_made_once(folder):
    before = os.stat(os.path.join(folder, "meshes")).st_mtime_ns
    assert samples.ensure_samples(folder) == folder
    assert os.stat(os.path.join(folder, "meshes")).st_mtime_ns == before
    assert [n for n in os.listdir(os.path.dirname(folder)) if n != "samples"] == []


def test_thumbnails_are_never_enlarged_and_errors_are_named(folder, tmp_path):
    from PySide6.QtGui import QColor, QImage

    image = QImage(10, 4, QImage.Format.Format_ARGB32)
    image.fill(QColor(10, 20, 30, 128))
    image.save(str(tmp_path / "a.png"))
    thumbnail = thumbs.make_thumbnail(str(tmp_path / "a.png"), 64)
    assert (thumbnail["width"], thumbnail["height"]) == (10, 4)
    assert thumbnail["rgba"][:4] == bytes((10, 20, 30, 128))
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnonsense")
    with pytest.raises(thumbs.ThumbnailError):
        thumbs.make_thumbnail(str(tmp_path / "bad.png"), 64)
    (tmp_path / "v.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 1"><rect width="2" height="1"/></svg>')
    drawing = thumbs.make_thumbnail(str(tmp_path / "v.svg"), 64)
    assert (drawing["width"], drawing["height"]) == (64, 32)
