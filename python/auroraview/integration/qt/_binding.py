"""The one place that chooses the Qt binding: the one that the application uses.

PySide6 or PyQt6 under one set of names. Two bindings cannot share a process, so
one that is loaded already decides; where none is, the first that is installed,
or the one that the environment variable QT_API names, as in QtPy. (Not QtPy
itself: it loads modules that a panel has no use for, 16 MiB of them.)

Qt 5 is refused: it forgets a native widget whose window is destroyed, and then
crashes.
"""

from __future__ import annotations

import importlib
import os
import sys

_BINDINGS = ("PySide6", "PyQt6")
_NEEDED = "QtWebView needs PySide6 or PyQt6"


def _choose() -> str:
    for name in (*_BINDINGS, "PySide2", "PyQt5"):
        if f"{name}.QtCore" in sys.modules:
            if name not in _BINDINGS:
                raise ImportError(f"{_NEEDED}; this application uses {name}")
            return name
    wanted = os.environ.get("QT_API", "").lower()
    for name in _BINDINGS:
        if wanted in ("", name.lower()):
            try:
                importlib.import_module(f"{name}.QtCore")
                return name
            except ImportError:
                pass
    if wanted:
        raise ImportError(f"{_NEEDED}; QT_API names {wanted!r}, which is not to be had")
    raise ImportError(f"{_NEEDED} (pip install PySide6)")


TYPE_CHECKING = False
if TYPE_CHECKING:
    from PySide6 import QtCore, QtGui, QtWidgets
    from PySide6.QtCore import Signal, Slot
    from shiboken6 import isValid as is_valid
elif _choose() == "PySide6":
    from PySide6 import QtCore, QtGui, QtWidgets
    from PySide6.QtCore import Signal, Slot
    from shiboken6 import isValid as is_valid
else:
    from PyQt6 import QtCore, QtGui, QtWidgets
    from PyQt6.QtCore import pyqtSignal as Signal
    from PyQt6.QtCore import pyqtSlot as Slot
    from PyQt6.sip import isdeleted

    def is_valid(thing):
        return not isdeleted(thing)


__all__ = ["QtCore", "QtGui", "QtWidgets", "Signal", "Slot", "is_valid"]
