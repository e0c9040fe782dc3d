"""The kinds of bound functions in a Qt application, also after the panel was closed."""

import asyncio
import os
import threading

import pytest

pytestmark = [pytest.mark.display, pytest.mark.usefixtures("webkit_engine")]

from auroraview import QtWebView, current_call
from qtpy import QtWidgets

from test_qt_panel import until


@pytest.fixture
def panel(webkit_engine):
    os.environ["QT_QPA_PLATFORM"] = "xcb"
    app = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["test"])
    app.setQuitOnLastWindowClosed(False)
    panel = QtWebView(html="<p>panel", width=200, height=100, dev_tools=False)
    panel.show()
    yield panel
    panel.destroy()


def value(panel, script):
    results = []
    panel.eval_js_async(script, lambda *result: results.append(result), 20000)
    until(lambda: results, script)
    assert results[0][1] is None, results[0][1]
    return results[0][0]


def test_every_kind_works_and_outlives_a_close(panel):
    class Tool:
        def plain(self):
            return threading.current_thread() is threading.main_thread()

    panel.bind_api(Tool(), "tool")
    panel.bind_call(
        "worker",
        lambda: threading.current_thread() is threading.main_thread(),
        worker=True,
    )

    @panel.bind_call("awaited")
    async def awaited():
        await asyncio.sleep(0)
        return current_call().name

    @panel.command
    def greet(name):
        return f"Hello {name}"

    script = """(async () => [
        await auroraview.call('tool.plain'), await auroraview.call('worker'),
        await auroraview.call('awaited'), await auroraview.invoke('greet', {name: 'Ann'})])()"""
    expected = [True, False, "awaited", "Hello Ann"]
    assert value(panel, script) == expected
    panel.close()
    until(lambda: not panel.is_alive())
    panel.show()
    assert value(panel, script) == expected
    assert panel.commands.list_commands() == ["greet"]


def test_the_gui_thread_is_told_of_a_cancel(panel):
    told = []

    @panel.bind_call("work")
    async def work():
        current_call().on_cancel(
            lambda: told.append(threading.current_thread() is threading.main_thread())
        )
        await asyncio.sleep(3600)

    script = """(async () => {
        const c = new AbortController();
        setTimeout(() => c.abort(), 200);
        return await auroraview.call('work', null, {signal: c.signal}).catch((e) => e.name) })()"""
    assert value(panel, script) == "AbortError"
    until(lambda: told)
    assert told == [True]
