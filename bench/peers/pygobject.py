"""Peer: WebKitGTK from Python through PyGObject, register_script_message_handler_with_reply() on the GTK thread."""

import json
import os
import sys

# The modules of the folder above belong to no package: the path first, hence E402.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from participant import Participant, page_html, page_script, use_debian_modules  # noqa: E402

ADAPTER = """
window.peer = (() => {
    const h = name => window.webkit.messageHandlers[name];
    return {
        report: text => h('report').postMessage(text),
        echo: text => h('echo').postMessage(text),
        blobIn: bytes => h('blob_in').postMessage(b64(bytes)),
        noise: text => h('noise').postMessage(text),
        blobOut: async () => unb64(await h('blob_out').postMessage('')),
        echoJson: async value => JSON.parse(await h('echo_json').postMessage(JSON.stringify(value))),
        echoBytes: async bytes => unb64(await h('echo_bytes').postMessage(b64(bytes))),
        giveJson: async size => JSON.parse(await h('give_json').postMessage(String(size))),
        giveBytes: async size => unb64(await h('give_bytes').postMessage(String(size))),
    };
})();
"""


class PyGObject(Participant):
    name = "pygobject"

    def main(self):
        use_debian_modules()
        self.note_base()
        import gi

        gi.require_version("Gtk", "3.0")
        gi.require_version("WebKit2", "4.1")
        from gi.repository import GLib, Gtk, WebKit2

        self.GLib, self.Gtk, self.WebKit2 = GLib, Gtk, WebKit2
        self.version = "PyGObject %s, WebKitGTK %d.%d.%d" % (
            gi.__version__,
            WebKit2.get_major_version(),
            WebKit2.get_minor_version(),
            WebKit2.get_micro_version(),
        )
        self.further = {}
        self.first_view_opening()
        self.window, self.view = self.open_view()
        self.start_reader()
        Gtk.main()

    def open_view(self, number=0):
        manager = self.WebKit2.UserContentManager()
        manager.connect("script-message-received::report", lambda m, r: self.on_report(r.get_js_value().to_string()))
        manager.register_script_message_handler("report")
        manager.connect("script-message-received::noise", lambda m, r: self.noise(r.get_js_value().to_string()))
        manager.register_script_message_handler("noise")
        for name, function in (
            ("echo", lambda text: self.echo_of(number, text)),
            ("blob_in", self.blob_in),
            ("blob_out", lambda text: self.blob_out()),
            ("echo_json", self.echo_json),
            ("echo_bytes", self.echo_bytes),
            ("give_json", self.give_json),
            ("give_bytes", self.give_bytes),
        ):
            manager.connect("script-message-with-reply-received::" + name, self.on_call, function)
            manager.register_script_message_handler_with_reply(name, None)
        manager.add_script(
            self.WebKit2.UserScript(
                page_script(ADAPTER),
                self.WebKit2.UserContentInjectedFrames.TOP_FRAME,
                self.WebKit2.UserScriptInjectionTime.START,
                None,
                None,
            )
        )
        view = self.WebKit2.WebView.new_with_user_content_manager(manager)
        window = self.Gtk.Window(title="bench-pygobject")
        window.set_default_size(400, 300)
        window.add(view)
        window.show_all()
        view.load_html(page_html(), "http://localhost/")
        return window, view

    def on_call(self, manager, value, reply, function):
        import gi

        gi.require_version("JavaScriptCore", "4.1")
        from gi.repository import JavaScriptCore

        answer = function(value.to_string())
        new = JavaScriptCore.Value.new_number if isinstance(answer, int) else JavaScriptCore.Value.new_string
        reply.return_value(new(value.get_context(), answer))
        return True

    def evaluate(self, script):
        self.view.evaluate_javascript(script, -1, None, None, None, None)

    def emit(self, detail):
        self.view.evaluate_javascript("bench.event(" + json.dumps(detail) + ")", -1, None, None, None, None)

    def every(self, milliseconds, function):
        self.GLib.timeout_add(milliseconds, function)

    def post(self, function, *args):
        self.GLib.idle_add(lambda: function(*args) and False)

    def open_further(self, number):
        self.further[number] = self.open_view(number)

    def close_further(self, number):
        self.further.pop(number)[0].destroy()

    def evaluate_in(self, number, script):
        self.further[number][1].evaluate_javascript(script, -1, None, None, None, None)

    def quit(self):
        self.Gtk.main_quit()


PyGObject().main()
