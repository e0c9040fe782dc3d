"""What a page that nobody trusts does not get, in the real engine."""

import os
import subprocess
import sys

import pytest
from auroraview import WebView, errors
from auroraview.core import app

pytestmark = [pytest.mark.display, pytest.mark.usefixtures("webkit_engine")]


@pytest.fixture
def remote(views, site):
    """A view of the remote profile at a page that says what `typeof auroraview` is."""
    site.pages["/"] = "<!doctype html><title>far</title>" + site.page("remote")

    def make(**options):
        return views(profile="remote", url=site.url(), **options)

    return make


def denials(view):
    return {(entry.what, entry.origin) for entry in view.audit() if not entry.granted}


def test_no_native_access(web_pump, remote, site):
    view = remote()
    heard = []
    view.bind_call("who", lambda: heard.append("called"))
    view.on("event", heard.append)
    web_pump.until(lambda: site.reports)
    assert site.reports == {"remote": "none"}
    with pytest.raises(errors.PermissionDenied):
        view.allow_origin(site.origin())
    view.emit("secret", {"n": 1})
    assert web_pump.value(view, "1 + 1") == 2, "scripts of the host run all the same"
    assert heard == []


def test_only_pages_of_the_network(views, site, tmp_path):
    view = views(profile="remote", url=site.url())
    page = tmp_path / "page.html"
    page.write_text("x")
    for load in (
        lambda: view.load_html("<p>"),
        lambda: view.load_file(page),
        lambda: view.load_url("auroraview://localhost/"),
        lambda: view.load_url("data:text/html,x"),
        lambda: WebView(profile="remote", html="<p>"),
        lambda: WebView(profile="remote", asset_root=tmp_path),
    ):
        with pytest.raises(errors.PermissionDenied):
            load()
    with pytest.raises(errors.InvalidArgument):
        WebView(profile="remote", allowed=["not an origin"])
    with pytest.raises(ValueError):
        WebView(profile="local", allowed=["*"])
    with pytest.raises(ValueError):
        WebView(profile="other")


@pytest.mark.parametrize("path", ["file:///etc/hostname", "auroraview://localhost/x.html"])
def test_no_reach_to_files_and_assets(web_pump, remote, site, path):
    view = remote()
    web_pump.until(lambda: site.reports)
    script = f"""(async () => {{
        const tried = {{}};
        tried.fetch = await fetch({path!r}).then(() => 'read', () => 'refused');
        tried.image = await new Promise(done => {{
            const i = new Image(); i.onload = () => done('read'); i.onerror = () => done('refused'); i.src = {path!r} }});
        tried.script = await new Promise(done => {{
            const s = document.createElement('script');
            s.onload = () => done('read'); s.onerror = () => done('refused'); s.src = {path!r}; document.head.append(s) }});
        return tried;
    }})()"""
    assert web_pump.value(view, script) == dict.fromkeys(("fetch", "image", "script"), "refused")
    view.eval_js(f"location = {path!r}")
    view.eval_js(f"const f = document.createElement('iframe'); f.src = {path!r}; document.body.append(f)")
    assert web_pump.value(view, "location.href") == site.url()


def test_pages_go_only_where_the_application_said(web_pump, remote, site, other):
    far = site.origin("localhost")
    view = remote(allowed=[other.origin(), "http://*.localhost:" + str(site.port)])
    other.pages["/"] = "<title>other</title>"
    web_pump.until(lambda: site.reports)
    site.pages["/redirect"] = (302, {"Location": far + "/probe"}, "")
    before = len(site.requests)
    view.eval_js(f"location = {far + '/probe'!r}")
    web_pump.until(lambda: ("navigation", far) in denials(view), "the refusal")
    view.eval_js("location = '/redirect'")
    web_pump.until(lambda: any("/redirect" in path for path in site.requests))
    assert web_pump.value(view, "location.href") == site.url()
    # A frame goes nowhere else either.
    view.eval_js(f"const f = document.createElement('iframe'); f.src = {far + '/framed'!r}; document.body.append(f)")
    assert web_pump.value(view, "new Promise(done => setTimeout(done, 100, document.title))") == "far"
    assert not any("framed" in path or "/probe" in path for path in site.requests[before:])
    loaded = []
    view.on_loaded(lambda data: loaded.append(data["url"]))
    view.eval_js(f"location = {site.url('/probe', host='a.localhost')!r}")
    web_pump.until(lambda: site.url("/probe", host="a.localhost") in loaded, "the subdomain")
    view.eval_js(f"location = {other.url()!r}")
    web_pump.until(lambda: other.url() in loaded, "the listed origin")


@pytest.mark.parametrize("lost", ["page", "engine"])
def test_the_next_process_knows_where_pages_may_go(web_pump, remote, site, other, lost):
    far = site.origin("localhost")
    view = remote(allowed=[other.origin()])
    other.pages["/"] = "<title>other</title>"
    web_pump.until(lambda: site.reports)
    loaded, recovered = [], []
    view.on_recovered(recovered.append)
    if lost == "page":
        view.kill_page()
    else:
        app.kill_engine()
    web_pump.until(lambda: recovered, "the return")
    assert web_pump.value(view, "typeof auroraview") == "undefined"
    assert web_pump.value(view, "location.href") == site.url()
    view.eval_js(f"location = {far + '/probe'!r}")
    web_pump.until(lambda: ("navigation", far) in denials(view), "the refusal")
    view.on_loaded(lambda data: loaded.append(data["url"]))
    view.eval_js(f"location = {other.url()!r}")
    web_pump.until(lambda: other.url() in loaded, "the listed origin")


