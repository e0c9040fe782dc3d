"""A view whose page or engine has ended, as Python hears of it."""

import os
import signal

import pytest
from auroraview import WebView, errors
from auroraview.core import app


@pytest.fixture
def view(pump):
    view = WebView(html="<p>page")
    assert pump.value(view, "1") == 1
    yield view
    view.close()


def listen(view):
    told = []
    for name in ("page_lost", "engine_lost", "recovered", "unresponsive", "responsive"):
        getattr(view, f"on_{name}")(lambda data, name=name: told.append((name, data)))
    return told


@pytest.mark.parametrize("what", ["page", "engine"])
def test_a_view_comes_back(pump, view, what):
    told, results = listen(view), []
    view.bind_call("add", lambda a, b: a + b)
    view.eval_js_async("new Promise(() => {})", lambda value, error: results.append(error), 60000)
    if what == "page":
        view.kill_page()
    else:
        app.kill_engine()
    pump.until(lambda: len(told) == 2 and results, "the loss and the return")
    (lost, why), (recovered, data) = told
    assert (lost, recovered) == (f"{what}_lost", "recovered")
    assert why["recovering"] and not why["stopped"] and why["reason"]
    assert data == {"lost": what}
    assert isinstance(results[0], errors.EngineLost)
    assert view.is_alive()
    assert pump.value(view, 'auroraview.call("add", [2, 3])') == 5


def test_the_third_loss_of_an_engine_closes(pump, view):
    told, closed = listen(view), []
    view.on_closed(closed.append)
    for turn in range(3):
        app.kill_engine()
        pump.until(lambda turn=turn: len(told) == 2 * turn + (2 if turn < 2 else 1), "the loss")
    pump.until(lambda: closed, "the end")
    assert told[-1][1]["stopped"] and not told[-1][1]["recovering"]
    assert closed[0]["error"] == errors.EngineLost.code


def test_the_application_decides(pump):
    view = WebView(html="<p>page", recover=False)
    assert pump.value(view, "1") == 1
    told = listen(view)
    view.kill_page()
    pump.until(lambda: told, "the loss")
    assert not told[0][1]["recovering"] and not told[0][1]["stopped"]
    view.reload()
    pump.until(lambda: len(told) == 2, "the return")
    assert told[1] == ("recovered", {"lost": "page"})
    view.close()


@pytest.mark.display
def test_a_stopped_engine_is_told(web_pump):
    from test_page import children

    view = WebView(html="<p>page", debug=False)
    assert web_pump.value(view, "1") == 1
    told = listen(view)
    engine, = children("auroraview-engine")
    os.kill(engine, signal.SIGSTOP)
    view.title = "stopped"
    web_pump.until(lambda: told, "the silence")
    assert told[0] == ("unresponsive", {"reason": "the engine does not answer"})
    os.kill(engine, signal.SIGCONT)
    web_pump.until(lambda: len(told) == 2, "the answer")
    assert told[1] == ("responsive", {})
    view.close()
