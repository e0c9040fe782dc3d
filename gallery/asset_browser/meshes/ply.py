"""PLY, text and binary in both byte orders: a header that declares records of any shape."""

from __future__ import annotations

import re
import struct
import sys
from array import array
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Sequence, Tuple

from .mesh import Mesh, MeshError, limit_triangles, to_bytes, zeros

MAX_HEADER = 64 * 1024  # bytes; headers of real files are below 2 KiB

TYPES = {
    "char": "b", "int8": "b", "uchar": "B", "uint8": "B",
    "short": "h", "int16": "h", "ushort": "H", "uint16": "H",
    "int": "i", "int32": "i", "uint": "I", "uint32": "I",
    "float": "f", "float32": "f", "double": "d", "float64": "d",
}  # fmt: skip


@dataclass
class _Property:
    name: str
    code: str  # struct code of the value
    length_code: str = ""  # struct code of the length for a list, else ""


@dataclass
class _Element:
    name: str
    count: int
    properties: List[_Property] = field(default_factory=list)

    @property
    def smallest(self) -> int:
        """Bytes of a record whose lists are all empty."""
        return sum(struct.calcsize("<" + (p.length_code or p.code)) for p in self.properties)


def read_ply(data: bytes) -> Mesh:
    layout, elements, start = _header(data)
    left = len(data) - start
    for element in elements:
        # Before anything is allocated by a count that the file made up. Text needs two bytes per
        # value (a digit and a separator), of which the last may be missing.
        if layout == "ascii":
            need = element.count * max(1, 2 * len(element.properties)) - 1
        else:
            need = element.count * element.smallest
        if need > left:
            raise MeshError(
                f"cut: {element.count} x '{element.name}' announced, but {left} bytes are left"
            )
    if layout == "ascii":
        source = _Text(data[start:])
    else:
        source = _Binary(data, start, "<" if layout == "binary_little_endian" else ">")

    mesh: Optional[Mesh] = None
    indices = array("I")
    had_faces = False
    for element in elements:
        if element.name == "vertex":
            mesh = _vertices(element, source.columns(element), layout)
        elif element.name == "face" and element.count:
            had_faces = True
            indices = source.triangles(element)
        else:
            source.skip(element)
    if mesh is None:
        raise MeshError("the file has no vertices")
    if had_faces:
        mesh.indices = indices
    else:
        mesh.points = True
    return mesh


def _header(data: bytes) -> Tuple[str, List[_Element], int]:
    head = data[:MAX_HEADER]
    if not head.startswith(b"ply"):
        raise MeshError("this is not a PLY file")
    end = re.search(rb"^end_header[ \t]*(\r\n|\n|\r)", head, re.M) or re.search(
        rb"\rend_header[ \t]*(\r)", head
    )
    if end is None:
        raise MeshError("the header has no end")
    layout = ""
    elements: List[_Element] = []
    for number, line in enumerate(head[: end.start()].decode("latin-1").splitlines(), 1):
        words = line.split()
        if not words or words[0] in ("ply", "comment", "obj_info"):
            continue
        try:
            if words[0] == "format":
                layout = words[1]
            elif words[0] == "element":
                count = int(words[2])
                if count < 0:
                    raise ValueError("a negative count")
                elements.append(_Element(words[1], count))
            elif words[0] == "property" and words[1] == "list":
                length_code = TYPES[words[2]]
                if length_code in "fd":
                    raise ValueError("a length that is no integer")
                elements[-1].properties.append(
                    _Property(words[4], TYPES[words[3]], length_code)
                )
            elif words[0] == "property":
                elements[-1].properties.append(_Property(words[2], TYPES[words[1]]))
            else:
                raise ValueError(f"unknown word '{words[0][:32]}'")
        except (ValueError, IndexError, KeyError) as error:
            raise MeshError(f"header line {number} is wrong: {error}") from None
    if layout not in ("ascii", "binary_little_endian", "binary_big_endian"):
        raise MeshError(f"unknown layout '{layout[:32]}'")
    return layout, elements, end.end()


