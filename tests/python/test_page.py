"""WebView with a real page: what crosses the bridge, and what happens to faults."""

import array
import logging
import os
import signal

import numpy as np
import pytest
from auroraview import WebView, errors
from auroraview.core import app

pytestmark = [pytest.mark.display, pytest.mark.usefixtures("webkit_engine")]

# seen[name] collects what events bring; probe(x) tells what x is in the page.
PAGE = """<!doctype html><meta charset="utf-8"><title>test page</title>
<script>
  const seen = {};
  for (const name of ['early', 'data', 'odd \\u2028 "name"\\n\\u0000\\u{1f600}'])
      auroraview.on(name, detail => (seen[name] = seen[name] || []).push(detail));
  function probe(x) {
      if (x && (ArrayBuffer.isView(x) || x instanceof ArrayBuffer)) {
          const bytes = x instanceof ArrayBuffer ? new Uint8Array(x)
              : new Uint8Array(x.buffer, x.byteOffset, x.byteLength);
          let sum = 0;
          for (const b of bytes) sum = (sum + b) >>> 0;
          return [x.constructor.name, x.byteLength, sum];
      }
      if (Array.isArray(x)) return x.map(probe);
      if (x && typeof x === 'object')
          return Object.fromEntries(Object.entries(x).map(([k, v]) => [k, probe(v)]));
      return x;
  }
  async function failure(promise) {
      try { await promise; return null; }
      catch (e) { return {name: e.name, message: e.message, code: e.code,
                          data: e.data, isError: e instanceof Error}; }
  }
</script>"""


@pytest.fixture
def view(web_pump):
    view = WebView(html=PAGE, width=400, height=300, debug=False)
    yield view
    view.close()


