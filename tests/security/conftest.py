"""Servers on loopback whose pages try to reach native code, and what they say."""

import importlib.util
import pathlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

_spec = importlib.util.spec_from_file_location(
    "python_conftest", pathlib.Path(__file__).parents[1] / "python/conftest.py"
)
_python = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_python)
webkit_engine = _python.webkit_engine
web_pump = _python.web_pump

# Tries to call native code and tells the server: "none", the name of an error,
# or "called".
PROBE = """(function (label) {
    const say = result => { new Image().src = 'REPORT?case=' + encodeURIComponent(label) +
        '&result=' + encodeURIComponent(result); };
    if (typeof auroraview === 'undefined') say('none');
    else auroraview.call('who').then(() => say('called'), error => say(error.name));
})"""


class Site:
    """One server; answers the paths in `pages`, and takes reports."""

    def __init__(self, host="127.0.0.1", port=0):
        self.pages = {}  # path -> html, (status, headers, body), or function of the query
        self.reports = {}
        self.requests = []
        self.name = f"[{host}]" if ":" in host else host
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                site.requests.append(self.path)
                if parts.path == "/report":
                    site.reports.setdefault(query["case"], query["result"])
                answer = site.pages.get(parts.path, "")
                if callable(answer):
                    answer = answer(query)
                if isinstance(answer, str):
                    answer = (200, {"Content-Type": "text/html; charset=utf-8"}, answer)
                status, headers, body = answer
                data = body.encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": len(data)}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            daemon_threads = True

        self.server = Server((host, port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.pages["/probe"] = lambda query: self.page(query.get("case", "probe"))

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def origin(self, host=None):
        return f"http://{host or self.name}:{self.port}"

    def url(self, path="/", host=None):
        return self.origin(host) + path

    def probe(self, label):
        """Script text that tries and reports under that label."""
        return f"{PROBE}({label!r})".replace("REPORT", self.url("/report"))

    def page(self, label, head=""):
        return f"<!doctype html><title>{label}</title>{head}<script>{self.probe(label)}</script>"


@pytest.fixture
def site():
    site = Site()
    yield site
    site.close()


@pytest.fixture
def other():
    site = Site()
    yield site
    site.close()


@pytest.fixture
def ipv6_site():
    site = Site("::1")
    yield site
    site.close()


@pytest.fixture
def views(web_pump):
    """Makes views that answer the call of the probes, and closes them."""
    from auroraview import WebView

    made = []

    def make(**options):
        view = WebView(width=300, height=200, **options)
        made.append(view)
        view.calls = []
        if options.get("profile") != "remote":
            view.bind_call("who", lambda: view.calls.append("who") or "host")
        return view

    yield make
    for view in made:
        view.close()
