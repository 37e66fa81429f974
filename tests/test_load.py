"""The load test's own judgement: it knows its upload again in an answer, and nobody else's; and it counts."""

import io
import random
import threading
import time

import httpx
import pytest
import torch
from PIL import Image

from benchmarks import load
from demo.handlers.swap import Handlers
from demo.page import build
from facehub import image
from facehub.marks.origin import Marks

from .demo.conftest import handlers, identities, loads, served, swapper  # noqa: F401 -- fixtures


@pytest.fixture(scope="module")
def face() -> Image.Image:
    return Image.new("RGB", (512, 400), (120, 130, 140))


def answer(data: bytes) -> bytes:
    """As the page gives it: with all its marks."""
    return image.encode(image.read(data).photo, marks=Marks(label=True))


def test_an_answer_is_known_by_its_own_upload(face):
    uploads = [load.photo(random.Random(number), face) for number in range(4)]
    known = [[load.own(answer(data), colours) for _, colours in uploads] for data, _ in uploads]
    assert torch.equal(torch.tensor(known), torch.eye(4, dtype=torch.bool))


@pytest.fixture
def url(handlers):  # noqa: F811
    with served(build(handlers)) as address:
        yield address


def crowded(url: str, face: Image.Image, visitors: int) -> load.Tally:
    tally = load.Tally()
    end = time.monotonic() + 1.0
    load.crowd([lambda n=n: load.visit(url, n, ["ada", "ben"], face, end, tally) for n in range(visitors)])
    return tally


def test_a_crowd_is_served_and_leaves_nothing(url, handlers, face):  # noqa: F811
    tally = crowded(url, face, 8)
    assert len(tally.seconds) >= 8
    assert (tally.lost, tally.mixed, tally.busy) == ([], 0, 0)
    assert load.left(handlers.visits.cache, 20.0) == []


def test_answers_that_are_mixed_up_are_counted(url, handlers: Handlers, face, monkeypatch):  # noqa: F811
    first: list = []
    read = image.read

    def always_the_first(source, **options):
        first.append(read(source, **options))
        return first[0]

    monkeypatch.setattr("demo.handlers.swap.image.read", always_the_first)
    assert crowded(url, face, 4).mixed > 0


def test_who_gets_no_answer_is_counted(face):
    tally = load.Tally()
    load.visit("http://127.0.0.1:1", 0, ["ada"], face, time.monotonic() + 1, tally)
    assert len(tally.lost) == 1
    assert tally.lost[0].startswith(httpx.ConnectError.__name__)


def test_what_is_left_is_found(tmp_path):
    (tmp_path / "visits").mkdir()
    for name in ("photo.JPG".lower(), "tmpabc", "notes.txt"):
        (tmp_path / "visits" / name).write_bytes(b"x")
    assert sorted(load.pictures_in(tmp_path)) == ["photo.jpg", "tmpabc"]
    threading.Timer(0.2, lambda: [file.unlink() for file in (tmp_path / "visits").iterdir()]).start()
    assert load.left(tmp_path, 20.0) == []


def test_uploads_differ(face):
    pictures = {load.photo(random.Random(number), face)[0] for number in range(20)}
    assert len(pictures) == 20
    assert Image.open(io.BytesIO(pictures.pop())).size == face.size
