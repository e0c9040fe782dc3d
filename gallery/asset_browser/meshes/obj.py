"""OBJ: text, one record a line."""

from __future__ import annotations

import math
from array import array
from typing import Dict, List, Tuple

from .mesh import Mesh, MeshError, limit_triangles, to_bytes


def read_obj(data: bytes) -> Mesh:
    positions = array("f")
    normals = array("f")
    colors = array("f")
    indices = array("I")
    # A corner is one (vertex, normal) pair; its token is its name, so that each is split once.
    corner_of: Dict[bytes, int] = {}
    corner_of_pair: Dict[Tuple[int, int], int] = {}
    pairs: List[Tuple[int, int]] = []
    bad_lines = 0
    bad_faces = 0

    if b"\\\n" in data or b"\\\r\n" in data:
        data = data.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")

    def corner(token: bytes) -> int:
        parts = token.split(b"/")
        vertex = int(parts[0])
        normal = int(parts[2]) if len(parts) > 2 and parts[2] else 0
        # Negative numbers count back from the last one read so far; 0 is not a number in OBJ.
        vertex = vertex - 1 if vertex > 0 else len(positions) // 3 + vertex if vertex else -1
        if normal:
            normal = normal - 1 if normal > 0 else len(normals) // 3 + normal
            if normal < 0:
                normal = -1
        else:
            normal = -1
        if vertex < 0:
            raise IndexError(token)
        pair = (vertex, normal)
        found = corner_of_pair.get(pair)
        if found is None:
            found = corner_of_pair[pair] = len(pairs)
            pairs.append(pair)
        if b"-" not in token:
            corner_of[token] = found
        return found

    for line in data.splitlines():
        fields = line.split()
        if not fields:
            continue
        kind = fields[0]
        if kind == b"v":
            try:
                x, y, z = float(fields[1]), float(fields[2]), float(fields[3])
                # Seven numbers: a colour of 0..1 follows the position (a common extension).
                tint = [float(v) for v in fields[4:7]] if len(fields) >= 7 else None
            except (ValueError, IndexError):
                # The vertex keeps its number, or all later faces would be wrong.
                bad_lines += 1
                x = y = z = math.nan
                tint = None
            positions.extend((x, y, z))
            if tint is not None:
                if not colors and len(positions) > 3:
                    colors.extend([1.0] * (len(positions) - 3))
                colors.extend(tint)
            elif colors:
                colors.extend((1.0, 1.0, 1.0))
        elif kind == b"vn":
            try:
                normals.extend((float(fields[1]), float(fields[2]), float(fields[3])))
            except (ValueError, IndexError):
                bad_lines += 1
                del normals[len(normals) - len(normals) % 3 :]
                normals.extend((0.0, 0.0, 0.0))
        elif kind == b"f":
            try:
                face = [
                    corner_of[token] if token in corner_of else corner(token)
                    for token in fields[1:]
                ]
            except (ValueError, IndexError):
                bad_faces += 1
                continue
            if len(face) < 3:
                bad_faces += 1
                continue
            if len(face) == 3:
                indices.extend(face)
            else:
                first = face[0]
                for i in range(1, len(face) - 1):
                    indices.extend((first, face[i], face[i + 1]))
            limit_triangles(len(indices) // 3)

    vertex_count = len(positions) // 3
    normal_count = len(normals) // 3
    if vertex_count == 0:
        raise MeshError("no vertices: this is not an OBJ file")
    mesh = Mesh("OBJ", positions)
    if bad_lines:
        mesh.warnings.append(f"{bad_lines} lines could not be read")
    if bad_faces:
        mesh.warnings.append(f"{bad_faces} faces could not be read and were left out")

    if not pairs:
        mesh.points = True
        mesh.colors = to_bytes(colors) if colors else None
        return mesh

    has_normals = normal_count > 0 and all(0 <= n < normal_count for _, n in pairs)
    flat = array("f")
    flat_normals = array("f")
    flat_colors = array("f")
    for vertex, normal in pairs:
        if vertex < vertex_count:
            flat.extend(positions[vertex * 3 : vertex * 3 + 3])
            if colors:
                flat_colors.extend(colors[vertex * 3 : vertex * 3 + 3])
        else:
            # NaN marks the corner; finish() then leaves its triangles out and says how many.
            flat.extend((math.nan, math.nan, math.nan))
            if colors:
                flat_colors.extend((1.0, 1.0, 1.0))
        if has_normals:
            flat_normals.extend(normals[normal * 3 : normal * 3 + 3])
    mesh.positions = flat
    mesh.indices = indices
    mesh.normals = flat_normals if has_normals else None
    mesh.colors = to_bytes(flat_colors) if colors else None
    return mesh
