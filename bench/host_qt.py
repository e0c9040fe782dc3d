"""AuroraView in the page rows: a Qt application with a QtWebView in its main window, handlers on the Qt thread."""

import os
import sys
import time

# The modules of this folder belong to no package: the path first, hence E402.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from participant import BLOB, Participant, page_html, payload_bytes, payload_records  # noqa: E402

ADAPTER = """
window.peer = {
    report: text => auroraview.send_event('report', { text }),
    echo: text => auroraview.call('echo', text),
    blobIn: bytes => auroraview.call('blob_in', { bytes }),
    noise: text => auroraview.send_event('noise', text),
    blobOut: () => auroraview.call('blob_out'),
    echoJson: value => auroraview.call('echo', { text: value }),
    echoBytes: bytes => auroraview.call('echo', { text: bytes }),
    giveJson: size => auroraview.call('give_json', size),
    giveBytes: size => auroraview.call('give_bytes', size),
};
auroraview.on('bench', detail => bench.event(detail));
"""


class OursQt(Participant):
    name = "ours-qt"

    def main(self):
        import numpy
        import PySide6
        from qt_host import Poster, open_host

        self.numpy, self.blob = numpy, numpy.frombuffer(BLOB, numpy.uint64)
        self.app, self.window = open_host("bench-ours-qt", 400, 300)
        self.note_base()
        import auroraview
        from auroraview import QtWebView
        from auroraview.errors import QueueFull

        self.QtWebView, self.QueueFull = QtWebView, QueueFull
        self.version = "%s, PySide6 %s" % (auroraview.__version__, PySide6.__version__)

        self.further = {}
        self.poster = Poster()
        self.first_view_opening()
        self.view = self.open_view(self.window)
        self.window.setCentralWidget(self.view)
        self.start_reader()
        self.app.exec()

    def open_view(self, parent, number=0):
        view = self.QtWebView(parent, title="bench-ours-qt-view", width=400, height=300, html=page_html(ADAPTER))
        view.on("report", lambda detail: self.on_report(detail["text"]))
        view.on("noise", self.noise)
        view.bind_call("echo", lambda text: self.echo_of(number, text))
        view.bind_call("blob_in", self.take_blob)
        view.bind_call("blob_out", self.give_blob)
        view.bind_call("give_json", self.give_records)
        view.bind_call("give_bytes", self.give_some_bytes)
        view.recovered.connect(self.came_back)
        view.show()
        return view

    def came_back(self, what):
        self.say(row=self.row, at=time.time())

    def take_blob(self, bytes):
        # Without a copy; a memoryview's own == looks at one byte after the other, and NumPy's makes as many bools
        # as it compares elements, so eight bytes to each.
        self.note_entry()
        same = self.numpy.array_equal(self.numpy.frombuffer(bytes, self.numpy.uint64), self.blob)
        return len(bytes) if same else 0

    def give_blob(self):
        self.note_entry()
        return BLOB

    def give_records(self, size):
        self.note_entry()
        return payload_records(size)

    def give_some_bytes(self, size):
        self.note_entry()
        return payload_bytes(size)

    def evaluate(self, script):
        self.view.eval_js(script)

    def emit(self, detail):
        while True:
            try:
                return self.view.emit("bench", detail)
            except self.QueueFull:
                os.sched_yield()  # the library's thread is sending

    def every(self, milliseconds, function):
        from PySide6 import QtCore

        timer = QtCore.QTimer(self.app)
        timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
        timer.timeout.connect(lambda: function() or (timer.stop(), timer.deleteLater()))
        timer.start(milliseconds)

    def post(self, function, *args):
        self.poster.posted.emit(function, args)

    def open_further(self, number):
        self.further[number] = self.open_view(None, number)

    def close_further(self, number):
        view = self.further.pop(number)
        view.close()
        view.deleteLater()

    def evaluate_in(self, number, script):
        self.further[number].eval_js(script)

    def quit(self):
        self.app.quit()


OursQt().main()
