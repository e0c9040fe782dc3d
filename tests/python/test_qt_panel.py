"""A page docked in a Qt application: drawn, sized, clicked, typed into, moved.

Input is real (xdotool), and what is drawn is read from the screen.
"""

import os
import signal
import subprocess
import time

import pytest

pytestmark = [pytest.mark.display, pytest.mark.usefixtures("webkit_engine")]

from qtpy import QtCore, QtGui, QtWidgets

from auroraview import QtWebView, errors

from conftest import PATIENCE

BLUE = (30, 100, 200)
PAGE = """<!doctype html><title>panel</title>
<style>
  body { margin: 0; background: rgb(30, 100, 200); overflow: hidden; }
  input, button { position: absolute; left: 20px; width: 160px; height: 30px;
                  margin: 0; border: 0; padding: 0; }
</style>
<input id="first" style="top: 20px"><input id="last" style="top: 70px">
<button id="button" style="top: 120px" tabindex="-1">Press</button>
<script>
  let frames = 0, mark = null;
  const clicks = [];
  (function frame() { frames++; requestAnimationFrame(frame); })();
  addEventListener('click', e => {
      clicks.push([e.target.id, e.isTrusted]);
      auroraview.send_event('clicked', {id: e.target.id, trusted: e.isTrusted});
  });
  addEventListener('focusin', e => auroraview.send_event('focusin', {id: e.target.id}));
</script>"""


@pytest.fixture(scope="session")
def qt_app():
    os.environ["QT_QPA_PLATFORM"] = "xcb"
    app = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["test"])
    app.setQuitOnLastWindowClosed(False)
    return app


