"""From samples to figures: quantiles, ratios, verdicts, the table, and the two files."""

import json

# What build/bench.json has of a row; everything else goes to bench-details.json.
PUBLIC = ("name", "unit", "n", "p50", "p99", "peers", "ratio", "budget", "met", "key", "budget_on", "wanted_ratio",
          "floor")


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
                "noise": {"rounds": len(rounds), "min": min(medians), "max": max(medians)}}


def best_ratio(row, ours, peers):
    """How many times better than the best peer; None where one of the two is nothing."""
    medians = [figures["p50"] for figures in peers.values()]
    if ours is None or not medians:
        return None
    best = max(medians) if row.rate else min(medians)
    if not best or not ours["p50"]:
        return None
    return ours["p50"] / best if row.rate else best / ours["p50"]


def judge(row, ours, peers, ratio):
    """Whether the budget holds and whether the wanted ratio does; None where the row has no such goal."""
    within = ahead = None
    if row.budget is not None:
        within = ours is not None and (ours[row.stat] >= row.budget if row.rate else ours[row.stat] <= row.budget)
    if row.factor is not None:
        if ours is None:
            ahead = False
        elif ratio is not None:
            ahead = ratio >= row.factor
        elif peers:
            # A cost of nothing beats any factor, and so does a rate where the best peer has none.
            ahead = ours["p50"] == 0 if not row.rate else ours["p50"] > 0
    return within, ahead


def assess(row, results, names, all_rows):
    """All there is to say about one row."""
    ours = results.figures(row.key, row.ours)
    peers, also, notes = {}, {}, [row.note] if row.note else []
    for name in names:
        if name == row.ours:
            continue
        figures = results.figures(row.key, name)
        if figures:
            (also if name.startswith("ours-") else peers)[name] = figures
        elif not row.absent:
            notes.append("%s: %s" % (name, results.reasons.get((row.key, name), "did not take part")))
    if row.absent:
        notes.append("not available: " + row.absent)
    elif ours is None:
        notes.append("%s: %s" % (row.ours, results.reasons.get((row.key, row.ours), "did not run")))
    floor = None
    for other in all_rows:
        figures = results.figures(other.key, other.ours) if other.key == row.floor else None
        if figures:
            floor = {"name": other.name, "unit": other.unit, "p50": figures["p50"]}
    ratio = best_ratio(row, ours, peers) if row.compare else None
    within, ahead = judge(row, ours, peers, ratio)
    verdicts = [verdict for verdict in (within, ahead) if verdict is not None]
    return {
        "name": row.name, "key": row.key, "unit": row.unit, "rate": row.rate, "n": ours["n"] if ours else 0,
        "p50": ours and ours["p50"], "p99": ours and ours["p99"], "noise": ours and ours["noise"],
        "peers": peers, "also": also, "ratio": ratio, "budget": row.budget, "budget_on": row.stat, "within": within,
        "wanted_ratio": row.factor, "ahead": ahead, "met": all(verdicts) if verdicts else None, "notes": notes,
        "floor": floor, "ours": row.ours, "available": not row.absent,
    }


def write(entries, path):
    """bench.json, with the fields that others may rely on, and bench-details.json beside it with all of them."""
    public = []
    for entry in entries:
        line = {name: entry[name] for name in PUBLIC}
        line["peers"] = {name: {"p50": figures["p50"], "p99": figures["p99"]}
                         for name, figures in entry["peers"].items()}
        public.append(line)
    path.write_text(json.dumps(public, indent=1) + "\n")
    path.with_name(path.stem + "-details.json").write_text(json.dumps(entries, indent=1) + "\n")


def number(value):
    if value is None:
        return "-"
    if abs(value) >= 10000:
        return "{:,.0f}".format(value)
    return "%.0f" % value if abs(value) >= 1000 else "%.3g" % value


def verdict(holds):
    return "met" if holds else "MISSED"


def goals(entry):
    """The goals of a row, each with its verdict."""
    parts = []
    if entry["budget"] is not None:
        sign = ">=" if entry["rate"] else "<="
        parts.append("%s %s %s %s: %s" % (entry["budget_on"], sign, number(entry["budget"]), entry["unit"],
                                          verdict(entry["within"])))
    if entry["wanted_ratio"] is not None:
        known = entry["ratio"] is not None or entry["ahead"] is not None
        has = "%.3gx" % entry["ratio"] if entry["ratio"] is not None else "no ratio"
        parts.append("%gx the best peer: %s (%s)" % (entry["wanted_ratio"],
                                                     verdict(entry["ahead"]) if known else "no peer ran", has))
    elif entry["ratio"] is not None:
        parts.append("%.3gx the best peer" % entry["ratio"])
    return parts


def print_table(entries):
    for entry in entries:
        print("\n%s [%s]" % (entry["name"], entry["unit"]))
        lines = list(entry["also"].items()) + list(entry["peers"].items())
        if entry["p50"] is not None:
            lines.insert(0, ("the system" if entry["ours"] == "floor" else "AuroraView", entry))
        if lines:
            print("    %-20s %12s %12s %26s" % ("", "p50", "p99", "round medians"))
        for name, figures in lines:
            noise = figures["noise"]
            print("    %-20s %12s %12s %26s" % (name, number(figures["p50"]), number(figures["p99"]),
                                               number(noise["min"]) + " .. " + number(noise["max"])))
        for goal in goals(entry):
            print("    " + goal)
        if entry["floor"]:
            print("    floor: %s %s (%s)" % (number(entry["floor"]["p50"]), entry["floor"]["unit"],
                                             entry["floor"]["name"]))
        for note in entry["notes"]:
            print("    note: " + note)
    missed = [entry for entry in entries if entry["met"] is False]
    met = sum(1 for entry in entries if entry["met"])
    print("\n%d rows, %d met, %d MISSED%s" % (len(entries), met, len(missed), ":" if missed else ""))
    for entry in missed:
        why = "" if entry["p50"] is not None else " (did not run)" if entry["available"] else " (not available)"
        print("    MISSED  %s%s" % (entry["name"], why))
