"""The mesh readers: good files of every layout, and damaged ones."""

import math
import os
import random
import struct
from array import array

import pytest

from gallery.asset_browser import meshes
from gallery.asset_browser.meshes import MeshError, read_mesh
from gallery.asset_browser.meshes.ply import TYPES

TRIANGLE = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)]
SQUARE = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 0.0)]


@pytest.fixture
def read(tmp_path):
    def run(name, data):
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return read_mesh(str(path))

    return run


def corners(mesh):
    """The triangles as coordinates, whether the mesh has indices or not."""
    order = mesh.indices if mesh.indices is not None else range(mesh.vertex_count)
    points = [tuple(mesh.positions[i * 3 : i * 3 + 3]) for i in order]
    return [tuple(points[i : i + 3]) for i in range(0, len(points), 3)]


# --- OBJ --------------------------------------------------------------------------------------

OBJ_SQUARE = "".join("v %g %g %g\n" % p for p in SQUARE)


def test_obj_triangle(read):
    mesh = read("a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    assert mesh.format == "OBJ"
    assert corners(mesh) == [tuple(TRIANGLE)]
    assert mesh.normals is None
    assert (mesh.lower, mesh.upper) == ((0, 0, 0), (1, 1, 0))
    assert (mesh.positions.typecode, mesh.indices.typecode) == ("f", "I")


def test_obj_polygon_becomes_a_fan(read):
    mesh = read("a.obj", OBJ_SQUARE + "f 1 2 3 4\n")
    assert corners(mesh) == [
        (SQUARE[0], SQUARE[1], SQUARE[2]),
        (SQUARE[0], SQUARE[2], SQUARE[3]),
    ]


def test_obj_negative_numbers_count_back_from_where_they_stand(read):
    mesh = read("a.obj", OBJ_SQUARE + "f -4 -3 -2\nv 9 9 9\nf -5 -4 -3\n")
    assert corners(mesh) == [tuple(SQUARE[:3]), tuple(SQUARE[:3])]


def test_obj_corner_forms_share_vertices(read):
    text = OBJ_SQUARE + "vt 0 0\nvn 0 0 1\nf 1/1/1 2/1/1 3/1/1\nf 1//1 3//1 4//1\n"
    mesh = read("a.obj", text)
    assert mesh.vertex_count == 4
    assert list(mesh.normals) == [0, 0, 1] * 4


def test_obj_a_vertex_with_two_normals_is_two_corners(read):
    mesh = read("a.obj", OBJ_SQUARE + "vn 0 0 1\nvn 1 0 0\nf 1//1 2//1 3//1\nf 1//2 3//2 4//2\n")
    assert mesh.vertex_count == 6


def test_obj_missing_normals_are_left_to_the_viewer(read):
    mesh = read("a.obj", OBJ_SQUARE + "vn 0 0 1\nf 1//1 2//1 3\n")
    assert mesh.normals is None and mesh.triangle_count == 1


def test_obj_colors_after_the_position(read):
    mesh = read("a.obj", "v 0 0 0\nv 1 0 0 1 0.5 0\nv 0 1 0 2 -1 0\nf 1 2 3\n")
    assert list(mesh.colors) == [255, 255, 255, 255, 128, 0, 255, 0, 0]


def test_obj_continued_lines_comments_and_crlf(read):
    mesh = read("a.obj", "# x\r\nv 0 0 0\r\nv 1 0 \\\r\n0\r\nv 0 1 0\r\nusemtl m\r\ng a\r\nf 1 2 3\r\n")
    assert corners(mesh) == [tuple(TRIANGLE)]


def test_obj_faces_that_point_nowhere_are_left_out_and_reported(read):
    mesh = read("a.obj", OBJ_SQUARE + "f 1 2 3\nf 1 2 99\nf 0 1 2\nf -9 1 2\nf 1 2\nf 1 x 3\n")
    assert corners(mesh) == [tuple(SQUARE[:3])]
    assert len(mesh.warnings) == 2
    assert mesh.upper == (1, 1, 0)


def test_obj_a_damaged_vertex_keeps_its_number(read):
    mesh = read("a.obj", "v 0 0 0\nv oops\nv 1 0 0\nv 1 1 0\nf 1 3 4\nf 1 2 3\n")
    assert corners(mesh) == [((0, 0, 0), (1, 0, 0), (1, 1, 0))]
    assert any("lines" in w for w in mesh.warnings)


def test_obj_without_faces_is_a_point_cloud(read):
    mesh = read("a.obj", OBJ_SQUARE)
    assert mesh.points and mesh.vertex_count == 4 and mesh.triangle_count == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\0\n",
        "hello\n",
        "f 1 2 3\n",
        OBJ_SQUARE + "f 7 8 9\n",
        "v nan 0 0\nv inf 0 0\nv 0 nan 0\nf 1 2 3\n",
        OBJ_SQUARE + "f 99999999999999999999 1 2\n",
    ],
)
def test_obj_that_cannot_be_shown(read, text):
    with pytest.raises(MeshError):
        read("a.obj", text)


