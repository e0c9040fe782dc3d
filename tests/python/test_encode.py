"""A Python value on its way to a page: JSON text, and binary parts beside it."""

import array
import collections
import dataclasses
import enum
import gc
import json
import sys
import typing

import numpy as np
import pytest
from auroraview._core import encode

U8, I8, U16, I16, U32, I32, F32, F64, U64, I64 = 1, 2, 4, 5, 6, 7, 8, 9, 10, 11


def plain(value):
    text, parts = encode(value)
    assert parts == []
    return text


class Number(enum.IntEnum):
    TWO = 2


class Name(str):
    pass


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -1,
        2**63 - 1,
        -(2**63),
        2**64,
        10**40,
        -(10**40),
        0.1,
        -0.0,
        1e300,
        5e-324,
        "",
        "text",
        'quote " backslash \\ slash /',
        "lines\n\r\t\b\f",
        "nul \0 inside",
        "separators \u2028 \u2029",
        "emoji \U0001f600",
        "lone \ud800 and \udfff",
        "é" * 3000,
        [],
        [1, [2, [3]]],
        (1, 2),
        {},
        {"a": 1, "b": {"c": None}},
        {"": 0},
        {"key \ud83d": 1},
        {1: "a", 2.5: "b", True: "c", None: "d"},
        collections.OrderedDict([("z", 1), ("a", 2)]),
        Number.TWO,
        Name("name"),
        {"$auv": 1},
        "x" * 100_000,
    ],
)
def test_json_means_the_same_as_from_the_standard_library(value):
    assert json.loads(plain(value)) == json.loads(json.dumps(value))


def test_order_of_an_ordered_dict():
    value = collections.OrderedDict([("a", 1), ("b", 2)])
    value.move_to_end("a")
    assert plain(value) == '{"b":2,"a":1}'


def test_json_is_compact_and_leaves_text_readable():
    assert plain({"a": [1, "é"]}) == '{"a":[1,"é"]}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [-float("inf")], {float("nan"): 1}])
def test_numbers_that_json_lacks(value):
    with pytest.raises(ValueError, match="NaN and infinity"):
        encode(value)


@pytest.mark.parametrize("value", [{1, 2}, object(), 1j, {"a": [object()]}, range(3), print])
def test_what_cannot_be_sent_names_its_type(value):
    with pytest.raises(TypeError, match="cannot be sent to a page"):
        encode(value)


def test_keys_that_cannot_be_sent():
    with pytest.raises(TypeError, match="a key of <class 'tuple'>"):
        encode({(1, 2): 3})


def test_a_value_that_contains_itself():
    value = []
    value.append(value)
    with pytest.raises(ValueError, match="nested"):
        encode(value)
    mapping = {}
    mapping["self"] = [mapping]
    with pytest.raises(ValueError, match="nested"):
        encode(mapping)


@pytest.mark.parametrize(
    "value, kind",
    [
        (b"bytes", U8),
        (bytearray(b"bytes"), U8),
        (memoryview(b"bytes"), U8),
        (array.array("b", [-1, 2]), I8),
        (array.array("H", [1, 2]), U16),
        (array.array("h", [-1, 2]), I16),
        (array.array("I", [1, 2]), U32),
        (array.array("i", [-1, 2]), I32),
        (array.array("f", [1.5]), F32),
        (array.array("d", [1.5]), F64),
        (array.array("Q", [1]), U64),
        (array.array("q", [-1]), I64),
        (np.array([True, False]), U8),
        (np.array([1, 2], dtype=np.float32), F32),
        (np.array([[1, 2], [3, 4]], dtype=np.int16), I16),
        (np.array([1, 2], dtype="<u4"), U32),
        (np.array([], dtype=np.float64), F64),
        (b"", U8),
    ],
)
def test_binary_travels_beside_the_text(value, kind):
    text, parts = encode({"data": value})
    assert json.loads(text) == {"data": {"$auv": 0}}
    assert parts == [(kind, memoryview(value).tobytes())]


def test_arrays_that_are_not_contiguous_are_sent_in_order():
    square = np.arange(6, dtype=np.int32).reshape(2, 3)
    for value in (square.T, square[:, ::2], memoryview(b"abcdef")[::2]):
        _, parts = encode(value)
        assert parts[0][1] == memoryview(value).tobytes()
    assert encode(square.T)[1][0][0] == I32


