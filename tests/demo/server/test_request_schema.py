"""Calls that make no sense, over HTTP as strangers send them: each is answered with a sentence, and none
leaves a traceback."""

import socket
import threading

import pytest

from benchmarks.visitor import Visitor, named
from demo.page import build
from facehub import image

from ..conftest import photo_of, served

FACE = {"path": "UPLOAD", "meta": {"_type": "gradio.FileData"}}


@pytest.fixture
def quiet(capfd, caplog):
    """Whatever is refused leaves one line in the log, and no traceback."""
    yield
    written = capfd.readouterr()
    assert "Traceback" not in written.err + written.out
    assert all(record.exc_info is None for record in caplog.records if record.name.startswith("demo"))


@pytest.fixture
def visitor(url, quiet):
    with Visitor(url, timeout_s=60) as one:
        yield one


@pytest.fixture
def photo(visitor):
    return visitor.upload(image.encode(photo_of((90, 160, 120)), generated=False))


def checked(said) -> str:
    """A refusal's one sentence."""
    assert said.values is None
    assert said.sentence.endswith(".")
    assert len(said.sentence) < 400
    assert "\n" not in said.sentence
    return said.sentence


STRENGTH = "but must be a number from 0 (the photo as it is) to 1 (the full swap)"
NO_FILE, NO_FETCHING = "This is no file that was uploaded here", "it fetches none from an address"

WRONG = [
    ((FACE, "ada", 1.5, "all"), f"Strength is 1.5, {STRENGTH}"),
    ((FACE, "ada", -0.1, "all"), f"Strength is -0.1, {STRENGTH}"),
    ((FACE, "ada", "half", "all"), f'Strength is "half", {STRENGTH}'),
    ((FACE, "ada", None, "all"), f"Strength is nothing, {STRENGTH}"),
    ((FACE, "ada", True, "all"), f"Strength is True, {STRENGTH}"),
    ((FACE, "ada", float("nan"), "all"), f"Strength is nan, {STRENGTH}"),
    ((FACE, "ada", float("inf"), "all"), f"Strength is inf, {STRENGTH}"),
    ((FACE, "ada", 10**400, "all"), f"Strength is 1{'0' * 59}, {STRENGTH}"),
    ((FACE, "ada", [], "all"), f"Strength is a group of values, {STRENGTH}"),
    ((FACE, "ada", {"a": 1}, "all"), "Strength is a group of values, but must be a plain one"),
    ((FACE, 5, 1.0, "all"), "The identity is 5, but must be a text"),
    ((FACE, ["ada"], 1.0, "all"), "The identity is a group of values, but must be a text"),
    ((FACE, "A" * 100_000, 1.0, "all"), "The identity has 100,000 letters, but at most 300"),
    ((FACE, "../../etc/passwd", 1.0, "all"), 'No identity is called "../../etc/passwd"'),
    ((FACE, "a\x00\n<b>\u202e", 1.0, "all"), "No identity is called"),
    ((FACE, "ada", 1.0, 2.5), "Faces is 2.5, but must be a text"),
    ((FACE, "ada", 1.0, "9" * 39), "is no choice"),
    ((FACE, "ada", 1.0, -1), 'Faces "-1" is no choice'),
    ((None, "ada", 1.0, "all"), "There is no photo yet"),
    ((5, "ada", 1.0, "all"), NO_FILE),
    (({}, "ada", 1.0, "all"), NO_FILE),
    (([FACE], "ada", 1.0, "all"), NO_FILE),
    ((named("/etc/passwd"), "ada", 1.0, "all"), NO_FILE),
    ((named("../../etc/passwd"), "ada", 1.0, "all"), NO_FILE),
    ((named("a\x00b"), "ada", 1.0, "all"), NO_FILE),
    ((named("/" + "a" * 3000), "ada", 1.0, "all"), NO_FILE),
    ((named("https://example.org/face.jpg"), "ada", 1.0, "all"), NO_FETCHING),
    ((named("file:///etc/passwd"), "ada", 1.0, "all"), NO_FETCHING),
]


