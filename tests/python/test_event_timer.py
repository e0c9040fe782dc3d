"""Timers: who ticks, what a tick does, and how it ends."""

import threading
import time

import pytest

from auroraview import EventTimer, ThreadTimerBackend, TimerBackend, WebView
from auroraview.utils import timer_backends

PATIENCE = 20.0


class ByHand(TimerBackend):
    """Ticks when the test says so."""

    def __init__(self):
        self.callback = None
        self.intervals = []

    def is_available(self):
        return True

    def start(self, interval_ms, callback):
        self.intervals.append(interval_ms)
        self.callback = callback
        return self

    def stop(self, handle):
        assert handle is self
        self.callback = None


class View:
    def __init__(self):
        self.processed = 0
        self.ended = False
        self.valid = True

    def process_events(self):
        self.processed += 1
        return self.ended

    def is_window_valid(self):
        return self.valid


@pytest.fixture
def hand():
    return ByHand()


def test_a_tick_calls_back_and_processes(hand):
    view = View()
    seen = []
    timer = EventTimer(view, backend=hand)

    @timer.on_tick
    def tick():
        seen.append(view.processed)

    with timer:
        assert timer.is_running
        with pytest.raises(RuntimeError, match="running"):
            timer.start()
        hand.callback()
        hand.callback()
        assert timer.off_tick(tick)
        assert not timer.off_tick(tick)
        hand.callback()
    assert seen == [0, 1]
    assert view.processed == 3
    assert not timer.is_running
    assert hand.callback is None


@pytest.mark.parametrize("how", ["ended", "invalid"])
def test_the_end_is_told_once_with_the_timer_stopped(hand, how):
    view = View()
    timer = EventTimer(view, backend=hand)
    closed = []
    timer.on_close(lambda: closed.append(timer.is_running))
    not_wanted = timer.on_close(lambda: closed.append("not wanted"))
    assert timer.off_close(not_wanted)
    timer.start()
    tick = hand.callback
    if how == "ended":
        view.ended = True
    else:
        view.valid = False
    tick()
    tick()
    assert closed == [False]
    assert hand.callback is None


def test_validity_need_not_be_asked(hand):
    view = View()
    view.valid = False
    timer = EventTimer(view, check_window_validity=False, backend=hand)
    timer.start()
    hand.callback()
    assert timer.is_running
    timer.cleanup()


def test_a_callback_that_fails_stops_nothing(hand, caplog):
    view = View()
    timer = EventTimer(view, backend=hand)
    timer.on_tick(lambda: 1 / 0)
    timer.start()
    hand.callback()
    hand.callback()
    assert view.processed == 2
    assert "ZeroDivisionError" in caplog.text


def test_intervals(hand):
    for bad in (0, -1):
        with pytest.raises(ValueError, match="above 0"):
            EventTimer(View(), interval_ms=bad)
    timer = EventTimer(View(), interval_ms=10, backend=hand)
    timer.start()
    timer.interval_ms = 20
    assert timer.is_running
    assert hand.intervals == [10, 20]
    with pytest.raises(ValueError):
        timer.interval_ms = 0
    assert timer.interval_ms == 20
    timer.stop()
    timer.stop()


def test_a_thread_drives_a_view(null_engine):
    view = WebView(html="<p>page")
    heard = threading.Event()
    closed = threading.Event()
    view.on("e", lambda data: heard.set())
    timer = EventTimer(view, interval_ms=2, backend=ThreadTimerBackend())
    timer.on_close(closed.set)
    timer.start()
    view.eval_js('auroraview.emit("e", {"n": 1})')
    assert heard.wait(PATIENCE)
    view.close()
    assert closed.wait(PATIENCE)
    assert not timer.is_running


def test_a_thread_that_is_stopped_has_ended():
    ticks = []
    backend = ThreadTimerBackend()
    handle = backend.start(1, lambda: ticks.append(1))
    end = time.monotonic() + PATIENCE
    while not ticks and time.monotonic() < end:
        threading.Event().wait(0.001)
    backend.stop(handle)
    count = len(ticks)
    assert count
    assert not handle.is_alive()
    backend.stop(handle)
    assert len(ticks) == count


def test_the_registry():
    class Mine(ByHand):
        pass

    class Broken(ByHand):
        def is_available(self):
            raise OSError

    timer_backends.register_timer_backend(Broken, priority=300)
    timer_backends.register_timer_backend(Mine, priority=200)
    try:
        assert isinstance(timer_backends.get_available_backend(), Mine)
        listed = timer_backends.list_registered_backends()
        assert listed[0] == (300, "Broken", False)
        assert listed[1] == (200, "Mine", True)
        assert listed[-1] == (0, "ThreadTimerBackend", True)
    finally:
        assert timer_backends.unregister_timer_backend(Mine)
        assert timer_backends.unregister_timer_backend(Broken)
    assert not timer_backends.unregister_timer_backend(Mine)
