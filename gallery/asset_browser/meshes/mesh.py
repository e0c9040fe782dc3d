"""What every reader yields, and what all of them check."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from typing import Callable, List, Optional, Sequence, Tuple

MAX_TRIANGLES = 8_000_000

assert array("f").itemsize == 4 and array("I").itemsize == 4


class MeshError(ValueError):
    """The file is not a mesh that can be shown; the message says why."""


@dataclass
class Mesh:
    format: str
    positions: array  # 'f', x y z per vertex
    normals: Optional[array] = None  # 'f', like positions
    colors: Optional[array] = None  # 'B', r g b per vertex
    indices: Optional[array] = None  # 'I', three per triangle; None: every three vertices are one
    points: bool = False  # no faces at all: a point cloud
    warnings: List[str] = field(default_factory=list)
    lower: Tuple[float, float, float] = (0.0, 0.0, 0.0)
    upper: Tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def vertex_count(self) -> int:
        return len(self.positions) // 3

    @property
    def triangle_count(self) -> int:
        if self.points:
            return 0
        return len(self.indices if self.indices is not None else self.positions) // (
            3 if self.indices is not None else 9
        )


def zeros(code: str, count: int) -> array:
    return array(code, bytes(count * array(code).itemsize))


def all_finite(values: array) -> bool:
    # One NaN or infinity makes the sum non-finite, and a sum of float32 cannot overflow a double.
    return math.isfinite(sum(values))


def limit_triangles(count: int) -> None:
    if count > MAX_TRIANGLES:
        raise MeshError(f"{count} triangles, the limit is {MAX_TRIANGLES}")


def finish(mesh: Mesh) -> Mesh:
    """Drops what points nowhere, then computes the bounds."""
    count = mesh.vertex_count
    if count == 0:
        raise MeshError("the file has no vertices")
    if not all_finite(mesh.positions):
        _drop_non_finite(mesh)
    elif mesh.indices is not None and len(mesh.indices) and max(mesh.indices) >= count:
        _keep_triangles(mesh, lambda index: index < count, "point at vertices that do not exist")
    if mesh.normals is not None and not all_finite(mesh.normals):
        mesh.normals = None
        mesh.warnings.append("normals are not finite and were computed instead")
    if not mesh.points and mesh.triangle_count == 0:
        raise MeshError("the file has no triangle that can be drawn")
    axes = [mesh.positions[axis::3] for axis in range(3)]
    mesh.lower = tuple(min(axis) for axis in axes)
    mesh.upper = tuple(max(axis) for axis in axes)
    return mesh


def _keep_triangles(mesh: Mesh, good: Callable[[int], bool], reason: str) -> None:
    source = mesh.indices
    kept = array("I")
    for offset in range(0, len(source) - 2, 3):
        triangle = source[offset : offset + 3]
        if good(triangle[0]) and good(triangle[1]) and good(triangle[2]):
            kept.extend(triangle)
    dropped = (len(source) - len(kept)) // 3
    mesh.indices = kept
    if dropped:
        mesh.warnings.append(f"{dropped} triangles {reason} and were left out")


def _drop_non_finite(mesh: Mesh) -> None:
    positions = mesh.positions
    isfinite = math.isfinite
    good = bytearray(
        isfinite(x) and isfinite(y) and isfinite(z)
        for x, y, z in zip(positions[0::3], positions[1::3], positions[2::3])
    )
    count = len(good)
    if mesh.points:
        keep = [i for i in range(count) if good[i]]
        mesh.warnings.append(f"{count - len(keep)} points are not finite and were left out")
        mesh.positions = _pick(positions, keep)
        mesh.normals = _pick(mesh.normals, keep) if mesh.normals is not None else None
        mesh.colors = _pick(mesh.colors, keep) if mesh.colors is not None else None
        if not keep:
            raise MeshError("no vertex is finite")
        return
    if mesh.indices is None:
        mesh.indices = array("I", range(count))
    _keep_triangles(mesh, lambda i: i < count and good[i], "have vertices that are not finite")
    # They stay in the buffer, since indices refer to it, but must not spoil the bounds.
    fallback = next((i for i in range(count) if good[i]), None)
    if fallback is None:
        raise MeshError("no vertex is finite")
    for i in range(count):
        if not good[i]:
            positions[i * 3 : i * 3 + 3] = positions[fallback * 3 : fallback * 3 + 3]


def _pick(values: array, keep: Sequence[int]) -> array:
    out = array(values.typecode)
    for i in keep:
        out.extend(values[i * 3 : i * 3 + 3])
    return out


def to_bytes(values: array) -> array:
    return array(
        "B", bytes(255 if v >= 1 else int(v * 255 + 0.5) if v > 0 else 0 for v in values)
    )
