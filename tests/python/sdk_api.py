"""An API with every kind of hint that can be told to TypeScript."""

from __future__ import annotations

import array
import dataclasses
import enum
from concurrent.futures import Future
from typing import (
    Annotated,
    Any,
    Dict,
    List,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    Sequence,
    Tuple,
    TypedDict,
    Union,
    overload,
)

import numpy as np
import numpy.typing as npt

AssetId = NewType("AssetId", int)


class Kind(str, enum.Enum):
    """What an asset is."""

    IMAGE = "image"
    MESH = "mesh"


class Side(enum.Enum):
    FRONT = 1
    BACK = 2


class Point(NamedTuple):
    x: float
    y: float


class Asset(TypedDict):
    """One file of the library."""

    id: AssetId
    kind: Kind
    tags: List[str]
    parent: NotRequired[Asset]


class Filter(TypedDict, total=False):
    text: str
    kinds: List[Kind]


@dataclasses.dataclass
class Mesh:
    points: npt.NDArray[np.float32]
    indices: Optional[Annotated[array.array, "I"]]
    corners: Tuple[Point, Point]
    side: Side
    extra: Dict[str, Union[int, List[str], None]]


class Progress(TypedDict):
    fraction: float


Events = TypedDict("Events", {"scan.progress": Progress, "count": int, "done": None})


class Emits(TypedDict):
    selected: List[AssetId]
    dismissed: None


class Camera(TypedDict):
    at: List[float]
    lens: Dict[str, float]


class Shared(TypedDict):
    camera: Camera
    count: int


class Frame(TypedDict):
    n: int
    data: bytes


class Frames(TypedDict):
    send: Frame
    receive: int


class Upload(TypedDict, total=False):
    receive: memoryview


class Channels(TypedDict):
    frames: Frames
    upload: Upload


class Api:
    """What the asset browser's panel can ask for."""

    limit = 5

    @property
    def name(self) -> str:
        return "browser"

    def find(self, filter: Filter, limit: int = 100) -> List[Asset]:
        """The assets that match.

        Slow on network folders; */ is no end of a comment.
        """
        found: List[Asset] = [
            {"id": AssetId(1), "kind": Kind.MESH, "tags": ["a", filter.get("text", "")]},
            {"id": AssetId(2), "kind": Kind.IMAGE, "tags": []},
        ]
        return found[:limit]

    def mesh(self, id: AssetId, lod: Literal[0, 1, 2] = 0) -> Future[Mesh]:
        """The mesh of an asset."""
        mesh = Mesh(
            np.array([id, lod, 0.5], dtype=np.float32),
            array.array("I", [0, 1, 2]),
            (Point(0, 0), Point(1, 2)),
            Side.BACK,
            {"a": 1, "b": ["x"], "c": None},
        )
        future: Future[Mesh] = Future()
        future.set_result(mesh)
        return future

    @overload
    def pick(self, id: AssetId) -> Asset: ...

    @overload
    def pick(self, ids: Sequence[AssetId]) -> List[Asset]: ...

    def pick(self, id: Any = None, ids: Any = None) -> Any:
        if ids is not None:
            return [self.pick(id=one) for one in ids]
        return {"id": id, "kind": Kind.IMAGE, "tags": []}

    def size(self, data: memoryview, /, *more: memoryview) -> int:
        return sum(len(one) for one in (data, *more))

    def add(self, first: float, *others: float) -> float:
        return first + sum(others)

    def set(self, **options: Optional[str]) -> None:
        """Changes options."""

    def count(self) -> int:
        return self.limit

    @staticmethod
    def bytes(length: int) -> bytes:
        return b"x" * length

    def fail(self, kind: Kind) -> None:
        raise LookupError(f"no {kind}")

    def never(self) -> Future[None]:
        """A future that nobody completes."""
        self._kept = Future()  # type: Future[None]
        return self._kept

    def _private(self, anything):
        pass


def rename(old: str, new: str = "") -> bool:
    """Gives an asset another name."""
    return old != new


def ping() -> float:
    return 1.5
