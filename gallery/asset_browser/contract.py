"""What the host and its panel tell each other.

`tools/contract` makes the panel's types out of these, and of the hints of the functions that are
bound (web/src/host.d.ts).
"""

from __future__ import annotations

from array import array
from typing import Annotated, List, Optional, Tuple, TypedDict, Union


class FolderColumns(TypedDict):
    id: Annotated[array, "I"]
    parent: Annotated[array, "i"]
    name: List[str]


class AssetColumns(TypedDict):
    id: Annotated[array, "I"]
    folder: Annotated[array, "I"]
    kind: Annotated[array, "B"]
    size: Annotated[array, "d"]
    mtime: Annotated[array, "d"]
    name: List[str]


class Columns(TypedDict):
    """Columns instead of records: numbers travel as typed arrays, only names as text."""

    folders: FolderColumns
    assets: AssetColumns


class Progress(TypedDict):
    fraction: float
    files: int
    folders: int
    assets: int
    unreadable: int
    seconds: float
    current: str
    done: bool
    cancelled: bool


class Batch(Columns):
    progress: Progress


class Begin(TypedDict):
    roots: List[str]


class Selection(TypedDict):
    asset: Optional[int]
    folder: Optional[int]


class Query(TypedDict):
    """What the panel shows of the catalogue."""

    text: str
    kind: str
    sort: str


class Thumbnail(TypedDict):
    width: int
    height: int
    sourceWidth: int
    sourceHeight: int
    rgba: bytes


class MeshData(TypedDict):
    format: str
    points: bool
    positions: Annotated[array, "f"]
    normals: Optional[Annotated[array, "f"]]
    colors: Optional[Annotated[array, "B"]]
    indices: Optional[Annotated[array, "I"]]
    lower: Tuple[float, float, float]
    upper: Tuple[float, float, float]
    vertices: int
    triangles: int
    warnings: List[str]
    seconds: float


class Events(TypedDict):
    """No events, but what else the panel is told: the messages of the channel `scan`, and the
    values of the state."""

    scan: Union[Begin, Batch]
    selection: Selection


class Emits(TypedDict):
    """What the panel writes to the state."""

    selection: Selection
    query: Query
