"""Calls from a real page: cancelled by it, carrying blobs, and in great numbers."""

import asyncio
import os
import signal
import threading

import numpy as np
import pytest
from auroraview import WebView, current_call, errors
from auroraview.core.commands import CommandError, CommandErrorCode

pytestmark = [pytest.mark.display, pytest.mark.usefixtures("webkit_engine")]

PAGE = """<!doctype html><meta charset="utf-8">
<script>
  async function failure(promise) {
      try { return {value: await promise}; }
      catch (e) { return {name: e.name, message: e.message, code: e.code, data: e.data,
                          isError: e instanceof Error}; }
  }
</script>"""


@pytest.fixture
def view(web_pump):
    view = WebView(html=PAGE, width=400, height=300, debug=False)
    yield view
    view.close()


def descendants(command):
    """Ids of the processes below this one whose command is `command`."""
    processes = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
            except OSError:
                continue
            processes[int(entry)] = name, int(rest.split()[1])

    def is_below(pid):
        while pid in processes:
            pid = processes[pid][1]
            if pid == os.getpid():
                return True
        return False

    return [pid for pid, (name, _) in processes.items() if name == command[:15] and is_below(pid)]


# -- cancellation ---------------------------------------------------------------------

CANCEL = {
    "abort": """(async () => {
        const c = new AbortController();
        const f = failure(auroraview.call('work', null, {signal: c.signal}));
        await auroraview.call('begun'); c.abort(); return (await f).name })()""",
    "timeout": """(async () => (await failure(
        auroraview.call('work', null, {timeout: 50}))).name)()""",
}
NAMES = {"abort": "AbortError", "timeout": "Timeout"}


@pytest.mark.parametrize("how", CANCEL)
def test_the_page_cancels_an_awaited_handler(web_pump, view, how):
    begun = threading.Event()
    ended = []

    @view.bind_call("work")
    async def work():
        begun.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    view.bind_call("begun", lambda: begun.wait(20))
    assert web_pump.value(view, CANCEL[how]) == NAMES[how]
    web_pump.until(lambda: ended)
    assert ended == ["cancelled"]


@pytest.mark.parametrize("how", CANCEL)
def test_the_page_cancels_a_worker(web_pump, view, how):
    begun = threading.Event()
    ended = []

    @view.bind_call("work", worker=True)
    def work():
        begun.set()
        ended.append(current_call().wait_cancelled(20))

    view.bind_call("begun", lambda: begun.wait(20))
    assert web_pump.value(view, CANCEL[how]) == NAMES[how]
    web_pump.until(lambda: ended)
    assert ended == [True]


def test_a_plain_handler_sees_the_cancel_while_it_runs(web_pump, view):
    """The thread that would receive the cancel is the one that the handler holds up."""
    polled = []
    waited = []

    @view.bind_call("poll")
    def poll():
        call = current_call()
        while not call.cancelled:
            polled.append(1)

    @view.bind_call("wait")
    def wait():
        waited.append(current_call().wait_cancelled(20))

    for name in ("poll", "wait"):
        script = f"(async () => (await failure(auroraview.call('{name}', null, {{timeout: 100}}))).name)()"
        assert web_pump.value(view, script) == "Timeout"
    assert polled
    assert waited == [True]


def test_a_lost_page_cancels(web_pump, view):
    ended = []
    begun = threading.Event()

    @view.bind_call("work")
    async def work():
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(current_call().cancelled)

    view.eval_js("auroraview.call('work')")
    web_pump.until(begun.is_set)
    view.reload()
    web_pump.until(lambda: ended)
    assert ended == [True]


@pytest.mark.parametrize("process", ["auroraview-engine", "WebKitWebProcess"])
def test_a_killed_process_cancels(web_pump, view, process):
    told = []
    begun = threading.Event()

    @view.bind_call("work")
    async def work():
        current_call().on_cancel(lambda: told.append("told"))
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            told.append("ended")

    view.eval_js("auroraview.call('work')")
    web_pump.until(begun.is_set)
    (pid,) = descendants(process)
    os.kill(pid, signal.SIGKILL)
    web_pump.until(lambda: len(told) == 2)
    assert sorted(told) == ["ended", "told"]


