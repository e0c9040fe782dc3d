"""WebKit's sandbox around page processes: on where it works, else with a reason."""

import os
import pathlib
import stat
import subprocess

import pytest
from auroraview import engine_info
from auroraview.core import app

pytestmark = [pytest.mark.display, pytest.mark.usefixtures("webkit_engine")]


def processes_below(pid):
    """(pid, command) of everything that `pid` started, however deep."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue
            command, rest = text.split("(", 1)[1].rsplit(")", 1)
            parents[int(entry.name)] = (int(rest.split()[1]), command)
    found = []
    for child, (_, command) in parents.items():
        above = child
        while above in parents and above != pid:
            above = parents[above][0]
        if above == pid and child != pid:
            found.append((child, command))
    return found


def page_processes():
    return [pid for pid, command in processes_below(os.getpid()) if command == "WebKitWebProces"]


def namespace(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def the_kernel_allows_it():
    """Asked of bubblewrap itself, not of the engine's own probe."""
    command = ["bwrap", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "true"]
    return subprocess.run(command, capture_output=True, timeout=20).returncode == 0


def test_page_processes_are_in_a_sandbox(web_pump, views, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("s3cret")
    view = views(html="<p>")
    assert web_pump.value(view, "auroraview.call('who')") == "host"
    info = engine_info()
    assert info["name"].startswith("webkitgtk ")
    allowed = the_kernel_allows_it()
    assert info["sandbox"] is allowed, info
    assert bool(info["sandbox_reason"]) is not allowed
    if not allowed:
        return  # in a container without namespaces: it works, and says why
    pages = page_processes()
    assert pages
    for page in pages:
        # Its own idea of the files and processes of this machine.
        assert namespace(page, "mnt") != namespace("self", "mnt")
        assert namespace(page, "pid") != namespace("self", "pid")
        assert not os.path.exists(f"/proc/{page}/root{secret}")
        assert not os.path.exists(f"/proc/{page}/root{os.path.expanduser('~')}/.bash_history")


def no_sandbox(web_pump, views, monkeypatch, **environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    app.shutdown()
    web_pump.app = app.default_app()
    view = views(html="<p>")
    assert web_pump.value(view, "auroraview.call('who')") == "host", "it works all the same"
    info = engine_info()
    assert info["sandbox"] is False
    for page in page_processes():
        assert namespace(page, "mnt") == namespace("self", "mnt")
    return info["sandbox_reason"]


def test_a_missing_bubblewrap(web_pump, views, monkeypatch, tmp_path):
    reason = no_sandbox(web_pump, views, monkeypatch, AURORAVIEW_BWRAP=tmp_path / "none")
    assert "not installed" in reason and "none" in reason


def test_a_bubblewrap_that_fails(web_pump, views, monkeypatch, tmp_path, capfd):
    """As where the kernel allows no user namespaces."""
    script = tmp_path / "bwrap"
    script.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    reason = no_sandbox(web_pump, views, monkeypatch, AURORAVIEW_BWRAP=script)
    assert reason == "bwrap: No permissions to create new namespace"
    # Said once, for the log.
    assert capfd.readouterr().err.count("page processes have no sandbox: bwrap: No perm") == 1


def test_switched_off(web_pump, views, monkeypatch):
    reason = no_sandbox(web_pump, views, monkeypatch, AURORAVIEW_SANDBOX=0)
    assert reason == "switched off by AURORAVIEW_SANDBOX=0"


def test_nothing_is_known_before_the_first_view(web_pump):
    assert engine_info() == {"name": "", "sandbox": None, "sandbox_reason": ""}
