"""What every participant written in Python shares: the line protocol of run.py, samples, memory, and the rows.

A participant derives Participant, answers its few abstract methods, calls `first_view_opening()` just before it
makes its first view, hands every report of the page to `on_report()` and every call of a bound function to `echo`,
`blob_in` or `blob_out`. Standard output is kept for the protocol alone: toolkits and engines print where they like.
"""

import base64
import functools
import json
import os
import sys
import threading
import time

BLOB = bytes(i * 7 & 255 for i in range(1024 * 1024))
FLIGHT = 1000  # calls in flight at once, as in page.js
EMIT_BATCH = 10  # emits that share one reading of the clock, which costs as much as a cheap emit
EMIT_PAUSE = 0.002  # seconds before an emit of emit.idle.python: whoever sends it has gone to sleep
SETTLE = 100  # milliseconds for each of several views: by then their windows have settled, as the window manager has
EVENT = {"text": "0123456789" * 10}

# Label of a payload row -> bytes, nanoseconds of its unit.
SIZES = {"64": (64, 1e3), "1k": (1 << 10, 1e3), "64k": (64 << 10, 1e3), "1m": (1 << 20, 1e6), "64m": (64 << 20, 1e6)}

# Row -> (nanoseconds of one unit of the row, calls per sample).
TIMED = {
    "call.python": (1e3, 1),
    "inflight.python": (1e3 * FLIGHT, FLIGHT),
    "inflight100.python": (1e3 * 100, 100),
    "binary.in.python": (1e6, 1),
    "binary.out.python": (1e6, 1),
}

for _how in ("echo.json", "echo.bytes", "give.json", "give.bytes"):
    for _label, (_size, _unit) in SIZES.items():
        TIMED["%s.%s.python" % (_how, _label)] = (_unit, 1)


@functools.lru_cache(1)
def payload_records(size):
    """About size bytes of JSON, as page.js makes them."""
    return [{"id": 7, "text": "x" * (min(size, 1024) - 22)} for _ in range(max(1, size >> 10))]


