"""How much may be sent, how slowly, and how many may wait."""

import contextlib
import socket
import threading

import gradio as gr
import pytest

from benchmarks.visitor import Visitor
from demo.handlers.swap import Handlers
from demo.page import LAUNCH_OPTIONS, build
from demo.server.limits import Deadline, Limits, TooLong
from demo.server.middleware import BUSY, launch_options
from facehub import image
from facehub.errors import BadSetting
from facehub.swapper import Swapper

from ..conftest import COLOURS, Paint, TwoFaces, eventually, files_in, photo_of, served

SMALL = Limits(upload_mb=0.2, uploads_mb=0.5, upload_seconds=1.0, pause_seconds=0.3, waiting=2)


@pytest.fixture
def narrow(handlers, monkeypatch):
    """The page with small limits."""
    handlers.limits = SMALL
    monkeypatch.setattr(
        "tests.demo.conftest.LAUNCH_OPTIONS", LAUNCH_OPTIONS | launch_options(SMALL, handlers.visits.cache)
    )
    with served(build(handlers)) as url, Visitor(url, timeout_s=30) as visitor:
        yield visitor


def test_a_file_that_is_too_large(narrow, handlers):
    for size, sentence in (
        (250_000, "This file is larger than this page takes"),
        (3_000_000, "larger than 0.5 MB together"),
    ):
        answer = narrow.http.post("/gradio_api/upload", files={"files": ("a.png", bytes(size))})
        assert answer.status_code == 413
        assert sentence in answer.json()["detail"]
    assert files_in(handlers.visits.cache) == []


