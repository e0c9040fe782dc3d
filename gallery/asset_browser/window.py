"""The main window: a native tree, native details, and the web panel in a dock."""

from __future__ import annotations

import os
import time
from typing import Any, Dict

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QColor, QKeySequence, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QDockWidget,
    QFileDialog,
    QFormLayout,
    QHeaderView,
    QLabel,
    QMainWindow,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from .scan import MESH, Asset, Batch, Folder
from .service import AssetService, Roots
from .tree import AssetTree, format_bytes

FREEZE_LIMIT = 30.0  # seconds; a page cannot ask for more


def resident_bytes() -> int:
    """What this process holds in memory."""
    with open("/proc/self/statm", encoding="ascii") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Heartbeat(QWidget):
    """A native dial that turns while Qt's main thread runs, and so stops when it is blocked."""

    def __init__(self) -> None:
        super().__init__()
        self.blocked = False
        self._angle = 0
        timer = QTimer(self)
        timer.timeout.connect(self._step)
        timer.start(33)

    def sizeHint(self) -> QSize:
        return QSize(18, 18)

    def _step(self) -> None:
        self._angle = (self._angle + 12) % 360
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = min(self.width(), self.height()) - 5
        box = QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)
        painter.setPen(QPen(QColor("#3b3f46"), 2.2))
        painter.drawEllipse(box)
        painter.setPen(QPen(QColor("#e06c5e" if self.blocked else "#45c4a4"), 2.2))
        painter.drawArc(box, -self._angle * 16, 100 * 16)
        painter.end()


