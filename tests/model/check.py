#!/usr/bin/env python3
"""Explore every model, then every mutant: a mutant that is not caught fails.

    tests/model/check.py [-v]

CC names the compiler (default: cc). A mutant is one exact replacement in the
source under test, so it breaks loudly when that source changes.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TIME_LIMIT = 120  # s, for one program; all together take a few
VERBOSE = "-v" in sys.argv[1:]

MODELS = ["lifecycle", "queue"]

# (model, source, what is broken, old text, new text)
MUTANTS = [
    ("lifecycle", "core/lifecycle.c", "a store for the compare-and-swap",
     """    } while (!atomic_compare_exchange_strong_explicit(
        &lc->word, &cur, next, memory_order_acq_rel, memory_order_acquire));
""",
     """    } while (0);
    atomic_store_explicit(&lc->word, next, memory_order_release);
"""),
    ("lifecycle", "core/lifecycle.c", "a step without release",
     "&lc->word, &cur, next, memory_order_acq_rel, memory_order_acquire",
     "&lc->word, &cur, next, memory_order_acquire, memory_order_acquire"),
    ("lifecycle", "core/lifecycle.c", "a lost step without acquire",
     "&lc->word, &cur, next, memory_order_acq_rel, memory_order_acquire",
     "&lc->word, &cur, next, memory_order_acq_rel, memory_order_relaxed"),
    ("lifecycle", "core/lifecycle.c", "a close while creating is refused",
     """                           STATE_BIT(AUV_STATE_CLOSE_REQUESTED) |
""", ""),
    ("queue", "core/queue.c", "publish without release",
     "atomic_store_explicit(cell_of(lane, tail), item, memory_order_release)",
     "atomic_store_explicit(cell_of(lane, tail), item, memory_order_relaxed)"),
    ("queue", "core/queue.c", "take without acquire",
     "void *item = atomic_load_explicit(cell, memory_order_acquire);",
     "void *item = atomic_load_explicit(cell, memory_order_relaxed);"),
    ("queue", "core/queue.c", "head without release",
     """atomic_store_explicit(&queue->head[i], head + 1, memory_order_release);""",
     """atomic_store_explicit(&queue->head[i], head + 1, memory_order_relaxed);"""),
    ("queue", "core/queue.c", "head looked at without acquire",
     """        atomic_load_explicit(&queue->head[which], memory_order_acquire);

    /* Release: hands""",
     """        atomic_load_explicit(&queue->head[which], memory_order_relaxed);

    /* Release: hands"""),
    ("queue", "core/queue.c", "head_seen handed on without release",
     "atomic_store_explicit(&lane->head_seen, head, memory_order_release);",
     "atomic_store_explicit(&lane->head_seen, head, memory_order_relaxed);"),
    ("queue", "core/queue.c", "head_seen taken without acquire",
     "seen = atomic_load_explicit(&lane->head_seen, memory_order_acquire);",
     "seen = atomic_load_explicit(&lane->head_seen, memory_order_relaxed);"),
    ("queue", "core/queue.c", "claim not sequentially consistent",
     """&lane->tail, &tail, tail + 1,
                                                  memory_order_seq_cst,""",
     """&lane->tail, &tail, tail + 1,
                                                  memory_order_acq_rel,"""),
    ("queue", "core/queue.c", "producer's look not sequentially consistent",
     "atomic_load_explicit(&queue->asleep, memory_order_seq_cst)",
     "atomic_load_explicit(&queue->asleep, memory_order_acquire)"),
    ("queue", "core/queue.c", "asleep not sequentially consistent",
     "atomic_store_explicit(&queue->asleep, 1, memory_order_seq_cst);",
     "atomic_store_explicit(&queue->asleep, 1, memory_order_release);"),
    ("queue", "core/queue.c", "consumer's look not sequentially consistent",
     """                                                 memory_order_seq_cst);

            if (INDEX(tail) !=""",
     """                                                 memory_order_acquire);

            if (INDEX(tail) !="""),
    ("queue", "core/queue.c", "a store for the claim",
     """        if (atomic_compare_exchange_weak_explicit(&lane->tail, &tail, tail + 1,
                                                  memory_order_seq_cst,
                                                  memory_order_acquire))
            break;
""",
     """        atomic_store_explicit(&lane->tail, tail + 1, memory_order_seq_cst);
        break;
"""),
    ("queue", "core/queue.c", "sleep without a second look",
     """        if (i == AUVI_LANES)
            return true;
        wake_up(queue);
""",
     """        return true;
"""),
    ("queue", "core/queue.c", "head moves before the cell is empty",
     """        atomic_store_explicit(cell, NULL, memory_order_relaxed);
        /* Release: a producer that sees this head sees the cell empty. */
        atomic_store_explicit(&queue->head[i], head + 1, memory_order_release);
""",
     """        atomic_store_explicit(&queue->head[i], head + 1, memory_order_release);
        atomic_store_explicit(cell, NULL, memory_order_relaxed);
"""),
    ("queue", "core/queue.c", "quiet without looking at the cells",
     "while (!is_settled(queue, i, place)) {",
     "while (0) {"),
    ("queue", "core/queue.c", "shutdown by load and store",
     """        atomic_fetch_or_explicit(&queue->lanes[i].tail, CLOSED,
                                 memory_order_acq_rel);
""",
     """        atomic_store_explicit(
            &queue->lanes[i].tail,
            CLOSED | atomic_load_explicit(&queue->lanes[i].tail,
                                          memory_order_acquire),
            memory_order_release);
"""),
]


def build_and_run(folder, model, include_first=None):
    """Exit code of the model program, and its output."""
    program = folder / model
    includes = [include_first] if include_first else []
    includes += [HERE, ROOT / "src", ROOT / "include"]
    subprocess.run(
        [os.environ.get("CC", "cc"), "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-w"]
        + ["-I" + str(i) for i in includes]
        + [str(HERE / f"model_{model}.c"), str(HERE / "explore.c"),
           "-o", str(program)],
        check=True)
    run = subprocess.run([str(program)], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True,
                         timeout=TIME_LIMIT)
    return run.returncode, run.stdout


def main():
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for model in MODELS:
            code, output = build_and_run(folder, model)
            print(output, end="")
            bad += code != 0
        for model, source, what, old, new in MUTANTS:
            text = (ROOT / "src" / source).read_text()
            if text.count(old) != 1:
                print(f"mutant '{what}': its text is not once in {source}")
                bad += 1
                continue
            (folder / source).parent.mkdir(exist_ok=True)
            (folder / source).write_text(text.replace(old, new))
            code, output = build_and_run(folder, model, folder)
            (folder / source).unlink()
            caught = code != 0
            print(f"mutant of {source}: {what}: "
                  + ("caught" if caught else "NOT CAUGHT"))
            if VERBOSE or not caught:
                print(output, end="")
            bad += not caught
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
