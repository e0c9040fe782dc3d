"""The look of the native side: the same greys as the panel, in the manner of a DCC."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

STYLE = """
QMainWindow, QMenuBar, QStatusBar { background: #27292e; color: #b9bfc6; }
QMenuBar::item:selected, QMenu::item:selected { background: #24584c; color: #ffffff; }
QMenu { background: #2d3036; border: 1px solid #16171a; }
QMainWindow::separator { background: #1a1b1f; width: 5px; height: 5px; }
QMainWindow::separator:hover { background: #24584c; }
QDockWidget { color: #b9bfc6; }
QDockWidget::title { background: #2d3036; padding: 5px 8px; border-bottom: 1px solid #16171a; }
QTreeView { background: #1d1f23; alternate-background-color: #212328; border: 0; outline: 0; }
QTreeView::item { height: 21px; }
QTreeView::item:hover { background: #2b2e34; }
QTreeView::item:selected { background: #24584c; color: #eafff8; }
QHeaderView::section { background: #2d3036; color: #8f969f; border: 0; padding: 4px 6px;
                       border-bottom: 1px solid #16171a; }
QScrollBar:vertical { background: #1a1b1f; width: 11px; margin: 0; }
QScrollBar::handle:vertical { background: #41454c; border-radius: 3px; margin: 2px; min-height: 28px; }
QScrollBar::add-line, QScrollBar::sub-line { height: 0; width: 0; }
QLabel#heading { color: #8f969f; background: #2d3036; padding: 4px 8px;
                 border-top: 1px solid #16171a; border-bottom: 1px solid #16171a; }
QLabel[fact="true"] { color: #d5d8dc; }
QLabel[fact="false"] { color: #7e858e; }
QStatusBar::item { border: 0; }
"""


def apply(app: QApplication) -> None:
    app.setStyle("Fusion")
    palette = QPalette()
    for role, color in (
        (QPalette.ColorRole.Window, "#27292e"),
        (QPalette.ColorRole.WindowText, "#d5d8dc"),
        (QPalette.ColorRole.Base, "#1d1f23"),
        (QPalette.ColorRole.AlternateBase, "#212328"),
        (QPalette.ColorRole.Text, "#d5d8dc"),
        (QPalette.ColorRole.Button, "#33363c"),
        (QPalette.ColorRole.ButtonText, "#d5d8dc"),
        (QPalette.ColorRole.ToolTipBase, "#33363c"),
        (QPalette.ColorRole.ToolTipText, "#d5d8dc"),
        (QPalette.ColorRole.Highlight, "#24584c"),
        (QPalette.ColorRole.HighlightedText, "#eafff8"),
        (QPalette.ColorRole.PlaceholderText, "#6b717a"),
    ):
        palette.setColor(role, QColor(color))
    app.setPalette(palette)
    app.setStyleSheet(STYLE)