def test_values_that_make_no_sense(visitor, photo):
    for values, sentence in WRONG:
        values = [photo if value is FACE else value for value in values]
        assert sentence in checked(visitor.call("swap", *values))


OTHERS = [
    ("compare", (FACE, ["ada"] * 13, 1.0, "all"), "Identities to compare has 13 entries, but at most 12"),
    ("compare", (FACE, "ada", 1.0, "all"), "must be a list of texts"),
    ("compare", (FACE, [{}], 1.0, "all"), "must be a plain one"),
    ("compare", (FACE, [5], 1.0, "all"), "Identities to compare is 5, but must be a text"),
    ("compare", (FACE, None, 1.0, "all"), "No identity is chosen"),
    ("example", (1,), "Example 1 was asked for"),
    ("example", ("0",), 'Example "0" was asked for'),
    ("introduce", (["ada"],), "must be a text"),
    ("check", (5,), NO_FILE),
    ("take_in", (named("/etc/passwd"),), NO_FILE),
    ("nothing", (), 'No function is called "nothing"'),
    ("swap", (), "swap takes 5 values, but got 0"),
    ("swap", (FACE,) * 9, "swap takes 5 values, but got 9"),
]


def test_other_functions(visitor, photo):
    for function, values, sentence in OTHERS:
        assert sentence in checked(
            visitor.call(function, *(photo if value is FACE else value for value in values))
        )


BODIES = [
    b"",
    b"{",
    b"[]",
    b"5",
    b'"text"',
    b"\xff\xfe",
    b"{}",
    b'{"data": 5}',
    b'{"data": null}',
    b"[" * 200_000,
    b'{"data": ' + b"[" * 50 + b"]" * 50 + b"}",
    b'{"data": [' + b"0," * 30_000 + b"0]}",
    b'{"data": ["\\ud800"]}',
    b'{"data": [' + b"9" * 5000 + b"]}",
    b'{"data": [], "session_hash": 5}',
    b'{"data": [], "session_hash": "../../x"}',
    b'{"data": [], "fn_index": 999}',
    b'{"data": [], "fn_index": true}',
    b'{"data": [], "batched": true}',
    b'{"data": [], "trigger_id": "x"}',
    b'{"data": ["' + b"x" * 2_000_000 + b'"]}',
]


def test_bodies_that_are_no_call(visitor):
    for body in BODIES:
        said = visitor.call("swap", raw=body)
        assert 400 <= said.status < 500, body[:60]
        checked(said)


def test_clicks_that_were_made_up(handlers, hub_handlers, quiet):
    """What a card's click tells comes from the caller too."""
    with served(build(handlers, hub=hub_handlers)) as address, Visitor(address, timeout_s=60) as visitor:
        known = visitor.http.get("/config").json()["dependencies"]
        index = next(one["id"] for one in known if one["api_name"] == "choose")
        asked = {"data": [None], "fn_index": index, "session_hash": visitor.session}
        for event in (
            None,
            5,
            "x",
            {},
            {"index": 0},
            {"index": None, "value": 0},
            {"index": [0], "value": 0},
        ):
            answer = visitor.http.post("/gradio_api/queue/join", json=asked | {"event_data": event})
            refused = "which card was clicked" in answer.json()["detail"]
            assert (answer.status_code, refused) == (400, True), event
        assert "which card was clicked" in visitor.call("choose", None).sentence
        for place in (0, 2, -1):
            visitor.http.post(
                "/gradio_api/queue/join", json=asked | {"event_data": {"index": place, "value": None}}
            ).raise_for_status()
            answer = visitor.http.get("/gradio_api/queue/data", params={"session_hash": visitor.session}).text
            assert "not there any more" in answer, place


