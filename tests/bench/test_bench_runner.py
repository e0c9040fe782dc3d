"""The benchmark's runner, fed with samples and with participants that are made up here; nothing is timed."""

import dataclasses
import json
import pathlib
import sys

import pytest

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))

import participants  # noqa: E402
import report  # noqa: E402
import rows as bench_rows  # noqa: E402
import run  # noqa: E402

COST = bench_rows.Row("cost", "a cost", "us", "ours-c", budget=20, factor=8)
RATE = bench_rows.Row("rate", "a rate", "1/s", "ours-c", budget=1000, factor=10, rate=True)
NAMES = ["ours-c", "slow", "fast"]
FIELDS = ["name", "unit", "n", "p50", "p99", "peers", "ratio", "budget", "met",
          "key", "budget_on", "wanted_ratio", "floor"]


def results(row, **samples):
    all_of_them = report.Results()
    for name, rounds in samples.items():
        for samples_of_round in rounds:
            all_of_them.add(row.key, name.replace("_", "-"), samples_of_round)
    return all_of_them


def assess(row, got, names=NAMES, others=()):
    return report.assess(row, got, list(names), [row, *others])


def test_figures_are_over_all_rounds_and_noise_is_between_them():
    figures = results(COST, ours_c=[[1.0] * 99 + [50.0], [3.0] * 100]).figures("cost", "ours-c")
    assert figures == {"p50": 3.0, "p99": 3.0, "n": 200, "noise": {"rounds": 2, "min": 1.0, "max": 3.0}}


def test_a_cost_is_compared_with_the_cheapest_peer():
    entry = assess(COST, results(COST, ours_c=[[10]], slow=[[900]], fast=[[100]]))
    assert entry["ratio"] == 10
    assert (entry["within"], entry["ahead"], entry["met"]) == (True, True, True)


def test_a_rate_is_compared_with_the_fastest_peer():
    entry = assess(RATE, results(RATE, ours_c=[[5000]], slow=[[10]], fast=[[1000]]))
    assert (entry["ratio"], entry["wanted_ratio"]) == (5, 10)
    assert (entry["within"], entry["ahead"], entry["met"]) == (True, False, False)


@pytest.mark.parametrize("ours, peer, within, ahead", [
    (10, 100, True, True),
    (10, 20, True, False),
    (30, 900, False, True),
    (30, 40, False, False),
])
def test_met_needs_the_budget_and_the_ratio(ours, peer, within, ahead):
    entry = assess(COST, results(COST, ours_c=[[ours]], fast=[[peer]]), ["ours-c", "fast"])
    assert (entry["within"], entry["ahead"], entry["met"]) == (within, ahead, within and ahead)


@pytest.mark.parametrize("stat, met", [("p50", True), ("p99", False)])
def test_a_budget_is_about_the_figure_that_it_names(stat, met, capsys):
    row = dataclasses.replace(COST, stat=stat, factor=None)
    entry = assess(row, results(row, ours_c=[[1] * 98 + [99, 99]]), ["ours-c"])
    assert (entry["p50"], entry["p99"]) == (1, 99)
    assert (entry["budget_on"], entry["wanted_ratio"], entry["met"]) == (stat, None, met)
    report.print_table([entry])
    assert "%s <= 20 us: %s" % (stat, "met" if met else "MISSED") in capsys.readouterr().out


def test_a_row_without_better_and_worse_has_no_ratio():
    row = dataclasses.replace(COST, factor=None, compare=False)
    entry = assess(row, results(row, ours_c=[[10]], fast=[[100]]))
    assert entry["ratio"] is None
    assert entry["peers"]["fast"]["p50"] == 100


FLOOR = bench_rows.Row("floor", "what the system takes", "ns", "floor")
ABOVE = dataclasses.replace(COST, floor="floor")


def test_a_row_has_the_median_of_its_floor_beside_it(capsys):
    got = results(ABOVE, ours_c=[[10]])
    got.add("floor", "floor", [5, 7, 90])
    entry = assess(ABOVE, got, others=[RATE, FLOOR])
    assert entry["floor"] == {"name": "what the system takes", "unit": "ns", "p50": 7}
    assert assess(FLOOR, got, ["floor"], others=[ABOVE])["floor"] is None
    report.print_table([entry])
    assert "floor: 7 ns (what the system takes)" in capsys.readouterr().out


@pytest.mark.parametrize("others", [[], [FLOOR]])
def test_a_floor_that_was_not_measured_is_none(others, capsys):
    entry = assess(ABOVE, results(ABOVE, ours_c=[[10]]), others=others)
    assert entry["floor"] is None and entry["met"] is True
    report.print_table([entry])
    assert "floor:" not in capsys.readouterr().out