def test_nan_vertices_take_their_triangles_along_and_spare_the_bounds(read):
    mesh = read("a.obj", OBJ_SQUARE + "v nan 5 5\nv 1e400 5 5\nf 1 2 3\nf 1 2 5\nf 6 2 3\n")
    assert corners(mesh) == [tuple(SQUARE[:3])]
    assert (mesh.lower, mesh.upper) == ((0, 0, 0), (1, 1, 0))
    assert "not finite" in mesh.warnings[0]


# --- STL --------------------------------------------------------------------------------------


def stl_binary(triangles, normal=(0.0, 0.0, 1.0), header=b"", count=None):
    body = b"".join(struct.pack("<12fH", *normal, *sum(t, ()), 7) for t in triangles)
    return header.ljust(80, b"\0") + struct.pack("<I", len(triangles) if count is None else count) + body


def stl_text(triangles, normal="0 0 1", end="endsolid x\n"):
    out = "solid x\n"
    for t in triangles:
        out += f" facet normal {normal}\n  outer loop\n"
        out += "".join("   vertex %g %g %g\n" % p for p in t)
        out += "  endloop\n endfacet\n"
    return out + end


TWO = [tuple(TRIANGLE), ((2.0, 0.0, 0.0), (3.0, 0.0, 0.0), (2.0, 1.0, 0.5))]


@pytest.mark.parametrize("make", [stl_binary, stl_text])
def test_stl(read, make):
    mesh = read("a.stl", make(TWO))
    assert corners(mesh) == TWO
    assert list(mesh.normals) == [0, 0, 1] * 6
    assert mesh.triangle_count == 2 and not mesh.warnings


def test_stl_binary_whose_header_begins_with_solid(read):
    mesh = read("a.stl", stl_binary(TWO, header=b"solid exported by something"))
    assert mesh.format == "STL binary" and corners(mesh) == TWO


@pytest.mark.parametrize("normal", [(0.0, 0.0, 0.0), (math.nan, 0.0, 0.0), (0.0, 0.0, 55.0)])
def test_stl_useless_normals_are_computed(read, normal):
    mesh = read("a.stl", stl_binary([tuple(TRIANGLE)], normal=normal))
    assert list(mesh.normals) == [0, 0, 1] * 3


def test_stl_degenerate_triangle_still_has_a_normal(read):
    point = (1.0, 2.0, 3.0)
    mesh = read("a.stl", stl_binary([(point, point, point)], normal=(0.0, 0.0, 0.0)))
    assert all(math.isfinite(v) for v in mesh.normals)


@pytest.mark.parametrize("count", [3, 1000, 0xFFFFFFFF])
def test_stl_binary_with_a_count_that_does_not_fit(read, count):
    with pytest.raises(MeshError, match="cut"):
        read("a.stl", stl_binary(TWO, count=count))


@pytest.mark.parametrize("size", [1, 79, 83, 84, 100, 133, 134, 183])
def test_stl_binary_cut(read, size):
    with pytest.raises(MeshError):
        read("a.stl", stl_binary(TWO)[:size])


def test_stl_binary_with_a_tail(read):
    mesh = read("a.stl", stl_binary(TWO) + b"tail")
    assert corners(mesh) == TWO and "4 bytes" in mesh.warnings[0]


def test_stl_text_cut_inside_a_facet(read):
    text = stl_text(TWO)
    with pytest.raises(MeshError, match="cut"):
        read("a.stl", text[: text.rindex("vertex")])


def test_stl_text_without_its_end_is_shown_with_a_warning(read):
    mesh = read("a.stl", stl_text(TWO, end=""))
    assert corners(mesh) == TWO and mesh.warnings


@pytest.mark.parametrize("text", ["solid x\nendsolid x\n", stl_text([]).replace("solid", "SOLID")])
def test_stl_text_without_triangles(read, text):
    with pytest.raises(MeshError):
        read("a.stl", text)


def test_stl_text_with_words_for_numbers(read):
    with pytest.raises(MeshError, match="not a number"):
        read("a.stl", stl_text(TWO).replace("vertex 3 0 0", "vertex 3 zero 0"))


