"""Peer: QWebChannel on PySide6's Qt WebEngine, handlers on the Qt thread."""

import json
import os
import sys

# The modules of the folder above belong to no package: the path first, hence E402.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from participant import Participant, page_html, page_script  # noqa: E402

ADAPTER = """
window.peer = (() => {
    const early = [];
    const peer = { report: text => early.push(text) };
    addEventListener('DOMContentLoaded', () => new QWebChannel(qt.webChannelTransport, channel => {
        const host = channel.objects.host;
        peer.report = text => host.report(text);
        peer.echo = text => host.echo(text);
        peer.blobIn = bytes => host.blob_in(b64(bytes));
        peer.noise = text => host.noise(text);
        peer.blobOut = async () => unb64(await host.blob_out());
        peer.echoJson = async value => JSON.parse(await host.echo_json(JSON.stringify(value)));
        peer.echoBytes = async bytes => unb64(await host.echo_bytes(b64(bytes)));
        peer.giveJson = async size => JSON.parse(await host.give_json(size));
        peer.giveBytes = async size => unb64(await host.give_bytes(size));
        host.event.connect(text => bench.event(JSON.parse(text)));
        early.forEach(peer.report);
    }));
    return peer;
})();
"""


class QtPeer(Participant):
    name = "qwebchannel"

    def main(self):
        # Chromium refuses to start its sandbox as root, in containers and in CI.
        flags = os.environ.get("QTWEBENGINE_CHROMIUM_FLAGS", "")
        os.environ["QTWEBENGINE_CHROMIUM_FLAGS"] = (flags + " --no-sandbox --disable-gpu").strip()
        import PySide6
        from PySide6 import QtCore
        from qt_host import Poster, open_host

        self.version = "PySide6 " + PySide6.__version__
        self.app, self.main_window = open_host("bench-qwebchannel-host", 200, 200)
        self.note_base()
        from PySide6 import QtWebChannel, QtWebEngineCore, QtWebEngineWidgets

        self.modules = QtWebChannel, QtWebEngineCore, QtWebEngineWidgets
        peer = self

        self.further = {}
        self.poster = Poster()

        class Host(QtCore.QObject):
            event = QtCore.Signal(str)

            @QtCore.Slot(str)
            def report(self, text):
                peer.on_report(text)

            @QtCore.Slot(str)
            def noise(self, text):
                peer.noise(text)

            @QtCore.Slot(str, result=str)
            def echo(self, text):
                return peer.echo_of(self.number, text)

            @QtCore.Slot(str, result=int)
            def blob_in(self, text):
                return peer.blob_in(text)

            @QtCore.Slot(result=str)
            def blob_out(self):
                return peer.blob_out()

            @QtCore.Slot(str, result=str)
            def echo_json(self, text):
                return peer.echo_json(text)

            @QtCore.Slot(str, result=str)
            def echo_bytes(self, text):
                return peer.echo_bytes(text)

            @QtCore.Slot(int, result=str)
            def give_json(self, size):
                return peer.give_json(size)

            @QtCore.Slot(int, result=str)
            def give_bytes(self, size):
                return peer.give_bytes(size)

        self.Host = Host
        channel_js = QtCore.QFile(":/qtwebchannel/qwebchannel.js")
        channel_js.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        self.script = bytes(channel_js.readAll().data()).decode() + page_script(ADAPTER)
        self.first_view_opening()
        self.view = self.open_view()
        self.start_reader()
        self.app.exec()

    def open_view(self, number=0):
        QtWebChannel, QtWebEngineCore, QtWebEngineWidgets = self.modules
        view = QtWebEngineWidgets.QWebEngineView()
        view.host = self.Host()
        view.host.number = number
        view.channel = QtWebChannel.QWebChannel()
        view.channel.registerObject("host", view.host)
        view.page().setWebChannel(view.channel)
        script = QtWebEngineCore.QWebEngineScript()
        script.setSourceCode(self.script)
        script.setInjectionPoint(QtWebEngineCore.QWebEngineScript.InjectionPoint.DocumentCreation)
        script.setWorldId(QtWebEngineCore.QWebEngineScript.ScriptWorldId.MainWorld)
        view.page().scripts().insert(script)
        view.setHtml(page_html())
        view.setWindowTitle("bench-qwebchannel")
        view.resize(400, 300)
        view.show()
        return view

    def evaluate(self, script):
        self.view.page().runJavaScript(script)

    def emit(self, detail):
        self.view.host.event.emit(json.dumps(detail))

    def every(self, milliseconds, function):
        from PySide6 import QtCore

        timer = QtCore.QTimer(self.app)
        timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
        timer.timeout.connect(lambda: function() or (timer.stop(), timer.deleteLater()))
        timer.start(milliseconds)

    def post(self, function, *args):
        self.poster.posted.emit(function, args)

    def open_further(self, number):
        self.further[number] = self.open_view(number)

    def close_further(self, number):
        view = self.further.pop(number)
        view.close()
        view.deleteLater()

    def evaluate_in(self, number, script):
        self.further[number].page().runJavaScript(script)

    def quit(self):
        self.app.quit()


QtPeer().main()
# Qt WebEngine's own teardown at interpreter exit is not what is measured, and aborts on some versions.
os._exit(0)