def until(condition, what="the condition"):
    """Run Qt's own loop until something is true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true"
        loop = QtCore.QEventLoop()
        QtCore.QTimer.singleShot(10, loop.quit)
        loop.exec()


def block_host(seconds):
    """Be a host that computes: its event loop does not run for so long."""
    time.sleep(seconds)


def xdotool(*words):
    subprocess.run(["xdotool", *map(str, words)], check=True, timeout=20)


class Bench:
    """A main window with a field of its own and a page in a dock."""

    def __init__(self):
        self.window = QtWidgets.QMainWindow()
        self.field = QtWidgets.QLineEdit()
        self.after = QtWidgets.QLineEdit()
        centre = QtWidgets.QWidget()
        layout = QtWidgets.QVBoxLayout(centre)
        layout.addWidget(self.field)
        layout.addStretch()
        self.window.setCentralWidget(centre)
        self.dock = QtWidgets.QDockWidget("Panel")
        self.panel = QtWebView(html=PAGE)
        self.panel.setMinimumSize(220, 200)
        self.dock.setWidget(self.panel)
        self.window.addDockWidget(QtCore.Qt.DockWidgetArea.RightDockWidgetArea, self.dock)
        below = QtWidgets.QDockWidget("After")
        below.setWidget(self.after)
        self.window.addDockWidget(QtCore.Qt.DockWidgetArea.BottomDockWidgetArea, below)
        QtWidgets.QWidget.setTabOrder(self.field, self.panel)
        QtWidgets.QWidget.setTabOrder(self.panel, self.after)
        self.events = []
        self.panel.on("clicked", lambda data: self.events.append(("clicked", data["id"])))
        self.panel.on("focusin", lambda data: self.events.append(("focusin", data["id"])))
        self.window.setGeometry(100, 80, 700, 500)

    def open(self):
        self.window.show()
        # The colour alone might still be that of the window before this one.
        until(lambda: self.js("frames") > 1, "a page that draws")
        until(lambda: self.colour(self.panel) == BLUE, "the page on the screen")
        self.window.activateWindow()
        until(self.window.isActiveWindow, "the active window")
        return self

    def js(self, script):
        results = []
        self.panel.eval_js_async(script, lambda value, error: results.append((value, error)), 15000)
        until(lambda: results, f"a result of {script!r}")
        value, error = results[0]
        if error is not None:
            raise error
        return value

    def position(self, widget, x, y):
        return widget.mapToGlobal(QtCore.QPoint(x, y))

    def colour(self, widget, x=None, y=None):
        """Colour on the screen, by default near the right lower corner."""
        x = widget.width() - 15 if x is None else x
        y = widget.height() - 15 if y is None else y
        place = self.position(widget, x, y)
        screen = QtGui.QGuiApplication.primaryScreen()
        image = screen.grabWindow(0, place.x(), place.y(), 1, 1).toImage()
        colour = image.pixelColor(0, 0)
        return colour.red(), colour.green(), colour.blue()

    def click(self, widget, x, y):
        place = self.position(widget, x, y)
        xdotool("mousemove", place.x(), place.y(), "click", 1)

    def click_first(self):
        self.click(self.panel, 40, 35)
        until(lambda: ("focusin", "first") in self.events, "focus in the page")


@pytest.fixture
def bench(qt_app):
    bench = Bench().open()
    yield bench
    bench.panel.destroy()
    bench.window.close()
    bench.window.deleteLater()
    until(lambda: True)


def test_page_is_drawn_where_the_dock_is(bench):
    for x, y in ((5, 5), (210, 10), (10, 190)):
        assert bench.colour(bench.panel, x, y) == BLUE
    assert bench.colour(bench.field, 20, 10) != BLUE
    assert bench.colour(bench.window.centralWidget(), 20, 200) != BLUE


def test_resize(bench):
    for size in ((900, 600), (640, 420), (800, 700)):
        bench.window.resize(*size)
        until(lambda: bench.colour(bench.panel) == BLUE, "the corner")
        expected = [bench.panel.width(), bench.panel.height()]
        until(lambda: bench.js("[innerWidth, innerHeight]") == expected, f"{expected} in the page")


def test_click(bench):
    bench.click(bench.panel, 60, 135)
    until(lambda: ("clicked", "button") in bench.events, "the click")
    assert bench.js("clicks") == [["button", True]]


def test_typing_goes_where_was_clicked(bench):
    bench.click_first()
    xdotool("type", "page")
    until(lambda: bench.js("first.value") == "page", "text in the page")
    bench.click(bench.field, 20, 10)
    until(lambda: bench.field.hasFocus() and bench.window.isActiveWindow())
    xdotool("type", "qt")
    until(lambda: bench.field.text() == "qt", "text in Qt")
    bench.click(bench.panel, 40, 85)
    until(lambda: ("focusin", "last") in bench.events)
    xdotool("type", "again")
    until(lambda: bench.js("last.value") == "again", "text in the page again")
    assert (bench.field.text(), bench.js("first.value")) == ("qt", "page")


def test_keys_of_the_host_are_not_eaten_under_the_pointer(bench):
    place = bench.position(bench.panel, 100, 180)
    bench.click(bench.field, 20, 10)
    until(bench.field.hasFocus)
    xdotool("mousemove", place.x(), place.y())
    xdotool("type", "mine")
    until(lambda: bench.field.text() == "mine", "the keys in Qt")
    assert bench.js("first.value + last.value") == ""


def test_tab_through_the_page(bench):
    def press(key, element):
        bench.events.clear()
        xdotool("key", key)
        until(lambda: ("focusin", element) in bench.events, f"{element} after {key}")

    bench.click(bench.field, 20, 10)
    until(bench.field.hasFocus)
    press("Tab", "first")
    assert bench.panel.hasFocus()
    press("Tab", "last")
    xdotool("key", "Tab")
    until(bench.after.hasFocus, "Qt's next widget")
    xdotool("type", "out")
    until(lambda: bench.after.text() == "out", "text after the page")
    press("shift+Tab", "last")
    press("shift+Tab", "first")
    xdotool("key", "shift+Tab")
    until(bench.field.hasFocus, "Qt's previous widget")
    xdotool("key", "End", "type", "in")
    until(lambda: bench.field.text() == "in", "text before the page")


def test_float_and_dock_keep_the_page(bench):
    bench.js("mark = 'kept'")
    for floating in (True, False, True, False):
        bench.dock.setFloating(floating)
        until(lambda: bench.colour(bench.panel) == BLUE, "the page where the dock is")
        assert bench.js("mark") == "kept"
    bench.click_first()
    xdotool("type", "x")
    until(lambda: bench.js("first.value") == "x")


def test_type_into_a_floating_panel(bench):
    bench.dock.setFloating(True)
    bench.dock.move(300, 200)
    until(lambda: bench.colour(bench.panel) == BLUE)
    bench.click_first()
    xdotool("type", "float")
    until(lambda: bench.js("first.value") == "float")


def test_reparent_to_another_window_and_back(bench):
    bench.js("mark = 'kept'")
    other = QtWidgets.QWidget()
    layout = QtWidgets.QVBoxLayout(other)
    layout.addWidget(bench.panel)
    other.setGeometry(200, 150, 400, 300)
    other.show()
    bench.panel.show()
    until(lambda: bench.colour(bench.panel) == BLUE, "the page in the other window")
    bench.dock.setWidget(bench.panel)
    bench.panel.show()
    other.close()
    other.deleteLater()
    until(lambda: bench.colour(bench.panel) == BLUE, "the page back in the dock")
    assert bench.js("mark") == "kept"
    assert bench.panel.is_alive()


def test_hide_and_show(bench):
    bench.js("mark = 'kept'")
    for _ in range(10):
        bench.dock.hide()
        bench.dock.show()
    bench.dock.hide()
    until(lambda: bench.js("document.hidden") is True, "a page that knows it is hidden")
    before = bench.js("frames")
    bench.js("new Promise(done => setTimeout(done, 300))")
    assert bench.js("frames") - before <= 1
    bench.dock.show()
    until(lambda: bench.colour(bench.panel) == BLUE, "the page again")
    until(lambda: bench.js("frames") > before + 3, "frames again")
    assert bench.js("mark") == "kept"


def test_close_and_show_again(bench):
    gone = []
    bench.panel.bind_call("who", lambda: "python")
    bench.panel.aboutToClose.connect(lambda: gone.append(True))
    bench.window.close()
    until(lambda: not bench.panel.is_alive(), "the close")
    assert gone == [True]
    bench.panel.emit("nobody", {})
    bench.panel.eval_js("1")
    bench.panel.load_html(PAGE)
    assert bench.panel.dropped_emits == 1
    with pytest.raises(errors.Closed):
        bench.panel.eval_js_sync("1")
    bench.window.show()
    until(lambda: bench.colour(bench.panel) == BLUE, "the page again")
    assert bench.panel.is_alive()
    assert bench.js("auroraview.call('who')") == "python"


def test_state_and_channels_outlive_a_close(bench):
    state, changes, channels = bench.panel.state, [], []
    state.on_change(lambda *change: changes.append(change))
    bench.panel.on_channel("job", channels.append)
    state["before"] = {"n": 1}
    bench.window.close()
    until(lambda: not bench.panel.is_alive(), "the close")
    state["meanwhile"] = 2
    bench.window.show()
    bench.panel.show()
    until(lambda: bench.panel.is_alive(), "the new view")
    assert state.to_dict() == {"before": {"n": 1}, "meanwhile": 2}
    assert bench.js("auroraview.whenReady().then(a => a.state.toJSON())") == state.to_dict()
    bench.js("auroraview.state.page = 3, auroraview.channel('job').send(4), 1")
    until(lambda: ("page", 3, "javascript") in changes, "the page's write")
    until(lambda: channels, "the page's channel")
    assert channels[0].receive(PATIENCE) == 4
    assert len(bench.panel.channels) == 1


def test_a_window_that_refuses_to_close_keeps_its_panel(bench):
    class Refuse(QtCore.QObject):
        def eventFilter(self, watched, event):
            if event.type() == QtCore.QEvent.Type.Close:
                event.ignore()
                return True
            return False

    refuse = Refuse()
    bench.window.installEventFilter(refuse)
    bench.window.close()
    assert bench.js("1") == 1
    assert bench.panel.is_alive()
    bench.window.removeEventFilter(refuse)


def test_close_inside_a_handler(bench):
    bench.panel.bind_call("quit", lambda: bench.panel.destroy())
    bench.panel.eval_js("auroraview.call('quit').catch(() => {})")
    until(lambda: not bench.panel.is_alive())
    bench.panel.destroy()


def test_deleting_the_widget_ends_the_view(bench):
    view = bench.panel._view
    other = QtWebView(bench.window, html=PAGE)
    view = other._view
    other.deleteLater()
    until(lambda: view.lifecycle_state == "destroyed", "the end of its view")
    assert bench.js("1") == 1


def test_page_goes_on_while_the_host_is_blocked(bench):
    before = bench.js("frames")
    bench.js("""setTimeout(() => { mark = [frames, document.hidden] }, 2500)""")
    place = bench.position(bench.panel, 40, 35)
    typist = subprocess.Popen(
        ["xdotool", "mousemove", str(place.x()), str(place.y()), "click", "1",
         "sleep", "0.5", "type", "blocked"]
    )
    block_host(3)
    assert typist.wait(20) == 0
    frames, hidden = bench.js("mark")
    assert not hidden
    assert frames - before > 60
    until(lambda: bench.js("first.value") == "blocked", "text typed meanwhile")


def test_resize_followed_by_a_blocked_host(bench):
    bench.window.resize(820, 620)
    bench.window.repaint()
    QtWidgets.QApplication.processEvents()
    block_host(1)  # the engine follows without us
    assert bench.colour(bench.panel) == BLUE


def test_modal_dialog_blocks_the_page(bench):
    dialog = QtWidgets.QDialog(bench.window)
    dialog.setModal(True)
    dialog.setGeometry(20, 20, 60, 40)
    dialog.show()
    until(dialog.isVisible)
    bench.js("1")
    bench.click(bench.panel, 60, 135)
    dialog.close()
    # Answers come in order: a click that got through would be here by now.
    bench.js("new Promise(done => requestAnimationFrame(() => setTimeout(done, 100)))")
    assert bench.js("clicks") == []
    bench.click(bench.panel, 60, 135)
    until(lambda: bench.js("clicks") == [["button", True]], "the click afterwards")


def test_dialog_inside_a_handler_does_not_spin(bench):
    ticks = []

    def ask():
        loop = QtCore.QEventLoop()
        QtCore.QTimer.singleShot(300, loop.quit)
        before = time.process_time()
        loop.exec()
        ticks.append(time.process_time() - before)
        return "answer"

    bench.panel.bind_call("ask", ask)
    bench.panel.bind_call("other", lambda: None)
    bench.panel.eval_js("setTimeout(() => auroraview.call('other'), 50)")
    assert bench.js("auroraview.call('ask')") == "answer"
    assert ticks[0] < 0.2  # processor seconds in 0.3 s of waiting


def test_signals(bench):
    seen = []
    panel = bench.panel
    panel.loadStarted.connect(lambda: seen.append("started"))
    panel.loadFinished.connect(lambda ok: seen.append(("finished", ok)))
    panel.titleChanged.connect(lambda title: seen.append(("title", title)))
    panel.urlChanged.connect(lambda url: seen.append(("url", url)))
    panel.ipcMessageReceived.connect(lambda name, data: seen.append((name, data)))
    panel.load_html(
        "<title>other</title><script>"
        "auroraview.send_event('unheard', {n: 1})</script>"
    )
    for what in ("started", ("finished", True), ("title", "other"), ("unheard", {"n": 1})):
        until(lambda what=what: what in seen, f"the signal {what}")
    assert panel.current_title == "other"


def test_windows_that_go_while_their_page_draws_hurt_no_other(bench):
    """X errors of drawing into a destroyed window must not end the engine."""
    bench.open()
    lost = []
    bench.panel.renderProcessTerminated.connect(lambda *what: lost.append(what))
    for turn in range(8):
        window = QtWidgets.QMainWindow()
        panel = QtWebView(html=PAGE)
        window.setCentralWidget(panel)
        window.show()
        until(lambda: bench.colour(panel) == BLUE, "the second page on the screen")
        if turn % 2:
            window.destroy()
        window.deleteLater()
        until(lambda: bench.js("1 + 1") == 2, "an answer of the first page")
    assert lost == []


def manual(bench):
    """Let the bench's panel be one that does not come back by itself."""
    bench.panel.destroy()
    bench.panel = QtWebView(html=PAGE, recover=False)
    bench.panel.setMinimumSize(220, 200)
    bench.dock.setWidget(bench.panel)
    # The colour alone might still be that of the panel before this one.
    until(lambda: bench.js("frames") > 1, "a page that draws")
    until(lambda: bench.colour(bench.panel) == BLUE, "the page on the screen")


