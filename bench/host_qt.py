"""AuroraView in the page rows: a Qt application with a QtWebView in its main window, handlers on the Qt thread."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from participant import BLOB, Participant, page_html  # noqa: E402

ADAPTER = """
window.peer = {
    report: text => auroraview.send_event('report', { text }),
    echo: text => auroraview.call('echo', text),
    blobIn: bytes => auroraview.call('blob_in', { bytes }),
    blobOut: () => auroraview.call('blob_out'),
};
auroraview.on('bench', detail => bench.event(detail));
"""


class OursQt(Participant):
    name = "ours-qt"

    def main(self):
        import PySide6
        from PySide6 import QtCore, QtWidgets

        # The host is a Qt application already when it opens its first panel.
        self.app = QtWidgets.QApplication(["bench"])
        self.window = QtWidgets.QMainWindow()
        self.window.setWindowTitle("bench-ours-qt")
        self.window.setCentralWidget(QtWidgets.QTreeWidget())
        self.window.resize(400, 300)
        self.window.show()
        self.app.processEvents()
        self.note_base()
        import auroraview
        from auroraview import QtWebView

        self.QtWebView = QtWebView
        self.version = "%s, PySide6 %s" % (auroraview.__version__, PySide6.__version__)

        class Poster(QtCore.QObject):
            posted = QtCore.Signal(object, tuple)

        self.poster = Poster()
        self.poster.posted.connect(lambda function, args: function(*args), QtCore.Qt.QueuedConnection)
        self.first_view_opening()
        self.view = self.open_view(self.window)
        self.window.setCentralWidget(self.view)
        self.start_reader()
        self.app.exec()

    def open_view(self, parent):
        view = self.QtWebView(parent, title="bench-ours-qt-view", width=400, height=300, html=page_html(ADAPTER))
        view.on("report", lambda detail: self.on_report(detail["text"]))
        view.bind_call("echo", self.echo)
        view.bind_call("blob_in", self.take_blob)
        view.bind_call("blob_out", self.give_blob)
        view.show()
        return view

    def take_blob(self, bytes):
        self.note_entry()
        return len(bytes) if bytes == BLOB else 0

    def give_blob(self):
        self.note_entry()
        return BLOB

    def evaluate(self, script):
        self.view.eval_js(script)

    def emit(self, detail):
        from auroraview.errors import QueueFull

        while True:
            try:
                return self.view.emit("bench", detail)
            except QueueFull:
                os.sched_yield()  # the library's thread is sending

    def post(self, function, *args):
        self.poster.posted.emit(function, args)

    def open_second(self):
        self.second = self.open_view(None)

    def close_second(self):
        self.second.close()
        self.second.deleteLater()
        self.second = None

    def quit(self):
        self.app.quit()


OursQt().main()
