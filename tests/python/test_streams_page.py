"""State and channels with a real page."""

import asyncio
import os
import random
import signal
import threading

import pytest
from auroraview import WebView, errors

pytestmark = [pytest.mark.display, pytest.mark.usefixtures("webkit_engine")]

PAGE = """<!doctype html><meta charset="utf-8"><title>streams</title>
<script>
  const heard = [];
  auroraview.state.onChange((key, value, source) =>
      heard.push([key, value === undefined ? 'gone' : value, source]));
  // What state a listener of an event finds.
  auroraview.on('look', () => heard.push(['look', auroraview.state.toJSON()]));
  let first = null;
  auroraview.whenReady().then((a) => { first = a.state.toJSON(); });
  const got = [];
  let closed = null;
  function open(id) {
      const channel = auroraview.channel(id);
      channel.onClose((reason) => {
          closed = [reason.by, reason.error && [reason.error.name, reason.error.message]];
      });
      return channel;
  }
</script>"""


@pytest.fixture
def view(web_pump):
    view = WebView(html=PAGE, width=300, height=200, debug=False)
    yield view
    view.close()


# ---- state ---------------------------------------------------------------------


def test_state_is_there_when_ready_and_after_reload_navigation_and_a_crash(web_pump, view):
    view.state["early"] = {"deep": [1, {"x": "é"}], "bytes": b"abc"}
    view.state["n"] = 1
    script = "first && [first.early.deep[1].x, first.early.bytes.constructor.name, first.n]"

    def look():
        web_pump.until(lambda: web_pump.value(view, script) is not None, "the state")
        return web_pump.value(view, script)

    assert look() == ["é", "Uint8Array", 1]
    view.reload()
    view.state["n"] = 2
    assert look() == ["é", "Uint8Array", 2]
    view.load_html(PAGE)
    assert look() == ["é", "Uint8Array", 2]
    web_pump.value(view, "auroraview.state.n = 3, auroraview.state.mine = [1]")
    lost = []
    view.on("page_lost", lost.append)
    os.kill(web_process(), signal.SIGKILL)
    web_pump.until(lambda: lost, "the loss of the page")
    view.load_html(PAGE)
    assert look() == ["é", "Uint8Array", 3]
    assert view.state["mine"] == [1]


def parent_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])


