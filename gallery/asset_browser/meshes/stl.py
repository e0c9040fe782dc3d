"""STL, text and binary: every three vertices are a triangle."""

from __future__ import annotations

import math
import re
import struct
import sys
from array import array
from typing import List

from .mesh import Mesh, MeshError, limit_triangles, zeros

_STL_VERTEX = re.compile(rb"\bvertex\s+(\S+)\s+(\S+)\s+(\S+)", re.I)
_STL_NORMAL = re.compile(rb"\bfacet\s+normal\s+(\S+)\s+(\S+)\s+(\S+)", re.I)


def read_stl(data: bytes) -> Mesh:
    announced = struct.unpack_from("<I", data, 80)[0] if len(data) >= 84 else 0
    # Many binary files start with "solid" too, so the size decides before the first word does.
    if len(data) >= 84 and len(data) == 84 + 50 * announced:
        return _stl_binary(data, announced, [])
    head = data[:1024].lstrip().lower()
    if head.startswith(b"solid") and b"\0" not in head and (
        b"facet" in head or b"endsolid" in head
    ):
        return _stl_text(data)
    if len(data) < 84:
        raise MeshError("too short for an STL file")
    room = (len(data) - 84) // 50
    if announced > room:
        raise MeshError(f"cut: the header announces {announced} triangles, there are {room}")
    extra = len(data) - 84 - 50 * announced
    return _stl_binary(data, announced, [f"{extra} bytes after the last triangle were ignored"])


def _stl_binary(data: bytes, count: int, warnings: List[str]) -> Mesh:
    if count == 0:
        raise MeshError("the file has no triangles")
    limit_triangles(count)
    records = bytearray(memoryview(data)[84 : 84 + 50 * count])
    # A record is 12 floats and 2 bytes of attributes: take the two bytes out of each.
    del records[48::50]
    del records[48::49]
    values = array("f")
    values.frombytes(bytes(records))
    if sys.byteorder == "big":
        values.byteswap()
    positions = zeros("f", count * 9)
    normals = zeros("f", count * 9)
    for i in range(9):
        positions[i::9] = values[3 + i :: 12]
        normals[i::9] = values[i % 3 :: 12]
    _repair_normals(positions, normals)
    return Mesh("STL binary", positions, normals, warnings=warnings)


def _stl_text(data: bytes) -> Mesh:
    vertices = _STL_VERTEX.findall(data)
    facets = _STL_NORMAL.findall(data)
    if not vertices:
        raise MeshError("the file has no triangles")
    if len(vertices) != 3 * len(facets):
        raise MeshError(f"cut or damaged: {len(facets)} facets, but {len(vertices)} vertices")
    limit_triangles(len(facets))
    try:
        positions = array("f", [float(v) for vertex in vertices for v in vertex])
        normals = array("f", [float(v) for normal in facets for v in normal * 3])
    except (ValueError, OverflowError) as error:
        raise MeshError(f"a coordinate is not a number: {error}") from None
    _repair_normals(positions, normals)
    warnings = [] if b"endsolid" in data[-512:].lower() else ["no 'endsolid': it may be cut"]
    return Mesh("STL text", positions, normals, warnings=warnings)


def _repair_normals(positions: array, normals: array) -> None:
    """Many writers leave the facet normal at zero; such ones are computed."""
    for i, (x, y, z) in enumerate(zip(normals[0::9], normals[1::9], normals[2::9])):
        length = x * x + y * y + z * z
        if 0.81 < length < 1.21:  # NaN fails this comparison too
            continue
        p = positions[i * 9 : i * 9 + 9]
        ax, ay, az = p[3] - p[0], p[4] - p[1], p[5] - p[2]
        bx, by, bz = p[6] - p[0], p[7] - p[1], p[8] - p[2]
        nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        length = math.sqrt(nx * nx + ny * ny + nz * nz)
        if not (length > 0 and math.isfinite(length)):
            nx, ny, nz, length = 0.0, 0.0, 1.0, 1.0
        normal = array("f", (nx / length, ny / length, nz / length))
        normals[i * 9 : i * 9 + 9] = normal * 3
