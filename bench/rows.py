"""The rows of the benchmark: what is measured, how much of it in one round, and what it may cost.

`budget` is an upper bound for costs and a lower bound for rates; `factor` says how many times better than the best
peer. Both are goals of the project's design, printed beside the figures and never a reason to leave a row out.
"""

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Row:
    key: str  # what participants are asked to run
    name: str
    unit: str
    ours: str  # the participant that is ours
    budget: Optional[float] = None
    factor: Optional[float] = None
    rate: bool = False  # more is better
    stat: str = "p50"  # which figure the budget is about
    least: int = 1  # n of the first, calibrating run
    most: int = 2000
    seconds: float = 0.2  # what one round may take, once n is calibrated
    special: str = ""  # "first", "idle", "blocked", "click": see run.py
    timeout: int = 20  # seconds for one run
    note: str = ""
    absent: str = ""  # why nothing can be measured yet: the row is printed all the same


PAGE_ROWS = [
    Row("call.c", "page -> C handler -> page, 100 B", "us", "ours-c", 20, 8, least=100),
    Row("call.python", "page -> Python handler on the GUI thread -> page, 100 B", "us", "ours-qt", 50, 4, least=100,
        note="pywebview runs handlers on a new thread each, not on the GUI thread"),
    Row("inflight.c", "1,000 calls in flight, C handler, each", "us", "ours-c", 2, 10, least=2, most=100),
    Row("inflight.python", "1,000 calls in flight, Python handler, each", "us", "ours-qt", None, 4, least=1, most=50),
    Row("binary.in.c", "1 MiB page -> C, acknowledged", "ms", "ours-c", None, 40, least=3, most=200,
        note="peers: base64 text, or the body of a custom-scheme request"),
    Row("binary.out.c", "1 MiB C -> page, asked for", "ms", "ours-c", None, 40, least=3, most=200),
    Row("binary.in.python", "1 MiB page -> Python, acknowledged", "ms", "ours-qt", 0.3, 40, least=3, most=200),
    Row("binary.out.python", "1 MiB Python -> page, asked for", "ms", "ours-qt", 0.5, 40, least=3, most=200),
    Row("emit.c", "emit() on the calling thread, C, in a burst", "ns", "ours-c", 150, 10, least=500, most=2000),
    Row("emit.idle.c", "emit() on the calling thread, C, receiver asleep", "ns", "ours-c", 150, 10, least=20, most=50),
    Row("emit.python", "emit() on the calling thread, Python, in a burst", "us", "ours-qt", 1, 10, least=500,
        most=2000),
    Row("emit.idle.python", "emit() on the calling thread, Python, receiver asleep", "us", "ours-qt", 1, 10, least=20,
        most=50),
    Row("events.c", "host -> page events, C, 100 B", "1/s", "ours-c", 300000, 10, rate=True, least=1000, most=50000),
    Row("events.python", "host -> page events, Python, 100 B", "1/s", "ours-qt", None, 4, rate=True, least=500,
        most=20000),
    Row("click", "click -> Python -> DOM, host idle", "ms", "ours-qt", 10, None, stat="p99", most=5, special="click"),
    Row("blocked", "frames on the screen while the host's UI thread is blocked", "1/s", "ours-qt", 55, None, rate=True,
        special="blocked", note="counted on the screen, by its pixels; ours is blocked for 5 s, each peer for 1 s"),
    Row("blocked.raf", "animation callbacks of the page in that time", "1/s", "ours-qt", 55, None, rate=True,
        special="blocked"),
    Row("open.cold", "open to first paint, first view of the process", "ms", "ours-qt", 350, None, special="first"),
    Row("open.second", "open to first paint, further view", "ms", "ours-qt", 60, None, most=1,
        note="the budget is for a prewarmed page process; there is no prewarming yet"),
    Row("memory.pss", "memory added to a C host by its first view, PSS", "MiB", "ours-c", 3, 20, special="first"),
    Row("memory.rss", "the same, RSS", "MiB", "ours-c", None, None, special="first"),
    Row("memory.python.pss", "memory added to a Python host by its first view, PSS", "MiB", "ours-qt", 3, 20,
        special="first"),
    Row("memory.python.rss", "the same, RSS", "MiB", "ours-qt", None, None, special="first"),
    Row("idle", "wake-ups of an idle host process", "1/s", "ours-c", 0, None, special="idle"),
    Row("idle.python", "wake-ups of an idle Python host process", "1/s", "ours-qt", 0, None, special="idle"),
    Row("recovery.page", "recovery from a killed page process", "ms", "ours-qt", 250,
        absent="a page that was lost is reported, not brought back"),
    Row("recovery.engine", "recovery from a killed engine", "ms", "ours-qt", 800,
        absent="an engine that was lost is reported, not brought back"),
]


def _queue_rows():
    budgets = {"queue.push.1": 20, "queue.push.4": 40}
    for pinned in ("", ".pinned"):
        how = ", pinned" if pinned else ""
        for producers in (1, 2, 4):
            key = "queue.push.%d" % producers
            yield Row(key + pinned, "queue push, %d producer%s%s" % (producers, "s" * (producers > 1), how), "ns",
                      "ours-queue", budgets.get(key), 1, least=3, most=30, seconds=0.04, timeout=5)
        for producers in (1, 2, 4):
            yield Row("queue.pushpop.%d%s" % (producers, pinned),
                      "queue push + pop, %d producer%s%s" % (producers, "s" * (producers > 1), how), "ns",
                      "ours-queue", None, 1, least=3, most=30, seconds=0.04, timeout=5)
        yield Row("queue.burst" + pinned, "burst of 1,000 to a sleeping consumer" + how, "us", "ours-queue", None, 1,
                  least=10, most=100, seconds=0.04, timeout=5)
        yield Row("queue.wake" + pinned, "wake of a sleeping consumer" + how, "us", "ours-queue", None, 1,
                  least=20, most=200, seconds=0.06, timeout=5)


QUEUE_ROWS = list(_queue_rows())