def test_a_floor_is_no_peer():
    got = results(ABOVE, ours_c=[[10]], fast=[[100]])
    got.add("floor", "floor", [1])
    entry = assess(ABOVE, got, others=[FLOOR])
    assert list(entry["peers"]) == ["fast"]
    assert entry["ratio"] == 10


@pytest.mark.parametrize("row, ours, peer, met", [
    (dataclasses.replace(COST, budget=0), 0, 3, True),
    (dataclasses.replace(COST, budget=0), 0, 0, True),
    (dataclasses.replace(COST, budget=5), 1, 0, False),
    (dataclasses.replace(RATE, budget=55), 60, 0, True),
    (dataclasses.replace(RATE, budget=0), 0, 0, False),
])
def test_nothing_is_divided_by_nothing(row, ours, peer, met):
    entry = assess(row, results(row, ours_c=[[ours]], fast=[[peer]]), ["ours-c", "fast"])
    assert entry["ratio"] is None
    assert entry["met"] is met


def test_a_missing_peer_is_named_and_not_compared(capsys):
    got = results(COST, ours_c=[[10]], slow=[[900]])
    got.give_up("cost", "fast", "it was not built")
    entry = assess(COST, got)
    assert list(entry["peers"]) == ["slow"]
    assert entry["ratio"] == 90
    assert "fast: it was not built" in entry["notes"]
    report.print_table([entry])
    assert "fast: it was not built" in capsys.readouterr().out


def test_without_any_peer_the_budget_alone_decides(capsys):
    entry = assess(COST, results(COST, ours_c=[[10]]))
    assert (entry["ratio"], entry["ahead"], entry["met"]) == (None, None, True)
    report.print_table([entry])
    assert "8x the best peer: no peer ran" in capsys.readouterr().out


def test_what_did_not_run_or_does_not_exist_is_printed_as_missed(capsys):
    absent = dataclasses.replace(COST, key="absent", name="a hope", absent="not built yet")
    got = results(COST, fast=[[100]])
    entries = [assess(COST, got), assess(absent, got)]
    assert [entry["met"] for entry in entries] == [False, False]
    report.print_table(entries)
    out = capsys.readouterr().out
    assert "MISSED  a cost (did not run)" in out
    assert "MISSED  a hope (not available)" in out
    assert "not available: not built yet" in out


def test_a_ratio_is_missed_by_what_did_not_run():
    entry = assess(dataclasses.replace(COST, budget=None), results(COST, fast=[[100]]))
    assert (entry["within"], entry["ahead"], entry["met"]) == (None, False, False)


def test_ours_is_no_peer_of_ours():
    entry = assess(COST, results(COST, ours_c=[[10]], ours_qt=[[1]], fast=[[100]]), ["ours-c", "ours-qt", "fast"])
    assert (list(entry["peers"]), list(entry["also"]), entry["ratio"]) == (["fast"], ["ours-qt"], 10)


def test_a_participant_that_broke_has_no_figures_from_before():
    got = results(COST, ours_c=[[10]], fast=[[100]])
    got.give_up("cost", "fast", "broke: ended with code 1")
    assert assess(COST, got)["peers"] == {}


def test_the_file_has_the_same_fields_for_every_row(tmp_path):
    got = results(ABOVE, ours_c=[[10]], fast=[[100]])
    got.add("floor", "floor", [7])
    path = tmp_path / "bench.json"
    report.write([assess(row, got, others=[FLOOR]) for row in (ABOVE, RATE)], path)
    written = json.loads(path.read_text())
    assert [list(line) for line in written] == [FIELDS, FIELDS]
    assert written[0] == {"name": "a cost", "unit": "us", "n": 1, "p50": 10, "p99": 10,
                          "peers": {"fast": {"p50": 100, "p99": 100}}, "ratio": 10, "budget": 20, "met": True,
                          "key": "cost", "budget_on": "p50", "wanted_ratio": 8,
                          "floor": {"name": "what the system takes", "unit": "ns", "p50": 7}}
    assert written[1]["n"] == 0 and written[1]["p50"] is None and written[1]["met"] is False
    assert written[1]["floor"] is None and written[1]["wanted_ratio"] == 10
    assert (tmp_path / "bench-details.json").exists()


