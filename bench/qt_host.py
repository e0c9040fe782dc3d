"""The Qt application that ours-qt and qwebchannel put their view into."""

from PySide6 import QtCore, QtWidgets


class OwnWidget(QtWidgets.QWidget):
    """Any tool has widgets of its own. What PySide6 loads for the first of them, two megabytes, is the host's."""

    changed = QtCore.Signal(str)

    def eventFilter(self, watched, event):
        return False

    def resizeEvent(self, event):
        self.changed.emit("")
        super().resizeEvent(event)


class Poster(QtCore.QObject):
    """Runs functions on the Qt thread."""

    posted = QtCore.Signal(object, tuple)

    def __init__(self):
        super().__init__()
        self.posted.connect(lambda function, args: function(*args), QtCore.Qt.QueuedConnection)


def open_host(title, width, height):
    """A running Qt application: its main window with a tree, after a dialog that has come and gone."""
    app = QtWidgets.QApplication(["bench"])
    window = QtWidgets.QMainWindow()
    window.setWindowTitle(title)
    window.setCentralWidget(QtWidgets.QTreeWidget())
    window.resize(width, height)
    window.show()
    own = OwnWidget()
    own.installEventFilter(own)
    own.show()
    app.processEvents()
    own.close()
    own.deleteLater()
    app.processEvents()
    return app, window
