"""Peer: the C library webview (github.com/webview/webview), as carried in the Python package webviewpy."""

import json
import os
import sys
import threading
import time

# The modules of the folder above belong to no package: the path first, hence E402.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from participant import Participant, page_html, payload_records  # noqa: E402

ADAPTER = """
window.peer = {
    report: text => window.host_report(text),
    echo: text => window.host_echo(text),
    blobIn: bytes => window.host_blob_in(b64(bytes)),
    blobOut: async () => unb64(await window.host_blob_out()),
    echoJson: value => window.host_echo(value),
    echoBytes: async bytes => unb64(await window.host_echo_bytes(b64(bytes))),
    giveJson: size => window.host_give_json(size),
    giveBytes: async size => unb64(await window.host_give_bytes(size)),
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
        view.bind("host_echo_bytes", self.echo_bytes)
        view.bind("host_give_json", self.give_records)
        view.bind("host_give_bytes", self.give_bytes)
        view.set_html(page_html(ADAPTER))
        return view

    def give_records(self, size):
        self.note_entry()
        return payload_records(size)

    def evaluate(self, script):
        self.view.eval(script)

    def emit(self, detail):
        self.view.eval("bench.event(" + json.dumps(detail) + ")")

    def every(self, milliseconds, function):
        def run():
            while going:
                self.view.dispatch(step)
                time.sleep(milliseconds / 1e3)

        def step():
            if going and not function():
                going.clear()

        going = [True]
        threading.Thread(target=run).start()

    def post(self, function, *args):
        self.view.dispatch(lambda: function(*args))

    def open_further(self, number):
        self.second = self.open_view()

    def close_further(self, number):
        # Not inside a call of its own page.
        self.post(self.second.destroy)

    def quit(self):
        os._exit(0)


WebviewLibrary().main()