# -- binary -----------------------------------------------------------------------------


def test_blobs_arrive_as_memory(web_pump, view):
    got = []
    heard = []
    view.on("blob", heard.append)

    @view.bind_call("take")
    def take(**arguments):
        got.append(arguments)
        return sum(int(np.asarray(value).sum()) for value in arguments.values())

    script = """auroraview.emit('blob', new Blob(['abc'], {type: 'text/plain'}));
        auroraview.call('take', {
            blob: new Blob([new Uint8Array(1 << 20).fill(2)]),
            file: new File(['\\u0001\\u0002'], 'a name.bin'),
            floats: new Float32Array([1, 2])})"""
    assert web_pump.value(view, script) == 2 * (1 << 20) + 3 + 3
    (arguments,) = got
    assert {name: value.format for name, value in arguments.items()} == {
        "blob": "B",
        "file": "B",
        "floats": "f",
    }
    assert bytes(arguments["file"]) == b"\1\2"
    # NumPy looks at the same memory.
    array = np.asarray(arguments["blob"])
    assert array.nbytes == 1 << 20 and not array.flags.owndata
    assert np.shares_memory(array, np.asarray(arguments["blob"]))
    assert bytes(heard[0]) == b"abc"


def test_image_bytes_become_a_picture(web_pump, view):
    """The recipe of docs/bridge.md: bytes of an image, shown without base64."""
    import struct
    import zlib

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    png = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 2, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(2 * (b"\0" + 3 * b"\xff\x80\0")))
        + chunk(b"IEND", b"")
    )
    view.bind_call("thumbnail", lambda: png)
    script = """(async () => {
        const bytes = await auroraview.call('thumbnail');
        const image = await createImageBitmap(new Blob([bytes]));
        const canvas = document.createElement('canvas');
        canvas.width = image.width; canvas.height = image.height;
        const pen = canvas.getContext('2d');
        pen.drawImage(image, 0, 0);
        const pixel = pen.getImageData(2, 1, 1, 1).data;
        return [image.width, image.height, ...pixel] })()"""
    assert web_pump.value(view, script) == [3, 2, 255, 128, 0, 255]


BAD = [
    ("10n", "TypeError"),
    ("(() => { const o = {}; o.o = o; return o })()", "TypeError"),
    ("new Map([[1, 2]])", "TypeError"),
    ("new ImageData(1, 1)", "TypeError"),
    ("Promise.resolve(1)", "TypeError"),
    ("(() => { const b = new ArrayBuffer(8); structuredClone(b, {transfer: [b]}); return b })()", "TypeError"),
    ("(() => { const v = new Uint8Array(8); structuredClone(v.buffer, {transfer: [v.buffer]}); return v })()", "TypeError"),
]  # fmt: skip


@pytest.mark.parametrize("value, name", BAD, ids=range(len(BAD)))
def test_what_cannot_be_sent(web_pump, view, value, name):
    called = []
    view.bind_call("f", lambda *args: called.append(args))
    answer = web_pump.value(view, f"failure(auroraview.call('f', {value}))")
    assert (answer["name"], answer["isError"]) == (name, True)
    assert web_pump.value(view, "auroraview.stats().pendingCalls") == 0
    assert not called


# -- errors and commands ------------------------------------------------------------------


