"""Measures AuroraView beside its peers and writes build/bench.json; `make bench` gets here through tools/bench.

Every participant is a process of its own. They take turns: in each round every one of them runs every row once, for a
fraction of a second, so that what else happens on the machine hits all of them alike. p50 and p99 are over all
samples of all rounds; `noise` is the smallest and largest median of a round. A missed budget is printed as MISSED and
is no failure of the run; a participant that breaks is.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from participants import Broken, Process, Slow, page_candidates, queue_candidates
from rows import PAGE_ROWS, QUEUE_ROWS

START_TIMEOUT = 60
BLOCK_SECONDS = 2
IDLE_SECONDS = 4


def quantile(values, q):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * q))]


class Results:
    """Samples by row and participant, one list per round."""

    def __init__(self):
        self.rounds = {}
        self.reasons = {}  # (row, participant) -> why there is no figure
        self.broken = []

    def add(self, row, name, samples):
        if samples:
            self.rounds.setdefault((row, name), []).append(samples)

    def give_up(self, row, name, why):
        self.reasons[row, name] = why

    def figures(self, row, name):
        rounds = self.rounds.get((row, name))
        if not rounds or (row, name) in self.reasons:
            return None
        samples = [s for r in rounds for s in r]
        medians = [quantile(r, 0.5) for r in rounds]
        return {"p50": quantile(samples, 0.5), "p99": quantile(samples, 0.99), "n": len(samples),
                "noise": {"min": min(medians), "max": max(medians)}}


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
        before = {name: wakeups(process.pid) for name, process in self.processes.items()}
        time.sleep(IDLE_SECONDS)  # the row itself: nobody does anything for that long
        for name, process in self.processes.items():
            key = "idle" if process.candidate.language == "c" else "idle.python"
            # A thread that ended meanwhile takes its count with it; one that began meanwhile counts whole.
            woken = sum(count - before[name].get(thread, 0) for thread, count in wakeups(process.pid).items())
            self.results.add(key, name, [woken / IDLE_SECONDS])

    def blocked(self, process):
        title = "bench-" + process.name
        watch = subprocess.Popen([self.build / "bench-screen", title, str(BLOCK_SECONDS + 2)],
                                 stdout=subprocess.PIPE, text=True)
        answer = process.run("blocked", BLOCK_SECONDS, timeout=30)
        changes = [float(line) for line in watch.communicate(timeout=30)[0].split()]
        if watch.returncode != 0:
            raise Broken("%s: its window was not found on the screen" % process.name)
        if not any(t < answer["from"] for t in changes):
            raise Broken("%s: the observer saw no frame even before the block" % process.name)
        # The first tenth of a second still shows what was drawn before the block.
        start, end = answer["from"] + 0.1, answer["to"]
        seen = sum(1 for t in changes if start <= t <= end)
        self.results.add("blocked", process.name, [seen / (end - start)])
        self.results.add("blocked.raf", process.name, answer["samples"])

    def click(self, process, n):
        process.ask("click", n)
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
        self.results.add("click", process.name, process.answer("click")["samples"])

    def run_row(self, row, process):
        key = (row.key, process.name)
        if row.special == "click":
            return self.click(process, row.most)
        if row.special == "blocked":
            return self.blocked(process) if row.key == "blocked" else None
        if key not in self.amount:
            start = time.monotonic()
            process.run(row.key, row.least, self.options.timeout)
            spent = max(time.monotonic() - start, 1e-4)
            self.amount[key] = max(1, min(row.most, int(row.least * row.seconds / spent)))
        answer = process.run(row.key, self.amount[key], self.options.timeout)
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
            self.results.give_up(row.key, candidate.name, "no answer within %d s" % self.options.timeout)
            self.processes[candidate.name] = self.start(candidate)
        except (Broken, OSError, subprocess.SubprocessError) as error:
            self.broke(candidate, row.key, error)
            process.kill()
            self.processes[candidate.name] = self.start(candidate)

    def session(self, candidates, rows, rounds, idle=False):
        for candidate in candidates:
            self.processes[candidate.name] = self.start(candidate)
        self.processes = {name: process for name, process in self.processes.items() if process}
        try:
            for number in range(rounds):
                self.say("round %d of %d" % (number + 1, rounds))
                for row in rows:
                    if row.special == "blocked" and number >= self.options.block_rounds:
                        continue
                    # Another one begins each round, so that nobody always follows the same neighbour.
                    for i in range(len(candidates)):
                        self.turn(row, candidates[(i + number) % len(candidates)])
                if idle and number < self.options.block_rounds:
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


def assess(row, results, names):
    """One entry of bench.json."""
    ours = results.figures(row.key, row.ours)
    peers, also, notes = {}, {}, [row.note] if row.note else []
    for name in names:
        if name == row.ours:
            continue
        figures = results.figures(row.key, name)
        if name.startswith("ours-"):
            if figures:
                also[name] = figures
            continue
        peers[name] = figures and {k: figures[k] for k in ("p50", "p99", "noise")}
        if figures is None:
            notes.append("%s: %s" % (name, results.reasons.get((row.key, name), "has no such row")))
    if ours is None:
        notes.append("%s: %s" % (row.ours, results.reasons.get((row.key, row.ours), "did not run")))
    medians = [p["p50"] for p in peers.values() if p]
    best = (max if row.rate else min)(medians) if medians else None
    ratio = None
    if ours and best is not None:
        above, below = (ours["p50"], best) if row.rate else (best, ours["p50"])
        ratio = above / below if below else None
    met = None
    if row.budget is not None or row.factor is not None:
        met = ours is not None
        if ours and row.budget is not None:
            met = ours[row.stat] >= row.budget if row.rate else ours[row.stat] <= row.budget
        if ours and row.factor is not None and best is not None:
            # A cost of nothing beats any factor; a ratio over a peer's nothing does not exist.
            met = met and (ratio >= row.factor if ratio is not None else ours["p50"] == 0 or row.rate)
    return {
        "name": row.name, "key": row.key, "unit": row.unit, "n": ours["n"] if ours else 0,
        "p50": ours and ours["p50"], "p99": ours and ours["p99"], "noise": ours and ours["noise"],
        "peers": peers, "also": also, "ratio": ratio, "budget": row.budget, "budget_ratio": row.factor,
        "budget_on": row.stat, "met": met, "notes": notes,
    }


def number(value):
    if value is None:
        return "-"
    if abs(value) >= 10000:
        return "{:,.0f}".format(value)
    return "%.0f" % value if abs(value) >= 1000 else "%.3g" % value


def print_table(entries):
    for entry in entries:
        verdict = {True: "met", False: "MISSED", None: ""}[entry["met"]]
        if entry["met"] is False and entry["p50"] is None:
            verdict += " (did not run)"
        sign = ">=" if "1/s" == entry["unit"] and entry["budget"] else "<="
        budget = []
        if entry["budget"] is not None:
            budget.append("%s %s %s %s" % (entry["budget_on"], sign, number(entry["budget"]), entry["unit"]))
        if entry["budget_ratio"] is not None:
            budget.append("%gx the best peer" % entry["budget_ratio"])
        print("\n%s [%s]" % (entry["name"], entry["unit"]))
        print("    %-20s %12s %12s %26s" % ("", "p50", "p99", "round medians"))
        lines = [("AuroraView", entry)] if entry["p50"] is not None else []
        lines += list(entry["also"].items()) + list(entry["peers"].items())
        for name, figures in lines:
            if figures:
                noise = figures["noise"]
                print("    %-20s %12s %12s %26s" % (name, number(figures["p50"]), number(figures["p99"]),
                                                   number(noise["min"]) + " .. " + number(noise["max"])))
        ratio = "ratio %.3gx, " % entry["ratio"] if entry["ratio"] is not None else ""
        if budget or ratio:
            print("    %sbudget %s: %s" % (ratio, ", ".join(budget) or "none", verdict))
        for note in entry["notes"]:
            print("    note: " + note)
    missed = [entry["name"] for entry in entries if entry["met"] is False]
    met = sum(1 for entry in entries if entry["met"])
    print("\n%d rows, %d budgets met, %d MISSED%s" % (len(entries), met, len(missed), ":" if missed else ""))
    for name in missed:
        print("    MISSED  " + name)


def main():
    parser = argparse.ArgumentParser(description="AuroraView and its peers, measured in turns.")
    parser.add_argument("--build", required=True, type=Path, help="folder of the participants that Meson built")
    parser.add_argument("--out", required=True, type=Path, help="where bench.json goes")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--starts", type=int, default=5, help="fresh processes per participant")
    parser.add_argument("--block-rounds", type=int, default=2, help="rounds with the rows that take seconds")
    parser.add_argument("--timeout", type=int, default=20, help="seconds for one run of one row")
    parser.add_argument("--set", choices=("all", "page", "queue"), default="all")
    parser.add_argument("--only", action="append", help="participants whose name contains this")
    parser.add_argument("--row", action="append", help="rows whose key contains this")
    options = parser.parse_args()

    options.out.parent.mkdir(parents=True, exist_ok=True)
    bench = Bench(options, options.build, options.out.parent)
    started = time.monotonic()
    entries = []
    for label, rows, candidates in (
        ("page", PAGE_ROWS, page_candidates(options.build)),
        ("queue", QUEUE_ROWS, queue_candidates(options.build, QUEUE_ROWS)),
    ):
        if options.set not in ("all", label):
            continue
        if options.row:
            rows = [row for row in rows if any(part in row.key for part in options.row)]
        here = bench.present(candidates, rows)
        if any(row.special == "first" for row in rows):
            bench.first_views(here, options.starts)
        in_turns = [row for row in rows if row.special not in ("first", "idle")]
        idle = any(row.special == "idle" for row in rows)
        if in_turns or idle:
            bench.session(here, in_turns, options.rounds, idle)
        for row in rows:
            names = [c.name for c in candidates if row.key in c.rows]
            entries.append(assess(row, bench.results, names))

    options.out.write_text(json.dumps(entries, indent=1) + "\n")
    print_table(entries)
    print("\n%s, %d processors, Linux %s; %d rounds, %.0f s; figures in %s"
          % (platform.machine(), os.cpu_count(), platform.release(), options.rounds, time.monotonic() - started,
             options.out))
    for name, version in bench.versions.items():
        if version:
            print("    %-20s %s" % (name, version))
    for error in bench.results.broken:
        print("BROKEN: " + error)
    return 1 if bench.results.broken else 0


if __name__ == "__main__":
    sys.exit(main())
