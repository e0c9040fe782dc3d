"""Qt's main thread and timers, with the real Qt and no screen."""

import subprocess
import sys
import textwrap


def run_offscreen(code):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={"QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin", "AURORAVIEW_BACKEND": "null"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


PRELUDE = """
import sys, threading
from PySide6 import QtCore, QtWidgets
from auroraview.utils import thread_dispatcher as td
app = QtWidgets.QApplication([])
main = threading.current_thread()
QtCore.QTimer.singleShot(20000, lambda: app.exit(9))
"""


def test_a_python_thread_reaches_the_gui_thread():
    out = run_offscreen(
        PRELUDE
        + """
results = []

def work():
    results.append(td.is_main_thread())
    results.append(td.run_on_main_thread_sync(lambda: threading.current_thread() is main))
    for i in range(1000):
        td.run_on_main_thread(results.append, i)
    try:
        td.run_on_main_thread_sync(lambda: 1 / 0)
    except ZeroDivisionError:
        results.append("raised")
    td.run_on_main_thread(app.quit)

assert td.get_dispatcher_backend().get_name() == "Qt", td.list_dispatcher_backends()
assert td.is_main_thread() and not td.is_dcc_environment()
thread = threading.Thread(target=work)
thread.start()
assert app.exec() == 0
thread.join()
assert results == [False, True, *range(1000), "raised"], results[:5]
print("fine")
"""
    )
    assert out == "fine\n"


def test_a_qthread_reaches_the_gui_thread():
    run_offscreen(
        PRELUDE
        + """
seen = []

class Worker(QtCore.QThread):
    def run(self):
        seen.append(td.run_on_main_thread_sync(lambda: threading.current_thread() is main))

worker = Worker()
worker.finished.connect(app.quit)
worker.start()
assert app.exec() == 0
assert seen == [True]
"""
    )


def test_hosts_whose_loop_is_qts():
    run_offscreen(
        PRELUDE
        + """
import types
for name, module in (("FreeCAD", "FreeCAD"), ("Krita", "krita"), ("Max", "pymxs")):
    td.clear_dispatcher_backends()
    made = types.ModuleType(module)
    made.GuiUp = True
    sys.modules[module] = made
    assert td.get_dispatcher_backend().get_name() == name
    assert td.is_dcc_environment() and td.is_main_thread()
    seen = []
    thread = threading.Thread(target=lambda: (
        seen.append(td.run_on_main_thread_sync(lambda: threading.current_thread() is main)),
        td.run_on_main_thread(app.quit)))
    thread.start()
    assert app.exec() == 0
    thread.join()
    assert seen == [True]
    del sys.modules[module]
"""
    )


def test_the_timer_of_qt_drives_a_view():
    run_offscreen(
        PRELUDE
        + """
from auroraview import EventTimer, QtTimerBackend, WebView
from auroraview.utils.timer_backends import get_available_backend
assert isinstance(get_available_backend(), QtTimerBackend)
view = WebView(html="<p>page")
timer = EventTimer(view, interval_ms=5)
seen = []
view.on("e", lambda data: (seen.append(threading.current_thread() is main), view.close()))
timer.on_close(lambda: (seen.append("closed"), app.quit()))
timer.start()
view.eval_js('auroraview.emit("e", {"n": 1})')
assert app.exec() == 0
assert seen == [True, "closed"], seen
assert not timer.is_running
"""
    )
