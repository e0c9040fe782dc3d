"""The folder scan: what it finds, what it survives, and that cancelling stops it."""

import os
import threading

from gallery.asset_browser import scan as scanning
from gallery.asset_browser.scan import IMAGE, MESH, ScanThread, scan


def collect(root, cancel=None, first_id=0):
    batches = list(scan([("Root", str(root))], cancel or threading.Event(), first_id))
    folders = [f for b in batches for f in b.folders]
    assets = [a for b in batches for a in b.assets]
    return folders, assets, [b.progress for b in batches]


def touch(path, size=3):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)


def test_finds_assets_and_the_folders_that_lead_to_them(tmp_path):
    touch(tmp_path / "b.PNG", 5)
    touch(tmp_path / "a.txt")
    touch(tmp_path / "deep" / "er" / "m.stl")
    touch(tmp_path / "empty" / "nothing.doc")
    folders, assets, progress = collect(tmp_path)
    assert [f.name for f in folders] == ["Root", "deep", "er"]
    by_id = {f.id: f for f in folders}
    assert [by_id[f.parent].name for f in folders if f.parent >= 0] == ["Root", "deep"]
    assert [(a.name, a.kind, a.size) for a in assets] == [("b.PNG", IMAGE, 5), ("m.stl", MESH, 3)]
    assert by_id[assets[1].folder].name == "er"
    last = progress[-1]
    assert (last.files, last.folders, last.assets) == (4, 4, 2)
    assert last.done and not last.cancelled and last.fraction == 1.0


def test_numbers_are_unique_and_begin_where_told(tmp_path):
    for i in range(5):
        touch(tmp_path / f"d{i}" / "a.png")
    folders, assets, _ = collect(tmp_path, first_id=1000)
    numbers = [x.id for x in folders + assets]
    assert sorted(numbers) == list(range(1000, 1000 + len(numbers)))


def test_a_folder_is_reported_before_what_is_in_it(tmp_path, monkeypatch):
    monkeypatch.setattr(scanning, "BATCH_ASSETS", 1)
    for i in range(20):
        touch(tmp_path / f"d{i % 4}" / f"e{i % 3}" / f"{i}.png")
    known = set()
    for batch in scan([("Root", str(tmp_path))], threading.Event()):
        for folder in batch.folders:
            assert folder.parent == -1 or folder.parent in known
            known.add(folder.id)
        assert all(a.folder in known for a in batch.assets)


def test_progress_never_falls_and_ends_at_one(tmp_path):
    for i in range(60):
        touch(tmp_path / str(i % 7) / str(i % 5) / f"{i}.png")
    ticks = iter(range(100_000))
    seen = [b.progress.fraction
            for b in scan([("R", str(tmp_path))], threading.Event(), clock=lambda: next(ticks))]  # fmt: skip
    assert len(seen) > 10
    assert seen == sorted(seen) and 0 < seen[0] and seen[-1] == 1.0
    assert 0.99 < seen[-2]  # the shares add up by themselves


def test_several_roots(tmp_path):
    touch(tmp_path / "a" / "1.png")
    touch(tmp_path / "b" / "2.png")
    roots = [("A", str(tmp_path / "a")), ("B", str(tmp_path / "b"))]
    batches = list(scan(roots, threading.Event()))
    assert [f.name for b in batches for f in b.folders] == ["A", "B"]
    assert [a.name for b in batches for a in b.assets] == ["1.png", "2.png"]


def test_links_to_folders_are_not_followed(tmp_path):
    touch(tmp_path / "a" / "1.png")
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "ping").symlink_to("pong")
    (tmp_path / "pong").symlink_to("ping")
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "gone.png").symlink_to("nowhere")
    (tmp_path / "link.png").symlink_to(tmp_path / "a" / "1.png")
    (tmp_path / "folder.png").symlink_to(tmp_path / "a", target_is_directory=True)
    _, assets, progress = collect(tmp_path)
    assert [a.name for a in assets] == ["link.png", "1.png"]
    assert progress[-1].done


def test_a_link_as_the_root_is_followed(tmp_path):
    touch(tmp_path / "real" / "1.png")
    (tmp_path / "link").symlink_to("real")
    assert len(collect(tmp_path / "link")[1]) == 1


def test_only_regular_files_are_assets(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    assert collect(tmp_path)[1] == []


def test_unreadable_folders_are_counted(tmp_path, monkeypatch):
    touch(tmp_path / "open" / "1.png")
    (tmp_path / "shut").mkdir()
    real = os.scandir

    # Permissions would not stop root, as which tests often run.
    def scandir(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(scanning.os, "scandir", scandir)
    _, assets, progress = collect(tmp_path)
    assert len(assets) == 1
    assert progress[-1].unreadable == 1 and progress[-1].fraction == 1.0


def test_a_root_that_is_not_there(tmp_path):
    _, assets, progress = collect(tmp_path / "gone")
    assert assets == [] and progress[-1].done and progress[-1].unreadable == 1


def test_names_that_are_no_utf8(tmp_path):
    folder = os.path.join(os.fsencode(tmp_path), b"d\xe9")
    os.mkdir(folder)
    with open(os.path.join(folder, b"\xff\xfe.png"), "wb"):
        pass
    folders, assets, _ = collect(tmp_path)
    assert folders[-1].name == "d\ufffd" and assets[0].name == "\ufffd\ufffd.png"
    assert assets[0].name.encode("utf-8")  # can be sent to a page
    assert os.path.exists(assets[0].path)  # and the real name still leads to the file


def test_cancel_before_the_start(tmp_path):
    touch(tmp_path / "1.png")
    cancel = threading.Event()
    cancel.set()
    _, assets, progress = collect(tmp_path, cancel)
    assert assets == [] and progress[-1].cancelled and progress[-1].done


def test_cancel_stops_between_batches_and_keeps_what_was_found(tmp_path, monkeypatch):
    monkeypatch.setattr(scanning, "BATCH_ASSETS", 10)
    for i in range(200):
        touch(tmp_path / f"{i // 20:02}" / f"{i:03}.png")
    cancel = threading.Event()
    found = 0
    for batch in scan([("R", str(tmp_path))], cancel):
        found += len(batch.assets)
        cancel.set()
    assert batch.progress.done and batch.progress.cancelled
    assert found == batch.progress.assets == 10
    assert batch.progress.fraction < 1.0


def test_cancel_inside_one_huge_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(scanning, "CANCEL_EVERY", 8)
    for i in range(100):
        touch(tmp_path / f"{i:03}.png")
    looked = 0

    class Token(threading.Event):
        def is_set(self):
            nonlocal looked
            looked += 1
            return looked > 5

    list(scan([("R", str(tmp_path))], Token()))
    assert looked < 20


def test_thread_reports_and_ends_when_cancelled(tmp_path, monkeypatch):
    monkeypatch.setattr(scanning, "BATCH_ASSETS", 1)
    for i in range(50):
        touch(tmp_path / f"{i}.png")
    first, go_on = threading.Event(), threading.Event()
    batches = []

    def on_batch(batch):
        batches.append(batch)
        first.set()
        assert go_on.wait(20)

    thread = ScanThread([("R", str(tmp_path))], 0, on_batch)
    thread.start()
    assert first.wait(20)
    assert thread.running
    thread.cancel()
    go_on.set()
    assert thread.join(20)
    assert not thread.running
    assert batches[-1].progress.cancelled and len(batches) == 2