def test_commands(web_pump, view):
    @view.command
    def greet(name, loud=False):
        return name.upper() if loud else name

    @view.command("refuse", worker=True)
    def refuse(why):
        raise CommandError(CommandErrorCode.PERMISSION_DENIED, why, {"why": [why]})

    @view.command(name="slow")
    async def slow():
        await asyncio.sleep(0)
        return {}["absent"]

    def invoke(script):
        answer = web_pump.value(view, f"failure(auroraview.{script})")
        return answer.get("value") or (answer["name"], answer["code"], answer.get("data"))

    assert invoke("invoke('greet', {name: 'Ann'})") == "Ann"
    assert invoke("invokeCommand('greet', {name: 'Ann', loud: true})") == "ANN"
    assert invoke("invoke('greet')") == ("CommandError", "MISSING_ARGUMENT", {"missing": ["name"]})
    assert invoke("invoke('greet', {name: 'A', x: 1})") == (
        "CommandError", "INVALID_ARGUMENTS", {"unexpected": ["x"]},
    )  # fmt: skip
    assert invoke("invoke('greet', ['A'])") == ("CommandError", "INVALID_DATA", None)
    assert invoke("invoke('refuse', {why: 'no'})") == (
        "CommandError", "PERMISSION_DENIED", {"why": ["no"]},
    )  # fmt: skip
    assert invoke("invoke('slow')") == ("CommandError", "EXECUTION_ERROR", {"type": "KeyError"})
    assert invoke("invoke('absent')") == ("CommandError", "COMMAND_NOT_FOUND", None)
    assert view.commands.unregister("greet")
    assert invoke("invoke('greet', {name: 'A'})") == ("CommandError", "COMMAND_NOT_FOUND", None)


def test_pages_have_what_is_bound(web_pump, view):
    class Tool:
        def load(self, path):
            return path

        def _hidden(self):
            pass

    def told(script):
        return web_pump.value(
            view,
            """(async () => {
            while (!(%s)) await new Promise((done) => addEventListener(
                'auroraview-api-ready', done, {once: true}));
            return [await auroraview.tool.load({path: 'x'}), auroraview.getBoundMethods().sort()]})()"""
            % script,
        )

    view.bind_api(Tool(), "tool")
    assert told("auroraview.tool") == ["x", ["tool.load"]]
    view.bind_call("ping", lambda: None)  # while the page is there
    view.command(lambda: None, name="no method")
    assert told("auroraview.isMethodBound('ping')") == ["x", ["ping", "tool.load"]]
    view.load_html(PAGE)  # the next page has it too
    assert told("auroraview.tool") == ["x", ["ping", "tool.load"]]


def test_an_unknown_method_of_a_namespace_rejects_at_once(web_pump, view):
    answer = web_pump.value(view, "failure(auroraview.api.nobody_bound_this())")
    assert (answer["name"], answer["code"]) == ("MethodNotFound", -18)


def test_errors_of_scripts_have_all_four(web_pump, view):
    view.bind_call("f", lambda: (_ for _ in ()).throw(errors.CallError("m", 7, [1], name="N")))
    scripts = {
        "auroraview.call('f')": ("N", "m", 7, [1]),
        "throw Object.assign(new RangeError('r'), {code: 'E1', data: {a: 1}})": (
            "RangeError", "r", "E1", {"a": 1},
        ),
        "throw Object.assign(new Error('big'), {data: 10n})": ("Error", "big", None, None),
        "throw new Error('bare')": ("Error", "bare", None, None),
    }  # fmt: skip
    for script, expected in scripts.items():
        with pytest.raises(errors.ScriptError) as caught:
            web_pump.value(view, script)
        error = caught.value
        assert (error.name, error.message, error.script_code, error.data) == expected


# -- many -----------------------------------------------------------------------------------


def test_100_000_pending_calls(web_pump, view):
    """Each is answered, or told that there are too many; none is forgotten."""
    view.bind_call("echo", lambda n: n)
    script = """(async () => {
        const count = {right: 0, QueueFull: 0, other: 0};
        const one = (n) => auroraview.call('echo', n, {timeout: 0}).then(
            (v) => { count[v === n ? 'right' : 'other']++; },
            (e) => { count[e.name in count ? e.name : 'other']++; });
        await Promise.all(Array.from({length: 100000}, (_, n) => one(n)));
        return count })()"""
    results = []
    view.eval_js_async(script, lambda *result: results.append(result), 60000)
    web_pump.until(lambda: results)
    count, error = results[0]
    assert error is None
    assert count["other"] == 0
    assert count["right"] + count["QueueFull"] == 100_000
    assert count["right"] >= 16_384