def test_stl_nan_position(read):
    bad = ((math.nan, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    mesh = read("a.stl", stl_binary([tuple(TRIANGLE), bad]))
    assert corners(mesh) == [tuple(TRIANGLE)]


# --- PLY --------------------------------------------------------------------------------------


def ply(layout="ascii", vertices=SQUARE, faces=((0, 1, 2, 3),), vertex_type="float", count=None,
        face_count=None, length_type="uchar", index_type="int", extra="", values=()):  # fmt: skip
    header = (
        f"ply\nformat {layout} 1.0\ncomment made by a test\n"
        f"element vertex {len(vertices) if count is None else count}\n"
        + "".join(f"property {vertex_type} {axis}\n" for axis in "xyz")
        + extra
        + f"element face {len(faces) if face_count is None else face_count}\n"
        f"property list {length_type} {index_type} vertex_indices\nend_header\n"
    )
    if layout == "ascii":
        body = "".join(
            " ".join(map(repr, (*v, *(values[i] if values else ())))) + "\n"
            for i, v in enumerate(vertices)
        )
        body += "".join(" ".join(map(str, (len(f), *f))) + "\n" for f in faces)
        return (header + body).encode()
    order = "<" if "little" in layout else ">"
    codes = TYPES
    out = header.encode()
    tail = [codes[line.split()[1]] for line in extra.splitlines()]
    for i, v in enumerate(vertices):
        out += struct.pack(order + codes[vertex_type] * 3, *v)
        if values:
            out += struct.pack(order + "".join(tail), *values[i])
    for f in faces:
        out += struct.pack(order + codes[length_type], len(f))
        out += struct.pack(f"{order}{len(f)}{codes[index_type]}", *f)
    return out


LAYOUTS = ["ascii", "binary_little_endian", "binary_big_endian"]
FAN = [(SQUARE[0], SQUARE[1], SQUARE[2]), (SQUARE[0], SQUARE[2], SQUARE[3])]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("faces", [((0, 1, 2), (0, 2, 3)), ((0, 1, 2, 3),), ((0,), (0, 1), (0, 1, 2, 3))])
@pytest.mark.parametrize("vertex_type", ["float", "double", "float32"])
@pytest.mark.parametrize("types", [("uchar", "int"), ("int", "uint"), ("uint8", "uint16"), ("ushort", "uchar")])
def test_ply(read, layout, faces, vertex_type, types):
    mesh = read("a.ply", ply(layout, faces=faces, vertex_type=vertex_type, length_type=types[0],
                             index_type=types[1]))  # fmt: skip
    assert corners(mesh) == FAN
    assert mesh.format == ("PLY text" if layout == "ascii" else "PLY binary")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("vertex_type", ["float", "double"])
def test_ply_colors_normals_and_unknown_properties(read, layout, vertex_type):
    extra = ("property uchar red\nproperty uchar green\nproperty uchar blue\nproperty short odd\n"
             "property float nx\nproperty float ny\nproperty float nz\n")  # fmt: skip
    values = [(10 * i, 20, 255, -3, 0.0, 0.0, 1.0) for i in range(4)]
    mesh = read("a.ply", ply(layout, extra=extra, values=values, vertex_type=vertex_type))
    assert list(mesh.colors) == [c for i in range(4) for c in (10 * i, 20, 255)]
    assert list(mesh.normals) == [0, 0, 1] * 4
    assert corners(mesh) == FAN


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ply_elements_that_are_not_needed_are_skipped(read, layout):
    data = ply(layout)
    block = b"element edge 2\nproperty int a\nproperty list uchar short b\n"
    head, body = data.split(b"element vertex")
    order = ">" if "big" in layout else "<"
    edges = (b"1 2 5 6\n2 0\n" if layout == "ascii"
             else struct.pack(order + "iBhhiB", 1, 2, 5, 6, 2, 0))  # fmt: skip
    rest, values = body.split(b"end_header\n")
    mesh = read("a.ply", head + block + b"element vertex" + rest + b"end_header\n" + edges + values)
    assert corners(mesh) == FAN


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ply_without_faces_is_a_point_cloud(read, layout):
    mesh = read("a.ply", ply(layout, faces=()))
    assert mesh.points and mesh.vertex_count == 4


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("counts", [{"count": 10**9}, {"count": 10**18}, {"face_count": 10**12}, {"count": -1}])
def test_ply_with_huge_or_negative_counts(read, layout, counts):
    with pytest.raises(MeshError):
        read("a.ply", ply(layout, **counts))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ply_cut_anywhere_is_an_error_or_a_mesh(read, layout):
    data = ply(layout, faces=((0, 1, 2), (0, 2, 3)))
    for size in range(len(data) - 2):
        # A text number cut in the middle is still a number; everything else must be noticed.
        try:
            mesh = read("a.ply", data[:size])
        except MeshError:
            continue
        assert layout == "ascii" and mesh.vertex_count == 4, size


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ply_indices_out_of_range(read, layout):
    mesh = read("a.ply", ply(layout, faces=((0, 1, 2), (0, 1, 4), (0, -1, 2), (0, 1, 2**31 - 1))))
    assert corners(mesh) == [tuple(SQUARE[:3])]
    assert "3 triangles" in mesh.warnings[0]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ply_nan(read, layout):
    points = [*SQUARE, (math.nan, 0.0, 0.0), (0.0, math.inf, 0.0)]
    mesh = read("a.ply", ply(layout, vertices=points, faces=((0, 1, 2), (0, 1, 4), (1, 2, 5))))
    assert corners(mesh) == [tuple(SQUARE[:3])]
    cloud = read("a.ply", ply(layout, vertices=points, faces=()))
    assert cloud.points and cloud.vertex_count == 4


def test_ply_list_with_a_huge_length(read):
    data = ply("binary_little_endian", length_type="uint", faces=((0, 1, 2),))
    cut = data[: -4 * 3 - 4] + struct.pack("<I", 0xFFFFFFFF) + data[-4 * 3 :]
    with pytest.raises(MeshError):
        read("a.ply", cut)
    with pytest.raises(MeshError):
        read("a.ply", ply("ascii").replace(b"4 0 1 2 3", b"999999999 0 1 2 3"))
    with pytest.raises(MeshError):
        read("a.ply", ply("ascii").replace(b"4 0 1 2 3", b"-4 0 1 2 3"))


@pytest.mark.parametrize(
    "old,new",
    [
        (b"ply\n", b"plx\n"),
        (b"ascii", b"utf8"),
        (b"format ascii 1.0\n", b""),
        (b"property float x\n", b"property quaternion x\n"),
        (b"property float x\n", b"property float w\n"),
        (b"element vertex 4", b"element vertex"),
        (b"element vertex 4", b"element vertex four"),
        (b"end_header", b"end_of_it"),
        (b"list uchar int", b"list float int"),
        (b"uchar int vertex_indices", b"uchar float vertex_indices"),
        (b"vertex_indices", b"other_indices"),
        (b"element vertex", b"element vertices"),
        (b"0.0 0.0 0.0", b"x 0.0 0.0"),
    ],
)
def test_ply_with_a_wrong_word(read, old, new):
    data = ply("ascii")
    assert old in data
    with pytest.raises(MeshError):
        read("a.ply", data.replace(old, new, 1))


# --- all --------------------------------------------------------------------------------------


def test_not_a_regular_file(tmp_path):
    path = tmp_path / "pipe.obj"
    os.mkfifo(path)
    with pytest.raises(MeshError, match="regular"):
        read_mesh(str(path))


def test_unknown_extension(read):
    with pytest.raises(MeshError, match="extension"):
        read("a.fbx", b"x")


def test_missing_file():
    with pytest.raises(OSError):
        read_mesh("/nowhere/a.obj")


def test_names_that_are_no_utf8(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"m\xff.OBJ")
    with open(path, "wb") as out:
        out.write(b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    assert read_mesh(os.fsdecode(path)).triangle_count == 1


def test_file_and_triangle_limits(read, monkeypatch):
    monkeypatch.setattr(meshes.mesh, "MAX_TRIANGLES", 1)
    with pytest.raises(MeshError, match="limit"):
        read("a.obj", OBJ_SQUARE + "f 1 2 3 4\nf 1 2 3\n")
    with pytest.raises(MeshError, match="limit"):
        read("a.stl", stl_binary(TWO))
    monkeypatch.setattr(meshes, "MAX_BYTES", 10)
    with pytest.raises(MeshError, match="limit"):
        read("a.obj", OBJ_SQUARE)


@pytest.mark.parametrize("name", ["a.obj", "a.stl", "a.ply"])
def test_damaged_files_never_do_worse_than_meshes_error(read, name):
    """Every outcome for bytes changed at random is a mesh whose buffers agree, or MeshError."""
    sources = {
        "a.obj": [(OBJ_SQUARE + "vn 0 0 1\nf 1//1 2//1 3//1\nf -4 -3 -2\nf 1 2 3 4\n").encode()],
        "a.stl": [stl_binary(TWO), stl_text(TWO).encode()],
        "a.ply": [ply(layout) for layout in LAYOUTS],
    }[name]
    rng = random.Random(20)
    for _ in range(400):
        data = bytearray(rng.choice(sources))
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.choice((0, 32, 45, 48, 57, 127, 128, 255, rng.randrange(256)))
        try:
            mesh = read(name, bytes(data))
        except MeshError:
            continue
        assert all(math.isfinite(v) for v in mesh.positions)
        assert isinstance(mesh.positions, array) and len(mesh.positions) % 3 == 0
        if mesh.indices is not None and not mesh.points:
            assert len(mesh.indices) % 3 == 0 and max(mesh.indices) < mesh.vertex_count
        for other in (mesh.normals, mesh.colors):
            assert other is None or len(other) == len(mesh.positions)
