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
    special: str = ""  # "first", "idle", "blocked", "click", "cost", "sixty", "views", "frame", "recovery": see run.py
    rounds: int = 0  # only in so many of the last rounds; 0: in all
    fragile: bool = False  # a peer may fail here; that says something of it, and is no failure of the run
    compare: bool = True  # else no ratio: figures beside each other, of which neither is better
    floor: str = ""  # key of the row that says what no implementation can go below
    timeout: int = 20  # seconds for one run
    note: str = ""
    absent: str = ""  # why nothing can be measured yet: the row is printed all the same


SIZES = {"64": "64 B", "1k": "1 KiB", "64k": "64 KiB", "1m": "1 MiB", "64m": "64 MiB"}


def _payload_rows():
    ways = {"echo": "there and back", "give": "host -> page, asked for"}
    for language, ours in (("c", "ours-c"), ("python", "ours-qt")):
        for how, way in ways.items():
            for kind, what in (("json", "JSON"), ("bytes", "binary")):
                for label, size in SIZES.items():
                    huge = label == "64m"
                    yield Row("%s.%s.%s.%s" % (how, kind, label, language),
                              "%s of %s, %s, %s" % (size, what, way, "C" if language == "c" else "Python"),
                              "ms" if label in ("1m", "64m") else "us", ours, rounds=1 if huge else 2,
                              least=0 if huge else 3, most=0 if huge else 1000, seconds=0.1,
                              timeout=10 if huge else 15, fragile=huge,
                              floor="floor.json.%s.c" % label if (how, kind) == ("echo", "json") else "")


def _views_rows():
    for language, ours in (("c", "ours-c"), ("python", "ours-qt")):
        for count in (1, 4, 16):
            key = "%%s%d.%s" % (count, language)
            calling = "%d view%s calling at once, %s: " % (count, "s" * (count > 1), language.capitalize())
            common = dict(ours=ours, special="views", rounds=1, most=1000, timeout=40, fragile=count == 16)
            yield Row(key % "views.", calling + "a round trip", "us", **common)
            yield Row(key % "views.rate.", calling + "all together", "1/s", rate=True, **common)
            yield Row(key % "views.share.", calling + "the slowest view's part of the mean", "%", rate=True,
                      compare=False, **common)


def _floor_rows():
    for label, size in SIZES.items():
        yield Row("floor.json.%s.c" % label, "JSON.stringify and JSON.parse of %s, in the page alone" % size, "ms",
                  "ours-c", least={"64": 20000, "1k": 20000, "64k": 200, "1m": 10, "64m": 1}[label],
                  most={"64": 200000, "1k": 200000, "64k": 2000, "1m": 30, "64m": 1}[label],
                  rounds=1 if label == "64m" else 3, seconds=0.1, timeout=40)
    yield Row("floor.wake", "eventfd there and back between sleeping threads", "us", "floor", least=20, most=500)
    yield Row("floor.post", "eventfd write to a sleeping thread, on the writer", "ns", "floor", least=20, most=50)
    yield Row("floor.memcpy", "1 MiB copied", "ms", "floor", least=3, most=200)
    yield Row("floor.memfd", "1 MiB in a sealed memory file to another process, acknowledged", "ms", "floor", least=3,
              most=200)