PATHS = [
    ("GET", "/gradio_api/file=http://127.0.0.1/x"),
    ("GET", "/gradio_api/file=https://example.org/x"),
    ("GET", "/gradio_api/file=/etc/passwd"),
    ("GET", "/gradio_api/file=../../../etc/passwd"),
    ("GET", "/gradio_api/proxy=http://127.0.0.1/"),
    ("POST", "/gradio_api/component_server"),
    ("POST", "/gradio_api/process_recording"),
    ("POST", "/gradio_api/vibe-edit"),
    ("GET", "/gradio_api/vibe-code"),
    ("GET", "/monitoring"),
    ("GET", "/gradio_api/deep_link"),
    ("GET", "/gradio_api/stream/a/b/1/playlist.m3u8"),
    ("PUT", "/"),
    ("GET", "/nothing"),
    ("GET", "/docs"),
    ("GET", "/gradio_api/token"),
    ("GET", "/gradio_api/queue/data"),
    ("GET", "/gradio_api/upload_progress"),
    ("POST", "/gradio_api/cancel"),
]


def test_addresses_that_are_none(visitor):
    for method, path in PATHS:
        answer = visitor.http.request(method, path)
        assert 400 <= answer.status_code < 500, path
        assert answer.json()["detail"].endswith("."), path
        assert "passwd" not in answer.text, path
    for path in ("/gradio_api/queue/data?session_hash=nobody", "/gradio_api/call/swap/nobody"):
        assert "404" in visitor.http.get(path).text


def test_direct_calls_do_not_pass_the_queue(visitor, photo):
    answer = visitor.http.post("/gradio_api/run/swap", json={"data": [photo, "ada", 1.0, "all", "learned"]})
    assert answer.status_code == 404
    assert "waits in line" in answer.json()["detail"]


@pytest.fixture
def inside():
    """A server of this machine that nobody outside should reach; what reached it."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                heard.append(connection.recv(1000))
                connection.close()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/secret.png", heard
        with socket.create_connection(server.getsockname()) as last:
            last.send(b"over")
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_nothing_is_fetched_from_any_address(visitor, photo, inside):
    """Not as a file, not hidden beside one, not in a text, not through gradio's own routes."""
    address, heard = inside
    for value in (named(address), {"path": address, "url": address}, named(address) | {"is_stream": True}):
        assert NO_FETCHING in visitor.call("swap", value, "ada", 1.0, "all").sentence
        assert NO_FETCHING in visitor.call("take_in", value).sentence
        assert NO_FETCHING in visitor.call("check", value).sentence
    beside = photo | {"url": address, "orig_name": 5, "size": "x"}
    assert visitor.call("swap", beside, "ada", 1.0, "all").values, "what stands beside the path is left out"
    for values in (
        (photo, named(address), 1.0, "all"),
        (photo, "ada", named(address), "all"),
        (photo, "ada", 1.0, named(address)),
    ):
        assert "plain" in visitor.call("swap", *values).sentence
    for path in (f"file={address}", f"proxy={address}", f"stream/{address}"):
        assert visitor.http.get(f"/gradio_api/{path}").status_code == 404
    assert heard == []


@pytest.mark.parametrize(
    "body",
    [
        {"nonsense": 1},
        {},
        {"data": [1]},
        {"photo": None, "identity": "ada", "more": 2},
        {"strength": [], "": {}},
    ],
)
def test_wrong_names_are_a_sentence(visitor, body, capfd):
    for function in ("swap", "describe", "train", "identities"):
        answer = visitor.http.post(f"/gradio_api/call/v2/{function}", json=body)
        if answer.status_code == 200:
            continue  # what is left out has a default
        assert 400 <= answer.status_code < 500, function
        assert answer.json()["detail"].endswith(".")
    assert "Traceback" not in capfd.readouterr().err


def test_a_script_of_the_page_is_no_function(visitor, capfd):
    for path in ("run/js_fn", "api/js_fn", "call/js_fn", "call/v2/js_fn"):
        answer = visitor.http.post(f"/gradio_api/{path}", json={"data": []})
        assert answer.status_code == 404, path
        assert 'No function is called "js_fn"' in answer.json()["detail"]
    assert "Traceback" not in capfd.readouterr().err
