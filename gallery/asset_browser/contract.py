"""What the host and its panel tell each other.

`tools/contract` makes the panel's types out of these, and of the hints of the functions that are
bound (web/src/host.d.ts).
"""

from __future__ import annotations

from array import array
from typing import Annotated, List, Optional, Tuple, TypedDict


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
    generation: int
    sequence: int
    progress: Progress


class Begin(TypedDict):
    generation: int
    roots: List[str]


class Selection(TypedDict):
    asset: Optional[int]
    folder: Optional[int]


class Selected(TypedDict, total=False):
    """What the panel has changed of the selection."""

    asset: Optional[int]
    folder: Optional[int]


class Snapshot(Batch):
    roots: List[str]
    selection: Selection


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


Events = TypedDict("Events", {"scan.begin": Begin, "scan.batch": Batch, "select": Selection})


class Emits(TypedDict):
    select: Selected