def _vertices(element: _Element, columns: Dict[str, Sequence], layout: str) -> Mesh:
    def interleave(names: Sequence[str]) -> Optional[array]:
        if not all(name in columns for name in names):
            return None
        out = zeros("f", element.count * 3)
        for axis, name in enumerate(names):
            column = columns[name]
            if not (isinstance(column, array) and column.typecode == "f"):
                column = array("f", column)
            out[axis::3] = column
        return out

    try:
        positions = interleave(("x", "y", "z"))
        normals = interleave(("nx", "ny", "nz"))
    except OverflowError:
        raise MeshError("a coordinate is too large") from None
    if positions is None:
        raise MeshError("the vertices have no x, y and z")
    kind = "PLY text" if layout == "ascii" else "PLY binary"
    mesh = Mesh(kind, positions, normals)

    for names in (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue")):
        if not all(name in columns for name in names):
            continue
        codes = {p.name: p.code for p in element.properties}
        colors = zeros("B", element.count * 3)
        for axis, name in enumerate(names):
            column = columns[name]
            if codes[name] in "fd":
                column = to_bytes(array("f", column))
            elif codes[name] != "B":
                column = array("B", [min(255, max(0, int(v))) for v in column])
            elif not isinstance(column, array):
                column = array("B", [int(v) & 255 for v in column])
            colors[axis::3] = column
        mesh.colors = colors
        break
    return mesh


def _list_of_indices(element: _Element) -> int:
    for i, item in enumerate(element.properties):
        if item.length_code and item.name in ("vertex_indices", "vertex_index"):
            if item.code in "fd":
                raise MeshError("the faces' indices are not integers")
            return i
    raise MeshError("the faces have no vertex indices")


def _fan(out: array, face: Sequence[int]) -> None:
    """Appends a polygon as a fan; out-of-range numbers become one that finish() drops."""
    if len(face) < 3:
        return
    corners = [i if 0 <= i <= 0xFFFFFFFE else 0xFFFFFFFF for i in face]
    for i in range(1, len(corners) - 1):
        out.extend((corners[0], corners[i], corners[i + 1]))
    limit_triangles(len(out) // 3)


class _Binary:
    def __init__(self, data: bytes, offset: int, order: str) -> None:
        self._data = memoryview(data)
        self._offset = offset
        self._order = order
        self._swap = (order == "<") != (sys.byteorder == "little")

    def _take(self, size: int, what: str) -> memoryview:
        end = self._offset + size
        if end > len(self._data):
            raise MeshError(f"cut in the middle of '{what}'")
        view = self._data[self._offset : end]
        self._offset = end
        return view

    def columns(self, element: _Element) -> Dict[str, Sequence]:
        properties = element.properties
        if any(p.length_code for p in properties):
            return self._columns_of_lists(element)
        raw = self._take(element.smallest * element.count, element.name)
        codes = {p.code for p in properties}
        if codes == {"f"}:
            values = array("f")
            values.frombytes(raw)
            if self._swap:
                values.byteswap()
            width = len(properties)
            return {p.name: values[i::width] for i, p in enumerate(properties)}
        record = struct.Struct(self._order + "".join(p.code for p in properties))
        out: Dict[str, array] = {p.name: array(p.code) for p in properties}
        # One column is made of strided bytes: byte k of each record, four (or one, two, eight) times.
        offset = 0
        for item in properties:
            size = struct.calcsize("<" + item.code)
            column = bytearray(size * element.count)
            for k in range(size):
                column[k::size] = bytes(raw[offset + k :: record.size])
            out[item.name].frombytes(bytes(column))
            if self._swap:
                out[item.name].byteswap()
            offset += size
        return out

    def _columns_of_lists(self, element: _Element) -> Dict[str, Sequence]:
        out: Dict[str, list] = {p.name: [] for p in element.properties if not p.length_code}
        for _ in range(element.count):
            for item in element.properties:
                if item.length_code:
                    self._list(item, element.name)
                else:
                    raw = self._take(struct.calcsize("<" + item.code), element.name)
                    out[item.name].append(struct.unpack(self._order + item.code, raw)[0])
        return out

    def _list(self, item: _Property, what: str) -> Sequence[int]:
        raw = self._take(struct.calcsize("<" + item.length_code), what)
        length = struct.unpack(self._order + item.length_code, raw)[0]
        if length < 0:
            raise MeshError(f"a list of '{what}' has a negative length")
        raw = self._take(length * struct.calcsize("<" + item.code), what)
        return struct.unpack(f"{self._order}{length}{item.code}", raw)

    def triangles(self, element: _Element) -> array:
        wanted = _list_of_indices(element)
        fast = self._all_triangles(element)
        if fast is not None:
            return fast
        out = array("I")
        for _ in range(element.count):
            for i, item in enumerate(element.properties):
                if item.length_code:
                    values = self._list(item, element.name)
                    if i == wanted:
                        _fan(out, values)
                else:
                    self._take(struct.calcsize("<" + item.code), element.name)
        return out

    def _all_triangles(self, element: _Element) -> Optional[array]:
        """The usual case, one byte of length and three 32-bit indices each, at C speed."""
        properties = element.properties
        if len(properties) != 1 or properties[0].length_code not in "bB":
            return None
        if properties[0].code not in "iI" or self._offset + 13 * element.count > len(self._data):
            return None
        raw = self._data[self._offset : self._offset + 13 * element.count]
        if bytes(raw[0::13]) != b"\3" * element.count:
            return None
        limit_triangles(element.count)
        self._offset += len(raw)
        packed = bytearray(raw)
        del packed[0::13]
        out = array("I")
        out.frombytes(bytes(packed))
        if self._swap:
            out.byteswap()
        return out

    def skip(self, element: _Element) -> None:
        if any(p.length_code for p in element.properties):
            self._columns_of_lists(element)
        else:
            self._take(element.smallest * element.count, element.name)


class _Text:
    def __init__(self, data: bytes) -> None:
        self._words = iter(data.split())

    def _word(self, what: str) -> bytes:
        word = next(self._words, None)
        if word is None:
            raise MeshError(f"cut in the middle of '{what}'")
        return word

    def _number(self, code: str, what: str):
        word = self._word(what)
        try:
            return float(word) if code in "fd" else int(word)
        except ValueError:
            # Some writers put "0.0" where the header says integer.
            try:
                return int(float(word))
            except (ValueError, OverflowError):
                shown = word[:24].decode("latin-1")
                raise MeshError(f"'{shown}' in '{what}' is not a number") from None

    def _list(self, item: _Property, what: str) -> List[int]:
        length = self._number("i", what)
        if length < 0:
            raise MeshError(f"a list of '{what}' has a negative length")
        # Grows with the words that are really there, whatever the length claims.
        values = []
        for _ in range(length):
            values.append(self._number(item.code, what))
        return values

    def columns(self, element: _Element) -> Dict[str, Sequence]:
        out: Dict[str, list] = {p.name: [] for p in element.properties if not p.length_code}
        for _ in range(element.count):
            for item in element.properties:
                if item.length_code:
                    self._list(item, element.name)
                else:
                    out[item.name].append(self._number(item.code, element.name))
        return out

    def triangles(self, element: _Element) -> array:
        wanted = _list_of_indices(element)
        out = array("I")
        for _ in range(element.count):
            for i, item in enumerate(element.properties):
                if item.length_code:
                    values = self._list(item, element.name)
                    if i == wanted:
                        _fan(out, values)
                else:
                    self._number(item.code, element.name)
        return out

    def skip(self, element: _Element) -> None:
        self.columns(element)