def test_a_body_that_does_not_say_how_long_it_is(narrow):
    """Sent piece by piece: it is counted as it comes."""
    answer = narrow.http.post(
        "/gradio_api/call/swap",
        content=iter([b"x" * 100_000] * 20),
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 413
    assert "More was sent than the 1 MB" in answer.json()["detail"]


def begun(narrow, more: bytes) -> socket.socket:
    """An upload that has begun."""
    connection = socket.create_connection((narrow.http.base_url.host, narrow.http.base_url.port), timeout=20)
    head = (
        b"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; "
        b"boundary=b\r\nContent-Length: 100000\r\n\r\n"
    )
    connection.sendall(
        head + b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + more
    )
    return connection


def test_an_upload_that_comes_too_slowly(narrow, monkeypatch):
    monkeypatch.setattr("demo.server.bodies.DRAIN_SECONDS", 0.2)
    with begun(narrow, b"pixels") as connection:
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"came too slowly" in answer


def test_an_upload_that_broke_off_is_not_kept(narrow, handlers, monkeypatch, capfd):
    with begun(narrow, b"pixels" * 1000):
        assert eventually(lambda: files_in(handlers.visits.cache)), "gradio writes it as it comes"
    monkeypatch.setattr("demo.server.sessions.BROKEN_OFF_SECONDS", 0.0)

    def gone() -> bool:
        handlers.visits.delete_expired()
        return not files_in(handlers.visits.cache)

    assert eventually(gone)
    assert "Traceback" not in capfd.readouterr().err


class Held(Paint):
    """Paints once it is allowed to."""

    def __init__(self, begun: threading.Event, go: threading.Event):
        super().__init__(COLOURS["ada"])
        self.begun, self.go = begun, go

    def forward(self, crop):
        self.begun.set()
        assert self.go.wait(30)
        return super().forward(crop)


@pytest.fixture
def held(identities, handlers, monkeypatch):
    """A page that swaps when it is told to, where two may wait; the signal that it has begun, and the one
    that lets it go on."""
    begun, go = threading.Event(), threading.Event()
    slow = Handlers(
        identities, lambda one: Swapper(Held(begun, go), finder=TwoFaces()), handlers.visits, limits=SMALL
    )
    with served(build(slow)) as url:
        yield url, begun, go, slow
        go.set()


def test_who_comes_when_too_many_wait_is_told_so(held):
    url, begun, go, _ = held
    photo, *photos = [
        image.encode(photo_of((90, 160, blue)), generated=False) for blue in (120, 130, 140, 150)
    ]
    answers = []

    def visit(photo: bytes) -> None:
        with Visitor(url, timeout_s=60) as visitor:
            answers.append(visitor.call("swap", visitor.upload(photo), "ada", 1.0, "all"))

    crowd = [threading.Thread(target=visit, args=[own]) for own in photos]
    crowd[0].start()
    assert begun.wait(30)
    with Visitor(url, timeout_s=60) as late:
        for thread in crowd[1:]:
            thread.start()
        assert eventually(lambda: late.http.get("/gradio_api/queue/status").json()["queue_size"] == 2)
        refused = late.call("swap", late.upload(photo), "ada", 1.0, "all")
        assert (refused.status, refused.values) == (503, None)
        assert refused.sentence == BUSY
    go.set()
    for thread in crowd:
        thread.join()
    assert [bool(answer.values) for answer in answers] == [True] * 3, "and nobody else is"


def test_who_leaves_during_the_swap_takes_all_along(held):
    url, begun, go, handlers = held
    photo = image.encode(photo_of((90, 160, 120)), generated=False)
    visitor = Visitor(url, timeout_s=60).__enter__()
    thread = threading.Thread(target=lambda: suppressed(visitor, photo), daemon=True)
    thread.start()
    assert begun.wait(30)
    assert files_in(handlers.visits.cache)
    visitor.__exit__()
    assert eventually(lambda: not files_in(handlers.visits.cache))
    go.set()
    with Visitor(url, timeout_s=60) as after:  # waits in line behind it
        assert after.call("swap", after.upload(photo), "ada", 1.0, "all").values
    assert eventually(lambda: not files_in(handlers.visits.cache))


def suppressed(visitor: Visitor, photo: bytes) -> None:
    with contextlib.suppress(Exception):
        visitor.call("swap", visitor.upload(photo), "ada", 1.0, "all")


def test_more_faces_than_are_swapped_at_once(handlers, upload):
    handlers.limits = Limits(faces=1)
    photo = upload(photo_of((90, 160, 120)))
    with pytest.raises(gr.Error, match="shows 2 faces, but at most 1 are swapped at once"):
        handlers.swap(photo, "ada")
    with pytest.raises(gr.Error, match="shows 2 faces"):
        handlers.compare(photo, ["ada"])
    assert handlers.swap(photo, "ada", 1.0, "largest")


def test_more_pixels_than_are_taken(handlers, upload):
    handlers.limits = Limits(megapixels=0.02)
    for ask in (
        handlers.accept_upload,
        lambda photo: handlers.swap(photo, "ada"),
        lambda photo: handlers.compare(photo, ["ada"]),
    ):
        with pytest.raises(gr.Error, match="at most 0.02 megapixels"):
            ask(upload(photo_of((90, 160, 120))))


def test_work_that_takes_too_long(handlers, upload):
    handlers.limits = Limits(seconds=1e-6)
    for ask in (lambda photo: handlers.swap(photo, "ada"), lambda photo: handlers.compare(photo, ["ada"])):
        with pytest.raises(gr.Error, match="took longer than the 1e-06 seconds"):
            ask(upload(photo_of((90, 160, 120))))
    Deadline(60.0).check()
    with pytest.raises(TooLong):
        Deadline(-1.0).check()


def test_the_operators_words():
    assert Limits.parse("") == Limits()
    assert Limits.parse(" seconds=5  waiting=7 ") == Limits(seconds=5.0, waiting=7)
    for words in (
        "seconds",
        "seconds=",
        "seconds=soon",
        "waiting=1.5",
        "hours=1",
        "seconds=0",
        "faces=-1",
        "seconds=nan",
        "seconds=inf",
    ):
        with pytest.raises(BadSetting, match="seconds|waiting|faces"):
            Limits.parse(words)