@pytest.mark.parametrize("victim, status", [("WebKitWebProcess", 1), ("auroraview-engine", 2)])
def test_the_panel_comes_back(bench, victim, status):
    from test_page_calls import descendants

    lost, recovered, results = [], [], []
    bench.panel.renderProcessTerminated.connect(lambda *what: lost.append(what))
    bench.panel.recovered.connect(recovered.append)
    bench.panel.eval_js_async(
        "new Promise(() => {})", lambda value, error: results.append(error), 60000
    )
    assert bench.js("document.body.style.background = 'red', 1") == 1
    victim, = descendants(victim)  # a page may be inside a sandbox
    os.kill(victim, signal.SIGKILL)
    until(lambda: lost and recovered and results, "the loss and the return")
    assert isinstance(results[0], errors.EngineLost)
    assert [what[0] for what in lost] == [status]
    assert recovered == ["page" if status == 1 else "engine"]
    until(lambda: bench.colour(bench.panel) == BLUE, "the page again")
    # Embedded as before: it follows the widget, hides with it, and takes keys.
    bench.window.resize(820, 620)
    until(
        lambda: bench.js("[innerWidth, innerHeight]")
        == [bench.panel.width(), bench.panel.height()],
        "the size of the widget in the page",
    )
    bench.dock.hide()
    bench.dock.show()
    until(lambda: bench.colour(bench.panel) == BLUE, "the page after hiding")
    bench.click_first()
    xdotool("type", "x")
    until(lambda: bench.js("document.activeElement.value") == "x", "the typed key")


