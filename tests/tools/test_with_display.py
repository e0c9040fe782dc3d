"""tools/with-display: a display that works, and nothing left of it."""

import os
import pathlib
import select
import signal
import subprocess

WITH_DISPLAY = pathlib.Path(__file__).resolve().parents[2] / "tools" / "with-display"


def environment(tmp_path):
    return {**os.environ, "TMPDIR": str(tmp_path)}


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_exit_code_output_and_size(tmp_path):
    result = subprocess.run(
        [WITH_DISPLAY, "--size", "640x480", "sh", "-c", "cat; xdpyinfo | grep dimensions; exit 7"],
        input="from outside\n", stdout=subprocess.PIPE, text=True, timeout=60,
        env=environment(tmp_path))
    assert result.returncode == 7
    assert result.stdout.startswith("from outside\n")
    assert "640x480 pixels" in result.stdout
    assert os.listdir(tmp_path) == []


def test_two_at_a_time_have_a_display_each(tmp_path):
    runs = [subprocess.Popen([WITH_DISPLAY, "sh", "-c", "echo $DISPLAY; read -r _"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                             env=environment(tmp_path))
            for _ in range(2)]
    displays = {run.stdout.readline() for run in runs}
    for run in runs:
        run.communicate("\n", timeout=60)
    assert len(displays) == 2
    assert [run.returncode for run in runs] == [0, 0]


def test_a_signal_ends_all_that_was_started(tmp_path):
    run = subprocess.Popen(
        [WITH_DISPLAY, "sh", "-c", "echo $$; read -r _"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(tmp_path))
    inner = int(run.stdout.readline())
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(run.pid)],
                              stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    assert len(children) >= 3  # server, window manager, command
    # A descriptor of a process becomes readable when the process has ended:
    # an event to wait for, even though these are no children of ours.
    handles = [os.pidfd_open(pid) for pid in (inner, *map(int, children)) if is_alive(pid)]
    run.send_signal(signal.SIGTERM)
    assert run.wait(timeout=30) == 128 + signal.SIGTERM
    for handle in handles:
        assert select.select([handle], [], [], 10)[0]
        os.close(handle)
    run.communicate()
    assert os.listdir(tmp_path) == []


def test_a_missing_command_is_an_error(tmp_path):
    result = subprocess.run([WITH_DISPLAY, "/no/such/program"], stderr=subprocess.DEVNULL,
                            stdin=subprocess.DEVNULL, timeout=60, env=environment(tmp_path))
    assert result.returncode != 0
    assert os.listdir(tmp_path) == []
