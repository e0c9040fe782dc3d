"""Local pages and schemes in the real engine."""

import pytest
from auroraview import WebView

pytestmark = [pytest.mark.display, pytest.mark.usefixtures("webkit_engine")]


COMPLETE = "document.title === 'local' && document.readyState === 'complete'"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "data.txt").write_text("data")
    (tmp_path / "pages" / "page.js").write_text("window.ran = 'page.js'")
    (tmp_path / "pages" / "page.html").write_text(
        "<title>local</title><script src=\"page.js\"></script><script>window.inline = true</script>"
    )
    return tmp_path


def loaded(pump, view):
    seen = []
    view.on("loaded", seen.append)
    pump.until(lambda: seen, "the page")
    return view


def test_a_local_page_of_the_asset_folder(web_pump, folder):
    view = WebView(asset_root=folder)
    view.load_local_html(folder / "pages" / "page.html")
    script = "[document.title, window.ran, window.inline, location.href]"
    loaded(web_pump, view)
    web_pump.until(lambda: web_pump.value(view, COMPLETE))
    assert web_pump.value(view, script) == ["local", "page.js", True, "auroraview://localhost/"]
    view.close()


def test_a_local_page_of_elsewhere(web_pump, folder):
    view = WebView()
    view.load_local_html(folder / "pages" / "page.html")
    web_pump.until(lambda: web_pump.value(view, COMPLETE))
    assert web_pump.value(view, "[window.ran, location.protocol]") == ["page.js", "file:"]
    with pytest.raises(FileNotFoundError):
        view.load_local_html(folder / "none.html")
    view.close()


def test_the_policy_is_an_option(web_pump, folder):
    for csp, inline in ((None, None), ("", True), ("script-src 'unsafe-inline'", True)):
        view = WebView(
            url="auroraview://localhost/pages/page.html", asset_root=folder, csp=csp
        )
        web_pump.until(lambda: web_pump.value(view, COMPLETE))
        assert web_pump.value(view, "window.inline") == inline
        view.close()


def test_a_scheme_answers_pictures_streams_and_errors(web_pump, folder):
    view = WebView(html="<title>html</title>")
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="5"/>'

    def handler(uri):
        if uri.endswith(".svg"):
            return {"data": svg.encode(), "mime_type": "image/svg+xml"}
        if uri.endswith("stream"):
            return (b"piece %d;" % i for i in range(3))
        if uri.endswith("file"):
            return folder / "data.txt"
        raise ValueError(uri)

    view.register_protocol("scene", handler)
    web_pump.until(lambda: web_pump.value(view, "document.title") == "html")
    text = "fetch('scene://a/{}').then(async r => [r.status, await r.text()])"
    assert web_pump.value(view, text.format("stream")) == [200, "piece 0;piece 1;piece 2;"]
    assert web_pump.value(view, text.format("file")) == [200, "data"]
    assert web_pump.value(view, text.format("other"))[0] == 500
    image = "new Promise(d => { const i = new Image(); i.onload = () => d(i.width); "
    image += "i.onerror = () => d('failed'); i.src = 'scene://a/b.svg' })"
    assert web_pump.value(view, image) == 7
    view.close()


def test_the_panel_keeps_its_schemes_and_policy(web_pump, monkeypatch):
    from auroraview import QtWebView
    from qtpy import QtWidgets

    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")

    app = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    panel = QtWebView(html="<title>one</title>", csp="script-src 'none'")
    panel.register_protocol("scene", lambda uri: uri)
    panel.show()
    script = "fetch('scene://a/b').then(r => r.text())"
    assert panel.eval_js_sync("1 + 1") == 2
    answers = []
    panel.eval_js_async(script, lambda value, error: answers.append(value or error))
    web_pump.until(lambda: app.processEvents() or answers, "an answer")
    assert answers == ["scene://a/b"]
    panel.close()
    panel.show()  # a new view, which serves the same
    panel.eval_js_async(script, lambda value, error: answers.append(value or error))
    web_pump.until(lambda: app.processEvents() or len(answers) > 1, "an answer")
    assert answers[1] == "scene://a/b"
    panel.destroy()
