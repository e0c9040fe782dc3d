"""register_protocol(): every kind of answer, on the null engine."""

import concurrent.futures
import io
import json
import logging
import threading

import pytest
from auroraview import WebView, errors

pytestmark = pytest.mark.usefixtures("null_engine")


@pytest.fixture
def view(pump):
    view = WebView(html="<title>null</title>")
    yield view
    view.close()


@pytest.fixture
def fetch(pump, view):
    """Fetch scene:… with a handler, or with what one returns."""

    def fetch(handler, range="", url="scene://a/b", **options):
        if not callable(handler):
            result = handler
            handler = lambda uri: result  # noqa: E731
        view.register_protocol("scene", handler, **options)
        script = f"auroraview.fetch({json.dumps(url)}, {json.dumps(range)})"
        answer = pump.value(view, script)
        return (answer["status"], answer["body"]), answer

    return fetch


def test_the_handler_gets_the_uri(fetch):
    got = []

    def handler(uri):
        got.append(uri)
        return {"data": b"x", "mime_type": "model/obj", "status": 203}

    short, answer = fetch(handler, url="scene://models/a%20b.obj?lod=1")
    assert got == ["scene://models/a%20b.obj?lod=1"]
    assert short == (203, "x")
    assert answer["type"] == "model/obj"


@pytest.mark.parametrize(
    "data",
    [b"abc", bytearray(b"abc"), memoryview(b"abc"), "abc", io.BytesIO(b"abc"), io.StringIO("abc"),
     iter([b"a", b"", b"bc"]), (c for c in ["a", b"bc"])],
    ids=["bytes", "bytearray", "memoryview", "str", "file", "text", "iterator", "generator"],
)  # fmt: skip
def test_the_forms_of_data(fetch, data):
    assert fetch(data)[0] == (200, "abc")


def test_the_same_inside_a_dict(fetch):
    assert fetch({"data": io.BytesIO(b"abc"), "status": 201})[0] == (201, "abc")
    assert fetch({"status": 204})[0] == (204, "")


def test_nothing_is_404(fetch):
    assert fetch(None)[0][0] == 404


def test_paths_are_files(fetch, tmp_path):
    (tmp_path / "a.json").write_text("[1, 2, 3]")
    short, answer = fetch(tmp_path / "a.json")
    assert short == (200, "[1, 2, 3]")
    assert answer["type"] == "application/json; charset=utf-8"
    assert fetch(tmp_path / "a.json", "bytes=1-4")[0] == (206, "1, 2")
    assert fetch(tmp_path / "none")[0][0] == 404
    assert fetch(tmp_path)[0][0] == 500  # a folder is no answer


def test_an_open_file_goes_on_where_it_stands_and_is_closed(fetch, tmp_path):
    (tmp_path / "a.bin").write_bytes(b"0123456789")
    file = open(tmp_path / "a.bin", "rb")
    file.seek(4)
    assert fetch(file)[0] == (200, "456789")
    assert file.closed


def test_parts_are_cut_out_of_bytes(fetch):
    assert fetch(b"0123456789", "bytes=2-4")[0] == (206, "234")
    assert fetch(b"0123456789", "bytes=99-")[0] == (416, "")


def test_the_type_goes_by_the_url_unless_it_is_given(fetch):
    for name, kind in {
        "a.js": "text/javascript; charset=utf-8",
        "a.png?x.txt": "image/png",
        "a": "application/octet-stream",
    }.items():
        assert fetch(b"x", url=f"scene://a/{name}")[1]["type"] == kind
    assert fetch("x", url="scene://a/a")[1]["type"] == "text/plain; charset=utf-8"


def test_headers(fetch):
    _, answer = fetch({"data": b"", "headers": {"X-One": 1, "Cache-Control": "max-age=5"}})
    assert answer["headers"].splitlines() == ["X-One: 1", "Cache-Control: max-age=5"]
    _, answer = fetch({"data": b"", "headers": [("Link", "a"), ("Link", "b")]})
    assert answer["headers"].splitlines() == ["Link: a", "Link: b"]