class BrowserWindow(QMainWindow):
    _batch_arrived = Signal(int, object)

    def __init__(
        self,
        roots: Roots,
        asset_root: str,
        select_first_mesh: bool = False,
        scan_now: bool = True,
    ) -> None:
        super().__init__()
        self.setWindowTitle("AuroraView Asset Browser")
        self.resize(1280, 800)
        self.frozen = False  # True while freeze() sleeps; may be read by any thread
        self._following = False  # True while the tree is moved on behalf of the panel
        self._select_first_mesh = select_first_mesh
        self._generation = 0

        self.model = AssetTree(self)
        self.tree = QTreeView()
        self.tree.setModel(self.model)
        self.tree.setUniformRowHeights(True)
        self.tree.setAlternatingRowColors(True)
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(1, 72)
        self.tree.selectionModel().currentChanged.connect(self._tree_moved)

        native = QWidget()
        native.setMinimumWidth(230)  # or the dock would take all room in a narrow window
        layout = QVBoxLayout(native)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self._make_details())
        self.setCentralWidget(native)

        # Imported here, so that the figure covers all that the library brings along.
        before = resident_bytes()
        from auroraview import QtWebView

        self.view = QtWebView(asset_root=asset_root, title="Assets", context_menu=False)
        self.memory_added = resident_bytes() - before
        self.dock = QDockWidget("Assets", self)
        self.dock.setObjectName("assets")
        self.dock.setWidget(self.view)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.dock)
        self.resizeDocks([self.dock], [920], Qt.Orientation.Horizontal)

        self._heartbeat = Heartbeat()
        self._note = QLabel("Qt main thread is running")
        self.statusBar().addWidget(self._heartbeat)
        self.statusBar().addWidget(self._note)
        self._make_menus()

        # The scan's thread only emits the signal; Qt hands the batch over to this thread.
        self._batch_arrived.connect(self._add_batch, Qt.ConnectionType.QueuedConnection)
        self.service = AssetService(self.view, roots, self._batch_arrived.emit)
        self.view.bind_call("browser.freeze", self.freeze)
        self.view.state.on_change(self._state_changed)
        self.view.renderProcessTerminated.connect(self._panel_ended)
        self.view.recovered.connect(self._panel_is_back)
        self.view.load_url("auroraview://localhost/index.html")
        if scan_now:
            self.service.rescan()

    # --- native parts -------------------------------------------------------------------------

    def _make_details(self) -> QWidget:
        box = QWidget()
        outer = QVBoxLayout(box)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        heading = QLabel("Details (native)")
        heading.setObjectName("heading")
        outer.addWidget(heading)
        form = QFormLayout()
        form.setContentsMargins(10, 8, 10, 8)
        form.setVerticalSpacing(4)
        form.setHorizontalSpacing(14)
        self._facts: Dict[str, QLabel] = {}
        for name in ("Name", "Kind", "Size", "Changed", "Path"):
            label, value = QLabel(name), QLabel("")
            label.setProperty("fact", "false")
            value.setProperty("fact", "true")
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            value.setMinimumWidth(1)  # a long path is cut instead of widening the window
            form.addRow(label, value)
            self._facts[name] = value
        outer.addLayout(form)
        return box

    def _make_menus(self) -> None:
        def action(menu, text: str, run, keys=None) -> None:
            item = QAction(text, self)
            item.triggered.connect(lambda _checked=False: run())
            if keys is not None:
                item.setShortcut(keys)
            menu.addAction(item)

        file = self.menuBar().addMenu("&File")
        action(file, "&Open Folder…", self._choose_folder, QKeySequence.StandardKey.Open)
        action(file, "&Scan Again", self.service_rescan, QKeySequence.StandardKey.Refresh)
        action(file, "S&top Scan", lambda: self.service.cancel())
        file.addSeparator()
        action(file, "&Quit", self.close, QKeySequence.StandardKey.Quit)
        self.menuBar().addMenu("&View").addAction(self.dock.toggleViewAction())

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Open Folder")
        if folder:
            self.open_folder(folder)

    def open_folder(self, folder: str) -> None:
        self.service.open([(folder, folder)])

    def service_rescan(self) -> None:
        self.service.rescan()

    def freeze(self, seconds: float) -> float:
        """Blocks this thread, as a careless tool or a long simulation step does."""
        seconds = max(0.0, min(float(seconds), FREEZE_LIMIT))
        self._heartbeat.blocked = True
        self._note.setText(f"Qt main thread is blocked: time.sleep({seconds:g})")
        # Painted at once, since no event is handled until the sleep is over.
        self._heartbeat.repaint()
        self._note.repaint()
        started = time.monotonic()
        self.frozen = True
        time.sleep(seconds)
        self.frozen = False
        self._heartbeat.blocked = False
        self._note.setText("Qt main thread is running")
        return time.monotonic() - started

    def _panel_ended(self, _status: int, _code: int) -> None:
        self._note.setText("The panel ended and is loaded again")

    def _panel_is_back(self, _what: str) -> None:
        self._note.setText("The panel ended and was loaded again")

    # --- scan ---------------------------------------------------------------------------------

    def _add_batch(self, generation: int, batch: Batch) -> None:
        if generation != self.service.generation:
            return
        if generation != self._generation:
            self._generation = generation
            self._following = True
            self.model.clear()
            self._following = False
            self._show_facts(None)
        self.model.add(batch)
        if any(folder.parent < 0 for folder in batch.folders):
            self.tree.expandToDepth(0)
        if self._select_first_mesh:
            first = next((a for a in batch.assets if a.kind == MESH), None)
            if first is not None:
                self._select_first_mesh = False
                self._move_tree(self.model.index_for(first.id))
                self._tell_panel(first)

    # --- selection ----------------------------------------------------------------------------

    def _tree_moved(self, current: QModelIndex, _previous: QModelIndex) -> None:
        item = self.model.item(current)
        self._show_facts(item)
        if self._following or item is None:
            return
        self._tell_panel(item)

    def _tell_panel(self, item) -> None:
        is_asset = isinstance(item, Asset)
        self.view.state["selection"] = {
            "asset": item.id if is_asset else None,
            "folder": None if is_asset else item.id,
        }

    def _state_changed(self, key: str, value: Any, source: str) -> None:
        if key != "selection" or source != "javascript" or not isinstance(value, dict):
            return
        asset, folder = value.get("asset"), value.get("folder")
        chosen = asset if asset is not None else folder
        index = self.model.index_for(chosen) if isinstance(chosen, int) else QModelIndex()
        self._move_tree(index)

    def _move_tree(self, index: QModelIndex) -> None:
        """Moves the tree without telling the panel, which already knows: no echo."""
        self._following = True
        try:
            flags = QItemSelectionModel.SelectionFlag
            self.tree.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
            if index.isValid():
                self.tree.scrollTo(index)
        finally:
            self._following = False

    def _show_facts(self, item) -> None:
        values = dict.fromkeys(self._facts, "")
        if isinstance(item, Folder):
            values.update(Name=item.name, Kind="Folder", Path=item.path)
        elif isinstance(item, Asset):
            changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(item.mtime))
            values.update(
                Name=item.name,
                Kind="Mesh" if item.kind == MESH else "Image",
                Size=format_bytes(item.size),
                Changed=changed,
                Path=item.path,
            )
        for name, value in values.items():
            shown = value.encode("utf-8", "replace").decode("utf-8")
            self._facts[name].setText(shown)
            self._facts[name].setToolTip(shown)

    def closeEvent(self, event) -> None:
        self.service.close()
        self.view.close()
        super().closeEvent(event)
