"""The panel's calls, with the scan and the workers for real and a recorder in place of the view."""

import threading

import pytest

from gallery.asset_browser.meshes import MeshError
from gallery.asset_browser.service import AssetService


class Recorder:
    """What the service needs of a view: it keeps what is bound and what is emitted."""

    def __init__(self):
        self.calls = {}
        self.events = []

    def bind_call(self, name, function):
        self.calls[name] = function

    def emit(self, name, data):
        self.events.append((name, data))


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


def names(message):
    return message["assets"]["name"]


def test_hello_and_batches_add_up_without_gap_or_double(make, tmp_path, monkeypatch):
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
    assert view.events == []  # nobody listens yet
    hello = view.calls["browser.hello"]()
    gate.set()
    assert service.wait_for_scan(20)
    got = names(hello)
    for event, batch in view.events:
        assert event == "scan.batch" and batch["generation"] == hello["generation"]
        if batch["sequence"] > hello["sequence"]:
            got += names(batch)
    assert got == [f"{i:02}.obj" for i in range(30)]
    assert not service.scanning and service.progress.done


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
    old = view.calls["browser.hello"]()
    service.rescan()
    assert service.wait_for_scan(20)
    assert view.events[0] == ("scan.begin", {"generation": old["generation"] + 1, "roots": ["Root"]})
    new = view.calls["browser.hello"]()
    assert names(new) == names(old)
    assert not set(new["assets"]["id"]) & set(old["assets"]["id"])
    with pytest.raises(KeyError):
        view.calls["browser.mesh"](id=old["assets"]["id"][0])


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
    hello = view.calls["browser.hello"]()
    codes = {key: column.typecode for key, column in hello["assets"].items() if key != "name"}
    assert codes == {"id": "I", "folder": "I", "kind": "B", "size": "d", "mtime": "d"}
    assert view.calls["ping"]() > 0
