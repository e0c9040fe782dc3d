"""The native side's model: folders and assets as the scan reports them."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Union

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, Qt
from PySide6.QtGui import QColor

from .scan import MESH, Asset, Batch, Folder

COLUMNS = ("Name", "Size")


class Node:
    __slots__ = ("item", "parent", "row", "folders", "files")

    def __init__(self, item: Optional[Union[Folder, Asset]], parent: Optional["Node"], row: int):
        self.item = item
        self.parent = parent
        self.row = row  # among its parent's folders or files
        self.folders: List[Node] = []
        self.files: List[Node] = []

    @property
    def position(self) -> int:
        """The row Qt sees: folders come first, then files."""
        if self.parent is not None and isinstance(self.item, Asset):
            return len(self.parent.folders) + self.row
        return self.row

    def child(self, position: int) -> "Node":
        if position < len(self.folders):
            return self.folders[position]
        return self.files[position - len(self.folders)]

    def __len__(self) -> int:
        return len(self.folders) + len(self.files)


class AssetTree(QAbstractItemModel):
    def __init__(self, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._root = Node(None, None, 0)
        self._nodes: Dict[int, Node] = {}

    def clear(self) -> None:
        self.beginResetModel()
        self._root = Node(None, None, 0)
        self._nodes.clear()
        self.endResetModel()

    def add(self, batch: Batch) -> None:
        for folder in batch.folders:
            self._append([folder], self._nodes.get(folder.parent, self._root))
        start = 0
        assets = batch.assets
        for end in range(1, len(assets) + 1):
            # One insertion per folder: a signal per file would cost more than the scan itself.
            if end == len(assets) or assets[end].folder != assets[start].folder:
                parent = self._nodes.get(assets[start].folder)
                if parent is not None:
                    self._append(assets[start:end], parent)
                start = end

    def _append(self, items: List[Any], parent: Node) -> None:
        files = isinstance(items[0], Asset)
        row = len(parent) if files else len(parent.folders)
        self.beginInsertRows(self._index_of(parent), row, row + len(items) - 1)
        siblings = parent.files if files else parent.folders
        for item in items:
            node = Node(item, parent, len(siblings))
            siblings.append(node)
            self._nodes[item.id] = node
        self.endInsertRows()

    def _index_of(self, node: Node) -> QModelIndex:
        if node is self._root:
            return QModelIndex()
        return self.createIndex(node.position, 0, node)

    def index_for(self, item_id: int) -> QModelIndex:
        node = self._nodes.get(item_id)
        return self._index_of(node) if node is not None else QModelIndex()

    def item(self, index: QModelIndex) -> Optional[Union[Folder, Asset]]:
        return index.internalPointer().item if index.isValid() else None

    def _node(self, index: QModelIndex) -> Node:
        return index.internalPointer() if index.isValid() else self._root

    # --- QAbstractItemModel -------------------------------------------------------------------

    def index(self, row: int, column: int, parent: QModelIndex = QModelIndex()) -> QModelIndex:
        node = self._node(parent)
        if not (0 <= row < len(node) and 0 <= column < len(COLUMNS)):
            return QModelIndex()
        return self.createIndex(row, column, node.child(row))

    def parent(self, index: QModelIndex = QModelIndex()) -> QModelIndex:  # type: ignore[override]
        if not index.isValid():
            return QModelIndex()
        above = index.internalPointer().parent
        return self._index_of(above) if above is not None else QModelIndex()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:
        return 0 if parent.column() > 0 else len(self._node(parent))

    def columnCount(self, _parent: QModelIndex = QModelIndex()) -> int:
        return len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return COLUMNS[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        item = self.item(index)
        if item is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            if index.column() == 0:
                return item.name
            return format_bytes(item.size) if isinstance(item, Asset) else None
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == 1:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ForegroundRole:
            if index.column() == 1:
                return QColor("#8f969f")
            if isinstance(item, Asset) and item.kind == MESH:
                return QColor("#7fd6bf")
        return None


def format_bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
