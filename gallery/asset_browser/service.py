"""What the panel can ask for: the scan, thumbnails, meshes. Knows no widget.

Handlers run on the Qt thread and only look things up; reading and decoding happen on worker
threads, whose futures are the replies. What the scan finds goes to the page by a channel that a
thread of its own feeds: the panel keeps filling while the Qt thread is busy, and a page that draws
slowly holds that thread, not the scan.
"""

from __future__ import annotations

import os
import threading
import time
from array import array
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from . import contract, meshes, thumbs
from .scan import Asset, Batch, Folder, Progress, ScanThread, display_name

Roots = List[Tuple[str, str]]

MESHES_KEPT = 4  # recently shown ones, so that going back is instant


class AssetService:
    def __init__(self, view: Any, roots: Roots, on_batch: Callable[[int, Batch], None]) -> None:
        """`on_batch(generation, batch)` is called on the scan's thread."""
        self._view = view
        self._roots = list(roots)
        self._on_batch = on_batch
        self._images = ThreadPoolExecutor(max_workers=2, thread_name_prefix="thumbnail")
        self._readers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mesh")
        self._scan: Optional[ScanThread] = None
        self._meshes: Dict[Tuple[str, float], meshes.Mesh] = {}  # touched by the reader thread only

        # Protects what the scan's thread adds and the Qt thread reads.
        self._lock = threading.Lock()
        self._folders: Dict[int, Folder] = {}
        self._assets: Dict[int, Asset] = {}
        self._batches: List[Batch] = []
        self._progress = Progress()
        self._generation = 0
        self._next_id = 0
        self._panel_open = False
        self._changed = threading.Condition(self._lock)  # batches, generation, an end

        view.bind_call("ping", self.ping)
        view.bind_call("browser.rescan", self.rescan)
        view.bind_call("browser.cancel", self.cancel)
        view.bind_call("browser.thumbnail", self.thumbnail)
        view.bind_call("browser.mesh", self.mesh)
        view.on_channel("scan", self._feed)

    # --- scan ---------------------------------------------------------------------------------

    @property
    def roots(self) -> Roots:
        return list(self._roots)

    @property
    def scanning(self) -> bool:
        with self._lock:
            return self._scan is not None and not self._progress.done

    @property
    def progress(self) -> Progress:
        with self._lock:
            return self._progress

    @property
    def panel_open(self) -> bool:
        """Whether a page has asked for what the scan finds."""
        with self._lock:
            return self._panel_open

    @property
    def generation(self) -> int:
        with self._lock:
            return self._generation

    def asset(self, asset_id: int) -> Asset:
        with self._lock:
            found = self._assets.get(asset_id)
        if found is None:
            raise KeyError(f"no asset has the number {asset_id}")
        return found

    def asset_ids(self) -> List[int]:
        with self._lock:
            return list(self._assets)

    def open(self, roots: Roots) -> None:
        self._roots = list(roots)
        self.rescan()

    def rescan(self) -> None:
        if self._scan is not None:
            # Not joined: it may hang in a dead network folder. Its batches carry an old
            # generation and are dropped.
            self._scan.cancel()
        with self._lock:
            self._generation += 1
            generation = self._generation
            self._folders.clear()
            self._assets.clear()
            self._progress = Progress()
            self._batches = []
            first_id = self._next_id
            self._changed.notify_all()
        self._view.state["selection"] = {"asset": None, "folder": None}
        self._scan = ScanThread(self._roots, first_id, lambda b: self._add(generation, b))
        self._scan.start()

    def cancel(self) -> bool:
        if self._scan is None or not self.scanning:
            return False
        self._scan.cancel()
        return True

    def wait_for_scan(self, timeout: float) -> bool:
        return self._scan is None or self._scan.join(timeout)

    def close(self) -> None:
        if self._scan is not None:
            self._scan.cancel()
        self._images.shutdown(wait=False, cancel_futures=True)
        self._readers.shutdown(wait=False, cancel_futures=True)

    def _labels(self) -> List[str]:
        return [label for label, _ in self._roots]

    def _add(self, generation: int, batch: Batch) -> None:
        with self._lock:
            if generation != self._generation:
                return
            for folder in batch.folders:
                self._folders[folder.id] = folder
            for asset in batch.assets:
                self._assets[asset.id] = asset
            for item in (batch.folders[-1:], batch.assets[-1:]):
                if item:
                    # Numbers are never used twice, so a late question about an older scan's
                    # asset finds nothing instead of another file.
                    self._next_id = max(self._next_id, item[0].id + 1)
            self._progress = batch.progress
            self._batches.append(batch)
            self._changed.notify_all()
        self._on_batch(generation, batch)

    def _feed(self, channel: Any) -> None:
        """A page has opened the channel: it gets all there is, and what comes."""
        with self._lock:
            self._panel_open = True
        channel.on_close(self._wake)
        threading.Thread(target=self._send, args=(channel,), name="feed", daemon=True).start()

    def _wake(self, _error: Optional[BaseException]) -> None:
        with self._lock:
            self._changed.notify_all()

    def _send(self, channel: Any) -> None:
        # Here, because the window measures what the import costs.
        from auroraview.errors import Closed

        generation, sent = -1, 0
        try:
            while True:
                with self._lock:
                    while generation == self._generation and sent == len(self._batches):
                        if channel.is_closed:
                            return
                        self._changed.wait()
                    if generation != self._generation:
                        generation, sent = self._generation, 0
                        message: Dict[str, Any] = {"roots": self._labels()}
                    else:
                        batch = self._batches[sent]
                        sent += 1
                        message = _columns(batch.folders, batch.assets)
                        message["progress"] = _progress(batch.progress)
                channel.send_wait(message)
        except Closed:
            pass  # the page has gone; the next one opens its own

    # --- calls --------------------------------------------------------------------------------

    def ping(self) -> float:
        """This thread's clock in milliseconds.

        The page's own clock is rounded to a millisecond. The difference of two answers to calls
        made one after the other is one whole round trip, measured here without rounding.
        """
        return time.perf_counter() * 1000

    def thumbnail(self, id: int, side: int) -> Future[contract.Thumbnail]:
        asset = self.asset(id)
        return self._images.submit(thumbs.make_thumbnail, asset.path, side)

    def mesh(self, id: int) -> Future[contract.MeshData]:
        return self._readers.submit(self._read_mesh, self.asset(id))

    def _read_mesh(self, asset: Asset) -> Dict[str, Any]:
        started = time.perf_counter()
        key = (asset.path, os.stat(asset.path).st_mtime)
        mesh = self._meshes.pop(key, None)
        if mesh is None:
            mesh = meshes.read_mesh(asset.path)
        self._meshes[key] = mesh
        while len(self._meshes) > MESHES_KEPT:
            del self._meshes[next(iter(self._meshes))]
        return {
            "format": mesh.format,
            "points": mesh.points,
            "positions": mesh.positions,
            "normals": mesh.normals,
            "colors": mesh.colors,
            "indices": mesh.indices,
            "lower": list(mesh.lower),
            "upper": list(mesh.upper),
            "vertices": mesh.vertex_count,
            "triangles": mesh.triangle_count,
            "warnings": mesh.warnings,
            "seconds": time.perf_counter() - started,
        }


def _columns(folders: Sequence[Folder], assets: Sequence[Asset]) -> Dict[str, Any]:
    """Columns instead of records: numbers travel as typed arrays, only names as text."""
    folders, assets = list(folders), list(assets)
    return {
        "folders": {
            "id": array("I", [f.id for f in folders]),
            "parent": array("i", [f.parent for f in folders]),
            "name": [f.name for f in folders],
        },
        "assets": {
            "id": array("I", [a.id for a in assets]),
            "folder": array("I", [a.folder for a in assets]),
            "kind": array("B", [a.kind for a in assets]),
            "size": array("d", [float(a.size) for a in assets]),
            "mtime": array("d", [a.mtime for a in assets]),
            "name": [a.name for a in assets],
        },
    }


def _progress(progress: Progress) -> Dict[str, Any]:
    out = dict(vars(progress))
    out["current"] = display_name(progress.current)
    return out
