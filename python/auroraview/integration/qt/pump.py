"""Processes the application's messages inside Qt's event loop.

One notifier per application, on the GUI thread; no timer. The descriptor is
level-triggered: what a tick leaves for the next keeps it readable.
"""

from __future__ import annotations

from auroraview import _core
from auroraview.core import app as _app
from auroraview.errors import Busy, Closed
from auroraview.integration.qt._binding import QtCore, Slot, is_valid

__all__ = ["attach"]


class Pump(QtCore.QObject):
    def __init__(self, app: _core.App, parent: QtCore.QCoreApplication) -> None:
        super().__init__(parent)
        self._app = app
        self._inside = False
        self._notifier = QtCore.QSocketNotifier(
            app.fd(), QtCore.QSocketNotifier.Type.Read, self
        )
        self._notifier.activated.connect(self._readable)

    def serves(self, app: _core.App) -> bool:
        return is_valid(self) and self._app is app

    def stop(self) -> None:
        if is_valid(self):
            self._notifier.setEnabled(False)
            self.deleteLater()

    @Slot()
    def _readable(self) -> None:
        if self._inside:
            # A handler runs a nested loop, for example a modal dialog. Nothing
            # can be processed until it returns, and the descriptor stays
            # readable: without this the nested loop would spin.
            self._notifier.setEnabled(False)
            return
        self._inside = True
        try:
            self._app.process()
        except Busy:
            pass  # another thread is about to give way
        except Closed:
            self.stop()
        finally:
            self._inside = False
            if is_valid(self) and not self._app.destroyed:
                self._notifier.setEnabled(True)


_pump: Pump | None = None


def attach() -> None:
    """Have Qt process the application's messages. Call on the GUI thread."""
    global _pump
    app = _app.default_app()
    if _pump is not None and _pump.serves(app):
        return
    instance = QtCore.QCoreApplication.instance()
    if instance is None:
        raise RuntimeError("make the QApplication before the first QtWebView")
    if QtCore.QThread.currentThread() is not instance.thread():
        raise RuntimeError("QtWebView belongs on the thread of the QApplication")
    _pump = Pump(app, instance)
    _app.set_host_loop(_pump)