def web_process():
    """The page's process: ours, below our engine, and the newest of them."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/cmdline") as file:
                if "WebKitWebProcess" not in file.read():
                    continue
            above = int(entry)
            while above > 1 and above != os.getpid():
                above = parent_of(above)
        except OSError:
            continue
        if above == os.getpid():
            found.append(int(entry))
    return max(found)


def test_a_script_s_writes_are_in_the_store_when_its_result_is_there(web_pump, view):
    web_pump.value(view, "auroraview.state.a = {n: 1, list: [1]}, 1")
    assert view.state["a"] == {"n": 1, "list": [1]}
    assert view.eval_js_sync("auroraview.state.a.n = 7, auroraview.state.a.list.push(2), 1") == 1
    assert view.state["a"] == {"n": 7, "list": [1, 2]}
    assert view.eval_js_sync("delete auroraview.state.a") is True
    assert "a" not in view.state


def test_an_event_finds_the_state_that_was_set_before(web_pump, view):
    web_pump.value(view, "1")
    for n in range(50):
        view.state["n"] = n
        view.emit("look")
    looks = "heard.filter(h => h[0] === 'look').length"
    web_pump.until(lambda: web_pump.value(view, looks) == 50, "all events")
    seen = web_pump.value(view, "heard.filter(h => h[0] === 'look').map(h => h[1].n)")
    assert all(value >= n for n, value in enumerate(seen)), seen


def test_changes_are_told_once_to_each_side(web_pump, view):
    changes = []
    view.state.on_change(lambda *change: changes.append(change))
    view.state["a"] = 1
    web_pump.until(lambda: changes == [("a", 1, "python")])
    web_pump.value(view, "auroraview.state.b = 2, auroraview.state.a = 1, 1")
    web_pump.until(lambda: len(changes) == 2)
    del view.state["b"]
    assert web_pump.value(view, "heard") == [
        ["a", 1, "python"],
        ["b", 2, "javascript"],
        ["b", "gone", "python"],
    ]
    web_pump.until(lambda: len(changes) == 3)
    assert changes[1:] == [("b", 2, "javascript"), ("b", None, "python")]
    assert web_pump.value(view, "auroraview.stats().link.queueFull") == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_writers_on_both_sides_end_with_the_same_values(web_pump, view, seed):
    chance = random.Random(seed)
    web_pump.value(view, "1")
    done = []
    view.eval_js_async(WRITER.replace("SEED", str(seed)), lambda *r: done.append(r), 60_000)

    def write():
        for n in range(4000):
            key = f"k{chance.randrange(4)}"
            if chance.randrange(8) == 0:
                view.state.pop(key, None)
            else:
                view.state[key] = {"host": n}

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    web_pump.until(lambda: done and not any(w.is_alive() for w in writers), "the writers")
    assert done[0][1] is None
    for writer in writers:
        writer.join()
    # A write of each side goes behind all others of that side.
    view.state["end of host"] = 1
    web_pump.value(view, "auroraview.state['end of page'] = 1")

    def same():
        page = web_pump.value(view, "auroraview.state.toJSON()")
        return len(page) >= 2 and page == view.state.to_dict()

    web_pump.until(same, "the same values")


WRITER = """(async () => {
    let seed = SEED;
    const random = n => (seed = (seed * 1103515245 + 12345) % 2147483648, (seed >>> 8) % n);
    const s = auroraview.state;
    for (let i = 0; i < 4000; i++) {
        const key = 'k' + random(4);
        if (random(8) === 0) delete s[key];
        else if (random(3) === 0 && s[key] && s[key].list) s[key].list.push(i);
        else s[key] = {page: i, list: []};
        if (random(9) === 0) await new Promise(r => setTimeout(r));
        else if (random(3) === 0) await null;
    }
    return true;
})()"""


# ---- channels -------------------------------------------------------------------


def test_channel_carries_values_and_binary_both_ways(web_pump, view):
    channel = view.create_channel("x")
    assert channel.send({"a": [1, b"bytes"]})
    received = []
    channel.on_message(received.append)
    web_pump.value(
        view,
        "(async () => { const c = open('x'); c.onMessage(m => got.push([m.a[0], "
        "[...m.a[1]]])); await c.send({b: new Float32Array([1, 2])}); await c.send('two'); })()",
    )
    web_pump.until(lambda: len(received) == 2)
    assert received[0]["b"].tolist() == [1.0, 2.0]
    assert received[1] == "two"
    assert web_pump.value(view, "got") == [[1, list(b"bytes")]]
    web_pump.until(lambda: channel.pending == (0, 0), "all used up")
    ends = []
    channel.on_close(ends.append)
    channel.close()
    web_pump.until(lambda: ends)
    assert ends == [None]
    assert channel.closed_by == "python"
    assert web_pump.value(view, "closed") == ["host", None]
    with pytest.raises(errors.Closed):
        channel.send(1)


def test_the_page_opens_first_and_its_error_arrives(web_pump, view):
    channels = []
    view.on_channel("job", channels.append)
    web_pump.value(view, "globalThis.c = open('job'); c.send(1); 1")
    web_pump.until(lambda: channels)
    (channel,) = channels
    received, ends = [], []
    channel.on_message(received.append)
    channel.on_close(ends.append)
    web_pump.value(view, "c.send(2).then(() => c.close(RangeError('no more')))")
    web_pump.until(lambda: ends)
    assert received == [1, 2]
    assert (ends[0].name, ends[0].message) == ("RangeError", "no more")
    assert channel.closed_by == "javascript"
    assert len(view.channels) == 0


@pytest.mark.parametrize("how", ["reload", "close", "kill"])
def test_each_end_hears_once_that_the_page_has_gone(web_pump, view, how):
    channel = view.create_channel("x")
    ends = []
    channel.on_close(ends.append)
    web_pump.value(view, "open('x').send(1)")
    if how == "reload":
        view.reload()
    elif how == "close":
        view.close()
    else:
        os.kill(web_process(), signal.SIGKILL)
    web_pump.until(lambda: ends)
    expected = {
        "reload": errors.Cancelled, "close": errors.Closed, "kill": errors.EngineLost
    }[how]  # fmt: skip
    assert isinstance(ends[0], expected), ends
    assert channel.closed_by is None
    if how == "reload":
        channel = view.create_channel("x")
        assert channel.send("again")
        web_pump.value(view, "open('x').onMessage(m => got.push(m))")
        web_pump.until(lambda: web_pump.value(view, "got") == ["again"])
    assert len(ends) == 1


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    raise AssertionError("no VmRSS")


def test_a_gibibyte_through_a_slow_reader_keeps_both_sides_small(web_pump, view):
    total, size = 1 << 30, 256 << 10
    channel = view.create_channel("big")
    # The reader takes a message only now and then: each waits for a timer.
    web_pump.value(
        view,
        """globalThis.bytes = 0, globalThis.sum = 0, open('big').onMessage(m => {
            bytes += m.byteLength; sum += m[0] + m[m.length - 1];
            return bytes % (8 << 20) ? null : new Promise(r => setTimeout(r));
        }), 1""",
    )
    worst, failures = [0], []

    def produce():
        try:
            block = bytearray(size)
            for n in range(total // size):
                block[0] = block[-1] = n % 100
                channel.send_wait(block, 60)
                worst[0] = max(worst[0], channel.pending[0])
            channel.close()
        except BaseException as failure:
            failures.append(failure)

    ends = []
    channel.on_close(ends.append)
    calls = []
    view.bind_call("ping", lambda: calls.append(1))
    before = resident_kib(os.getpid())
    producer = threading.Thread(target=produce)
    producer.start()
    # Other traffic goes on.
    while producer.is_alive():
        web_pump.value(view, "auroraview.call('ping')")
    producer.join()
    web_pump.until(lambda: web_pump.value(view, "closed") is not None, "the end")
    assert failures == []
    assert web_pump.value(view, "[bytes, closed[0]]") == [total, "host"]
    assert web_pump.value(view, "sum") == sum(2 * (n % 100) for n in range(total // size))
    assert worst[0] <= 1 << 20
    assert calls
    assert resident_kib(os.getpid()) - before < 64 << 10


def test_a_page_that_sends_more_than_is_read_waits(web_pump, view):
    channel = view.create_channel("up")
    sent = web_pump.value(
        view,
        """(async () => { const c = open('up'); globalThis.sent = 0;
            (async () => { for (let i = 0; i < 400; i++) {
                await c.send([i, new Uint8Array(100 << 10)]); sent = i + 1; } c.close(); })();
            while (sent < 10) await new Promise(r => setTimeout(r));
            return 1; })()""",
    )
    assert sent == 1
    assert channel.pending[1] <= 1 << 20
    assert web_pump.value(view, "sent") <= 10
    numbers = []
    reader = threading.Thread(target=lambda: numbers.extend(m[0] for m in channel))
    reader.start()
    web_pump.until(lambda: not reader.is_alive(), "the reader")
    assert numbers == list(range(400))


def test_a_handler_that_goes_on_is_seen_meanwhile(web_pump, view):
    channel = view.create_channel("big")
    web_pump.value(view, "globalThis.n = 0, open('big').onMessage(() => { n++; }), 1")
    seen = []

    def work():
        view.state["progress"] = 1
        for _ in range(40):  # ten windows
            channel.send_wait(bytearray(256 << 10), 20)
        seen.append(view.eval_js_sync("auroraview.state.progress"))
        return "done"

    view.bind_call("work", work)
    assert web_pump.value(view, "auroraview.call('work')") == "done"
    assert seen == [1]
    web_pump.until(lambda: web_pump.value(view, "n") == 40)


def test_async_for_and_send_async(web_pump, view):
    channel = view.create_channel("echo", window=4096)
    got = []

    async def write():
        for n in range(200):
            await channel.send_async({"n": n, "pad": "x" * 500})

    async def talk():
        writer = asyncio.ensure_future(write())
        async for message in channel:
            got.append(message)
            if len(got) == 200:
                channel.close()
        await writer
        return "done"

    view.eval_js(
        "(async () => { const c = open('echo'); for await (const m of c) await c.send(m.n); })()"
    )
    result = []
    runner = threading.Thread(target=lambda: result.append(asyncio.run(talk())))
    runner.start()
    web_pump.until(lambda: not runner.is_alive(), "the coroutine")
    runner.join()
    assert result == ["done"]
    assert got == list(range(200))


def test_both_sides_close_at_once(web_pump, view):
    ends, closed = [], []
    web_pump.value(view, "globalThis.closedBy = {}; 1")
    for n in range(60):
        channel = view.create_channel(f"c{n}")
        channel.on_close(ends.append)
        view.eval_js(
            f"{{ const c = auroraview.channel('c{n}'); "
            f"c.onClose(() => closedBy.c{n} = (closedBy.c{n} ?? 0) + 1); "
            f"c.onMessage(() => c.close()); c.send(1); }}"
        )
        closed.append(channel)
    web_pump.until(lambda: all(c.pending[1] for c in closed), "a message of each")
    for channel in closed:
        channel.send(1)
        channel.close()
    web_pump.until(lambda: len(ends) == 60)
    counts = "Object.values(closedBy)"
    web_pump.until(lambda: len(web_pump.value(view, counts)) == 60, "the page's ends")
    assert set(web_pump.value(view, counts)) == {1}
    assert ends == [None] * 60
