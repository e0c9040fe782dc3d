"""The panel's calls, with the scan and the workers for real and a recorder in place of the view."""

import queue
import threading

import pytest
from auroraview.errors import Closed

from gallery.asset_browser.meshes import MeshError
from gallery.asset_browser.service import AssetService


class Recorder:
    """What the service needs of a view: it keeps what is bound."""

    def __init__(self):
        self.calls = {}
        self.state = {}
        self.opened = {}

    def bind_call(self, name, function):
        self.calls[name] = function

    def on_channel(self, name, function):
        self.opened[name] = function


class Reader:
    """The page's end of a channel with room for one message."""

    def __init__(self, view):
        self.is_closed = False
        self._room = threading.Semaphore(1)
        self._messages = queue.Queue()
        view.opened["scan"](self)

    def on_close(self, function):
        self._closed = function

    def send_wait(self, message):
        assert self._room.acquire(timeout=20)
        if self.is_closed:
            raise Closed
        self._messages.put(message)

    def close(self):
        self.is_closed = True
        self._room.release()
        self._closed(None)

    def take(self):
        message = self._messages.get(timeout=20)
        self._room.release()
        return message

    def assets(self, count):
        found = []
        while len(found) < count:
            columns = self.take()["assets"]
            found += zip(columns["name"], columns["id"])
        return found


@pytest.fixture
def make(tmp_path):
    made = []

    def run(on_batch=lambda generation, batch: None):
        view = Recorder()
        service = AssetService(view, [("Root", str(tmp_path))], on_batch)
        made.append(service)
        return view, service

    yield run
    for service in made:
        service.close()


def fill(folder, count=30):
    for i in range(count):
        (folder / f"{i:02}.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")


def test_every_page_gets_all_that_is_found(make, tmp_path, monkeypatch):
    monkeypatch.setattr("gallery.asset_browser.scan.BATCH_ASSETS", 1)
    fill(tmp_path)
    gate, half = threading.Event(), threading.Event()
    seen = []

    def on_batch(_generation, batch):
        seen.append(batch)
        if len(seen) == 10:
            half.set()
            assert gate.wait(20)

    view, service = make(on_batch)
    service.rescan()
    assert half.wait(20)
    assert not service.panel_open
    early = Reader(view)
    assert early.take() == {"roots": ["Root"]}
    gate.set()
    assert service.wait_for_scan(20)  # although nobody reads
    assert not service.scanning and service.progress.done
    late = Reader(view)
    assert late.take() == {"roots": ["Root"]}
    assert service.panel_open
    for reader in (early, late):
        assert [name for name, _ in reader.assets(30)] == [f"{i:02}.obj" for i in range(30)]
        reader.close()
    for thread in threading.enumerate():
        if thread.name == "feed":
            thread.join(20)
            assert not thread.is_alive()


def test_cancel_really_ends_the_scan(make, tmp_path, monkeypatch):
    monkeypatch.setattr("gallery.asset_browser.scan.BATCH_ASSETS", 1)
    fill(tmp_path)
    gate, first = threading.Event(), threading.Event()

    def on_batch(_generation, _batch):
        first.set()
        assert gate.wait(20)

    view, service = make(on_batch)
    service.rescan()
    assert first.wait(20)
    assert view.calls["browser.cancel"]() is True
    gate.set()
    assert service.wait_for_scan(20)
    assert service.progress.cancelled and service.progress.assets < 30
    assert view.calls["browser.cancel"]() is False


def test_rescan_drops_the_old_scan_and_never_reuses_numbers(make, tmp_path):
    fill(tmp_path, 3)
    view, service = make()
    service.rescan()
    assert service.wait_for_scan(20)
    reader = Reader(view)
    assert reader.take() == {"roots": ["Root"]}
    old = dict(reader.assets(3))
    view.state["selection"] = {"asset": old["00.obj"], "folder": None}
    service.rescan()
    assert view.state["selection"] == {"asset": None, "folder": None}
    assert service.wait_for_scan(20)
    while reader.take() != {"roots": ["Root"]}:
        pass
    new = dict(reader.assets(3))
    assert list(new) == list(old)
    assert not set(new.values()) & set(old.values())
    with pytest.raises(KeyError):
        view.calls["browser.mesh"](id=old["00.obj"])
    reader.close()


def test_mesh_and_its_errors_arrive_by_future(make, tmp_path):
    fill(tmp_path, 1)
    (tmp_path / "bad.stl").write_bytes(b"x" * 90)
    view, service = make()
    service.rescan()
    assert service.wait_for_scan(20)
    by_name = {service.asset(i).name: i for i in service.asset_ids()}
    mesh = view.calls["browser.mesh"](id=by_name["00.obj"]).result(20)
    assert (mesh["triangles"], mesh["vertices"], mesh["positions"].typecode) == (1, 3, "f")
    with pytest.raises(MeshError):
        view.calls["browser.mesh"](id=by_name["bad.stl"]).result(20)


def test_numbers_travel_as_arrays(make, tmp_path):
    fill(tmp_path, 2)
    view, service = make()
    service.rescan()
    assert service.wait_for_scan(20)
    reader = Reader(view)
    reader.take()
    columns = reader.take()["assets"]
    while not columns["name"]:
        columns = reader.take()["assets"]
    reader.close()
    codes = {key: column.typecode for key, column in columns.items() if key != "name"}
    assert codes == {"id": "I", "folder": "I", "kind": "B", "size": "d", "mtime": "d"}
    assert view.calls["ping"]() > 0