def test_a_request_instead_of_the_uri(fetch):
    seen = []

    def handler(request):
        seen.append((request.url, request.method, request.header("RANGE"), request.header("X-No")))
        seen.append((request.range(10), request.is_cancelled(), repr(request)))
        with pytest.raises(errors.InvalidArgument):
            request.range(1)
        return iter([b"x"])

    assert fetch(handler, "bytes=2-3", with_request=True)[0] == (200, "x")
    assert seen == [
        ("scene://a/b", "GET", "bytes=2-3", None),
        ((2, 2), False, "ProtocolRequest(GET 'scene://a/b')"),
    ]


def test_a_big_generator_is_asked_as_there_is_room(fetch):
    asked = []

    def pieces():
        for i in range(300):
            asked.append(threading.get_ident())
            yield bytes(100_000)

    _, answer = fetch(pieces())
    assert answer["length"] == 30_000_000
    assert set(asked) == {threading.get_ident()}


# -- failures ------------------------------------------------------------------


def test_a_handler_that_raises(fetch, caplog):
    def handler(uri):
        raise ValueError("the secret of the house")

    with caplog.at_level(logging.ERROR, "auroraview"):
        status, body = fetch(handler)[0]
    assert status == 500
    assert "ValueError" in body and "secret" not in body
    assert "the secret of the house" in caplog.text and "scene://a/b" in caplog.text


@pytest.mark.parametrize("error, status", [(FileNotFoundError, 404), (PermissionError, 403)])
def test_errors_with_a_meaning(fetch, caplog, error, status):
    def handler(uri):
        raise error("x")

    assert fetch(handler)[0][0] == status
    assert not caplog.records


@pytest.mark.parametrize(
    "answer",
    [42, {"data": b"", "status": 42}, {"data": b"", "typo": 1}, {"data": b"", "mime_type": "a\nb"},
     {"data": b"", "headers": {"X": "a\r\nY: b"}}, {"data": b"", "headers": {"X Y": "a"}},
     {"data": object()}, {"data": b"", "status": "200"}],
)  # fmt: skip
def test_answers_that_are_none(fetch, caplog, answer):
    assert fetch(answer)[0][0] == 500
    assert caplog.records


def test_a_generator_that_raises_cuts_the_body_off(fetch, caplog):
    closed = []

    def pieces():
        try:
            yield b"x" * 1000
            raise RuntimeError("in the middle")
        finally:
            closed.append(True)

    with pytest.raises(errors.ScriptError, match="cut off"):
        fetch(pieces())
    assert closed and "in the middle" in caplog.text


@pytest.mark.parametrize("leave", ["load_html", "close"])
def test_a_page_that_leaves_ends_the_generator(pump, view, leave):
    begun, ended = [], []

    def pieces():
        try:
            while True:
                begun.append(True)
                yield bytes(100_000)
        except GeneratorExit:
            ended.append(True)

    view.register_protocol("scene", lambda uri: pieces())
    view.eval_js_async('auroraview.fetch("scene://a/b")', lambda *_: None)
    pump.until(lambda: begun, "the begin of the generator")
    view.close() if leave == "close" else view.load_html("<title>another</title>")
    pump.until(lambda: ended, "the end of the generator")


def test_a_future_answers_later(fetch):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert fetch(lambda uri: pool.submit(lambda: b"later"))[0] == (200, "later")
        assert fetch(lambda uri: pool.submit(lambda: 1 / 0))[0][0] == 500


def test_keyboard_interrupt_reaches_the_application(pump, view):
    def handler(uri):
        raise KeyboardInterrupt

    view.register_protocol("scene", handler)
    view.eval_js_async('auroraview.fetch("scene://a/b")', lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        pump.until(lambda: False)


@pytest.mark.parametrize("scheme", ["", "http", "auroraview", "a b", "é", "1x"])
def test_schemes_that_cannot_be_registered(view, scheme):
    with pytest.raises(errors.InvalidArgument):
        view.register_protocol(scheme, lambda uri: None)


def test_a_handler_must_be_callable(view):
    with pytest.raises(TypeError, match="callable"):
        view.register_protocol("scene", None)


def test_many_views_serve_their_own(pump):
    views = [WebView(html="<p>") for _ in range(3)]
    for number, view in enumerate(views):
        view.register_protocol("scene", lambda uri, n=number: str(n))
    for number, view in enumerate(views):
        answer = pump.value(view, 'auroraview.fetch("scene://a/b")')
        assert answer["body"] == str(number)
        view.close()
