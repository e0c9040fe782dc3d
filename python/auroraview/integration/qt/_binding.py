"""The one place that chooses the Qt binding: the one that the application uses.

PySide6 and PyQt6 under one set of names, by QtPy. Two bindings cannot share a
process, so one that is loaded already decides; where none is, the first that is
installed. Qt 5 is refused: it forgets a native widget whose window is destroyed,
and then crashes.
"""

from __future__ import annotations

import importlib
import os
import sys

_BINDINGS = ("PySide6", "PyQt6")
_NEEDED = "QtWebView needs PySide6 or PyQt6"


def _load_one() -> None:
    """Without a choice of the application, QtPy would take the oldest."""
    loaded = [
        name
        for name in (*_BINDINGS, "PySide2", "PyQt5")
        if f"{name}.QtCore" in sys.modules
    ]
    if loaded and loaded[0] not in _BINDINGS:
        raise ImportError(f"{_NEEDED}; this application uses {loaded[0]}")
    if loaded or "QT_API" in os.environ:
        return
    for name in _BINDINGS:
        try:
            importlib.import_module(f"{name}.QtCore")
            return
        except ImportError:
            pass
    raise ImportError(f"{_NEEDED} (pip install PySide6)")


TYPE_CHECKING = False
if TYPE_CHECKING:
    from PySide6 import QtCore, QtGui, QtWidgets
    from shiboken6 import isValid as is_valid
else:
    _load_one()
    try:
        from qtpy import API_NAME, QtCore, QtGui, QtWidgets
        from qtpy.compat import isalive as is_valid
    except ImportError as error:
        raise ImportError(f"{_NEEDED}, and QtPy (pip install QtPy): {error}") from error
    if API_NAME not in _BINDINGS:
        raise ImportError(f"{_NEEDED}; QT_API chooses {API_NAME}")

Signal = QtCore.Signal

__all__ = ["QtCore", "QtGui", "QtWidgets", "Signal", "is_valid"]
