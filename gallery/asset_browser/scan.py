"""Walks folders and reports the assets in them, in batches, until done or cancelled."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from typing import Callable, Iterator, List, Optional, Sequence, Tuple

IMAGE, MESH = 0, 1
KINDS = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".svg", ".tga", ".tif",
                     ".tiff", ".ppm", ".pgm", ".xpm"), IMAGE),
    **dict.fromkeys((".obj", ".stl", ".ply"), MESH),
}  # fmt: skip

BATCH_SECONDS = 0.05  # what a person sees as continuous
BATCH_ASSETS = 1024  # keeps the work on the Qt thread per batch below a frame
CANCEL_EVERY = 256  # entries between two looks at the token inside one huge folder

# Kernel interfaces, not files: endless or slow to list, and nobody keeps assets there.
VIRTUAL = frozenset(("/proc", "/sys", "/dev", "/run"))


@dataclass
class Folder:
    id: int
    parent: int  # -1 for a root
    name: str
    path: str


@dataclass
class Asset:
    id: int
    folder: int
    name: str
    path: str
    kind: int
    size: int  # bytes
    mtime: float  # seconds since the epoch


@dataclass
class Progress:
    fraction: float = 0.0  # 0..1, never falls
    files: int = 0
    folders: int = 0
    assets: int = 0
    unreadable: int = 0
    seconds: float = 0.0
    current: str = ""
    done: bool = False
    cancelled: bool = False


@dataclass
class Batch:
    folders: List[Folder] = field(default_factory=list)
    assets: List[Asset] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)


def display_name(name: str) -> str:
    """File names are bytes; those that are no UTF-8 get a replacement character when shown."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def scan(
    roots: Sequence[Tuple[str, str]],
    cancel: threading.Event,
    first_id: int = 0,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Batch]:
    """Yields batches for `roots`, pairs of (label, path); the last one has progress.done.

    Links to folders are not followed, so there can be no loop and nothing is listed twice. A
    folder is reported as soon as something in it is, its parents before it.
    """
    started = clock()
    progress = Progress()
    batch = Batch()
    next_id = first_id
    last_flush = started

    # One of a folder's own files is worth as much as one of its sub-folders: each folder's share
    # of the whole is split among them. That never falls and ends at exactly one.
    stack: List[Tuple[str, str, Optional[_Pending], float]] = []
    for label, path in reversed(list(roots)):
        stack.append((label, os.path.realpath(path), None, 1.0 / len(roots)))

    def flush() -> Batch:
        nonlocal batch, last_flush
        last_flush = clock()
        progress.fraction = min(progress.fraction, 1.0)  # the sum of shares is rounded
        progress.seconds = last_flush - started
        out = batch
        out.progress = Progress(**vars(progress))
        batch = Batch()
        return out

    while stack and not cancel.is_set():
        name, path, parent, share = stack.pop()
        progress.folders += 1
        progress.current = path
        pending = _Pending(name, path, parent)
        if parent is None:
            next_id = pending.report(batch, next_id)
        try:
            entries, folders = _list(path, cancel)
        except OSError:
            progress.unreadable += 1
            progress.fraction += share
            continue
        part = share / (len(folders) + 1)
        for child in reversed(folders):
            stack.append((display_name(child.name), child.path, pending, part))

        for entry in entries:
            if cancel.is_set():
                break
            progress.files += 1
            kind = KINDS.get(os.path.splitext(entry.name)[1].lower())
            if kind is None:
                continue
            try:
                status = entry.stat()
                if not entry.is_file():
                    continue
            except OSError:
                progress.unreadable += 1
                continue
            next_id = pending.report(batch, next_id)
            batch.assets.append(
                Asset(next_id, pending.id, display_name(entry.name), entry.path, kind,
                      status.st_size, status.st_mtime)
            )  # fmt: skip
            next_id += 1
            progress.assets += 1
            if len(batch.assets) >= BATCH_ASSETS:
                yield flush()
        progress.fraction += part
        if clock() - last_flush >= BATCH_SECONDS:
            yield flush()

    progress.cancelled = cancel.is_set()
    progress.done = True
    if not progress.cancelled:
        progress.fraction = 1.0
    yield flush()


class _Pending:
    """A folder on the way down: it gets an id once something inside is worth showing."""

    __slots__ = ("name", "path", "parent", "id")

    def __init__(self, name: str, path: str, parent: Optional["_Pending"]) -> None:
        self.name = name
        self.path = path
        self.parent = parent
        self.id = -1

    def report(self, batch: Batch, next_id: int) -> int:
        if self.id >= 0:
            return next_id
        chain = []
        node: Optional[_Pending] = self
        while node is not None and node.id < 0:
            chain.append(node)
            node = node.parent
        for item in reversed(chain):
            item.id = next_id
            next_id += 1
            above = item.parent.id if item.parent is not None else -1
            batch.folders.append(Folder(item.id, above, item.name, item.path))
        return next_id


def _list(path: str, cancel: threading.Event) -> Tuple[List[os.DirEntry], List[os.DirEntry]]:
    files: List[os.DirEntry] = []
    folders: List[os.DirEntry] = []
    with os.scandir(path) as entries:
        for number, entry in enumerate(entries):
            if number % CANCEL_EVERY == 0 and cancel.is_set():
                break
            try:
                if entry.is_dir(follow_symlinks=False):
                    if entry.path not in VIRTUAL:
                        folders.append(entry)
                else:
                    files.append(entry)
            except OSError:
                continue
    files.sort(key=lambda e: e.name.lower())
    folders.sort(key=lambda e: e.name.lower())
    return files, folders


class ScanThread:
    """Runs scan() on a thread; `on_batch` is called there and must not block."""

    def __init__(self, roots, first_id: int, on_batch: Callable[[Batch], None]) -> None:
        self._cancel = threading.Event()
        self._on_batch = on_batch
        self._thread = threading.Thread(
            target=self._run, args=(list(roots), first_id), name="asset-scan", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def cancel(self) -> None:
        self._cancel.set()

    def join(self, timeout: Optional[float] = None) -> bool:
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def _run(self, roots, first_id: int) -> None:
        for batch in scan(roots, self._cancel, first_id):
            self._on_batch(batch)
