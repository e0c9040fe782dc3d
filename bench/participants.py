"""Who takes part in the benchmark, and how each is started and spoken to."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from rows import SIZES

HERE = Path(__file__).resolve().parent
PYTHON = sys.executable


class Broken(Exception):
    """A participant ended, said something else than the protocol, or did not answer in time."""


class Slow(Broken):
    pass


class Candidate:
    """How to start a participant, and which rows it can do."""

    def __init__(self, name, command, rows, needs=None, cannot=None, language=None, environment=None):
        self.name = name
        self.command = [str(part) for part in command]
        self.rows = rows
        self.needs = needs  # a file without which it is not there
        self.cannot = cannot or {}  # row -> why
        self.language = language
        self.environment = environment or {}

    @property
    def ours(self):
        return self.name.startswith("ours-")

    def missing(self):
        if self.needs and not Path(self.needs).exists():
            return "%s was not built" % Path(self.needs).name
        return None


def page_rows(language):
    suffix = "c" if language == "c" else "python"
    memory = "memory." if language == "c" else "memory.python."
    idle = "idle" if language == "c" else "idle.python"
    rows = {row + "." + suffix for row in
            ("call", "inflight", "inflight100", "cost.page", "cost.host", "sixty.page", "sixty.host", "binary.in",
             "binary.out", "emit", "emit.idle", "events")}
    rows |= {"%s.%s.%s.%s" % (how, kind, size, suffix)
             for how in ("echo", "give") for kind in ("json", "bytes") for size in SIZES}
    rows |= {"views.%s%d.%s" % (what, count, suffix)
             for what in ("", "rate.", "share.") for count in (1, 4, 16)}
    if language != "c":
        rows |= {"click.busy", "frame", "frame.flood", "frame.flood.rate"}
    return rows | {"click", "blocked", "blocked.raf", "open.cold", "open.second", memory + "pss", memory + "rss", idle}


# host_tuned.c: without one of the parts that make the link fast.
TUNED = {"ours-socket": "socket", "ours-sleep": "sleep", "ours-thread": "thread"}
TUNED_ROWS = {"call.c", "inflight.c", "binary.in.c", "binary.out.c", "emit.c", "events.c", "idle"}


def page_candidates(build):
    launch = build / "bench-launch"
    engine = {"AURORAVIEW_ENGINE_PATH": str(build.parent / "programs/engine/auroraview-engine")}
    found = [
        Candidate("ours-c", [launch, build / "bench-host"],
                  page_rows("c") | {"floor.json.%s.c" % size for size in SIZES}, build / "bench-host", language="c",
                  environment=engine),
        # The installed package, with the engine it brings.
        Candidate("ours-qt", [PYTHON, HERE / "host_qt.py"],
                  page_rows("python") | {"recovery.page", "recovery.engine"}, language="python"),
        Candidate("floor", [build / "bench-floor"], {"floor.wake", "floor.post", "floor.memcpy", "floor.memfd"},
                  build / "bench-floor"),
    ]
    for name, way in TUNED.items():
        tuned = build / "bench-host-tuned"
        found.append(Candidate(name, [launch, tuned, way], TUNED_ROWS, tuned, language="c", environment=engine))
    for mode in ("reply", "eval", "scheme"):
        peer = build / "bench-webkitgtk"
        found.append(Candidate("webkitgtk-" + mode, [launch, peer, mode], page_rows("c"), peer, language="c"))
    for name, file in (("pygobject", "pygobject.py"), ("qwebchannel", "qwebchannel.py"),
                       ("pywebview", "pywebview_gtk.py"), ("webview-lib", "webview_lib.py")):
        cannot = {}
        if name in ("pywebview", "webview-lib"):
            cannot = dict.fromkeys(("click.busy", "frame", "frame.flood", "frame.flood.rate"),
                                   "has no timers on its GUI thread")
            cannot.update((row, "its functions are not told which view calls")
                          for row in page_rows("python") if row.startswith("views."))
        found.append(Candidate(name, [PYTHON, HERE / "peers" / file], page_rows("python"), language="python",
                               cannot=cannot))
    return found


def queue_candidates(build, rows):
    keys = {row.key for row in rows}
    found = [Candidate("ours-queue", [build / "bench-queue"], keys, build / "bench-queue")]
    for name, program, arguments in (
        ("crossbeam-bounded", "bench-queue-crossbeam", ["crossbeam-bounded"]),
        ("crossbeam-unbounded", "bench-queue-crossbeam", ["crossbeam-unbounded"]),
        ("ck", "bench-queue-ck", []),
        ("liburcu", "bench-queue-urcu", []),
        ("moodycamel", "bench-queue-moodycamel", []),
        ("mutex", "bench-queue-mutex", []),
    ):
        found.append(Candidate(name, [build / program, *arguments], keys, build / program))
    return found


class Process:
    """A participant that runs, in a session of its own so that nothing of it stays behind."""

    def __init__(self, candidate, log_folder, timeout=60):
        self.candidate = candidate
        self.name = candidate.name
        # What a developer has set for the library must not reach what is measured.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("AURORAVIEW_")}
        environment.update(BENCH_PAGE=str(HERE / "page.html"), BENCH_SCRIPT=str(HERE / "page.js"), NO_AT_BRIDGE="1",
                           PYTHONDONTWRITEBYTECODE="1", **candidate.environment)
        self.log = log_folder / ("bench-%s.log" % self.name)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(candidate.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=log, env=environment, start_new_session=True)
        self.page = None  # process that runs its page, once somebody has looked for it
        self.rest = b""
        self.hello = self.read(timeout)
        self.pid = self.hello["first"].get("pid", self.hello.get("pid", self.process.pid))

    def read(self, timeout):
        deadline = time.monotonic() + timeout
        while b"\n" not in self.rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                self.kill()
                raise Slow("%s did not answer within %d s" % (self.name, timeout))
            piece = os.read(self.process.stdout.fileno(), 1 << 16)
            if not piece:
                # Its output has ended, so it is ending too; what it started is killed after it.
                try:
                    code = self.process.wait(5)
                except subprocess.TimeoutExpired:
                    code = "none yet"
                self.kill()
                raise Broken("%s ended with code %s (see %s)" % (self.name, code, self.log))
            self.rest += piece
        line, self.rest = self.rest.split(b"\n", 1)
        try:
            return json.loads(line)
        except ValueError:
            raise Broken("%s said %r" % (self.name, line[:200])) from None

    def ask(self, row, n):
        try:
            self.process.stdin.write(b"run %s %d\n" % (row.encode(), n))
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Broken("%s is gone (see %s)" % (self.name, self.log)) from None

    def run(self, row, n, timeout=30):
        self.ask(row, n)
        return self.answer(row, timeout)

    def answer(self, row, timeout=30):
        answer = self.read(timeout)
        if "error" in answer:
            raise Broken("%s, row %s: %s" % (self.name, row, answer["error"]))
        return answer

    def quit(self):
        try:
            self.process.stdin.write(b"quit\n")
            self.process.stdin.close()
            self.process.wait(5)
        except (OSError, subprocess.TimeoutExpired):
            pass
        self.kill()

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdout.close()
