"""What opening a view does to a plain Python process."""

import json
import os
import subprocess
import sys

import pytest

CODE = """
import json, sys

def pss():
    with open("/proc/self/smaps_rollup") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1])

pss()
before = pss()
import auroraview
view = auroraview.WebView(html="<title>here</title>", debug=False)
value = view.eval_js_sync("document.title" if sys.argv[1] == "webkitgtk" else '"here"', 20000)
after = pss()
with open("/proc/self/maps") as file:
    mapped = sorted({line.split()[-1] for line in file if "/" in line})
print(json.dumps({"gained": after - before, "mapped": mapped, "value": value}))
"""

# In kB. Memory, unlike time, does not depend on what else the machine does.
LIMIT = 3 * 1024
FOREIGN = ("gtk", "gdk", "glib", "gobject", "webkit", "javascriptcore", "libx11", "libqt")


def measure(engine):
    env = dict(os.environ, AURORAVIEW_BACKEND=engine)
    env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", CODE, engine], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "engine", ["null", pytest.param("webkitgtk", marks=pytest.mark.display)]
)
def test_a_view_costs_a_plain_host_little(engine):
    result = measure(engine)
    print(f"{engine}: {result['gained']} kB gained")
    assert result["value"] == "here"
    foreign = [path for path in result["mapped"] if any(name in path.lower() for name in FOREIGN)]
    assert foreign == []
    assert result["gained"] <= LIMIT