def children(name, parent=0):
    """Process ids of our children, or those of `parent`, whose command is `name`."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as file:
                stat = file.read()
        except OSError:
            continue
        command, rest = stat.split("(", 1)[1].rsplit(")", 1)
        if command == name[:15] and int(rest.split()[1]) == (parent or os.getpid()):
            found.append(int(entry))
    return found


def test_events_before_the_page_exists_are_delivered(web_pump, view):
    view.emit("early", {"n": 1})
    view.emit("early", {"n": 2})
    assert web_pump.value(view, "seen['early']") == [{"n": 1}, {"n": 2}]


TEXTS = [
    "",
    'quotes " \' ` and \\ </script>',
    "lines\r\n\tand tabs",
    "nul \0 inside",
    "\u2028 \u2029",
    "emoji \U0001f600",
    "lone \ud800 end \udc00",
    "é" * 100_000,
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_text_survives_both_ways(web_pump, view, text):
    got = []

    @view.bind_call("echo")
    def echo(value):
        got.append(value)
        return value

    view.emit("data", {"text": text})
    back = web_pump.value(
        view, "(async () => [await auroraview.call('echo', seen.data[0].text), seen.data[0].text.length])()"
    )
    assert got == [text]
    assert back == [text, len(text.encode("utf-16-le", "surrogatepass")) // 2]


def test_odd_names(web_pump, view):
    name = 'odd \u2028 "name"\n\0\U0001f600'
    view.emit(name, {"n": 1})
    assert web_pump.value(view, "Object.keys(seen)") == [name]
    view.bind_call(name, lambda: "called")
    heard = []
    view.on(name, heard.append)
    script = "const n = Object.keys(seen)[0]; auroraview.send_event(n, {back: 1}); auroraview.call(n)"
    assert web_pump.value(view, f"(async () => {{ {script.replace('auroraview.call', 'return auroraview.call')} }})()") == "called"
    web_pump.until(lambda: heard)
    assert heard == [{"back": 1}]


BINARY = [
    (b"bytes", ["Uint8Array", 5, sum(b"bytes")]),
    (array.array("h", [1, -1]), ["Int16Array", 4, 511]),
    (np.array([1.0, 2.0], dtype=np.float32), ["Float32Array", 8, 63 + 128 + 64]),
    (np.arange(3, dtype=np.uint32), ["Uint32Array", 12, 3]),
    (np.array([-1], dtype=np.int64), ["BigInt64Array", 8, 8 * 255]),
    (np.zeros(1 << 20, dtype=np.uint8), ["Uint8Array", 1 << 20, 0]),
    (b"", ["Uint8Array", 0, 0]),
]


@pytest.mark.parametrize("value, expected", BINARY, ids=lambda value: str(type(value).__name__))
def test_binary_from_python(web_pump, view, value, expected):
    view.bind_call("get", lambda: {"value": [value, "beside"]})
    view.emit("data", {"value": value})
    script = "(async () => [probe((await auroraview.call('get')).value), probe(seen.data[0].value)])()"
    assert web_pump.value(view, script) == [[expected, "beside"], expected]


@pytest.mark.parametrize(
    "source, format, values",
    [
        ("new Uint8Array([1, 2, 255])", "B", [1, 2, 255]),
        ("new Uint8Array([1, 2, 255]).buffer", "B", [1, 2, 255]),
        ("new Uint8ClampedArray([300])", "B", [255]),
        ("new Int8Array([-1])", "b", [-1]),
        ("new Uint16Array([65535])", "H", [65535]),
        ("new Int16Array([-2])", "h", [-2]),
        ("new Uint32Array([4294967295])", "I", [4294967295]),
        ("new Int32Array([-3])", "i", [-3]),
        ("new Float32Array([0.5])", "f", [0.5]),
        ("new Float64Array([0.1])", "d", [0.1]),
        ("new BigUint64Array([18446744073709551615n])", "Q", [2**64 - 1]),
        ("new BigInt64Array([-5n])", "q", [-5]),
        ("new Uint8Array(0)", "B", []),
        ("new Float32Array(500000).fill(0.25)", "f", [0.25] * 500000),
        ("new Uint16Array([7, 8, 9, 10]).subarray(1, 3)", "H", [8, 9]),
    ],
)
def test_binary_to_python(web_pump, view, source, format, values):
    got = []
    view.bind_call("put", lambda value, beside: got.append((value, beside)))
    web_pump.value(view, f"auroraview.call('put', {{value: {source}, beside: 'text'}})")
    (value, beside), = got
    assert beside == "text"
    assert isinstance(value, memoryview)
    assert value.format == format
    assert value.tolist() == values
    assert value.readonly
    kept = np.asarray(value)
    del value, got[:]
    assert kept.tolist() == values


def test_a_megabyte_there_and_back(web_pump, view):
    data = np.random.default_rng(1).integers(0, 256, 1 << 20, dtype=np.uint8)
    got = []
    view.bind_call("get", lambda: data)
    view.bind_call("put", got.append)
    web_pump.value(view, "(async () => { await auroraview.call('put', [await auroraview.call('get')]); })()")
    assert np.array_equal(np.asarray(got[0]), data)


def test_large_parts_that_are_kept_do_not_change(web_pump, view):
    kept = []
    view.bind_call("keep", lambda part: kept.append(part[1:]))
    view.bind_call("drop", lambda part: len(part))
    script = """(async () => {
        const make = (n, value) => new Uint8Array(n).fill(value);
        for (let i = 1; i <= 6; i++)
            await auroraview.call(i % 2 ? 'keep' : 'drop', [make(90000 * i, i)]);
    })()"""
    web_pump.value(view, script)
    assert [len(part) for part in kept] == [90000 * i - 1 for i in (1, 3, 5)]
    assert [set(part) for part in kept] == [{1}, {3}, {5}]


def test_own_marker_survives(web_pump, view):
    got = []
    view.bind_call("echo", lambda **value: got.append(value) or value)
    script = """(async () => {
        const sent = {plain: {$auv: 0}, nested: [{$auv: ["esc", {}]}], data: new Uint8Array([9])};
        const back = await auroraview.call('echo', sent);
        const without = await auroraview.call('echo', {plain: {$auv: 5}});
        return [back.plain, back.nested, probe(back.data), without];
    })()"""
    assert web_pump.value(view, script) == [
        {"$auv": 0},
        [{"$auv": ["esc", {}]}],
        ["Uint8Array", 1, 9],
        {"plain": {"$auv": 5}},
    ]
    assert got[0]["plain"] == {"$auv": 0}
    assert got[0]["data"].tolist() == [9]


def test_a_handler_that_raises(web_pump, view, caplog):
    def bad():
        raise KeyError("no such thing")

    view.bind_call("bad", bad)
    with caplog.at_level(logging.ERROR, logger="auroraview"):
        error = web_pump.value(view, "failure(auroraview.call('bad'))")
    assert (error["name"], error["message"], error["isError"]) == ("KeyError", "'no such thing'", True)
    assert "data" not in error
    assert len([r for r in caplog.records if r.name == "auroraview"]) == 1


def test_traceback_for_the_page_in_debug(web_pump):
    view = WebView(html=PAGE, debug=True)

    def bad():
        raise KeyError("no such thing")

    view.bind_call("bad", bad)
    error = web_pump.value(view, "failure(auroraview.call('bad'))")
    assert "Traceback (most recent call last)" in error["data"]["traceback"]
    view.close()


def test_method_that_nobody_bound(web_pump, view):
    error = web_pump.value(view, "failure(auroraview.call('nobody'))")
    assert (error["name"], error["code"]) == ("MethodNotFound", errors.MethodNotFound.code)


def test_wrong_arguments(web_pump, view):
    view.bind_call("f", lambda a: a)
    for params in ("", ", [1, 2]", ", {b: 1}"):
        error = web_pump.value(view, f"failure(auroraview.call('f'{params}))")
        assert error["name"] == "TypeError"


def test_many_calls_at_once_keep_their_answers(web_pump, view):
    view.bind_call("double", lambda x: 2 * x)
    script = "Promise.all(Array.from({length: 1000}, (_, i) => auroraview.call('double', i)))"
    assert web_pump.value(view, script) == [2 * i for i in range(1000)]


def test_script_results_and_errors(web_pump, view):
    assert view.eval_js_sync("({a: [1, null, 'x']})", 15000) == {"a": [1, None, "x"]}
    assert view.eval_js_sync("new Promise(done => setTimeout(() => done(7), 20))") == 7
    assert view.eval_js_sync("undefined") is None
    assert view.eval_js_sync("new Float32Array([1.5])").tolist() == [1.5]
    with pytest.raises(errors.ScriptError) as caught:
        view.eval_js_sync("missing.thing")
    assert caught.value.name == "ReferenceError"
    with pytest.raises(errors.ScriptError) as caught:
        view.eval_js_sync("Promise.reject(new RangeError('far'))")
    assert (caught.value.name, caught.value.message) == ("RangeError", "far")
    with pytest.raises(errors.ScriptError) as caught:
        view.eval_js_sync("this is not script")
    assert caught.value.name == "SyntaxError"
    with pytest.raises(errors.Timeout):
        view.eval_js_sync("new Promise(() => {})", 100)


def test_eval_sync_inside_a_handler(web_pump, view):
    view.bind_call("f", lambda: view.eval_js_sync("document.title"))
    assert web_pump.value(view, "auroraview.call('f')") == "test page"


def test_large_html(web_pump):
    view = WebView(html=PAGE + "<p hidden>" + "x" * (20 << 20))
    assert web_pump.value(view, "document.querySelector('p').textContent.length") == 20 << 20
    view.close()


def test_a_page_that_does_not_exist(web_pump, view, tmp_path):
    # The first page, left while it loads, would fail as cancelled.
    web_pump.until(
        lambda: web_pump.value(view, "document.readyState") == "complete", "the first page"
    )
    failed = []
    view.on("load_failed", failed.append)
    view.load_url((tmp_path / "none.html").as_uri())
    web_pump.until(lambda: failed, "load_failed")
    assert failed[0]["error"] == errors.LoadFailed.code
    assert "none.html" in failed[0]["reason"]


def test_load_file_and_navigation(web_pump, view, tmp_path):
    page = tmp_path / "a page.html"
    page.write_text("<title>from a file</title>" + PAGE.split("</title>")[1])
    view.bind_call("who", lambda: "python")
    loaded = []
    view.on_loaded(lambda data: loaded.append(data["url"]))
    view.load_file(page)
    web_pump.until(lambda: page.as_uri() in loaded, "the file")
    assert web_pump.value(view, "auroraview.call('who')") == "python"
    assert view.get_current_url() == page.as_uri()


def test_engine_killed_while_calls_are_pending(web_pump):
    view = WebView(html=PAGE, width=400, height=300, debug=False, recover=False)
    assert web_pump.value(view, "1") == 1
    results, closed = [], []
    view.on_closed(closed.append)
    for _ in range(3):
        view.eval_js_async(
            "new Promise(() => {})", lambda value, error: results.append((value, error)), 60000
        )
    engine, = children("auroraview-engine")
    os.kill(engine, signal.SIGKILL)
    web_pump.until(lambda: len(results) == 3 and closed, "the end of every call")
    assert [value for value, _ in results] == [None] * 3
    assert all(isinstance(error, errors.EngineLost) for _, error in results), results
    assert closed[0]["error"] == errors.EngineLost.code
    assert not view.is_alive()
    again = WebView(html=PAGE)
    assert web_pump.value(again, "1 + 1") == 2
    again.close()


def test_engine_ends_with_the_application(web_pump, view):
    assert web_pump.value(view, "1") == 1
    assert len(children("auroraview-engine")) == 1
    app.shutdown()
    assert children("auroraview-engine") == []


def test_engine_that_is_not_there(monkeypatch, tmp_path):
    app.shutdown()
    monkeypatch.setenv("AURORAVIEW_ENGINE_PATH", str(tmp_path / "nothing"))
    with pytest.raises(errors.EngineMissing, match="nothing"):
        WebView()


def test_no_display(monkeypatch, web_pump):
    app.shutdown()
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    view = WebView(html=PAGE)
    with pytest.raises(errors.NoDisplay):
        view.eval_js_sync("1", 15000)


def test_what_is_asked_after_a_flood_of_events_is_answered(web_pump, view):
    for _ in range(20):
        for i in range(3000):
            view.emit("flood", {"n": i})
        assert view.eval_js_sync("1", 10000) == 1


def test_what_the_page_throws_and_nobody_catches_is_heard(web_pump, view):
    heard = []
    view.on("js_error", heard.append)
    # By a script of the page's own: what the host evaluates counts as foreign,
    # and WebKit tells pages nothing of errors in foreign scripts.
    web_pump.value(
        view,
        "(() => { const s = document.createElement('script');"
        " s.textContent = `setTimeout(() => missing(), 0);"
        " Promise.reject(new Error('lost'))`; document.body.append(s); return 1 })()",
    )
    web_pump.until(lambda: len(heard) >= 2, "both errors")
    texts = sorted(entry["message"] for entry in heard)
    assert "missing" in texts[0] and "lost" in texts[1]
