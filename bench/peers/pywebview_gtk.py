"""Peer: pywebview on its GTK backend. It runs each call of its js_api on a new thread, not on the GUI thread."""

import json
import os
import sys
import threading
import time

# The modules of the folder above belong to no package: the path first, hence E402.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from participant import Participant, page_html, payload_records, use_debian_modules  # noqa: E402

ADAPTER = """
window.peer = (() => {
    const early = [];
    const peer = { report: text => early.push(text) };
    addEventListener('pywebviewready', () => {
        const api = window.pywebview.api;
        peer.report = text => api.report(text);
        peer.echo = text => api.echo(text);
        peer.blobIn = bytes => api.blob_in(b64(bytes));
        peer.blobOut = async () => unb64(await api.blob_out());
        peer.echoJson = value => api.echo(value);
        peer.echoBytes = async bytes => unb64(await api.echo_bytes(b64(bytes)));
        peer.giveJson = size => api.give_json(size);
        peer.giveBytes = async size => unb64(await api.give_bytes(size));
        early.forEach(peer.report);
    });
    return peer;
})();
"""


class PyWebView(Participant):
    name = "pywebview"

    def main(self):
        use_debian_modules()
        self.note_base()
        import webview
        from importlib.metadata import version

        self.webview = webview
        self.version = "pywebview " + version("pywebview")
        peer = self
        self.lock = threading.Lock()

        class Api:
            def report(self, text):
                with peer.lock:  # each call has its own thread
                    peer.on_report(text)

            def echo(self, text):
                return peer.echo(text)

            def blob_in(self, text):
                return peer.blob_in(text)

            def blob_out(self):
                return peer.blob_out()

            def echo_bytes(self, text):
                return peer.echo_bytes(text)

            def give_json(self, size):
                peer.note_entry()
                return payload_records(size)

            def give_bytes(self, size):
                return peer.give_bytes(size)

        self.api = Api()
        self.first_view_opening()
        self.view = self.open_view()
        webview.start(self.start_reader, gui="gtk")

    def open_view(self):
        return self.webview.create_window(
            "bench-pywebview", html=page_html(ADAPTER), js_api=self.api, width=400, height=300
        )

    def evaluate(self, script):
        self.view.run_js(script)

    def emit(self, detail):
        self.view.run_js("void bench.event(" + json.dumps(detail) + ")")

    def post(self, function, *args):
        # Its functions are for threads other than the GUI's: they wait for the GUI thread.
        threading.Thread(target=function, args=args).start()

    def every(self, milliseconds, function):
        def run():
            while function():
                time.sleep(milliseconds / 1e3)

        threading.Thread(target=run).start()

    def on_gui(self, function, *args):
        from gi.repository import GLib

        GLib.idle_add(lambda: function(*args) and False)

    def open_further(self, number):
        self.second = self.open_view()

    def close_further(self, number):
        self.second.destroy()

    def quit(self):
        os._exit(0)  # its own teardown waits for every window


PyWebView().main()
