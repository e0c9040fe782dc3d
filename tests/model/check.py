#!/usr/bin/env python3
"""Explore every model, then every mutant: a mutant that is not caught fails.

    tests/model/check.py [-v] [MODEL ...]

CC names the compiler (default: cc). A mutant is one exact replacement in the
source under test, so it breaks loudly when that source changes.
"""

import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile

from mutants import MUTANTS

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TIME_LIMIT = 240  # s, for one program; all together take less
MODELS = ["lifecycle", "queue", "wake", "request", "ring"]


def compile_c(source: pathlib.Path, output: pathlib.Path, includes: list, *more) -> None:
    subprocess.run(
        [os.environ.get("CC", "cc"), "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-w"]
        + ["-I" + str(folder) for folder in [*includes, HERE, ROOT / "src", ROOT / "include"]]
        + [str(source), *more, "-o", str(output)],
        check=True)


def build_and_run(folder: pathlib.Path, explorer: pathlib.Path, model: str,
                  includes: list) -> tuple:
    """Whether every execution was correct, and what was printed."""
    program = folder / model
    compile_c(HERE / f"model_{model}.c", program, includes, str(explorer))
    try:
        run = subprocess.run([str(program)], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        return None, f"{model}: no end after {TIME_LIMIT} s\n"
    # 1 is the explorer's own verdict; anything else is a crash of the model.
    return {0: True, 1: False}.get(run.returncode), run.stdout


def check_model(scratch: pathlib.Path, explorer: pathlib.Path, model: str) -> tuple:
    folder = scratch / f"model-{model}"
    folder.mkdir()
    correct, output = build_and_run(folder, explorer, model, [])
    return correct is True, output


def check_mutant(scratch: pathlib.Path, explorer: pathlib.Path, number: int) -> tuple:
    model, source, what, old, new = MUTANTS[number]
    text = (ROOT / "src" / source).read_text()
    if text.count(old) != 1:
        return False, f"mutant '{what}': its text is not once in {source}\n"
    folder = scratch / f"mutant-{number}"
    mutant = folder / source
    mutant.parent.mkdir(parents=True)
    mutant.write_text(text.replace(old, new))
    correct, output = build_and_run(folder, explorer, model, [folder])
    caught = correct is False
    return caught, (f"mutant of {source}: {what}: {'caught' if caught else 'NOT CAUGHT'}\n"
                    + ("" if caught and not options.verbose else output))


def main() -> int:
    bad = 0
    with tempfile.TemporaryDirectory() as name, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        scratch = pathlib.Path(name)
        explorer = scratch / "explore.o"
        compile_c(HERE / "explore.c", explorer, [], "-c")
        jobs = [pool.submit(check_model, scratch, explorer, model) for model in options.models]
        jobs += [pool.submit(check_mutant, scratch, explorer, number)
                 for number, mutant in enumerate(MUTANTS) if mutant[0] in options.models]
        for job in jobs:
            good, output = job.result()
            print(output, end="", flush=True)
            bad += not good
    print(f"{len(jobs) - bad} of {len(jobs)} as they should be")
    return 1 if bad else 0


parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
parser.add_argument("-v", "--verbose", action="store_true", help="show how a mutant fails")
parser.add_argument("models", nargs="*", metavar="MODEL", help=", ".join(MODELS))
options = parser.parse_args()
options.models = options.models or MODELS

if __name__ == "__main__":
    sys.exit(main())