def test_no_further_windows(web_pump, remote, site):
    view = remote()
    web_pump.until(lambda: site.reports)
    assert web_pump.value(view, "window.open('/probe?case=popup') === null") is True
    web_pump.until(lambda: ("window", site.origin()) in denials(view))
    assert "popup" not in site.reports


def test_no_downloads(web_pump, remote, site, tmp_path, monkeypatch):
    view = remote()
    web_pump.until(lambda: site.reports)
    site.pages["/file"] = (200, {"Content-Type": "application/octet-stream",
                                 "Content-Disposition": "attachment; filename=evil.bin"}, "x" * 1000)
    view.eval_js("location = '/file'")
    web_pump.until(lambda: ("download", site.origin()) in denials(view), "the refusal")
    view.eval_js("const a = document.createElement('a'); a.href = 'data:application/octet-stream,x';"
                 " a.download = 'evil2.bin'; document.body.append(a); a.click()")
    assert web_pump.value(view, "document.title") == "far"
    home = os.path.expanduser("~")
    for folder in (home, os.path.join(home, "Downloads"), os.getcwd()):
        assert not [name for name in (os.listdir(folder) if os.path.isdir(folder) else []) if "evil" in name]


PERMISSIONS = {
    "geolocation": "new Promise(done => navigator.geolocation ? navigator.geolocation.getCurrentPosition("
    "() => done('given'), () => done('refused')) : done('absent'))",
    "notifications": "typeof Notification === 'undefined' ? 'absent' : Notification.requestPermission()",
    "camera": "navigator.mediaDevices && navigator.mediaDevices.getUserMedia ? "
    "navigator.mediaDevices.getUserMedia({video: true}).then(() => 'given', () => 'refused') : 'absent'",
    "screen": "navigator.mediaDevices && navigator.mediaDevices.getDisplayMedia ? "
    "navigator.mediaDevices.getDisplayMedia().then(() => 'given', () => 'refused') : 'absent'",
}


@pytest.mark.parametrize("name", PERMISSIONS)
def test_no_permissions(web_pump, remote, site, name):
    view = remote()
    web_pump.until(lambda: site.reports)
    assert web_pump.value(view, PERMISSIONS[name]) in ("refused", "absent", "denied", "default")


def test_storage_ends_with_the_view_and_is_its_own(web_pump, views, site):
    site.pages["/"] = site.page("storage")
    write = "localStorage.setItem('k', 'v'); document.cookie = 'k=v; max-age=1000'; 1"
    read = "[localStorage.getItem('k'), document.cookie]"
    first = views(profile="remote", url=site.url())
    assert web_pump.value(first, write) == 1
    assert web_pump.value(first, read) == ["v", "k=v"]
    beside = views(profile="remote", url=site.url())
    local = views(url=site.url())
    assert web_pump.value(beside, read) == [None, ""]
    assert web_pump.value(local, read) == [None, ""]
    closed = []
    first.on_closed(closed.append)
    first.close()
    web_pump.until(lambda: closed)
    again = views(profile="remote", url=site.url())
    assert web_pump.value(again, read) == [None, ""]


CLIPBOARD = """(async () => {
    const field = document.createElement('textarea');
    field.value = 'stolen'; document.body.append(field); field.select();
    const frame = document.createElement('iframe'); document.body.append(frame);
    const heard = [];
    for (const name of ['copy', 'cut', 'paste']) addEventListener(name, () => heard.push(name), true);
    const inner = frame.contentWindow;
    const restore = (() => { try { return delete Document.prototype.execCommand } catch (e) { return false } })();
    return [
        typeof navigator.clipboard,
        ...['copy', 'cut', 'paste', 'COPY'].map(name => document.execCommand(name)),
        document.execCommand({toString: () => 'copy'}),
        inner.document.execCommand('copy'),
        inner.Document.prototype.execCommand.call(document, 'copy'),
        typeof inner.navigator.clipboard,
        restore, heard.length,
    ];
})()"""


def test_no_clipboard(web_pump, remote, site):
    view = remote()
    web_pump.until(lambda: site.reports)
    assert web_pump.value(view, CLIPBOARD) == ["undefined", *[False] * 7, "undefined", False, 0]
    # As another program sees it, outside of this process: Qt would change it.
    script = (
        "from PySide6.QtGui import QGuiApplication; app = QGuiApplication([]);"
        "print(app.clipboard().text())"
    )
    seen = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert b"stolen" not in seen.stdout


def test_developer_tools_are_off_unless_asked_for(monkeypatch):
    from auroraview import _core

    made = []

    class View:
        def __init__(self, app, **options):
            made.append(options["dev_tools"])
            raise KeyboardInterrupt

    monkeypatch.setattr(_core, "View", View)
    for options in ({}, {"profile": "remote"}, {"profile": "remote", "dev_tools": True}):
        with pytest.raises(KeyboardInterrupt):
            WebView(**options)
    assert made == [True, False, True]
