"""Makes a small folder of sample assets, so that the browser has meshes to show anywhere.

Everything is computed: meshes with the standard library, textures with Qt's painter. The folder is
made in a temporary place and renamed when complete, so a stopped first start leaves no half of it.
"""

from __future__ import annotations

import math
import os
import random
import shutil
import struct
import tempfile
from array import array
from typing import Callable, List, Sequence, Tuple

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QConicalGradient,
    QFont,
    QImage,
    QLinearGradient,
    QPainter,
    QPen,
    QRadialGradient,
)

VERSION = 1  # raise it when the content changes: the folder is then made anew
SIDE = 512  # pixels of a texture

Vec = Tuple[float, float, float]


def ensure_samples(folder: str) -> str:
    """Makes the samples at `folder` unless they are there; returns `folder`."""
    marker = os.path.join(folder, ".version")
    try:
        with open(marker, encoding="ascii") as stream:
            if stream.read().strip() == str(VERSION):
                return folder
    except OSError:
        pass
    above = os.path.dirname(os.path.abspath(folder))
    os.makedirs(above, exist_ok=True)
    made = tempfile.mkdtemp(prefix=".samples-", dir=above)
    try:
        os.chmod(made, 0o755)
        _write_meshes(os.path.join(made, "meshes"))
        _write_textures(os.path.join(made, "textures"))
        with open(os.path.join(made, ".version"), "w", encoding="ascii") as stream:
            stream.write(f"{VERSION}\n")
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(made, folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return folder


# --- meshes -----------------------------------------------------------------------------------


def _write_meshes(folder: str) -> None:
    os.makedirs(folder)
    _obj(os.path.join(folder, "torus_knot.obj"), *_torus_knot(2, 3, 320, 28))
    _obj(os.path.join(folder, "chess_rook.obj"), *_lathe(_ROOK, 56))
    _obj(os.path.join(folder, "twisted_vase.obj"), *_vase(120, 96))
    _stl_binary(os.path.join(folder, "gear.stl"), _gear(22, 1.0, 0.82, 0.28, 0.34))
    _stl_text(os.path.join(folder, "crystal.stl"), _crystal())
    _ply_binary(os.path.join(folder, "terrain.ply"), *_terrain(160))
    _ply_text(os.path.join(folder, "sea_shell.ply"), *_shell(110, 22))
    _ply_cloud(os.path.join(folder, "galaxy_points.ply"), *_galaxy(24_000))


def _grid_quads(rows: int, columns: int, wrap_rows: bool, wrap_columns: bool) -> List[tuple]:
    quads = []
    for i in range(rows if wrap_rows else rows - 1):
        for j in range(columns if wrap_columns else columns - 1):
            a, b = i * columns + j, i * columns + (j + 1) % columns
            c, d = ((i + 1) % rows) * columns + (j + 1) % columns, ((i + 1) % rows) * columns + j
            quads.append((a, b, c, d))
    return quads


def _torus_knot(p: int, q: int, steps: int, sides: int) -> Tuple[List[Vec], List[tuple]]:
    def centre(t: float) -> Vec:
        r = 1.0 + 0.42 * math.cos(q * t)
        return r * math.cos(p * t), 0.55 * math.sin(q * t), r * math.sin(p * t)

    points: List[Vec] = []
    for i in range(steps):
        t = 2 * math.pi * i / steps
        here, ahead = centre(t), centre(t + 0.01)
        tangent = _unit(tuple(b - a for a, b in zip(here, ahead)))
        # The curve never passes the axis, so its position is no parallel of its tangent.
        side = _unit(_cross(tangent, here))
        up = _cross(side, tangent)
        for j in range(sides):
            angle = 2 * math.pi * j / sides
            ripple = 0.2 + 0.012 * math.sin(6 * angle + 8 * t)
            ca, sa = math.cos(angle) * ripple, math.sin(angle) * ripple
            points.append(tuple(h + ca * s + sa * u for h, s, u in zip(here, side, up)))
    return points, [tuple(reversed(q)) for q in _grid_quads(steps, sides, True, True)]


_ROOK = [
    (0.0, 0.0), (0.56, 0.0), (0.58, 0.06), (0.56, 0.14), (0.47, 0.18), (0.5, 0.25), (0.44, 0.32),
    (0.33, 0.4), (0.28, 0.55), (0.255, 0.8), (0.25, 1.0), (0.29, 1.06), (0.38, 1.1), (0.4, 1.15),
    (0.4, 1.4), (0.3, 1.4), (0.29, 1.26), (0.0, 1.24),
]  # fmt: skip


def _lathe(profile: Sequence[Tuple[float, float]], sides: int) -> Tuple[List[Vec], List[tuple]]:
    rings: List[Tuple[float, float]] = []
    for (r0, y0), (r1, y1) in zip(profile, profile[1:]):
        for k in range(3):
            rings.append((r0 + (r1 - r0) * k / 3, y0 + (y1 - y0) * k / 3))
    rings.append(profile[-1])
    points: List[Vec] = []
    for r, y in rings:
        for j in range(sides):
            angle = 2 * math.pi * j / sides
            # Six merlons: the crown is cut down between them.
            cut = y > 1.3 and r > 0.25 and math.cos(6 * angle) < -0.2
            points.append((r * math.cos(angle), 1.28 if cut else y, r * math.sin(angle)))
    quads = _grid_quads(len(rings), sides, False, True)
    return points, [tuple(reversed(q)) for q in quads]


def _vase(rings: int, sides: int) -> Tuple[List[Vec], List[tuple]]:
    points: List[Vec] = []
    for i in range(rings):
        v = i / (rings - 1)
        base = 0.34 + 0.2 * math.sin(v * 3.4 + 0.3) + 0.09 * v * v
        for j in range(sides):
            angle = 2 * math.pi * j / sides
            r = base * (1 + 0.09 * math.cos(9 * (angle + 1.9 * v)))
            points.append((r * math.cos(angle), 1.7 * v, r * math.sin(angle)))
    faces = [tuple(reversed(q)) for q in _grid_quads(rings, sides, False, True)]
    faces.append(tuple(range(sides)))  # the floor: one polygon
    return points, faces


def _gear(teeth: int, tip: float, root: float, hole: float, height: float) -> List[Tuple[Vec, ...]]:
    outline: List[Tuple[float, float]] = []
    for i in range(teeth):
        for part, radius in ((0.0, root), (0.28, root), (0.4, tip), (0.62, tip), (0.74, root)):
            angle = 2 * math.pi * (i + part) / teeth
            outline.append((radius * math.cos(angle), radius * math.sin(angle)))
    # Flange, groove and hub are rings over the same angles, so that neighbours share edges.
    angles = [math.atan2(y, x) for x, y in outline]

    def ring(radius: float, z: float) -> List[Vec]:
        return [(radius * math.cos(a), radius * math.sin(a), z) for a in angles]

    h = height / 2
    loops = [
        ring(hole, -h), ring(0.42, -h), ring(0.46, -h * 0.5), ring(0.66, -h * 0.5),
        ring(0.7, -h), [(x, y, -h) for x, y in outline], [(x, y, h) for x, y in outline],
        ring(0.7, h), ring(0.66, h * 0.5), ring(0.46, h * 0.5), ring(0.42, h), ring(hole, h),
        ring(hole, -h),
    ]  # fmt: skip
    out: List[Tuple[Vec, ...]] = []
    count = len(outline)
    for low, high in zip(loops, loops[1:]):
        for i in range(count):
            j = (i + 1) % count
            out.append((low[i], high[j], low[j]))
            out.append((low[i], high[i], high[j]))
    return [(a, c, b) for a, b, c in out]


def _crystal() -> List[Tuple[Vec, ...]]:
    rng = random.Random(7)
    out: List[Tuple[Vec, ...]] = []
    for _ in range(11):
        lean, turn = rng.uniform(0, 0.75), rng.uniform(0, 2 * math.pi)
        length, radius = rng.uniform(0.7, 1.5) * (1 - lean * 0.45), rng.uniform(0.1, 0.2)
        axis = (math.sin(lean) * math.cos(turn), math.cos(lean), math.sin(lean) * math.sin(turn))
        side = _unit(_cross(axis, (0.3, 0.1, 1.0)))
        other = _cross(axis, side)

        def ring(at: float, r: float) -> List[Vec]:
            return [
                tuple(
                    axis[k] * at
                    + r * (math.cos(i * math.pi / 3) * side[k] + math.sin(i * math.pi / 3) * other[k])
                    for k in range(3)
                )
                for i in range(6)
            ]

        low, high = ring(0.0, radius * 0.8), ring(length * 0.8, radius)
        top = tuple(a * length for a in axis)
        for i in range(6):
            j = (i + 1) % 6
            out += [(low[i], low[j], high[j]), (low[i], high[j], high[i]), (high[i], high[j], top)]
    return out


def _terrain(size: int) -> Tuple[List[Vec], List[tuple], List[tuple]]:
    rng = random.Random(3)
    waves = []
    for octave in range(6):
        for _ in range(3):
            angle = rng.uniform(0, 2 * math.pi)
            scale = 1.5 * 1.9**octave
            waves.append((math.cos(angle) * scale, math.sin(angle) * scale, rng.uniform(0, 6.28),
                          0.2 / 1.85**octave))  # fmt: skip
    points: List[Vec] = []
    colors: List[tuple] = []
    for i in range(size):
        for j in range(size):
            x, z = 2 * i / (size - 1) - 1, 2 * j / (size - 1) - 1
            ridge = sum(a * (1 - 2 * abs(math.sin(fx * x + fz * z + f))) for fx, fz, f, a in waves)
            y = max(-0.2, 0.6 * ridge + 0.1 - 0.22 * (x * x + z * z))
            points.append((x, y, z))
            colors.append(_ramp(y))
    quads = _grid_quads(size, size, False, False)
    return points, [tri for a, b, c, d in quads for tri in ((a, b, c), (a, c, d))], colors


def _ramp(y: float) -> tuple:
    stops = [(-0.2, (38, 78, 112)), (-0.185, (64, 118, 142)), (-0.15, (176, 160, 112)),
             (-0.06, (92, 122, 62)), (0.1, (72, 98, 56)), (0.2, (116, 104, 90)),
             (0.29, (150, 142, 136)), (0.36, (240, 242, 246))]  # fmt: skip
    for (y0, c0), (y1, c1) in zip(stops, stops[1:]):
        if y <= y1:
            t = max(0.0, (y - y0) / (y1 - y0))
            return tuple(int(a + (b - a) * t) for a, b in zip(c0, c1))
    return stops[-1][1]


def _shell(steps: int, sides: int) -> Tuple[List[Vec], List[tuple], List[tuple]]:
    points: List[Vec] = []
    colors: List[tuple] = []
    for i in range(steps):
        t = i / (steps - 1)
        turn, grow = 2 * math.pi * 3.4 * t, math.exp(2.3 * t) / 10
        for j in range(sides):
            angle = 2 * math.pi * j / sides
            r = grow * (0.78 + 0.03 * math.sin(70 * t))
            x = grow * 1.1 + r * math.cos(angle)
            points.append((x * math.cos(turn), 1.9 * (1 - grow) + r * math.sin(angle) * 1.15,
                           x * math.sin(turn)))  # fmt: skip
            band = 0.5 + 0.5 * math.sin(44 * t + 2 * math.sin(3 * angle))
            colors.append(tuple(int(a + (b - a) * band) for a, b in zip((232, 205, 170), (158, 92, 62))))
    return points, _grid_quads(steps, sides, False, True), colors


def _galaxy(count: int) -> Tuple[List[Vec], List[tuple]]:
    rng = random.Random(11)
    points: List[Vec] = []
    colors: List[tuple] = []
    for i in range(count):
        r = rng.random() ** 0.7
        angle = (i % 4) * math.pi / 2 + 3.4 * r + rng.gauss(0, 0.28 * (1.15 - r))
        y = rng.gauss(0, 0.02 + 0.11 * math.exp(-9 * r * r))
        points.append((r * math.cos(angle), y, r * math.sin(angle)))
        core, hue = math.exp(-7 * r * r), rng.random()
        young = (255, 140, 165) if hue > 0.9 else (120, 165, 255)
        colors.append(tuple(int(a * core + b * (1 - core)) for a, b in zip((255, 222, 170), young)))
    return points, colors


def _cross(a: Vec, b: Vec) -> Vec:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _unit(v: Vec) -> Vec:
    length = math.sqrt(sum(c * c for c in v)) or 1.0
    return v[0] / length, v[1] / length, v[2] / length


def _obj(path: str, points: Sequence[Vec], faces: Sequence[tuple]) -> None:
    with open(path, "w", encoding="ascii") as out:
        out.write("# AuroraView sample\n")
        out.writelines("v %.5f %.5f %.5f\n" % p for p in points)
        out.writelines("f " + " ".join(str(i + 1) for i in face) + "\n" for face in faces)


def _facet(t: Sequence[Vec]) -> Vec:
    return _unit(_cross(*(tuple(b - a for a, b in zip(t[0], t[k])) for k in (1, 2))))


def _stl_binary(path: str, triangles: Sequence[Sequence[Vec]]) -> None:
    with open(path, "wb") as out:
        out.write(b"AuroraView sample".ljust(80, b" ") + struct.pack("<I", len(triangles)))
        for t in triangles:
            out.write(struct.pack("<12fH", *_facet(t), *t[0], *t[1], *t[2], 0))


def _stl_text(path: str, triangles: Sequence[Sequence[Vec]]) -> None:
    with open(path, "w", encoding="ascii") as out:
        out.write("solid crystal\n")
        for t in triangles:
            out.write("  facet normal %.6f %.6f %.6f\n    outer loop\n" % _facet(t))
            out.writelines("      vertex %.6f %.6f %.6f\n" % p for p in t)
            out.write("    endloop\n  endfacet\n")
        out.write("endsolid crystal\n")


def _ply_header(layout: str, vertices: int, faces: int) -> str:
    axes = "".join(f"property float {axis}\n" for axis in "xyz")
    tint = "".join(f"property uchar {name}\n" for name in ("red", "green", "blue"))
    tail = f"element face {faces}\nproperty list uchar int vertex_indices\n" if faces else ""
    return (
        f"ply\nformat {layout} 1.0\ncomment AuroraView sample\n"
        f"element vertex {vertices}\n{axes}{tint}{tail}end_header\n"
    )


def _ply_binary(path, points, triangles, colors) -> None:
    with open(path, "wb") as out:
        out.write(_ply_header("binary_little_endian", len(points), len(triangles)).encode("ascii"))
        out.write(b"".join(struct.pack("<3f3B", *p, *c) for p, c in zip(points, colors)))
        out.write(b"".join(struct.pack("<B3i", 3, *t) for t in triangles))


def _ply_text(path, points, faces, colors) -> None:
    with open(path, "w", encoding="ascii") as out:
        out.write(_ply_header("ascii", len(points), len(faces)))
        out.writelines("%.5f %.5f %.5f %d %d %d\n" % (*p, *c) for p, c in zip(points, colors))
        out.writelines("%d %s\n" % (len(f), " ".join(map(str, f))) for f in faces)


def _ply_cloud(path, points, colors) -> None:
    with open(path, "wb") as out:
        out.write(_ply_header("binary_little_endian", len(points), 0).encode("ascii"))
        out.write(b"".join(struct.pack("<3f3B", *p, *c) for p, c in zip(points, colors)))


# --- textures ---------------------------------------------------------------------------------


def _write_textures(folder: str) -> None:
    os.makedirs(folder)
    made: List[Tuple[str, Callable[[], QImage]]] = [
        ("uv_checker.png", _uv_checker),
        ("color_chart.png", _color_chart),
        ("clouds.png", lambda: _tinted_noise(5, [(0, "#2f5f9e"), (0.45, "#7ea6cf"), (0.62, "#e8eef4"), (1, "#ffffff")])),
        ("marble.png", lambda: _tinted_noise(9, [(0, "#1f1d24"), (0.38, "#3d3a45"), (0.5, "#cfc8bd"), (0.56, "#4a4650"), (1, "#26232b")])),
        ("rust.png", lambda: _tinted_noise(21, [(0, "#2c1a12"), (0.4, "#6b3418"), (0.55, "#b0602a"), (0.7, "#7d7b78"), (1, "#a8a6a2")])),
        ("moss.png", lambda: _tinted_noise(33, [(0, "#10180c"), (0.45, "#2f4a1d"), (0.6, "#5f7d2d"), (1, "#b9c46a")])),
        ("height_map.png", lambda: _tinted_noise(2, [(0, "#000000"), (1, "#ffffff")])),
        ("wood.png", _wood),
        ("sunset_sky.png", _sunset),
        ("brushed_metal.png", _brushed),
        ("hue_wheel.png", _hue_wheel),
        ("bokeh.jpg", _bokeh),
        ("tiles.jpg", _tiles),
    ]  # fmt: skip
    for name, draw in made:
        path = os.path.join(folder, name)
        if not draw().save(path, None, 92 if name.endswith("jpg") else -1):
            raise OSError(f"cannot write {path}")


def _canvas(fill: str, side: int = SIDE) -> Tuple[QImage, QPainter]:
    image = QImage(side, side, QImage.Format.Format_RGB32)
    image.fill(QColor(fill))
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    return image, painter


def _noise(seed: int) -> bytes:
    """Fractal value noise: small random images, enlarged smoothly by Qt and added up."""
    rng = random.Random(seed)
    total = array("d", bytes(8 * SIDE * SIDE))
    weight = 1.0
    whole = 0.0
    for cells in (4, 8, 16, 32, 64, 128):
        grain = QImage(rng.randbytes(cells * cells), cells, cells, cells,
                       QImage.Format.Format_Grayscale8)  # fmt: skip
        large = grain.scaled(SIDE, SIDE, Qt.AspectRatioMode.IgnoreAspectRatio,
                             Qt.TransformationMode.SmoothTransformation)  # fmt: skip
        values = bytes(large.convertToFormat(QImage.Format.Format_Grayscale8).constBits())
        total = array("d", [t + weight * v for t, v in zip(total, values)])
        whole += weight
        weight *= 0.55
    low, high = min(total), max(total)
    scale = 255.0 / (high - low)
    return bytes(int((t - low) * scale) for t in total)


def _tinted_noise(seed: int, stops: Sequence[Tuple[float, str]]) -> QImage:
    ramp = QImage(256, 1, QImage.Format.Format_RGB32)
    gradient = QLinearGradient(0, 0, 256, 0)
    for at, color in stops:
        gradient.setColorAt(at, QColor(color))
    painter = QPainter(ramp)
    painter.fillRect(0, 0, 256, 1, gradient)
    painter.end()
    image = QImage(_noise(seed), SIDE, SIDE, SIDE, QImage.Format.Format_Indexed8)
    image.setColorTable([ramp.pixel(x, 0) for x in range(256)])
    return image.convertToFormat(QImage.Format.Format_RGB32)


def _uv_checker() -> QImage:
    image, painter = _canvas("#202020")
    cell = SIDE // 8
    font = QFont("DejaVu Sans")
    font.setPixelSize(cell // 3)
    font.setBold(True)
    painter.setFont(font)
    for row in range(8):
        for column in range(8):
            color = QColor.fromHsvF((column * 8 + row * 3) % 64 / 64, 0.55, 0.85 if (row + column) % 2 else 0.5)
            box = QRect(column * cell, row * cell, cell, cell)
            painter.fillRect(box, color)
            painter.setPen(QColor(0, 0, 0, 150))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{'ABCDEFGH'[column]}{8 - row}")
    painter.setPen(QPen(QColor(255, 255, 255, 90), 1))
    for i in range(9):
        painter.drawLine(i * cell, 0, i * cell, SIDE)
        painter.drawLine(0, i * cell, SIDE, i * cell)
    painter.end()
    return image


def _color_chart() -> QImage:
    image, painter = _canvas("#1c1c1e")
    chips = ("735244 c29682 627a9d 576c43 8580b1 67bdaa d67e2c 505ba6 c15a63 5e3c6c 9dbc40 e0a32e "
             "383d96 469449 af363c e7c71f bb5695 0885a1 f3f3f2 c8c8c8 a0a0a0 7a7a79 555555 343434").split()  # fmt: skip
    width, gap = SIDE / 6, 7
    for i, chip in enumerate(chips):
        box = QRectF(i % 6 * width + gap, 86 + i // 6 * width + gap, width - 2 * gap, width - 2 * gap)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor("#" + chip))
        painter.drawRoundedRect(box, 5, 5)
    painter.end()
    return image


def _wood() -> QImage:
    grain = _noise(14)
    pixels = bytearray()
    for y in range(SIDE):
        row = y * SIDE
        for x in range(SIDE):
            ring = math.sin(0.055 * x + grain[row + x] * 0.075 + 0.004 * y)
            fine = grain[(y // 8 * SIDE + x * 7 % SIDE)] * 0.06
            v = 0.62 + 0.3 * ring
            pixels += bytes((0, 0, 0))
            pixels[-3:] = bytes((int(105 + 75 * v + fine), int(62 + 52 * v + fine), int(30 + 32 * v + fine)))
    return QImage(bytes(pixels), SIDE, SIDE, SIDE * 3, QImage.Format.Format_RGB888).copy()


def _sunset() -> QImage:
    image, painter = _canvas("#000000")
    sky = QLinearGradient(0, 0, 0, SIDE)
    for at, color in ((0, "#0e1533"), (0.35, "#3b2b66"), (0.58, "#b1436b"), (0.72, "#f08a4b"), (0.8, "#fbd07c")):
        sky.setColorAt(at, QColor(color))
    painter.fillRect(0, 0, SIDE, SIDE, sky)
    sun = QRadialGradient(QPointF(SIDE * 0.62, SIDE * 0.7), SIDE * 0.3)
    sun.setColorAt(0, QColor(255, 248, 220, 255))
    sun.setColorAt(0.17, QColor(255, 236, 180, 240))
    sun.setColorAt(0.19, QColor(255, 210, 130, 110))
    sun.setColorAt(1, QColor(255, 190, 110, 0))
    painter.fillRect(0, 0, SIDE, SIDE, sun)
    rng = random.Random(5)
    painter.setPen(Qt.PenStyle.NoPen)
    for layer in range(4):
        painter.setBrush(QColor.fromHsvF(0.74, 0.45, 0.34 - 0.075 * layer))
        base, phase = SIDE * (0.72 + 0.07 * layer), rng.uniform(0, 6)
        for x in range(SIDE):
            y = base + 20 * math.sin(x / 61 + phase) + 11 * math.sin(x / 23 + phase * 3) + 3 * math.sin(x / 6 + phase)
            painter.drawRect(QRectF(x, y, 1.5, SIDE - y))
    painter.end()
    return image


def _brushed() -> QImage:
    image, painter = _canvas("#8c9096")
    rng = random.Random(8)
    for y in range(SIDE):
        for _ in range(4):
            tone = rng.randint(90, 205)
            painter.setPen(QColor(tone, tone + 2, tone + 5, 60))
            x = rng.randint(-200, SIDE)
            painter.drawLine(x, y, x + rng.randint(60, 420), y)
    shine = QLinearGradient(0, 0, SIDE, SIDE)
    for at, alpha in ((0, 40), (0.3, 0), (0.5, 120), (0.62, 0), (1, 50)):
        shine.setColorAt(at, QColor(255, 255, 255, alpha))
    painter.fillRect(0, 0, SIDE, SIDE, shine)
    painter.end()
    return image


def _hue_wheel() -> QImage:
    image = QImage(SIDE, SIDE, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    hue = QConicalGradient(QPointF(SIDE / 2, SIDE / 2), 90)
    for i in range(13):
        hue.setColorAt(i / 12, QColor.fromHsvF(i / 12 % 1, 0.85, 0.95))
    fade = QRadialGradient(QPointF(SIDE / 2, SIDE / 2), SIDE / 2)
    fade.setColorAt(0, QColor(255, 255, 255, 255))
    fade.setColorAt(1, QColor(255, 255, 255, 0))
    painter.setPen(Qt.PenStyle.NoPen)
    for brush in (hue, fade):
        painter.setBrush(brush)
        painter.drawEllipse(12, 12, SIDE - 24, SIDE - 24)
    painter.end()
    return image


def _bokeh() -> QImage:
    image, painter = _canvas("#0b0d16")
    rng = random.Random(4)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Plus)
    painter.setPen(Qt.PenStyle.NoPen)
    for _ in range(85):
        radius = rng.uniform(8, 62)
        at = QPointF(rng.uniform(0, SIDE), SIDE * (0.5 + rng.gauss(0, 0.2)))
        color = QColor.fromHsvF(rng.choice((0.05, 0.09, 0.12, 0.55, 0.6, 0.92)), rng.uniform(0.4, 0.8), 0.9)
        glow = QRadialGradient(at, radius)
        for stop, alpha in ((0, 42), (0.86, 62), (0.93, 105), (1, 0)):
            color.setAlpha(alpha)
            glow.setColorAt(stop, color)
        painter.setBrush(glow)
        painter.drawEllipse(at, radius, radius)
    painter.end()
    return image


def _tiles() -> QImage:
    image, painter = _canvas("#d8d2c4")
    rng = random.Random(6)
    painter.setPen(Qt.PenStyle.NoPen)
    rows, height = 12, SIDE / 12
    for row in range(rows):
        shift = (row % 2) * height
        for column in range(-1, 7):
            box = QRectF(column * height * 2 + shift + 2, row * height + 2, height * 2 - 4, height - 4)
            tone = QColor.fromHsvF(0.53 + rng.gauss(0, 0.012), 0.5 + rng.gauss(0, 0.06), min(1.0, 0.52 + rng.gauss(0, 0.07)))
            glaze = QLinearGradient(box.topLeft(), box.bottomRight())
            glaze.setColorAt(0, tone.lighter(128))
            glaze.setColorAt(0.4, tone)
            glaze.setColorAt(1, tone.darker(118))
            painter.setBrush(glaze)
            painter.drawRoundedRect(box, 3, 3)
    painter.end()
    return image
