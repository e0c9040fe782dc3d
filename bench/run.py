"""Measures AuroraView beside its peers and writes build/bench.json; `make bench` gets here through tools/bench.

Every participant is a process of its own. They take turns: in each round every one of them runs every row once, for a
fraction of a second, so that what else happens on the machine hits all of them alike. A missed budget is printed as
MISSED and is no failure of the run; a participant that breaks is.
"""

import argparse
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

from participants import Broken, Process, Slow, page_candidates, queue_candidates
from report import Results, assess, print_table, write
from rows import PAGE_ROWS, QUEUE_ROWS

START_TIMEOUT = 60
# How long the UI thread is held. A peer that shows no frame in the first second shows none in the fifth.
BLOCK_SECONDS = 5
PEER_BLOCK_SECONDS = 1
IDLE_SECONDS = 4
# After the row before: closed windows and what follows of that are over, and so are the deadlines of the last scripts
# (5 s), for which the library wakes once.
SETTLE_SECONDS = 6


class Bench:
    def __init__(self, options, build, logs):
        self.options = options
        self.build = build
        self.logs = logs
        self.results = Results()
        self.versions = {}
        self.amount = {}  # (row, participant) -> calibrated n
        self.processes = {}

    def say(self, text):
        print("bench: " + text, file=sys.stderr, flush=True)

    # ---- starting ----
    def present(self, candidates, rows):
        here = []
        for candidate in candidates:
            if self.options.only and not any(part in candidate.name for part in self.options.only):
                continue
            why = candidate.missing()
            if why is None:
                here.append(candidate)
            for row in rows:
                if row.key not in candidate.rows:
                    continue
                if why:
                    self.results.give_up(row.key, candidate.name, why)
                elif row.fragile and self.options.quick:
                    self.results.give_up(row.key, candidate.name, "not in a quick run")
                elif row.key in candidate.cannot:
                    self.results.give_up(row.key, candidate.name, candidate.cannot[row.key])
        return here

    def start(self, candidate):
        try:
            process = Process(candidate, self.logs, START_TIMEOUT)
        except (Broken, OSError) as error:
            self.broke(candidate, None, error)
            return None
        self.versions[candidate.name] = process.hello.get("version", "")
        return process

    def broke(self, candidate, row, error):
        self.say("BROKEN: %s" % error)
        self.results.broken.append(str(error))
        keys = [row] if row else candidate.rows
        for key in keys:
            self.results.reasons.setdefault((key, candidate.name), "broke: %s" % error)

    # ---- rows ----
    def first_views(self, candidates, rounds):
        """Rows that only a fresh process can show, each alone on the machine."""
        for number in range(rounds):
            self.say("fresh processes, round %d of %d" % (number + 1, rounds))
            for candidate in candidates:
                process = self.start(candidate)
                if not process:
                    continue
                for key, value in process.hello["first"].items():
                    if key.startswith("memory.") and candidate.language == "python":
                        key = "memory.python." + key[len("memory."):]
                    if key in candidate.rows:
                        self.results.add(key, candidate.name, [value])
                process.quit()

    def idle(self):
        """All hosts rest at the same time; the kernel has counted how often each was woken."""
        time.sleep(SETTLE_SECONDS)
        before = {name: wakeups(process.pid) for name, process in self.processes.items()}
        time.sleep(IDLE_SECONDS)  # the row itself: nobody does anything for that long
        for name, process in self.processes.items():
            key = "idle" if process.candidate.language == "c" else "idle.python"
            # A thread that ended meanwhile takes its count with it; one that began meanwhile counts whole.
            woken = {thread: count - before[name].get(thread, 0) for thread, count in wakeups(process.pid).items()}
            self.results.add(key, name, [sum(woken.values()) / IDLE_SECONDS])
            if process.candidate.ours and any(woken.values()):
                self.say("%s was woken while idle: %s" % (name, ", ".join(
                    "%s %d times" % (thread_name(process.pid, thread), n) for thread, n in woken.items() if n)))

    def blocked(self, process):
        title = "bench-" + process.name
        seconds = BLOCK_SECONDS if process.candidate.ours else PEER_BLOCK_SECONDS
        watch = subprocess.Popen([self.build / "bench-screen", title, str(seconds + 2)],
                                 stdout=subprocess.PIPE, text=True)
        # The page paints ten frames before the block: the observer must not come after them.
        if watch.stdout.readline() != "ready\n":
            watch.wait(30)
            raise Broken("%s: its window was not found on the screen" % process.name)
        answer = process.run("blocked", seconds, timeout=30)
        changes = [float(line) for line in watch.communicate(timeout=30)[0].split()]
        if watch.returncode != 0:
            raise Broken("%s: the observer failed" % process.name)
        if not any(t < answer["from"] for t in changes):
            raise Broken("%s: the observer saw no frame even before the block" % process.name)
        # The first tenth of a second still shows what was drawn before the block.
        start, end = answer["from"] + 0.1, answer["to"]
        seen = sum(1 for t in changes if start <= t <= end)
        self.results.add("blocked", process.name, [seen / (end - start)])
        self.results.add("blocked.raf", process.name, answer["samples"])

    def click(self, row, process, n):
        process.ask(row, n)
        if not process.read(30).get("armed"):
            raise Broken("%s did not arm its clicks" % process.name)
        title = "^bench-%s$" % process.name
        find = subprocess.run(["xdotool", "search", "--name", title], capture_output=True, text=True)
        if not find.stdout.split():
            raise Broken("%s: its window was not found" % process.name)
        window = find.stdout.split()[0]
        # 150 ms between the clicks: the host has gone back to rest by then.
        subprocess.run(["xdotool", "windowactivate", "--sync", window, "mousemove", "--window", window, "120", "200",
                        "click", "--repeat", str(n), "--delay", "150", "1"], check=True, stderr=subprocess.DEVNULL,
                       timeout=30)
        self.results.add(row, process.name, process.answer(row)["samples"])

    def page_of(self, process):
        """The process that runs the participant's page: engines keep idle ones beside it."""
        if process.page is None:
            pages = [pid for pid in descendants(process.process.pid) if is_page(pid)]
            if not pages:
                raise Broken("%s: no page process found" % process.name)
            process.page = max(pages, key=lambda pid: cpu_ns(pid, pid))
        return process.page

    def cost(self, process):
        """What 1,000 calls in flight cost each side, by the kernel's clock of each thread."""
        language = process.candidate.language
        page, n = self.page_of(process), max(5, self.amount.get(("inflight." + language, process.name), 0))
        before = cpu_ns(page, page), host_cpu_ns(process.pid)
        process.run("inflight." + language, n)
        after = cpu_ns(page, page), host_cpu_ns(process.pid)
        for side, i in (("page", 0), ("host", 1)):
            # One batch more than the samples, which lie between two.
            self.results.add("cost.%s.%s" % (side, language), process.name,
                             [(after[i] - before[i]) / 1e6 / (n + 1)])

    def sixty(self, rows):
        """Everybody sends 60 events a second at the same time; memory once a second, the first third not counted."""
        wanted = {row.key for row in rows if row.special == "sixty"}
        seconds = self.options.sixty
        going = {}
        for name, process in self.processes.items():
            language = process.candidate.language
            if language and any(key in wanted and (key, name) not in self.results.reasons
                                for key in ("sixty.page." + language, "sixty.host." + language)):
                going[name] = process, "sixty." + language, self.page_of(process), [], []
                process.ask("sixty." + language, seconds * 60)
        for _ in range(seconds):
            time.sleep(1)  # the row itself
            for process, _, page, in_page, in_host in going.values():
                in_page.append(private_kib(page))
                in_host.append(private_kib(process.pid))
        for name, (process, row, _, in_page, in_host) in going.items():
            try:
                process.answer(row, 60)
            except Broken as error:
                self.broke(process.candidate, row, error)
                continue
            language = process.candidate.language
            for side, kib in (("page", in_page), ("host", in_host)):
                self.results.add("sixty.%s.%s" % (side, language), name, [slope(kib[seconds // 3:]) * 60])

    def frame(self, row, process):
        answer = process.run(row.key, row.most)
        self.results.add(row.key, process.name, answer["samples"])
        if row.key == "frame.flood":
            self.results.add("frame.flood.rate", process.name, [answer["rate"]])

    def views(self, row, process):
        answer = process.run(row.key, row.most, row.timeout)
        self.results.add(row.key, process.name, answer["samples"])
        for what in ("rate", "share"):
            self.results.add(row.key.replace("views.", "views.%s." % what), process.name, [answer[what]])

    def recover(self, row, process):
        """In a process of its own: it gives up at the third loss in a minute."""
        victim = "WebKitWebProcess" if row.key == "recovery.page" else "auroraview-engine"
        other = self.start(process.candidate)
        if not other:
            raise Broken("%s did not start" % process.name)
        try:
            for _ in range(row.most):
                other.ask(row.key, 1)
                if not other.read(30).get("ready"):
                    raise Broken("%s does not wait for its loss" % process.name)
                pid, = [child for child in descendants(other.pid) if program(child) == victim[:15]]
                start = time.time()
                os.kill(pid, signal.SIGKILL)
                self.results.add(row.key, process.name, [(other.answer(row.key)["at"] - start) * 1e3])
        finally:
            other.quit()

    def run_row(self, row, process):
        key = (row.key, process.name)
        if row.special == "cost":
            return self.cost(process) if row.key.startswith("cost.page") else None
        if row.special == "views":
            return self.views(row, process) if row.key.count(".") == 2 else None
        if row.special == "frame":
            return self.frame(row, process) if row.key != "frame.flood.rate" else None
        if row.special == "click":
            return self.click(row.key, process, row.most)
        if row.special == "recovery":
            return self.recover(row, process)
        if row.special == "blocked":
            return self.blocked(process) if row.key == "blocked" else None
        if row.least == row.most:
            self.amount[key] = row.most
        if key not in self.amount:
            start = time.monotonic()
            process.run(row.key, row.least, row.timeout)
            spent = max(time.monotonic() - start, 1e-4)
            self.amount[key] = max(1, min(row.most, int(row.least * self.options.share * row.seconds / spent)))
        answer = process.run(row.key, self.amount[key], row.timeout)
        self.results.add(row.key, process.name, answer["samples"])

    def turn(self, row, candidate):
        process = self.processes.get(candidate.name)
        if not process or row.key not in candidate.rows or (row.key, candidate.name) in self.results.reasons:
            return
        try:
            self.run_row(row, process)
        except Slow as error:
            # Not broken: it may be a candidate's nature. It is started again for the other rows.
            self.say(str(error))
            self.results.give_up(row.key, candidate.name, "no answer within %d s" % row.timeout)
            self.processes[candidate.name] = self.start(candidate)
        except (Broken, OSError, subprocess.SubprocessError) as error:
            if row.fragile and not candidate.ours:
                self.say(str(error))
                self.results.give_up(row.key, candidate.name, "failed: %s" % error)
            else:
                self.broke(candidate, row.key, error)
            process.kill()
            self.processes[candidate.name] = self.start(candidate)

    def session(self, candidates, rows, rounds, idle=False):
        for candidate in candidates:
            self.processes[candidate.name] = self.start(candidate)
        self.processes = {name: process for name, process in self.processes.items() if process}
        try:
            if any(row.special == "sixty" for row in rows):
                self.sixty(rows)
            for number in range(rounds):
                self.say("round %d of %d" % (number + 1, rounds))
                for row in rows:
                    if row.special == "sixty":
                        continue
                    if row.special == "blocked" and number >= self.options.slow_rounds:
                        continue
                    # The last rounds: what they leave behind is not in the way of others.
                    if row.rounds and number < rounds - row.rounds:
                        continue
                    # Another one begins each round, so that nobody always follows the same neighbour.
                    for i in range(len(candidates)):
                        self.turn(row, candidates[(i + number) % len(candidates)])
                if idle and number < self.options.slow_rounds:
                    self.processes = {name: process for name, process in self.processes.items() if process}
                    self.idle()
        finally:
            for process in self.processes.values():
                if process:
                    process.quit()
            self.processes = {}


def wakeups(pid):
    """Voluntary context switches so far, by thread."""
    counts = {}
    for task in Path("/proc/%d/task" % pid).iterdir():
        try:
            for line in (task / "status").read_text().splitlines():
                if line.startswith("voluntary_ctxt_switches"):
                    counts[task.name] = int(line.split()[1])
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended meanwhile
    return counts


def descendants(pid):
    """Its children and theirs, and so on, in the order of their numbers."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in parentheses may hold anything.
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            pass
    found = {pid}
    for child in sorted(parents):
        ancestor = child
        while ancestor not in found and ancestor in parents:
            ancestor = parents[ancestor]
        if ancestor in found:
            found.add(child)
    return sorted(found - {pid})


def program(pid):
    """Its name, of which the kernel keeps 15 characters; "" if it has ended."""
    try:
        return Path("/proc/%d/comm" % pid).read_text().rstrip("\n")
    except OSError:
        return ""


def is_page(pid):
    """Whether this runs pages: WebKit's web process, Chromium's renderer."""
    try:
        command = Path("/proc/%d/cmdline" % pid).read_bytes()
    except OSError:
        return False
    # Chromium writes its words anew, with spaces between them.
    return b"WebKitWebProcess" in command.split(b"\0")[0] or b"--type=renderer" in command


def cpu_ns(pid, thread):
    return int(Path("/proc/%d/task/%d/schedstat" % (pid, thread)).read_text().split()[0])


def host_cpu_ns(pid):
    total = 0
    for task in Path("/proc/%d/task" % pid).iterdir():
        try:
            total += cpu_ns(pid, int(task.name))
        except (OSError, ValueError):
            pass  # it has ended meanwhile
    return total


def private_kib(pid):
    """Memory that is this process's own, without what it maps from files."""
    for line in Path("/proc/%d/status" % pid).read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1])
    return 0


def slope(values):
    """Of the straight line that fits best, per step."""
    n = len(values)
    if n < 2:
        return 0.0
    middle, mean = (n - 1) / 2, sum(values) / n
    return (sum((i - middle) * (v - mean) for i, v in enumerate(values))
            / sum((i - middle) ** 2 for i in range(n)))


def thread_name(pid, thread):
    try:
        return Path("/proc/%d/task/%s/comm" % (pid, thread)).read_text().strip()
    except OSError:
        return "a thread that ended"


# Rounds of a full run. The queues' rows last some hundredths of a second and differ from their peers' by little.
ROUNDS, QUEUE_ROUNDS = 6, 10


def parse(arguments):
    parser = argparse.ArgumentParser(description="AuroraView and its peers, measured in turns.")
    parser.add_argument("--build", required=True, type=Path, help="folder of the participants that Meson built")
    parser.add_argument("--out", required=True, type=Path, help="where bench.json goes")
    parser.add_argument("--quick", action="store_true", help="two short rounds, one fresh process: for trials")
    parser.add_argument("--rounds", type=int, help="rounds for all rows (or BENCH_ROUNDS; %d, and %d for the queues)"
                        % (ROUNDS, QUEUE_ROUNDS))
    parser.add_argument("--starts", type=int, help="fresh processes per participant (5)")
    parser.add_argument("--slow-rounds", type=int, help="rounds that have the rows of several seconds (2)")
    parser.add_argument("--rows", type=lambda text: text.split(","), metavar="KEY[,KEY]",
                        help="rows whose key contains one of these")
    parser.add_argument("--only", type=lambda text: text.split(","), metavar="NAME[,NAME]",
                        help="participants whose name contains one of these")
    options = parser.parse_args(arguments)
    usual, usual_queue, starts, slow = (2, 2, 1, 1) if options.quick else (ROUNDS, QUEUE_ROUNDS, 5, 2)
    rounds = os.environ.get("BENCH_ROUNDS", "")
    if options.rounds is None and rounds:
        if not rounds.isdigit():
            parser.error("BENCH_ROUNDS is no number: %r" % rounds)
        options.rounds = int(rounds)
    options.queue_rounds = options.rounds if options.rounds is not None else usual_queue
    options.rounds = options.rounds if options.rounds is not None else usual
    # Few rounds are a trial: the slow parts then follow.
    options.starts = options.starts if options.starts is not None else min(starts, options.rounds)
    options.slow_rounds = options.slow_rounds if options.slow_rounds is not None else min(slow, options.rounds)
    options.share = 0.5 if options.quick else 1
    options.sixty = 10 if options.quick else 60
    return options


def measure(bench, rows, candidates, rounds):
    """One session over all these rows; one entry for each of them."""
    to_run = [row for row in rows if not row.absent]
    here = bench.present(candidates, to_run)
    if any(row.special == "first" for row in to_run):
        bench.first_views(here, bench.options.starts)
    in_turns = [row for row in to_run if row.special not in ("first", "idle")]
    idle = any(row.special == "idle" for row in to_run)
    if in_turns or idle:
        bench.session(here, in_turns, rounds, idle)
    return [assess(row, bench.results, [c.name for c in candidates if row.key in c.rows], rows) for row in rows]


def main(arguments=None):
    options = parse(arguments)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    bench = Bench(options, options.build, options.out.parent)
    started = time.monotonic()
    entries = []
    for rows, candidates, rounds in (
            (PAGE_ROWS, page_candidates(options.build), options.rounds),
            (QUEUE_ROWS, queue_candidates(options.build, QUEUE_ROWS), options.queue_rounds)):
        if options.rows:
            rows = [row for row in rows if any(part in row.key for part in options.rows)]
        if rows:
            entries += measure(bench, rows, candidates, rounds)

    write(entries, options.out)
    print_table(entries)
    print("\n%s, %d processors, Linux %s; %d rounds, %d for queues, %.0f s; figures in %s"
          % (platform.machine(), os.cpu_count(), platform.release(), options.rounds, options.queue_rounds,
             time.monotonic() - started, options.out))
    for name, version in bench.versions.items():
        if version:
            print("    %-20s %s" % (name, version))
    for error in bench.results.broken:
        print("BROKEN: " + error)
    return 1 if bench.results.broken else 0


if __name__ == "__main__":
    sys.exit(main())
