"""How messages are processed: presets, limits, batches and figures."""

import pytest
from conftest import Pump

import auroraview.core.app as app
from auroraview import WebView, errors
from auroraview.core.processing import ProcessingMode, ProcessorConfig


@pytest.fixture
def configured(null_engine):
    yield app.configure
    app.shutdown()
    app.configure(None)


def ticks_of(count):
    """How many posts each tick ran, of ``count`` that waited."""
    pump = Pump()
    ran = []
    for _ in range(count):
        pump.app.post(lambda: ran.append(1))
    ticks = []
    while len(ran) < count:
        before = len(ran)
        pump.app.process()
        ticks.append(len(ran) - before)
    return ticks


def test_presets_have_the_values_of_the_contract():
    assert ProcessorConfig() == ProcessorConfig.standalone()
    for preset, mode, limit in (
        (ProcessorConfig.standalone(), ProcessingMode.FULL, 0),
        (ProcessorConfig.qt_embedded(), ProcessingMode.IPC_ONLY, 100),
        (ProcessorConfig.legacy_embedded(), ProcessingMode.FULL, 50),
    ):
        assert (preset.mode, preset.max_messages_per_tick) == (mode, limit)
        assert preset.immediate_wake
        assert preset.batch_interval_ms == 0


@pytest.mark.parametrize(
    ("config", "ticks"),
    [
        (ProcessorConfig.standalone(), [230]),
        (ProcessorConfig.qt_embedded(), [100, 100, 30]),
        (ProcessorConfig.legacy_embedded(), [50, 50, 50, 50, 30]),
        (ProcessorConfig(mode=ProcessingMode.BATCH, batch_size=115), [115, 115]),
    ],
)
def test_a_tick_obeys_its_limit(configured, config, ticks):
    configured(config)
    assert ticks_of(230) == ticks


def test_events_wait_for_the_interval_and_calls_do_not(configured):
    configured(ProcessorConfig(batch_interval_ms=20))
    pump = Pump()
    view = WebView(html="<p>page")
    heard = []
    view.on("e", heard.append)
    view.bind_call("m", lambda: 1)
    for i in range(1, 11):
        view.eval_js('auroraview.emit("e", {"n": 1})')
        pump.until(lambda i=i: len(heard) == i)
    assert app.stats()["deferred_wakes"] > 0
    assert view.eval_js_sync("[1]") == [1]
    view.close()


def test_what_makes_no_sense_is_refused(configured):
    configured(ProcessorConfig(mode=ProcessingMode.BATCH))
    with pytest.raises(errors.InvalidArgument, match="batch_size"):
        app.default_app()
    configured(ProcessorConfig(max_messages_per_tick=-1))
    with pytest.raises(OverflowError):
        app.default_app()
    configured(ProcessorConfig(batch_interval_ms=2**32))
    with pytest.raises(OverflowError):
        app.default_app()


def test_it_comes_before_the_first_view(configured):
    app.default_app()
    with pytest.raises(errors.WrongState, match="before the first view"):
        configured(ProcessorConfig())


def test_figures_are_read_and_set_back(configured):
    configured(ProcessorConfig(queue_capacity=1024))
    ticks_of(100)
    assert app.stats()["messages_processed"] == 100
    assert app.stats()["messages_received"] == 100
    application = app.default_app()
    with pytest.raises(errors.QueueFull):
        for _ in range(2000):
            application.post(int)
    assert app.stats()["messages_failed"] == 1
    assert app.stats()["peak_queue_length"] >= 1000
    application.process()
    app.reset_stats()
    assert not any(app.stats().values())
