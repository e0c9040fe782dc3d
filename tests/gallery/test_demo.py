"""The demo, used by its own driver: real input, and pictures of what is on the screen."""

import json
import math
import os
import pathlib
import select
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 60.0  # seconds; reached only by a failure
LOOK_AGAIN = 0.05  # seconds between two looks
IMAGES = 40
THUMBNAIL = 64  # pixels a side of the images made here
DRAWN = 200  # colours; an empty panel with its dock's title bar has about 30
RINGS, SECTORS = 24, 32  # of the ball


def demo(*words, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "gallery.asset_browser", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **options)


def until(run, condition, what):
    """Look at what tells of no change, as pixels and process tables, until it is so. The demo's own end ends it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come true"
        try:
            code = run.wait(LOOK_AGAIN)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"the demo ended with {code} before {what}")


def handle_of(pid):
    """Its pidfd, or None: it has just ended."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def await_end(handles):
    """Wait for processes, by their pidfds, to end."""
    deadline = time.monotonic() + PATIENCE
    for handle in handles:
        left = deadline - time.monotonic()
        assert left > 0 and select.select([handle], [], [], left)[0], "a process does not end"
        os.close(handle)


def color(number):
    """Distinct and strong, unlike anything the demo itself paints."""
    from PySide6.QtGui import QColor

    return QColor.fromHsv(number * 9, 255, 160 + 40 * (number % 2)).rgb()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Images of one colour each, and a ball."""
    from PySide6.QtGui import QImage

    folder = tmp_path_factory.mktemp("assets")
    for number in range(IMAGES):
        image = QImage(THUMBNAIL, THUMBNAIL, QImage.Format.Format_RGB32)
        image.fill(color(number))
        assert image.save(str(folder / f"color_{number:02}.png"))
    lines = []
    for ring in range(RINGS + 1):
        for sector in range(SECTORS):
            up, around = math.pi * ring / RINGS, 2 * math.pi * sector / SECTORS
            # Not round, so that turning it shows.
            wide = 1 + 0.4 * (sector % 8 == 0)
            lines.append(
                f"v {wide * math.sin(up) * math.cos(around):.5f} {math.cos(up):.5f}"
                f" {math.sin(up) * math.sin(around):.5f}"
            )
    for ring in range(RINGS):
        for sector in range(SECTORS):
            a, b = ring * SECTORS + sector + 1, ring * SECTORS + (sector + 1) % SECTORS + 1
            lines.append(f"f {a} {b} {b + SECTORS} {a + SECTORS}")
    (folder / "ball.obj").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def driven(folder, tmp_path_factory):
    """What the driver leaves: its output, its report and its pictures."""
    from PySide6.QtGui import QImage

    assert os.environ.get("DISPLAY"), "this test needs a display: tools/with-display"
    picture = tmp_path_factory.mktemp("pictures") / "demo.png"
    run = demo(folder, "--drive", picture, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        output, _ = run.communicate(timeout=100)
    finally:
        run.kill()
    print(output)
    assert run.returncode == 0, output
    report = json.loads(picture.with_suffix(".json").read_text())

    def load(ending):
        image = QImage(str(picture.with_name(f"demo{ending}.png")))
        assert not image.isNull()
        return image.convertToFormat(QImage.Format.Format_RGB32)

    def part(ending, area):
        return load(ending).copy(*report["areas"][area])

    part.output, part.figures = output, report["figures"]
    return part


def histogram(image):
    pixels = memoryview(image.constBits()).cast("B").cast("I")
    counts = {}
    for pixel in pixels:
        counts[pixel] = counts.get(pixel, 0) + 1
    return counts


def share_that_differs(one, other):
    assert one.size() == other.size()
    a = memoryview(one.constBits()).cast("B").cast("I")
    b = memoryview(other.constBits()).cast("B").cast("I")
    return sum(x != y for x, y in zip(a, b)) / len(a)


@pytest.mark.display
def test_every_figure_is_there_and_printed(driven):
    for word in ("memory", "scan", "call", "thumbnails", "cancelled", "mesh", "blocked"):
        names = [name for name in driven.figures if word in name]
        assert names, f"no figure for '{word}'"
        assert names[0] in driven.output and driven.figures[names[0]] in driven.output
    assert "left out" not in driven.output
    assert driven.figures["scan"].startswith(f"{IMAGES + 1} files, {IMAGES + 1} assets")
    assert f"{RINGS * SECTORS * 2:,} triangles".replace(",", "\u202f") in driven.figures["mesh"]


@pytest.mark.display
def test_the_picture_shows_the_thumbnails(driven):
    counts = histogram(driven("", "grid"))
    # The checkerboard does not shine through, and nothing smooths a single colour.
    shown = [n for n in range(IMAGES) if counts.get(color(n), 0) > THUMBNAIL * THUMBNAIL * 0.8]
    assert len(shown) >= 10, f"only {len(shown)} thumbnails: {shown}"
    assert shown == list(range(shown[0], shown[-1] + 1)), "one in the middle is missing"


@pytest.mark.display
def test_the_picture_shows_the_mesh(driven):
    counts = histogram(driven("", "stage"))
    total = sum(counts.values())
    bright = sum(n for pixel, n in counts.items() if pixel >> 8 & 0xFF > 0x60)
    assert 0.03 < bright / total < 0.8
    assert len(counts) > 100, "flat colours: it is not shaded"


@pytest.mark.display
def test_the_page_moves_while_qt_is_blocked(driven):
    assert share_that_differs(driven("-freezing", "stage"), driven("-frozen", "stage")) > 0.01
    assert share_that_differs(driven("-freezing", "grid"), driven("-frozen", "grid")) > 0.01
    assert driven("-freezing", "tree") == driven("-frozen", "tree")


@pytest.mark.display
def test_the_native_side_is_painted(driven):
    assert len(histogram(driven("", "tree"))) > 20
    assert share_that_differs(driven("", "tree"), driven("-frozen", "tree")) < 0.2


def descendants(pid):
    table = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True)
    children = {}
    for line in table.stdout.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found = [pid]
    for parent in found:
        found.extend(children.get(parent, []))
    return found[1:]


def alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # its new parent has not collected it yet


@pytest.mark.display
@pytest.mark.parametrize("how", ["window", "killed"])
def test_nothing_is_left_behind(folder, how):
    """However the demo ends."""
    run = demo(folder, stderr=subprocess.PIPE)
    try:
        # The engine, its network process and the page's.
        family = until(run, lambda: len(descendants(run.pid)) >= 3 and descendants(run.pid), "an engine")
        handles = [handle for handle in map(handle_of, family) if handle is not None]
        if how == "window":
            window = visible_window(run.pid)
            # The window manager's key for closing, as a person would use it.
            words = ["windowactivate", "--sync", window, "key", "--clearmodifiers", "alt+F4"]
            subprocess.run(["xdotool", *words], check=True, timeout=PATIENCE)
            _, errors = run.communicate(timeout=PATIENCE)
            assert run.returncode == 0
            assert "Traceback" not in errors
        else:
            run.send_signal(signal.SIGKILL)
            run.communicate(timeout=PATIENCE)
        await_end(handles)
    finally:
        run.kill()


def processes(pid, name):
    """Descendants whose program has that name, as far as the kernel keeps it."""
    found = []
    for child in descendants(pid):
        try:
            command = pathlib.Path(f"/proc/{child}/comm").read_text().strip()
        except OSError:
            continue
        if command == name[:15] and alive(child):
            found.append(child)
    return found


def colors_on_screen(window):
    """How many colours the right half of a window shows: few if its panel is empty."""
    from PySide6.QtGui import QImage

    words = ["import", "-window", window, "png:-"]
    picture = QImage.fromData(subprocess.run(words, check=True, capture_output=True).stdout)
    picture = picture.convertToFormat(QImage.Format.Format_RGB32)
    half = picture.width() // 2
    return len(histogram(picture.copy(half, 0, half, picture.height())))


@pytest.mark.display
@pytest.mark.parametrize("victim", ["WebKitWebProcess", "auroraview-engine"])
def test_the_panel_comes_back(folder, victim):
    """When one of its processes is killed; the application goes on."""
    run = demo(folder)
    try:
        window = visible_window(run.pid)
        until(run, lambda: colors_on_screen(window) > DRAWN, "a drawn panel")
        before = processes(run.pid, victim)
        for process in before:
            os.kill(process, signal.SIGKILL)
        until(run, lambda: set(processes(run.pid, victim)) - set(before), f"another {victim}")
        until(run, lambda: colors_on_screen(window) > DRAWN, "the panel, drawn again")
        assert run.poll() is None
    finally:
        run.kill()
        run.wait()


def visible_window(pid):
    """Once it is there."""
    words = ["xdotool", "search", "--onlyvisible", "--all", "--pid", str(pid), "--name", "Asset Browser"]
    deadline = time.monotonic() + PATIENCE
    # Not with --sync: a window that vanishes while xdotool looks ends its search.
    while not (found := subprocess.run(words, capture_output=True, text=True).stdout.split()):
        assert time.monotonic() < deadline, "no window"
        time.sleep(0.05)
    return found[0]


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    run = demo(tmp_path / "none", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _, errors = run.communicate(timeout=PATIENCE)
    assert run.returncode == 2
    assert "none: no such folder" in errors
