"""The panel's types are those of its host."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_panels_types_are_up_to_date():
    done = subprocess.run(
        [ROOT / "tools" / "contract", "--check"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
