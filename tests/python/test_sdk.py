"""The built package ``@auroraview/sdk`` in a real page, with Python behind it."""

import json
import pathlib
import shutil
import subprocess
import threading

import pytest
import sdk_api
from auroraview import WebView

pytestmark = [pytest.mark.display, pytest.mark.usefixtures("webkit_engine")]

SDK = pathlib.Path(__file__).parents[2] / "sdk"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the page, bundled as a front end would be."""
    folder = tmp_path_factory.mktemp("site")
    source = SDK / "test" / "engine"
    subprocess.run(
        [
            SDK / "node_modules" / ".bin" / "esbuild", source / "app.ts", "--bundle",
            "--format=esm", "--target=safari16", "--log-level=warning",
            '--define:process.env.NODE_ENV="production"',
            f"--outfile={folder / 'app.js'}",
        ],
        cwd=SDK,
        check=True,
        timeout=60,
    )  # fmt: skip
    shutil.copy(source / "index.html", folder)
    return folder


@pytest.fixture
def heard():
    """Events of the page, in order."""
    return []


@pytest.fixture
def view(web_pump, site, heard):
    view = WebView(
        url="auroraview://localhost/index.html", asset_root=site, width=400, height=300, debug=False
    )
    view.bind_api(sdk_api.Api())
    view.bind_call("ping", sdk_api.ping)
    view.on("selected", lambda detail: heard.append(("selected", detail)))
    view.on("dismissed", lambda detail: heard.append(("dismissed", detail)))
    loaded = []
    view.on("loaded", loaded.append)
    web_pump.until(lambda: loaded, "the page")
    # The script is a module: it may come after the page.
    web_pump.value(
        view,
        "new Promise(done => { const look = () => globalThis.probe ? done(1)"
        " : setTimeout(look, 5); look(); })",
    )
    yield view
    view.close()


def text_of(web_pump, view, name, wanted):
    """Waits until an element shows that value, which is JSON."""
    script = (
        "new Promise(done => { const look = () => { const text = textOf(%s);"
        " if (text === %s) done(true); else setTimeout(look, 5) }; look(); })"
    )
    text = json.dumps(wanted, separators=(",", ":"))
    return web_pump.value(view, script % (json.dumps(name), json.dumps(text)))


def test_where_it_is(web_pump, view):
    assert web_pump.value(view, "probe('environment')") == [
        "host", True, True, True, True, True, True,
    ]  # fmt: skip


def test_calls_under_the_generated_contract(web_pump, view):
    asset = {"id": 1, "kind": "mesh", "tags": ["a", "x"]}
    assert web_pump.value(view, "probe('calls')") == [1.5, 5, 6.5, [asset], None]


def test_binary_under_the_generated_contract(web_pump, view):
    assert web_pump.value(view, "probe('binary')") == [
        [3, 2, 0.5],
        [0, 1, 2],
        [[0, 0], [1, 2]],
        2,
        {"a": 1, "b": ["x"], "c": None},
        200_000,
        200_005,
    ]


def test_errors_time_limit_and_abort(web_pump, view):
    failed, timeout, aborted = web_pump.value(view, "probe('errors')")
    assert failed[:2] == ["LookupError", "no mesh"]
    assert (timeout[0], timeout[2]) == ("Timeout", -4)
    assert (aborted[0], aborted[2]) == ("AbortError", -5)


def test_events_both_ways(web_pump, view, heard):
    for fraction in (0.25, 0.5):
        view.emit("scan.progress", {"fraction": fraction})
    results = []
    view.eval_js_async("probe('events')", lambda *result: results.append(result), 15000)
    web_pump.until(lambda: len(heard) == 2, "the page's events")
    assert heard == [("selected", [1, 2]), ("dismissed", None)]
    view.emit("scan.progress", {"fraction": 1})
    view.emit("done")
    web_pump.until(lambda: results, "what the page heard")
    assert results == [([0.25, 0.5, 1], None)]


def test_react_and_vue_show_what_python_gives(web_pump, view):
    def asset(number):
        return {"id": number, "kind": "image", "tags": []}

    # What a hook has not got stands as null in JSON.
    assert text_of(web_pump, view, "react", [asset(5), None, "LookupError", -1])
    assert text_of(web_pump, view, "vue", [[asset(7), asset(8)], None])
    view.state["count"] = 3
    view.state["camera"] = {"at": [], "lens": {"mm": 35}}
    view.emit("count", 9)
    assert text_of(web_pump, view, "react", [asset(9), None, "LookupError", 3])
    assert text_of(web_pump, view, "vue", [[asset(9)], 35])


def test_state_both_ways(web_pump, view):
    view.state["camera"] = {"at": [1, 2], "lens": {"mm": 35}}
    view.state["count"] = 1
    before = {"camera": {"at": [1, 2], "lens": {"mm": 35}}, "count": 1}
    assert web_pump.value(view, "probe('state')") == [before, 2]
    web_pump.until(lambda: view.state["count"] == 2, "the page's count")
    web_pump.until(lambda: view.state["camera"]["lens"] == {"mm": 50}, "the page's camera")


def test_channels_both_ways(web_pump, view):
    """More than fits into the window at once, so that both sides must wait."""
    frames = view.create_channel("frames")
    upload = view.create_channel("upload")
    acknowledged, received = [], []
    frames.on_message(acknowledged.append)
    upload.on_message(lambda part: received.append(len(part)))

    def produce():
        for n in range(40):
            frames.send_wait({"n": n, "data": bytes([n]) * 100_000}, timeout=15)

    results = []
    view.eval_js_async("probe('channels')", lambda *result: results.append(result), 15000)
    producer = threading.Thread(target=produce)
    producer.start()
    try:
        web_pump.until(lambda: len(acknowledged) == 4, "what the page says of the frames")
    finally:
        producer.join(20)
    frames.close()
    web_pump.until(lambda: results, "the page's end")
    assert results == [([40, [39, 39], True, None], None)]
    web_pump.until(lambda: len(received) == 40, "what the page sends")
    assert received == [100_000] * 40
    assert acknowledged == [0, 10, 20, 30]
