"""Fixtures of the Python tests."""

import os
import time

import pytest

# Seconds until something that must happen counts as not happening. Reached only
# by a failure.
PATIENCE = 20.0


class Pump:
    """Processes the default application's messages until something is true."""

    def __init__(self):
        from auroraview.core import app

        self.app = app.default_app()

    def until(self, condition, what="the condition"):
        import select

        deadline = time.monotonic() + PATIENCE
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0, f"{what} did not come true"
            select.select([self.app.fd()], [], [], min(left, 1.0))
            self.app.process()

    def value(self, view, script):
        """Value of a script, with handlers running meanwhile."""
        results = []
        view.eval_js_async(script, lambda value, error: results.append((value, error)), 15000)
        self.until(lambda: results, f"a result of {script!r}")
        value, error = results[0]
        if error is not None:
            raise error
        return value


@pytest.fixture
def null_engine(monkeypatch):
    """The engine without a display; the application ends with the test."""
    from auroraview.core import app

    monkeypatch.setenv("AURORAVIEW_BACKEND", "null")
    app.shutdown()
    yield
    app.shutdown()


@pytest.fixture
def webkit_engine(monkeypatch):
    from auroraview.core import app

    assert os.environ.get("DISPLAY"), "this test needs a display: tools/with-display"
    monkeypatch.delenv("AURORAVIEW_BACKEND", raising=False)
    app.shutdown()
    yield
    app.shutdown()


@pytest.fixture
def pump(null_engine):
    return Pump()


@pytest.fixture
def web_pump(webkit_engine):
    return Pump()
