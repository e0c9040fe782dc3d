"""Peer: the C library webview (github.com/webview/webview), as carried in the Python package webviewpy."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from participant import Participant, page_html  # noqa: E402
import json  # noqa: E402

ADAPTER = """
window.peer = {
    report: text => window.host_report(text),
    echo: text => window.host_echo(text),
    blobIn: bytes => window.host_blob_in(b64(bytes)),
    blobOut: async () => unb64(await window.host_blob_out()),
};
"""


class WebviewLibrary(Participant):
    name = "webview-lib"

    def main(self):
        self.note_base()
        import webviewpy

        self.webviewpy = webviewpy
        self.version = "webview %s" % webviewpy.Webview.version().version_number
        self.first_view_opening()
        self.view = self.open_view()
        self.start_reader()
        self.view.run()

    def open_view(self):
        view = self.webviewpy.Webview()
        view.set_title("bench-webview-lib")
        view.set_size(400, 300)
        view.bind("host_report", self.on_report)
        view.bind("host_echo", self.echo)
        view.bind("host_blob_in", self.blob_in)
        view.bind("host_blob_out", self.blob_out)
        view.set_html(page_html(ADAPTER))
        return view

    def evaluate(self, script):
        self.view.eval(script)

    def emit(self, detail):
        self.view.eval("bench.event(" + json.dumps(detail) + ")")

    def post(self, function, *args):
        self.view.dispatch(lambda: function(*args))

    def open_second(self):
        self.second = self.open_view()

    def close_second(self):
        # Not inside a call of its own page.
        self.post(self.second.destroy)

    def quit(self):
        os._exit(0)


WebviewLibrary().main()
