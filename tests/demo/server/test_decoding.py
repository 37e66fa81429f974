"""Photos are decoded in a line: some pixels at a time, in order, and with a sentence where there is no
memory."""

import subprocess
import sys
import threading

import pytest
import torch

from demo.server import decoding
from demo.server.decoding import DecodingLine, Overloaded
from facehub import image
from facehub.errors import BadPhoto

from ...conftest import ROOT
from ..conftest import eventually, photo_of


@pytest.fixture
def photo(tmp_path):
    """A file of 0.1 megapixels."""
    image.write(tmp_path / "photo.png", photo_of((200, 180, 160), height=250, width=400), generated=False)
    return tmp_path / "photo.png"


@pytest.fixture
def counted(monkeypatch):
    """How many photos are decoded at a time: each holds on until `go`."""
    now, most, go, lock = [0], [0], threading.Event(), threading.Lock()
    read = image.read

    def slow(file, **options):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        assert go.wait(30)
        try:
            return read(file, **options)
        finally:
            with lock:
                now[0] -= 1

    monkeypatch.setattr(decoding.image, "read", slow)
    return now, most, go


def crowd(work, count: int) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_eight_large_photos_are_not_decoded_at_once(handlers, upload, counted):
    """Through the page's own handler: eight of 40 megapixels took 6.7 GB."""
    now, most, go = counted
    handlers.decoding = DecodingLine(0.25, 60.0)
    paths = [upload(photo_of((200, 180, 160), height=250, width=400)) for _ in range(8)]
    accepted = []
    threads = crowd(lambda: accepted.append(handlers.accept_upload(paths.pop())), 8)
    assert eventually(lambda: now[0] == 2)
    assert eventually(lambda: len(handlers.decoding._waiting) == 6)
    go.set()
    for thread in threads:
        thread.join(30)
    assert (len(accepted), most[0]) == (8, 2)


def test_one_that_is_larger_than_the_line_goes_alone(photo, counted):
    _, most, go = counted
    line = DecodingLine(0.01, 60.0)
    go.set()
    threads = crowd(lambda: line.read(photo, max_megapixels=40.0), 3)
    for thread in threads:
        thread.join(30)
    assert most[0] == 1


def test_who_waits_too_long_is_told_and_leaves_the_line(photo):
    line = DecodingLine(1.0, 0.1)
    with line.hold(1.0), pytest.raises(Overloaded, match="try again in a minute"):
        line.read(photo, max_megapixels=40.0)
    assert line.read(photo, max_megapixels=40.0).photo.shape == (3, 250, 400)


def test_a_broken_photo_frees_its_place(tmp_path):
    line = DecodingLine(1.0, 5.0)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for _ in range(3):
        with pytest.raises(BadPhoto, match="not a picture"):
            line.read(tmp_path / "broken.png", max_megapixels=40.0)


def test_without_memory_it_is_not_the_photo_that_is_broken(tmp_path):
    """Under a limit of the system's: the file is whole, and the sentence says so."""
    image.write(tmp_path / "large.png", torch.zeros(3, 5000, 6000, dtype=torch.uint8), generated=False)
    code = (
        "import resource, sys, pathlib\n"
        "from demo.server.decoding import DecodingLine, Overloaded\n"
        "line, file = DecodingLine(80.0, 5.0), pathlib.Path(sys.argv[1])\n"
        "used = int(pathlib.Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 60_000_000, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    line.read(file, max_megapixels=40.0)\n"
        "except Overloaded as problem:\n"
        "    print(problem)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "large.png")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "not enough memory on this server to open this photo" in done.stdout, done.stderr[-600:]


def test_memory_is_given_back(photo, monkeypatch):
    given = []
    monkeypatch.setattr(decoding, "give_back_memory", lambda: given.append(True))
    line = DecodingLine(80.0, 5.0)
    line.read(photo, max_megapixels=40.0)
    assert not given, "a small one is not worth it"
    monkeypatch.setattr(decoding, "TRIM_MEGAPIXELS", 0.05)
    line.read(photo, max_megapixels=40.0)
    assert given
