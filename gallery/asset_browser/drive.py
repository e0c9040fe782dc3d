"""Uses the demo as a person would, with real mouse and key events, and prints what it measured.

It runs on a thread of the demo's own process, so that it can look at the Qt side; it touches Qt
only through `_on_qt()`. Positions on the page come from the page, input goes through the X server
(xdotool), so what is tested is what a person gets.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from typing import Any, Callable, Dict, List, Optional, Tuple

from PySide6.QtCore import QObject, QPoint, QRect, Qt, Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from .scan import MESH

STEP_SECONDS = 20.0  # deadline of one step, generous for a loaded machine
POLL_SECONDS = 0.03  # between two looks at a condition that nothing announces
PUNCTUATION = str.maketrans("", "", "_-.")  # what names may have besides letters and digits


class StepFailed(Exception):
    """A step did not come true by its deadline; the message says which."""


class _QtCaller(QObject):
    called = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        # A method of an object of the Qt thread, or the call would run on the emitting one.
        self.called.connect(self._call, Qt.ConnectionType.QueuedConnection)

    @Slot(object)
    def _call(self, run: Callable[[], Any]) -> None:
        run()


class Driver:
    def __init__(self, window: Any, picture: str) -> None:
        self.result = 1
        self._window = window
        self._picture = os.path.abspath(picture)
        self._caller = _QtCaller()  # lives on the Qt thread
        self._answers: Dict[int, "Future[Any]"] = {}
        self._questions = 0
        self._figures: List[Tuple[str, str]] = []
        self._place = (0, 0, 0, 0)  # of the window on the screen
        window.view.on("driver.answer", self._answered)
        self._thread = threading.Thread(target=self._run, name="driver", daemon=True)

    def start(self) -> None:
        self._thread.start()

    # --- plumbing -----------------------------------------------------------------------------

    def _on_qt(self, run: Callable[[], Any], timeout: float = STEP_SECONDS) -> Any:
        future: "Future[Any]" = Future()

        def call() -> None:
            try:
                future.set_result(run())
            except BaseException as error:  # handed to the thread that asked
                future.set_exception(error)

        self._caller.called.emit(call)
        return future.result(timeout)

    def _answered(self, detail: Dict[str, Any]) -> None:
        future = self._answers.pop(int(detail["id"]), None)
        if future is None:
            return
        if "error" in detail:
            future.set_exception(StepFailed(f"script on the page: {detail['error']}"))
        else:
            future.set_result(detail.get("value"))

    def _page(self, expression: str, timeout: float = STEP_SECONDS) -> Any:
        """The value of an expression (or of the promise it gives) on the page."""
        self._questions += 1
        number = self._questions
        future = self._answers[number] = Future()
        self._window.view.eval_js(
            "Promise.resolve().then(() => (%s)).then("
            "value => auroraview.send_event('driver.answer', {id: %d, value}),"
            "error => auroraview.send_event('driver.answer', {id: %d, error: String(error)}))"
            % (expression, number, number)
        )
        try:
            return future.result(timeout)
        except TimeoutError:
            raise StepFailed(f"the page did not answer in {timeout:g} s: {expression[:80]}") from None

    def _until(self, what: str, check: Callable[[], Any], timeout: float = STEP_SECONDS) -> Any:
        deadline = time.monotonic() + timeout
        while True:
            value = check()
            if value:
                return value
            if time.monotonic() > deadline:
                raise StepFailed(f"{what}: not within {timeout:g} s")
            time.sleep(POLL_SECONDS)

    def _page_until(self, what: str, expression: str, timeout: float = STEP_SECONDS) -> Any:
        return self._until(what, lambda: self._page(expression), timeout)

    def _xdotool(self, *words: Any) -> None:
        subprocess.run(["xdotool", *map(str, words)], check=True, timeout=STEP_SECONDS)

    def _panel_origin(self) -> Tuple[int, int, float]:
        def where() -> Tuple[int, int, float]:
            view = self._window.view
            ratio = view.devicePixelRatioF()
            point = view.mapToGlobal(QPoint(0, 0))
            return round(point.x() * ratio), round(point.y() * ratio), ratio

        return self._on_qt(where)

    def _spot(self, element: str) -> Tuple[int, int]:
        """The middle of an element on the screen, in device pixels. `element` is an expression."""
        box = self._page(
            "(() => { const e = %s; if (!e) return null; const b = e.getBoundingClientRect();"
            " return [b.left + b.width / 2, b.top + b.height / 2, devicePixelRatio] })()" % element
        )
        if box is None:
            raise StepFailed(f"the page has no {element}")
        left, top, _ = self._panel_origin()
        return round(left + box[0] * box[2]), round(top + box[1] * box[2])

    def _click(self, x: int, y: int) -> None:
        self._xdotool("mousemove", "--sync", x, y, "click", 1)

    def _click_page(self, selector: str) -> None:
        self._click(*self._spot(f"document.querySelector({json.dumps(selector)})"))

    def _cell(self, name: str) -> str:
        return (
            "[...document.querySelectorAll('.cell:not([hidden])')]"
            f".find(c => c.title.split('\\n')[0] === {json.dumps(name)})"
        )

    def _current(self) -> str:
        """The name of the tree's current item."""
        window = self._window

        def name() -> str:
            item = window.model.item(window.tree.currentIndex())
            return item.name if item is not None else ""

        return self._on_qt(name)

    def _say(self, text: str) -> None:
        print(f"demo: {text}", flush=True)

    def _figure(self, what: str, value: str) -> None:
        self._figures.append((what, value))

    # --- the run ------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            for program in ("xdotool", "import"):
                if shutil.which(program) is None:
                    raise StepFailed(f"{program} is not installed")
            for step in (
                self._open,
                self._measure_calls,
                self._filter,
                self._select_in_panel,
                self._select_in_tree,
                self._measure_thumbnails,
                self._cancel_scan,
                self._open_mesh,
                self._freeze,
                self._take_picture,
            ):
                self._say(step.__doc__.splitlines()[0])
                step()
            width = max(len(what) for what, _ in self._figures)
            print()
            for what, value in self._figures:
                print(f"  {what:<{width}}  {value}")
            print(f"\n  {self._picture}", flush=True)
            self.result = 0
        except (StepFailed, subprocess.SubprocessError, TimeoutError) as error:
            print(f"demo: FAILED: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            self._capture_failure()
        finally:
            self._caller.called.emit(self._end)

    def _capture_failure(self) -> None:
        words = ["import", "-window", "root", self._beside("-failed.png")]
        subprocess.run(words, timeout=STEP_SECONDS, check=False)

    def _end(self) -> None:
        self._window.close()
        QApplication.exit(self.result)

    def _open(self) -> None:
        """open the window, load the panel, finish the scan"""
        started = time.monotonic()
        # Before that the page could not answer a question.
        self._until("the panel says hello", lambda: self._window.service.panel_open, 60)
        self._page_until("the panel is loaded", "document.body.dataset.ready === 'yes'")
        self._place = self._on_qt(self._whole)
        self._figure("memory added to the host", f"{self._window.memory_added / 2**20:.1f} MiB (library and view)")
        self._on_qt(self._window.service.rescan)
        self._page_until("the scan is done", "document.body.dataset.scan === 'done'", 60)
        progress = self._window.service.progress
        rate = progress.files / max(progress.seconds, 1e-6)
        self._figure(
            "scan",
            f"{progress.files} files, {progress.assets} assets, {progress.seconds:.2f} s "
            f"({rate:,.0f} files/s)",
        )
        shown = int(self._page("document.body.dataset.shown"))
        if shown != progress.assets:
            raise StepFailed(f"the scan found {progress.assets} assets, the panel shows {shown}")
        self._say(f"ready after {time.monotonic() - started:.1f} s, {shown} assets")
        enough = min(6, shown)
        self._page_until(
            "thumbnails are there",
            # A damaged file has none: it is done with, too.
            f"document.querySelectorAll('.cell[data-state=ready],.cell[data-state=none]').length >= {enough}",
        )

    def _measure_calls(self) -> None:
        """measure calls from the page to Python on the Qt thread and back"""
        p50, p99, mean = self._page(
            # ping answers with the host's clock: from one answer to the next is one round trip.
            # The mean is by the page's own clock, which is too coarse for a single call.
            "(async () => { const t = []; let start = 0, last = 0;"
            " for (let i = 0; i < 2200; i++) {"
            "  if (i === 200) start = performance.now();"
            "  const now = await auroraview.call('ping');"
            "  if (i >= 200) t.push(now - last); last = now }"
            " const mean = (performance.now() - start) / t.length;"
            " t.sort((x, y) => x - y);"
            " return [t[t.length >> 1], t[Math.floor(t.length * .99)], mean] })()",
            60,
        )
        figures = (("p50", p50), ("p99", p99), ("mean", mean))
        self._figure(
            "call page -> Python -> page", ", ".join(f"{name} {ms * 1000:.0f} µs" for name, ms in figures)
        )

    def _filter(self) -> None:
        """type into the filter"""
        before = int(self._page("document.body.dataset.shown"))
        names = self._some_names()
        if not names:
            return self._say("left out: no asset has a name of plain letters")
        name = names[-1]
        word = os.path.splitext(name)[0][:12]
        self._click_page("#filter")
        self._page_until("a click focuses the filter", "document.activeElement.id === 'filter'")
        self._xdotool("type", "--delay", 25, word)
        self._page_until("the filter takes the keys", f"filter.value === {json.dumps(word)}")
        after = int(self._page_until("the list follows", "document.body.dataset.shown"))
        if not 0 < after <= before:
            raise StepFailed(f"the filter '{word}' shows {after} of {before}")
        self._page_until("the item is listed", f"!!{self._cell(name)}")
        self._xdotool("key", "Escape")
        self._page_until("Escape clears it", f"document.body.dataset.shown === '{before}'")

    def _some_names(self) -> List[str]:
        """Names of assets that are in view now, of plain letters that can be typed."""
        names = self._page(
            "(() => { const g = document.getElementById('grid').getBoundingClientRect();"
            " return [...document.querySelectorAll('.cell:not([hidden])')]"
            " .filter(c => { const b = c.getBoundingClientRect();"
            "   return b.top >= g.top && b.bottom <= g.bottom })"
            " .sort((a, b) => a.dataset.id - b.dataset.id)"
            " .map(c => c.title.split('\\n')[0]) })()"
        )
        return [n for n in names if n.isascii() and n.translate(PUNCTUATION).isalnum()]

    def _select_in_panel(self) -> None:
        """click an item in the panel: the Qt tree follows"""
        current = self._current()
        name = next((n for n in reversed(self._some_names()) if n != current), None)
        if name is None:
            return self._say("left out: the panel has no second asset")
        sent = time.monotonic()
        self._click(*self._spot(self._cell(name)))
        self._until(f"the Qt tree follows to {name}", lambda: self._current() == name)
        self._say(f"tree at {name} {1000 * (time.monotonic() - sent):.0f} ms after the click was sent")
        self._page_until("the item is marked", f"{self._cell(name)}?.getAttribute('aria-selected') === 'true'")

    def _select_in_tree(self) -> None:
        """click an item in the Qt tree: the panel follows"""
        window = self._window

        def neighbour() -> Optional[Tuple[str, int, int]]:
            tree = window.tree
            at = tree.currentIndex()
            for index in (tree.indexAbove(at), tree.indexBelow(at)):
                item = window.model.item(index)
                if item is not None and hasattr(item, "kind"):
                    tree.scrollTo(index)
                    ratio = tree.devicePixelRatioF()
                    point = tree.viewport().mapToGlobal(tree.visualRect(index).center())
                    return item.name, round(point.x() * ratio), round(point.y() * ratio)
            return None

        found = self._on_qt(neighbour)
        if found is None:
            return self._say("left out: the tree has no file beside the current one")
        name, x, y = found
        self._click(x, y)
        self._until(f"the tree is at {name}", lambda: self._current() == name)
        self._page_until(
            f"the panel follows to {name}",
            "document.querySelector('.cell[aria-selected]:not([hidden])')?.title.split('\\n')[0] === "
            + json.dumps(name),
        )
        # An echo would have moved one of the two again by now: both have answered since.
        if self._current() != name:
            raise StepFailed("the selection came back as an echo")

    def _measure_thumbnails(self) -> None:
        """measure thumbnails"""
        ids = [i for i in self._window.service.asset_ids() if self._window.service.asset(i).kind != MESH]
        sample = ids[:: max(1, len(ids) // 300)][:300]
        if not sample:
            self._figure("thumbnails", "none: the folder has no images")
            return
        seconds, made, size = self._page(
            "(async () => { const ids = %s; let next = 0, made = 0, bytes = 0; const a = performance.now();"
            " const work = async () => { while (next < ids.length) { try {"
            "  const t = await auroraview.call('browser.thumbnail', {id: ids[next++], side: 128});"
            "  made++; bytes += t.rgba.byteLength } catch {} } };"
            " await Promise.all([work(), work(), work(), work(), work(), work()]);"
            " return [(performance.now() - a) / 1000, made, bytes] })()" % json.dumps(sample),
            60,
        )
        self._figure("thumbnails", f"{made / seconds:,.0f}/s ({made} made, {size / 2**20:.1f} MiB as RGBA)")

    def _cancel_scan(self) -> None:
        """scan the whole machine and cancel it with the panel's button"""
        window = self._window
        roots = window.service.roots
        self._on_qt(lambda: window.open_folder("/"))
        self._page_until("the new scan runs", "document.body.dataset.scan === 'running'")
        self._page_until("progress moves", "parseInt(document.querySelector('#scan-text').textContent) >= 0")
        self._click_page("#cancel")
        self._page_until("the scan is cancelled", "document.body.dataset.scan === 'cancelled'")
        if not window.service.wait_for_scan(STEP_SECONDS):
            raise StepFailed("the scan's thread goes on after it was cancelled")
        progress = window.service.progress
        if not progress.cancelled:
            raise StepFailed("the scan says that it was not cancelled")
        self._figure("cancelled scan of /", f"stopped at {progress.files} files, {100 * progress.fraction:.0f} %")
        self._on_qt(lambda: window.service.open(roots))
        self._page_until("the first folder is back", "document.body.dataset.scan === 'done'", 60)

    def _open_mesh(self) -> None:
        """open a mesh in the viewer"""
        meshes = [a for a in map(self._window.service.asset, self._window.service.asset_ids()) if a.kind == MESH]
        if not meshes:
            self._figure("mesh", "none in this folder")
            return
        self._click_page('[data-kind="mesh"]')
        names = {a.name for a in meshes}
        self._page_until("only meshes are listed", f"document.body.dataset.shown === '{len(meshes)}'")
        name = "torus_knot.obj" if "torus_knot.obj" in names else meshes[0].name
        self._click(*self._spot(self._cell(name)))
        self._page_until(
            f"{name} is drawn",
            "document.getElementById('preview').dataset.mode === 'mesh' && "
            f"document.querySelector('#facts strong').textContent === {json.dumps(name)}",
        )
        self._figure("mesh", self._page("document.querySelector('#facts span').textContent"))
        self._click_page('[data-kind="all"]')
        self._page_until("everything is listed again", "!!document.querySelector('.cell:not(.mesh)')")

    def _freeze(self) -> None:
        """freeze the Qt main thread for 5 s; meanwhile type and scroll in the panel"""
        button = self._spot("document.getElementById('freeze')")
        filter_box = self._spot("document.getElementById('filter')")
        grid = self._spot("document.getElementById('grid')")
        # No question can be asked while Qt sleeps, since answers arrive on its thread.
        areas = self._areas()
        self._click(*button)
        self._until("the Qt thread is blocked", lambda: self._window.frozen)
        first = self._grab()
        self._click(*filter_box)
        self._xdotool("type", "--delay", 40, "png")
        self._xdotool("mousemove", "--sync", *grid)
        for _ in range(12):
            self._xdotool("click", 5)
        for _ in range(10):
            self._xdotool("click", 4)
        second = self._grab()
        if not self._window.frozen:
            raise StepFailed("typing, scrolling and taking pictures took longer than the freeze")
        text = self._page_until(
            "the panel reports on the freeze",
            "document.getElementById('banner').dataset.report",
            STEP_SECONDS + 5,
        )
        report = json.loads(text)
        if report["seconds"] < 4.9:
            raise StepFailed(f"the Qt thread was blocked for {report['seconds']:.2f} s only")
        self._save(first, self._beside("-freezing.png"))
        self._save(second, self._beside("-frozen.png"))
        if first.copy(areas["tree"]) != second.copy(areas["tree"]):
            raise StepFailed("the native tree changed while Qt was blocked: it was not blocked")
        if first.copy(areas["panel"]) == second.copy(areas["panel"]):
            raise StepFailed("the panel did not change while Qt was blocked")
        # Proofs that it moves; how smoothly is a figure, since the machine may be busy.
        expected = {"frames": 20, "keys": 3}
        if self._page("document.getElementById('preview').dataset.mode") == "mesh":
            expected["meshFrames"] = 3
            if first.copy(areas["stage"]) == second.copy(areas["stage"]):
                raise StepFailed("the mesh did not turn while Qt was blocked")
        if self._page("grid.scrollHeight > grid.clientHeight + 50"):
            expected["scrolled"] = 1
        for what, least in expected.items():
            if report[what] < least:
                raise StepFailed(f"while Qt was blocked: {what} {report[what]}, expected {least} or more")
        self._figure(
            "while Qt was blocked for %.1f s" % report["seconds"],
            f"{report['fps']:.1f} page frames/s, longest gap {report['longestGap']:.0f} ms, "
            f"{report['meshFrames'] / report['seconds']:.0f} mesh frames/s, "
            f"{report['keys']} keys typed, {report['scrolled']} px scrolled",
        )
        self._click_page("#filter")
        self._xdotool("key", "Escape")
        self._page_until("the filter is empty", "filter.value === ''")
        self._click_page("#banner button")

    def _area(self, widget: Any) -> QRect:
        """A widget in the window's picture, in device pixels. To be called on the Qt thread."""
        ratio = widget.devicePixelRatioF()
        corner = widget.mapTo(self._window, QPoint(0, 0))
        numbers = (corner.x(), corner.y(), widget.width(), widget.height())
        return QRect(*(round(n * ratio) for n in numbers))

    def _areas(self) -> Dict[str, QRect]:
        """Where the tree and the panel are in the window's picture, and the panel's own parts."""
        window = self._window
        tree, panel = self._on_qt(lambda: (self._area(window.tree), self._area(window.view)))
        areas = {"tree": tree, "panel": panel}
        for name in ("grid", "stage"):
            numbers = self._page(
                f"(() => {{ const b = document.getElementById('{name}').getBoundingClientRect();"
                " return [b.left, b.top, b.width, b.height].map(n => n * devicePixelRatio) })()"
            )
            areas[name] = QRect(*map(round, numbers)).translated(panel.topLeft())
        return areas

    def _whole(self) -> Tuple[int, int, int, int]:
        """The window on the screen, without its frame. To be called on the Qt thread."""
        ratio = self._window.devicePixelRatioF()
        corner = self._window.mapToGlobal(QPoint(0, 0))
        numbers = (corner.x(), corner.y(), self._window.width(), self._window.height())
        return tuple(round(n * ratio) for n in numbers)

    def _grab(self) -> QImage:
        """What the screen shows of the window, by whoever drew it."""
        left, top, width, height = self._place
        words = ["import", "-window", "root", "-crop", f"{width}x{height}+{left}+{top}", "-depth", "8"]
        done = subprocess.run([*words, "rgb:-"], check=True, timeout=STEP_SECONDS, capture_output=True)
        if len(done.stdout) != width * height * 3:
            raise StepFailed("a part of the window is outside the screen")
        return QImage(done.stdout, width, height, width * 3, QImage.Format.Format_RGB888).copy()

    def _beside(self, ending: str) -> str:
        return os.path.splitext(self._picture)[0] + ending

    def _save(self, picture: QImage, path: str) -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not picture.save(path):
            raise StepFailed(f"{path} cannot be written")

    def _take_picture(self) -> None:
        """take the picture"""
        self._page("(document.getElementById('grid').scrollTop = 0, true)")
        self._page_until(
            "all thumbnails in view are there", "!document.querySelector('.cell[data-state=loading]:not([hidden])')"
        )
        if self._page("document.getElementById('preview').dataset.mode") == "mesh":
            # A mesh at rest is drawn at its finest.
            self._click_page("#spin")
            self._page_until("the mesh rests", "document.getElementById('stage').dataset.fine === 'yes'")
        self._xdotool("mousemove", "--sync", 2, 2)
        # The meters show their numbers four times a second.
        self._page("new Promise(resolve => setTimeout(resolve, 600))")
        self._save(self._grab(), self._picture)
        report = {
            "figures": dict(self._figures),
            "areas": {name: area.getRect() for name, area in self._areas().items()},
        }
        with open(self._beside(".json"), "w", encoding="utf-8") as stream:
            json.dump(report, stream, indent=2, ensure_ascii=False)
            stream.write("\n")
