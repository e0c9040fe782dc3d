"""Readers for OBJ, STL (text and binary) and PLY (text and binary, both byte orders).

Only the standard library is used, so they run in any application's Python. Bulk work is done by
strided slices of `array` and `bytearray`, which run at C speed.

A damaged file is an error (`MeshError`) where its data cannot be trusted: counts that do not fit
the file, cut records, numbers that are none. Single faces that point at missing or non-finite
vertices are left out and reported in `Mesh.warnings`, since real scans and exports have them.
"""

from __future__ import annotations

import os
import stat
from typing import Callable, Dict

from .mesh import Mesh, MeshError, finish
from .obj import read_obj
from .ply import read_ply
from .stl import read_stl

__all__ = ["Mesh", "MeshError", "read_mesh"]

MAX_BYTES = 512 * 1024 * 1024

READERS: Dict[str, Callable[[bytes], Mesh]] = {
    ".obj": read_obj,
    ".stl": read_stl,
    ".ply": read_ply,
}


def read_mesh(path) -> Mesh:
    """Reads the mesh file at `path`; the format follows from the name's extension."""
    extension = os.path.splitext(os.fsdecode(path))[1].lower()
    reader = READERS.get(extension)
    if reader is None:
        raise MeshError(f"no mesh format has the extension '{extension}'")
    # A FIFO or device named *.obj would block or never end.
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise MeshError("not a regular file")
    if status.st_size > MAX_BYTES:
        raise MeshError(f"the file has {status.st_size >> 20} MiB, the limit is {MAX_BYTES >> 20}")
    with open(path, "rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise MeshError(f"the file grew past the limit of {MAX_BYTES >> 20} MiB")
    if not data.strip(b" \t\r\n\0"):
        raise MeshError("the file is empty")
    return finish(reader(data))
