"""State and channels without a display: the null engine's page answers."""

import threading

import pytest
from auroraview import WebView, errors

pytestmark = pytest.mark.usefixtures("null_engine")


@pytest.fixture
def view(pump):
    view = WebView(html="<p>", debug=False)
    yield view
    view.close()


def test_state_is_a_dict(pump, view):
    state = view.state
    assert state is view.state
    state["a"] = {"x": [1]}
    state["b"] = b"bytes"
    state.update({"c": 3})
    assert (len(state), list(state), "a" in state, "z" in state, 1 in state) == (
        3, ["a", "b", "c"], True, False, False,
    )  # fmt: skip
    assert state["a"] == {"x": [1]}
    assert bytes(state["b"]) == b"bytes"
    assert state.get("z") is None
    assert state.get("z", 7) == 7
    assert state.pop("c") == 3
    assert state.pop("c", None) is None
    assert state.setdefault("d", 4) == 4
    assert state.setdefault("d", 5) == 4
    assert dict(state.items())["d"] == 4
    assert state.keys() == ["a", "b", "d"]
    assert state.values()[2] == 4
    assert list(state.to_dict()) == ["a", "b", "d"]
    for missing in (lambda: state["z"], lambda: state.pop("z"), lambda: state.__delitem__("z")):
        with pytest.raises(KeyError):
            missing()
    with pytest.raises(TypeError):
        state[1] = 1
    with pytest.raises(ValueError):
        state["a"] = float("nan")
    state["a"]["x"].append(2)  # a copy
    assert state["a"] == {"x": [1]}
    state.clear()
    assert len(state) == 0
    assert repr(state) == "State({})"


def test_changes_are_heard_with_their_source(pump, view):
    changes = []

    @view.state.on_change
    def changed(key, value, source):
        changes.append((key, value, source))
        if key == "bad":
            raise ValueError("mine")

    view.state["a"] = 1
    assert changes == []  # handlers run where all handlers run
    pump.until(lambda: changes)
    view.state["a"] = 1
    view.state.update({"quiet": 1}, notify=False)
    view.state["bad"] = 1
    pump.until(lambda: len(changes) == 2)
    pump.value(view, 'auroraview.state["p"] = [2]')
    pump.until(lambda: len(changes) == 3)
    del view.state["p"]
    pump.until(lambda: len(changes) == 4)
    assert changes == [
        ("a", 1, "python"), ("bad", 1, "python"), ("p", [2], "javascript"), ("p", None, "python"),
    ]  # fmt: skip
    assert view.state.off_change(changed)
    assert not view.state.off_change(changed)
    assert pump.value(view, "auroraview.state.toJSON()") == {"a": 1, "quiet": 1, "bad": 1}


def test_a_batch_takes_effect_at_its_end_or_not_at_all(pump, view):
    state = view.state
    state["old"] = 1
    with state.batch_update() as batch:
        batch["a"] = 1
        state["b"] = 2
        assert state["a"] == 1
        thread = threading.Thread(target=lambda: state.__setitem__("other", state.get("a")))
        thread.start()
        thread.join()
        del state["b"], state["old"]
    assert state.to_dict() == {"other": None, "a": 1}
    with pytest.raises(ZeroDivisionError), state.batch_update():
        state["c"] = 1 / 1
        raise ZeroDivisionError
    assert "c" not in state
    with pytest.raises(TypeError), state.batch_update():
        state["c"] = object()


def test_the_manager_knows_the_open_channels(pump, view):
    channels = view.channels
    first, second = view.create_channel(), view.create_channel("x")
    assert first.id != second.id
    assert channels.get("x") is second
    assert (len(channels), channels.active_count, "x" in channels) == (2, 2, True)
    with pytest.raises(errors.WrongState):
        view.create_channel("x")
    with pytest.raises(ValueError):
        view.create_channel("")
    with pytest.raises(ValueError):
        view.create_channel("y", window=1 << 30)
    ends = []
    second.on_close(ends.append)
    channels.close_all()
    assert (first.is_closed, second.is_closed, len(channels)) == (True, True, 0)
    pump.until(lambda: ends)
    assert channels.get("x") is None
    second.on_close(ends.append)  # it hears, too
    pump.until(lambda: len(ends) == 2)
    assert ends == [None, None]
    with view.create_channel("x") as again:
        assert repr(again) == "Channel('x')"
    assert repr(again) == "Channel('x', closed)"


def test_a_channel_buffers_holds_and_goes_on(pump, view):
    channel = view.create_channel("x", window=300)
    sent = 0
    while channel.send({"n": sent}):
        sent += 1
    assert sent == 4
    with pytest.raises(errors.Timeout):
        channel.send_wait(1, 0)
    with pytest.raises(errors.TooLarge):
        channel.send(b"x" * 300)
    assert pump.value(view, 'auroraview.received("x")') == []
    writer = threading.Thread(target=channel.send_wait, args=({"n": sent},))
    writer.start()
    got = []
    while len(got) < 5:
        got += pump.value(view, 'auroraview.received("x")')
    writer.join()
    assert [m["n"] for m in got] == list(range(5))


def test_messages_reach_handlers_and_iterators(pump, view):
    received = []
    channel = view.create_channel("x")
    for n in range(100):
        pump.value(view, f'auroraview.channel("x").send({n})')
    channel.on_message(received.append)
    ends = []
    channel.on_close(ends.append)
    pump.value(view, 'auroraview.channel("x").close()')
    pump.until(lambda: ends)
    assert received == list(range(100))
    assert channel.closed_by == "javascript"

    offered = []
    view.on_channel("job", offered.append)
    pump.value(view, 'auroraview.channel("job").send("task")')
    pump.until(lambda: offered)
    assert offered[0].receive(1) == "task"
    with pytest.raises(errors.Timeout):
        offered[0].receive(0)
    read = []
    reader = threading.Thread(target=lambda: read.extend(offered[0]))
    reader.start()
    pump.value(view, 'auroraview.channel("job").send(1)')
    pump.value(view, 'auroraview.channel("job").close()')
    reader.join()
    assert read == [1]


def test_the_end_of_the_view_is_the_end_of_its_channels(pump, view):
    channel = view.create_channel("x")
    ends = []
    channel.on_close(ends.append)
    failed = view.create_channel("y")
    failed.on_close(ends.append)
    error = RuntimeError("no more")
    failed.fail(error)
    pump.until(lambda: ends)
    assert ends == [error]
    assert failed.error is error
    view.close()
    pump.until(lambda: len(ends) == 2)
    assert isinstance(ends[1], errors.Closed)
    assert channel.closed_by is None
    with pytest.raises(errors.Closed):
        channel.send(1)
    view.state["a"] = 1  # ours, whoever is left to see it
    assert view.state.to_dict() == {"a": 1}
    with pytest.raises(errors.Closed):
        view.create_channel("z")