@functools.lru_cache(1)
def payload_bytes(size):
    return (bytes(i * 7 & 255 for i in range(256)) * -(-size // 256))[:size]


BASE64_HELPERS = """
function b64(bytes) {
    if (bytes.toBase64) return bytes.toBase64();
    let s = '';
    for (let i = 0; i < bytes.length; i += 32768) s += String.fromCharCode.apply(null, bytes.subarray(i, i + 32768));
    return btoa(s);
}
function unb64(text) {
    return Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), c => c.charCodeAt(0));
}
"""


def use_debian_modules():
    """PyGObject comes from Debian, and .venv does not see Debian's modules. Last in the path: they shadow nothing."""
    sys.path.append("/usr/lib/python3/dist-packages")


def memory():
    """(proportional, resident) MiB of this process."""
    fields = {}
    with open("/proc/self/smaps_rollup") as f:
        for line in f:
            words = line.split()
            if len(words) == 3 and words[2] == "kB":
                fields[words[0]] = int(words[1]) / 1024
    return fields["Pss:"], fields["Rss:"]


def page_script(adapter):
    """The adapter of a participant and the page's half of every row."""
    with open(os.environ["BENCH_SCRIPT"]) as f:
        common = f.read()
    return BASE64_HELPERS + adapter + common + "\naddEventListener('DOMContentLoaded', () => bench.painted());\n"


def page_html(adapter=None):
    """The page; with the script inside when an adapter is given, for peers that cannot inject one."""
    with open(os.environ["BENCH_PAGE"]) as f:
        html = f.read()
    if adapter is not None:
        html = html.replace("<body>", "<script>" + page_script(adapter) + "</script><body>", 1)
    return html


class Participant:
    name = "?"
    version = "?"
    language = "python"

    def __init__(self):
        self.out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self.phase = "opening"
        self.row = None
        self.n = 0
        self.samples = []
        self.entries = 0
        self.last_entry = None
        self.base = None
        self.heard = 0  # messages of a flood
        self.busy = False

    # ---- what a participant answers ----
    def evaluate(self, script):
        """Run script in the page; on the thread that run_row() is on; the result is not wanted."""
        raise NotImplementedError

    def emit(self, detail):
        """One event to the page, the way a tool would send it; must reach bench.event(detail)."""
        raise NotImplementedError

    def post(self, function, *args):
        """Call function on the thread that owns the views; from any thread."""
        raise NotImplementedError

    def on_gui(self, function, *args):
        """Call function on the GUI thread. The same as post() but where rows run elsewhere."""
        self.post(function, *args)

    def every(self, milliseconds, function):
        """Call function so often, on the thread that the host's own timers run on, until it returns False."""
        raise NotImplementedError

    def open_further(self, number):
        """Open a further view, whose page reports `painted` and whose calls of echo go to echo_of(number, text)."""
        raise NotImplementedError

    def close_further(self, number):
        raise NotImplementedError

    def evaluate_in(self, number, script):
        """As evaluate(), in a further view."""
        raise NotImplementedError

    def quit(self):
        raise NotImplementedError

    # ---- bound functions ----
    def echo(self, text):
        return self.echo_of(0, text)

    def echo_of(self, number, text):
        """The view that asks is the first one, number 0, but for the rows about several."""
        if self.phase == "views":
            now, last = time.perf_counter_ns(), self.last_entries[number]
            if not self.window[0] <= now < self.window[1]:
                return text
            self.last_entries[number] = now
            self.calls[number] += 1
            if last is not None:
                self.samples.append((now - last) / 1e3)
        else:
            self.note_entry()
        return text

    def blob_in(self, text):
        """For peers that carry bytes as base64."""
        self.note_entry()
        return len(BLOB) if base64.b64decode(text) == BLOB else 0

    def blob_out(self):
        self.note_entry()
        return base64.b64encode(BLOB).decode("ascii")

    def echo_json(self, text):
        """For peers that carry text: a handler wants the value."""
        self.note_entry()
        return json.dumps(json.loads(text), separators=(",", ":"))

    def echo_bytes(self, text):
        self.note_entry()
        return base64.b64encode(base64.b64decode(text)).decode("ascii")

    def give_json(self, size):
        self.note_entry()
        return json.dumps(payload_records(int(size)), separators=(",", ":"))

    def give_bytes(self, size):
        self.note_entry()
        return base64.b64encode(payload_bytes(int(size))).decode("ascii")

    def noise(self, text):
        self.heard += 1

    def note_entry(self):
        """In a sequence of awaited calls the time between two entries is one round trip."""
        if self.phase != "timed":
            return
        unit, calls = TIMED[self.row]
        self.entries += 1
        if (self.entries - 1) % calls:
            return
        now = time.perf_counter_ns()
        if self.last_entry is not None:
            self.samples.append((now - self.last_entry) / unit)
        self.last_entry = now

    # ---- protocol ----
    def note_base(self):
        """Call before the engine's modules are imported: what the host weighs without a view."""
        self.base = memory()

    def first_view_opening(self):
        self.opened = time.time()

    def say(self, **line):
        self.out.write(json.dumps(line) + "\n")
        self.out.flush()

    def finish(self):
        self.phase = "idle"
        self.say(row=self.row, samples=[float("%.5g" % s) for s in self.samples])

    def start_reader(self):
        """Reads the runner's lines on a thread of its own, blocked in between, and runs each on the view's thread."""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in sys.stdin:
            words = line.split()
            if words[:1] == ["run"]:
                self.post(self.run_row, words[1], int(words[2]))
            elif words[:1] == ["quit"]:
                break
        self.post(self.quit)

    def run_row(self, row, n):
        self.row, self.n, self.samples = row, n, []
        self.entries, self.last_entry = 0, None
        if row in TIMED:
            self.phase = "timed"
            how, label = row.rsplit(".", 1)[0].rpartition(".")[::2]
            if label in SIZES:
                self.evaluate("void bench.carry('%s',%d,%d)" % (how, SIZES[label][0], n))
            else:
                self.evaluate("void bench['%s'](%d)" % (row.rsplit(".", 1)[0], n))
        elif row == "emit.python":
            self.phase = "emit"
            self.evaluate("bench.expect(%d)" % n)
            for done in range(0, n, EMIT_BATCH):
                count = min(EMIT_BATCH, n - done)
                start = time.perf_counter_ns()
                for _ in range(count):
                    self.emit(EVENT)
                self.samples.append((time.perf_counter_ns() - start) / 1e3 / count)
        elif row == "emit.idle.python":
            self.phase = "emit"
            self.evaluate("bench.expect(%d)" % n)
            for _ in range(n):
                time.sleep(EMIT_PAUSE)
                start = time.perf_counter_ns()
                self.emit(EVENT)
                self.samples.append((time.perf_counter_ns() - start) / 1e3)
        elif row == "events.python":
            self.phase = "events"
            self.evaluate("bench.expect(%d)" % n)
            self.emit_start = time.perf_counter()
            for _ in range(n):
                self.emit(EVENT)
        elif row == "sixty.python":
            self.phase = "emit"
            self.evaluate("bench.expect(%d)" % n)
            self.every(16, self._emit_one)
        elif row.startswith("views."):
            self.phase = "views opening"
            count = int(row.split(".")[1])
            self.calls, self.last_entries, self.waiting = [0] * count, [None] * count, count - 1
            for number in range(1, count):
                self.open_further(number)
            if self.waiting == 0:
                self._start_views()
        elif row in ("frame", "frame.flood"):
            self.phase = "frame"
            self.evaluate("bench.flood(%d)" % (100 if row == "frame.flood" else 0))
            self.last_entry, self.heard = None, 0
            self.every(16, self._tick)
        elif row == "blocked":
            self.phase = "block start"
            self.evaluate("bench.animate()")
        elif row in ("click", "click.busy"):
            self.phase = "click"
            if row == "click.busy":
                self.busy = True
                self.every(16, self._work)
            self.evaluate("bench.click(%d)" % n)
        elif row.startswith("recovery."):
            self.say(ready=True)
        elif row == "open.second":
            self.phase = "second"
            self.opened = time.time()
            self.open_further(1)
        else:
            self.say(row=row, error="unknown row")

    def on_report(self, text):
        now = time.perf_counter()
        report = json.loads(text)
        if "error" in report:
            self.phase = "idle"
            self.say(row=self.row, error="page: " + report["error"])
        elif self.phase == "opening":
            self.phase = "idle"
            first = {"open.cold": report["at"] - self.opened * 1e3}
            if self.base:
                after = memory()
                first["memory.pss"] = after[0] - self.base[0]
                first["memory.rss"] = after[1] - self.base[1]
            self.say(ready=True, name=self.name, version=self.version, pid=os.getpid(), first=first)
        elif self.phase == "second":
            self.samples.append(report["at"] - self.opened * 1e3)
            self.close_further(1)
            self.finish()
        elif self.phase in ("views opening", "views"):
            self.waiting -= 1
            if self.waiting == 0:
                self._start_views() if self.phase == "views opening" else self._finish_views()
        elif self.phase in ("timed", "emit"):
            if self.phase == "timed" and self.n == 0:
                # One alone has no interval; it is long enough for the page's clock.
                self.samples = [report["page_ms"] * 1e6 / TIMED[self.row][0]]
            self.finish()
        elif self.phase == "events":
            self.samples.append(self.n / (now - self.emit_start))
            self.finish()
        elif self.phase == "block start":
            self.phase = "block end"
            self.on_gui(self._block)
        elif self.phase == "block end":
            self.phase = "idle"
            self.say(row=self.row, samples=[report["fps"]], **{"from": self.block[0], "to": self.block[1]})
        elif self.phase == "click":
            if "armed" in report:
                self.say(armed=True)
            else:
                self.busy = False
                self.samples = report["samples"]
                self.finish()

    def _start_views(self):
        self.phase, self.waiting = "views", len(self.calls)
        settle = SETTLE * len(self.calls)
        start = time.perf_counter_ns() + settle * 1_000_000
        self.window = start, start + self.n * 1_000_000
        script = "void bench.stream(%d)" % (settle + self.n)
        self.evaluate(script)
        for number in range(1, len(self.calls)):
            self.evaluate_in(number, script)

    def _finish_views(self):
        self.phase = "idle"
        for number in range(1, len(self.calls)):
            self.close_further(number)
        total = sum(self.calls)
        self.say(row=self.row, samples=[float("%.5g" % s) for s in self.samples], rate=total * 1e3 / self.n,
                 share=100 * min(self.calls) * len(self.calls) / max(1, total))

    def _emit_one(self):
        self.emit(EVENT)
        self.n -= 1
        return self.n > 0

    def _tick(self):
        now = time.perf_counter_ns()
        if self.last_entry is None:
            self.begun, self.heard = now, 0
        else:
            self.samples.append((now - self.last_entry) / 1e6)
        self.last_entry = now
        if len(self.samples) < self.n:
            return True
        rate = self.heard / ((now - self.begun) / 1e9)
        self.phase = "idle"
        if self.row == "frame.flood":
            self.evaluate("bench.flood(0)")
        self.say(row=self.row, samples=self.samples, rate=rate)
        return False

    def _work(self):
        """What a busy tool does in a timer."""
        until = time.perf_counter() + 0.008
        while self.busy and time.perf_counter() < until:
            pass
        return self.busy

    def _block(self):
        start = time.time()
        time.sleep(self.n)  # the row itself: a host that does not come back to its loop
        self.block = (start, time.time())
        self.post(self.evaluate, "bench.frames(%f,%f)" % self.block)