PAGE_ROWS = [
    Row("call.c", "page -> C handler -> page, 100 B", "us", "ours-c", 20, 8, least=100, floor="floor.wake"),
    Row("call.python", "page -> Python handler on the GUI thread -> page, 100 B", "us", "ours-qt", 50, 4, least=100,
        note="pywebview runs handlers on a new thread each, not on the GUI thread"),
    Row("inflight.c", "1,000 calls in flight, C handler, each", "us", "ours-c", 2, 10, least=2, most=100),
    Row("inflight.python", "1,000 calls in flight, Python handler, each", "us", "ours-qt", None, 4, least=1, most=50),
    Row("inflight100.c", "100 calls in flight, C handler, each", "us", "ours-c", None, None, least=3, most=300,
        rounds=3),
    Row("inflight100.python", "100 calls in flight, Python handler, each", "us", "ours-qt", None, None, least=3,
        most=300, rounds=3),
    Row("cost.page.c", "CPU time of the page's thread, a call among 1,000 in flight, C", "us", "ours-c",
        special="cost", rounds=3),
    Row("cost.host.c", "CPU time of the host's threads, a call among 1,000 in flight, C", "us", "ours-c",
        special="cost", rounds=3),
    Row("cost.page.python", "CPU time of the page's thread, a call among 1,000 in flight, Python", "us", "ours-qt",
        special="cost", rounds=3),
    Row("cost.host.python", "CPU time of the host's threads, a call among 1,000 in flight, Python", "us", "ours-qt",
        special="cost", rounds=3),
    Row("binary.in.c", "1 MiB page -> C, acknowledged", "ms", "ours-c", None, 40, least=3, most=200,
        floor="floor.memfd", note="peers: base64 text, or the body of a custom-scheme request"),
    Row("binary.out.c", "1 MiB C -> page, asked for", "ms", "ours-c", None, 40, least=3, most=200,
        floor="floor.memfd"),
    Row("binary.in.python", "1 MiB page -> Python, acknowledged", "ms", "ours-qt", 0.3, 40, least=3, most=200,
        floor="floor.memfd"),
    Row("binary.out.python", "1 MiB Python -> page, asked for", "ms", "ours-qt", 0.5, 40, least=3, most=200,
        floor="floor.memfd"),
    Row("emit.c", "emit() on the calling thread, C, in a burst", "ns", "ours-c", 150, 10, least=500, most=2000),
    Row("emit.idle.c", "emit() on the calling thread, C, receiver asleep", "ns", "ours-c", 150, 10, least=20, most=50,
        floor="floor.post"),
    Row("emit.python", "emit() on the calling thread, Python, in a burst", "us", "ours-qt", 1, 10, least=500,
        most=2000),
    Row("emit.idle.python", "emit() on the calling thread, Python, receiver asleep", "us", "ours-qt", 1, 10, least=20,
        most=50),
    Row("events.c", "host -> page events, C, 100 B", "1/s", "ours-c", 300000, 10, rate=True, least=1000, most=50000),
    Row("events.python", "host -> page events, Python, 100 B", "1/s", "ours-qt", None, 4, rate=True, least=500,
        most=20000),
    Row("click", "click -> Python -> DOM, host idle", "ms", "ours-qt", 10, None, stat="p99", most=5, special="click"),
    Row("click.busy", "click -> Python -> DOM, GUI thread busy for 8 ms of every 16", "ms", "ours-qt", None, None,
        stat="p99", most=5, special="click", rounds=4),
    Row("frame", "interval of a 60 Hz timer of the host's, page at rest", "ms", "ours-qt", stat="p99", special="frame",
        most=60, rounds=4, compare=False),
    Row("frame.flood", "the same, the page sending 10,000 events/s", "ms", "ours-qt", stat="p99", special="frame",
        most=60, rounds=4, compare=False),
    Row("frame.flood.rate", "how many of them the host has had", "1/s", "ours-qt", rate=True, special="frame",
        compare=False),
    Row("blocked", "frames on the screen while the host's UI thread is blocked", "1/s", "ours-qt", 55, None, rate=True,
        special="blocked", note="counted on the screen, by its pixels; ours is blocked for 5 s, each peer for 1 s"),
    Row("blocked.raf", "animation callbacks of the page in that time", "1/s", "ours-qt", 55, None, rate=True,
        special="blocked"),
    Row("open.cold", "open to first paint, first view of the process", "ms", "ours-qt", 350, None, special="first"),
    Row("open.second", "open to first paint, further view", "ms", "ours-qt", 60, None, most=1,
        note="the budget is for a prewarmed page process; there is no prewarming yet"),
    Row("memory.pss", "memory added to a C host by its first view, PSS", "MiB", "ours-c", 3, 20, special="first"),
    Row("memory.rss", "memory added to a C host by its first view, RSS", "MiB", "ours-c", None, None, special="first"),
    Row("memory.python.pss", "memory added to a Python host by its first view, PSS", "MiB", "ours-qt", 3, 20,
        special="first"),
    Row("memory.python.rss", "memory added to a Python host by its first view, RSS", "MiB", "ours-qt", None, None,
        special="first"),
    Row("sixty.page.c", "memory of the page, growth in 60 Hz of events, C", "KiB/min", "ours-c", special="sixty",
        compare=False),
    Row("sixty.host.c", "memory of the host, growth in the same, C", "KiB/min", "ours-c", special="sixty",
        compare=False),
    Row("sixty.page.python", "memory of the page, growth in 60 Hz of events, Python", "KiB/min", "ours-qt",
        special="sixty", compare=False),
    Row("sixty.host.python", "memory of the host, growth in the same, Python", "KiB/min", "ours-qt", special="sixty",
        compare=False),
    *_views_rows(),
    *_payload_rows(),
    *_floor_rows(),
    Row("idle", "wake-ups of an idle host process", "1/s", "ours-c", 0, None, special="idle"),
    Row("idle.python", "wake-ups of an idle Python host process", "1/s", "ours-qt", 0, None, special="idle"),
    Row("recovery.page", "recovery from a killed page process", "ms", "ours-qt", 250, None, most=2, special="recovery"),
    Row("recovery.engine", "recovery from a killed engine", "ms", "ours-qt", 800, None, most=2, special="recovery"),
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