def test_the_button_of_a_stopped_panel(bench):
    lost, recovered = [], []
    bench.panel.renderProcessTerminated.connect(lambda *what: lost.append(what))
    bench.panel.recovered.connect(recovered.append)
    bench.window.resize(900, 640)
    for turn in (1, 2, 3):
        bench.panel.kill_page()
        until(lambda turn=turn: len(lost) == turn, "the loss")
        if turn < 3:
            until(lambda turn=turn: len(recovered) == turn, "the return")
    middle = bench.panel.width() // 2
    white = (255, 255, 255)

    def button():
        """Where it is: the white part of a grey page, in its middle column."""
        found = [y for y in range(10, 300, 4) if bench.colour(bench.panel, 5, y) == (244, 244, 244)
                 and bench.colour(bench.panel, middle, y) != (244, 244, 244)
                 and white in (bench.colour(bench.panel, middle + dx, y) for dx in (0, 25, -25))]
        return found[len(found) // 2] if found else None

    until(button, "the button")
    bench.panel.emit("unheard", 1)
    bench.click(bench.panel, middle, button())
    until(lambda: len(recovered) == 3, "the return")
    until(lambda: bench.colour(bench.panel) == BLUE, "the page again")


def test_the_panel_is_used_while_it_comes_back(bench):
    from test_page import children

    recovered = []
    bench.panel.recovered.connect(recovered.append)
    engine, = children("auroraview-engine")
    os.kill(engine, signal.SIGKILL)
    bench.window.resize(900, 640)
    bench.panel.load_html(PAGE.replace("rgb(30, 100, 200)", "rgb(200, 60, 20)"))
    bench.dock.setFloating(True)
    until(lambda: recovered, "the return")
    until(lambda: bench.colour(bench.panel) == (200, 60, 20), "the page that was asked for")
    until(
        lambda: bench.js("[innerWidth, innerHeight]")
        == [bench.panel.width(), bench.panel.height()],
        "the size of the widget in the page",
    )


def test_engine_killed(bench):
    manual(bench)
    from test_page import children

    lost, results = [], []
    bench.panel.renderProcessTerminated.connect(lambda status, code: lost.append(code))
    bench.panel.eval_js_async(
        "new Promise(() => {})", lambda value, error: results.append(error), 60000
    )
    engine, = children("auroraview-engine")
    os.kill(engine, signal.SIGKILL)
    until(lambda: lost and results, "the loss")
    assert isinstance(results[0], errors.EngineLost)
    assert bench.window.isVisible()
    bench.dock.hide()
    bench.dock.show()
    until(lambda: bench.colour(bench.panel) == BLUE, "the page again")


@pytest.mark.parametrize(
    "again",
    [
        lambda panel: panel.show(),
        lambda panel: panel.reload(),
        lambda panel: panel.load_html(PAGE),
        lambda panel: panel.load_url("data:text/html,<body style='background:rgb(30,100,200)'>"),
    ],
    ids=["show", "reload", "load_html", "load_url"],
)
def test_engine_killed_under_a_visible_panel(bench, again):
    from test_page import children

    lost = []
    manual(bench)

    def come_back(status, code):
        lost.append(status)
        again(bench.panel)  # inside the signal, where applications do it

    bench.panel.renderProcessTerminated.connect(come_back)
    engine, = children("auroraview-engine")
    os.kill(engine, signal.SIGKILL)
    until(lambda: 2 in lost, "the loss")
    assert bench.panel.is_alive()
    until(lambda: bench.colour(bench.panel) == BLUE, "the page again")
    bench.window.resize(820, 620)
    until(
        lambda: bench.js("[innerWidth, innerHeight]")
        == [bench.panel.width(), bench.panel.height()],
        "the size of the widget in the page",
    )
    assert lost.count(2) == 1


def test_two_panels(bench):
    other = QtWebView(html=PAGE.replace("rgb(30, 100, 200)", "rgb(200, 60, 20)"))
    dock = QtWidgets.QDockWidget("Other")
    dock.setWidget(other)
    bench.window.addDockWidget(QtCore.Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    until(lambda: bench.colour(other) == (200, 60, 20), "the other page")
    until(lambda: bench.colour(bench.panel) == BLUE, "the first page")
    other.destroy()
    assert bench.js("1") == 1


def test_unsupported_options(qt_app):
    with pytest.raises(TypeError, match="QtWebView.. does not support the option 'icon'"):
        QtWebView(icon="x")


def test_other_platforms_are_refused():
    code = "import sys; from qtpy import QtWidgets; a = QtWidgets.QApplication([]); " \
           "import auroraview; auroraview.QtWebView()"
    done = subprocess.run(
        [__import__("sys").executable, "-c", code],
        env=dict(os.environ, QT_QPA_PLATFORM="offscreen"),
        capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 1
    assert "Unsupported" in done.stderr and "QT_QPA_PLATFORM=xcb" in done.stderr