@pytest.mark.parametrize(
    "value",
    [
        np.array([1, 2], dtype=">u4"),
        np.array([object()]),
        np.array([1 + 2j]),
        np.array([1], dtype=np.float16),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]),
    ],
)
def test_arrays_without_a_counterpart(value):
    with pytest.raises(ValueError, match="no counterpart in a page"):
        encode(value)


@pytest.mark.parametrize(
    "value, text",
    [
        (np.float32(0.5), "0.5"),
        (np.float64(0.5), "0.5"),
        (np.int64(-3), "-3"),
        (np.uint8(3), "3"),
        (np.bool_(True), "true"),
        (np.array(7), "7"),
    ],
)
def test_numpy_numbers_are_numbers(value, text):
    assert plain(value) == text


@dataclasses.dataclass
class Mesh:
    kind: typing.ClassVar[str] = "mesh"
    name: str
    points: object = None
    child: "typing.Optional[Mesh]" = None


class Color(enum.Enum):
    RED = "red"
    NONE = None


def test_a_dataclass_is_the_object_of_its_fields():
    text, parts = encode([Mesh("a", b"x", Mesh("b", np.zeros(1, dtype=np.float32)))])
    assert json.loads(text) == [
        {
            "name": "a",
            "points": {"$auv": 0},
            "child": {"name": "b", "points": {"$auv": 1}, "child": None},
        }
    ]
    assert [kind for kind, _ in parts] == [U8, F32]


def test_a_member_of_an_enumeration_is_its_value():
    assert plain([Color.RED, Color.NONE, {"color": Color.RED}]) == '["red",null,{"color":"red"}]'


def test_a_dataclass_in_itself():
    mesh = Mesh("a")
    mesh.child = mesh
    with pytest.raises(ValueError, match="nested"):
        encode(mesh)


def test_a_dataclass_that_lacks_a_field():
    mesh = Mesh("a")
    del mesh.name
    with pytest.raises(AttributeError, match="name"):
        encode(mesh)


@pytest.mark.parametrize("value", [Mesh, Color])
def test_their_classes_cannot_be_sent(value):
    with pytest.raises(TypeError, match="cannot be sent to a page"):
        encode(value)


def test_placeholders_count_up():
    text, parts = encode([b"a", {"x": b"b"}, b"c"])
    assert json.loads(text) == [{"$auv": 0}, {"x": {"$auv": 1}}, {"$auv": 2}]
    assert [data for _, data in parts] == [b"a", b"b", b"c"]


def test_own_marker_is_escaped_only_beside_parts():
    own = {"$auv": 7, "more": b"a"}
    text, parts = encode([own, {"$auv": None}, {"plain": {"$auv": []}}])
    assert json.loads(text) == [
        {"$auv": ["esc", {"$auv": 7, "more": {"$auv": 0}}]},
        {"$auv": ["esc", {"$auv": None}]},
        {"plain": {"$auv": ["esc", {"$auv": []}]}},
    ]
    assert len(parts) == 1


def test_marker_before_the_first_part():
    text, parts = encode([{"$auv": 1}, b"late"])
    assert json.loads(text) == [{"$auv": ["esc", {"$auv": 1}]}, {"$auv": 0}]
    assert parts == [(U8, b"late")]


def test_too_many_parts():
    encode([b"x"] * 64 + [Color.RED, np.int64(1)])
    with pytest.raises(ValueError, match="more than 64"):
        encode([b"x"] * 65)


def test_a_mapping_that_changes_while_it_is_encoded():
    class Evil(dict):
        pass

    class Number:
        __array_interface__ = None

        def item(self):
            return 1

    value = {"a": np.int64(1), "b": 2}

    class Clears(collections.UserDict):
        def __buffer__(self, flags):
            value.clear()
            raise TypeError

    value["c"] = Clears()
    with pytest.raises(TypeError):
        encode(value)


def test_buffers_are_let_go():
    data = bytearray(b"data")
    encode(data)
    data.extend(b"more")  # BufferError while somebody holds it
    with pytest.raises(TypeError):
        encode([data, object()])
    data.extend(b"more")


def test_nothing_leaks():
    value = {"mesh": Mesh("a", Color.RED), "text": "é" * 2000, "list": [1.5, None, 10**30], "data": b"x" * 10, "$auv": 1}

    def counted():
        for _ in range(200):
            encode(value)
            try:
                encode([value, object()])
            except TypeError:
                pass
        gc.collect()
        return sys.getallocatedblocks()

    counted()
    before = counted()
    assert counted() - before < 100
