"""The example that the README begins with."""

import os
import pathlib
import select
import subprocess
import sys

import pytest

pytestmark = pytest.mark.display

EXAMPLE = pathlib.Path(__file__).parents[2] / "examples" / "minimal.py"


def test_minimal():
    env = dict(os.environ)
    env.pop("AURORAVIEW_BACKEND", None)
    env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    child = subprocess.Popen(
        [sys.executable, str(EXAMPLE)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert select.select([child.stdout], [], [], 20)[0], "the example says nothing"
        line = child.stdout.readline()
        assert line == "the page says: Hello, page, from Python\n", child.stderr.read()
        # Close it as a user would: by the window manager.
        window = subprocess.run(
            ["xdotool", "search", "--sync", "--onlyvisible", "--name", "^Minimal$"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        ).stdout.split()[0]
        subprocess.run(
            ["xdotool", "windowactivate", "--sync", window, "key", "alt+F4"], check=True, timeout=20
        )
        rest, errors = child.communicate(timeout=20)
        assert (child.returncode, rest, errors) == (0, "", "")
    finally:
        child.kill()


def test_it_is_small():
    assert len(EXAMPLE.read_text().splitlines()) <= 40
