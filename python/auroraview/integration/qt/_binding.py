"""The one place that chooses the Qt binding."""

from __future__ import annotations

try:
    from PySide6 import QtCore, QtGui, QtWidgets
    from shiboken6 import isValid as is_valid
except ImportError as error:
    raise ImportError(f"QtWebView needs PySide6 (pip install PySide6): {error}") from error

Signal = QtCore.Signal

__all__ = ["QtCore", "QtGui", "QtWidgets", "Signal", "is_valid"]