def test_every_row_has_a_participant_of_ours():
    everyone = participants.page_candidates(BENCH) + participants.queue_candidates(BENCH, bench_rows.QUEUE_ROWS)
    rows_of = {candidate.name: candidate.rows for candidate in everyone}
    for row in bench_rows.PAGE_ROWS + bench_rows.QUEUE_ROWS:
        assert row.absent or row.key in rows_of[row.ours], row.key
    keys = [row.key for row in bench_rows.PAGE_ROWS + bench_rows.QUEUE_ROWS]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("rows", [bench_rows.PAGE_ROWS, bench_rows.QUEUE_ROWS])
def test_every_floor_is_a_row_of_the_same_turns(rows):
    assert {row.floor for row in rows if row.floor} <= {row.key for row in rows if not row.absent}


def test_no_two_rows_have_the_same_name():
    names = [row.name for row in bench_rows.PAGE_ROWS + bench_rows.QUEUE_ROWS]
    assert {name for name in names if names.count(name) > 1} == set()


# ---- whole runs, with participants that speak the protocol and do nothing ----

SPEAKER = """
import json, os, sys
print(json.dumps({"ready": True, "version": "1", "first": {"pid": os.getpid()}}), flush=True)
for line in sys.stdin:
    words = line.split()
    if words[0] == "quit":
        break
    %s
    print(json.dumps({"row": words[1], "samples": [%s] * int(words[2])}), flush=True)
"""


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Run the runner with these participants; returns its exit code, bench.json and the table."""
    monkeypatch.delenv("BENCH_ROUNDS", raising=False)

    def go(capsys, *speakers, arguments=("--quick",), rows=(COST,), queue=False):
        keys = {row.key for row in rows}
        candidates = [
            participants.Candidate(name, [sys.executable, "-c", SPEAKER % (extra, value)], keys, needs, language="c")
            for name, value, extra, needs in speakers
        ]
        monkeypatch.setattr(run, "PAGE_ROWS", [] if queue else list(rows))
        monkeypatch.setattr(run, "QUEUE_ROWS", list(rows) if queue else [])
        monkeypatch.setattr(run, "page_candidates", lambda build: candidates)
        monkeypatch.setattr(run, "queue_candidates", lambda build, rows: candidates)
        out = tmp_path / "out" / "bench.json"
        code = run.main(["--build", str(tmp_path), "--out", str(out), *arguments])
        return code, json.loads(out.read_text()), capsys.readouterr().out

    return go


def test_a_missed_budget_is_no_failure(bench, capsys):
    code, (line,), out = bench(capsys, ("ours-c", 30, "", None), ("fast", 20, "", None))
    assert code == 0
    assert line["met"] is False and line["p50"] == 30 and line["peers"] == {"fast": {"p50": 20, "p99": 20}}
    assert "MISSED  a cost" in out


def test_a_peer_that_is_not_there_is_no_failure(bench, capsys):
    code, (line,), out = bench(capsys, ("ours-c", 10, "", None), ("fast", 20, "", "/nowhere/bench-fast"))
    assert code == 0
    assert line["peers"] == {}
    assert "fast: bench-fast was not built" in out


@pytest.mark.parametrize("dies, says", [
    ("os._exit(3)", "ended with code 3"),
    ("print('what?', flush=True); continue", "said b'what?'"),
    ("print(json.dumps({'error': 'no memory'}), flush=True); continue", "no memory"),
])
def test_a_participant_that_breaks_fails_the_run_and_loses_no_row(bench, capsys, dies, says):
    code, (line,), out = bench(capsys, ("ours-c", 10, "", None), ("fast", 20, dies, None))
    assert code == 1
    assert line["p50"] == 10 and line["peers"] == {}
    assert "BROKEN: fast" in out and says in out


def test_ours_breaking_is_a_row_missed(bench, capsys):
    code, (line,), out = bench(capsys, ("ours-c", 10, "os._exit(3)", None), ("fast", 20, "", None))
    assert code == 1
    assert line["n"] == 0 and line["p50"] is None and line["met"] is False
    assert "MISSED  a cost (did not run)" in out


def test_a_participant_that_does_not_answer_is_slow_not_broken(bench, capsys):
    row = dataclasses.replace(COST, timeout=1)
    code, (line,), out = bench(capsys, ("ours-c", 10, "", None), ("fast", 20, "continue", None), rows=[row])
    assert code == 0
    assert line["peers"] == {}
    assert "fast: no answer within 1 s" in out


def test_rows_and_participants_can_be_chosen(bench, capsys):
    code, lines, out = bench(capsys, ("ours-c", 10, "", None), ("fast", 20, "", None), rows=[COST, RATE],
                             arguments=["--quick", "--rows", "rat,none", "--only", "ours"])
    assert code == 0
    assert [line["name"] for line in lines] == ["a rate"]
    assert lines[0]["peers"] == {}


def rounds_of(options):
    return options.rounds, options.queue_rounds, options.starts, options.slow_rounds


def test_the_environment_sets_the_rounds(monkeypatch):
    needed = ["--build", "b", "--out", "o"]
    monkeypatch.delenv("BENCH_ROUNDS", raising=False)
    assert rounds_of(run.parse(needed)) == (6, 10, 5, 2)
    assert rounds_of(run.parse([*needed, "--quick"])) == (2, 2, 1, 1)
    monkeypatch.setenv("BENCH_ROUNDS", "1")
    assert rounds_of(run.parse(needed)) == (1, 1, 1, 1)
    assert rounds_of(run.parse([*needed, "--rounds", "4"])) == (4, 4, 4, 2)
    monkeypatch.setenv("BENCH_ROUNDS", "many")
    with pytest.raises(SystemExit):
        run.parse(needed)


# One sample in each round, so that samples count rounds.
ONCE = dataclasses.replace(COST, least=1, most=1)


@pytest.mark.parametrize("queue, arguments, rounds", [
    (False, [], 6),
    (True, [], 10),
    (True, ["--quick"], 2),
    (True, ["--rounds", "3"], 3),
])
def test_queues_have_ten_rounds_in_a_full_run(bench, capsys, tmp_path, queue, arguments, rounds):
    code, (line,), out = bench(capsys, ("ours-c", 10, "", None), ("fast", 20, "", None), rows=[ONCE], queue=queue,
                               arguments=arguments)
    assert (code, line["n"]) == (0, rounds)
    (details,) = json.loads((tmp_path / "out" / "bench-details.json").read_text())
    assert details["noise"]["rounds"] == details["peers"]["fast"]["noise"]["rounds"] == rounds


def test_participants_take_turns_and_each_round_begins_with_another(bench, capsys, tmp_path):
    log = tmp_path / "turns"
    note = "open(%r, 'a').write('%%s ')" % str(log)
    bench(capsys, *((name, 10, note % name, None) for name in ("ours-c", "slow", "fast")), rows=[ONCE], queue=True)
    order = ("ours-c", "slow", "fast")
    assert log.read_text().split() == [order[(i + number) % 3] for number in range(2) for i in range(3)]


def test_a_row_that_costs_much_is_in_the_last_rounds_only(bench, capsys, tmp_path):
    log = tmp_path / "turns"
    rare = dataclasses.replace(ONCE, key="rare", name="a dear cost", rounds=2)
    code, lines, out = bench(capsys, ("ours-c", 10, "open(%r, 'a').write(words[1] + ' ')" % str(log), None),
                             rows=[rare, ONCE], arguments=["--rounds", "4"])
    assert [line["n"] for line in lines] == [2, 4]
    assert log.read_text().split() == ["cost", "cost", "rare", "cost", "rare", "cost"]


@pytest.mark.parametrize("who, code", [("fast", 0), ("ours-c", 1)])
def test_where_a_peer_may_fail_it_alone_may(bench, capsys, who, code):
    row = dataclasses.replace(ONCE, fragile=True)
    speakers = [(name, 10, "os._exit(3)" if name == who else "", None) for name in ("ours-c", "fast")]
    got, (line,), out = bench(capsys, *speakers, rows=[row], arguments=["--rounds", "1"])
    assert got == code
    assert ("BROKEN" in out) == bool(code)
    assert "%s: %s" % (who, "broke" if code else "failed") in out


def test_where_a_peer_may_fail_a_trial_does_not_go(bench, capsys):
    code, (line,), out = bench(capsys, ("ours-c", 10, "", None), rows=[dataclasses.replace(ONCE, fragile=True)])
    assert (code, line["n"]) == (0, 0)
    assert "ours-c: not in a quick run" in out


def test_a_developers_settings_do_not_reach_the_participants(tmp_path, monkeypatch):
    monkeypatch.setenv("AURORAVIEW_BACKEND", "null")
    code = ("import json, os; print(json.dumps({'first': {}, 'backend': os.environ.get('AURORAVIEW_BACKEND'),"
            " 'engine': os.environ.get('AURORAVIEW_ENGINE_PATH')}), flush=True); input()")
    candidate = participants.Candidate("one", [sys.executable, "-c", code], {"cost"},
                                       environment={"AURORAVIEW_ENGINE_PATH": "/build/engine"})
    process = participants.Process(candidate, tmp_path)
    process.quit()
    assert process.hello["backend"] is None
    assert process.hello["engine"] == "/build/engine"
