"""The page's API, called as a stranger's program calls it."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from benchmarks.visitor import Visitor, named
from demo.handlers.live import LiveHandlers
from demo.handlers.video import VideoHandlers
from demo.page import build
from demo.tabs.inputs import DEVICE_QUEUE
from facehub import image
from facehub.image import read_statement

from .conftest import files_in, photo_of


@pytest.fixture
def client(url, tmp_path):
    with_files = Client(url, download_files=tmp_path / "downloads", verbose=False, analytics_enabled=False)
    yield with_files
    with_files.close()


@pytest.fixture
def photo(tmp_path):
    """A file on the caller's side."""
    path = tmp_path / "mine.png"
    image.write(path, photo_of((90, 160, 120)), generated=False)
    return path


def eventually(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_swap_needs_a_photo_and_an_identity(client, photo):
    result, timetable, notes = client.predict(handle_file(photo), "ada", api_name="/swap")
    assert read_statement(Path(result).read_bytes())
    assert Path(result).name == "mine-ada.png"
    assert (image.read(result).photo.int() - image.read(photo).photo.int()).abs().max() > 10
    assert "clone" in timetable and "outline of the landmarks" in notes, (
        "the drawn faces are none to the learned mask"
    )


def test_details_show_how_a_swap_was_made(client, photo):
    raw, steps, landmarks = client.predict(handle_file(photo), "ada", api_name="/details")
    assert (image.read(raw).photo.int() - image.read(photo).photo.int()).abs().max() > 100
    assert read_statement(Path(raw).read_bytes())
    assert len(steps) == 6
    assert Path(landmarks).exists()


def test_every_option_is_reached(client, photo):
    one = client.predict(handle_file(photo), "ben", 0.0, "1", api_name="/swap")
    left = image.read(one[0]).photo.int()[..., :115] - image.read(photo).photo.int()[..., :115]
    assert left.abs().float().mean() < 3, "strength 0 changes nothing, the watermark little"
    assert len(client.predict(handle_file(photo), "ben", "1", api_name="/details")[1]) == 3


def test_a_picture_is_checked(client, photo):
    result = client.predict(handle_file(photo), "ada", api_name="/swap")[0]
    told, record = client.predict(handle_file(result), api_name="/check")
    assert record["marked"]
    assert record["layers"]["manifest"]["found"], "no byte was changed on the way out and in again"
    assert "not been changed" in told
    assert not client.predict(handle_file(photo), api_name="/check")[1]["marked"]


def test_identities_are_listed(client):
    assert [one["name"] for one in client.predict(api_name="/identities")] == ["ada", "ben"]


PUBLIC = {
    *("swap", "details", "compare", "swap_video", "mask", "identities", "search", "pull", "check"),
    *("take_photos", "train", "watch_training", "stop_training"),
}


def test_the_public_functions_and_no_others_are_described(handlers, training, hub_handlers):
    films, webcam = VideoHandlers(handlers), LiveHandlers(handlers)
    page = build(handlers, training, hub_handlers, films=films, webcam=webcam)
    functions = [function for function in page.fns.values() if function.fn]
    assert all(function.fn.__doc__ for function in functions)
    assert {name.strip("/") for name in page.get_api_info()["named_endpoints"]} == PUBLIC
    described = page.get_api_info()["named_endpoints"]
    assert [parameter["parameter_name"] for parameter in described["/swap"]["parameters"]] == [
        "photo",
        "identity",
        "strength",
        "faces",
        "masker",
    ]


def test_as_many_swaps_run_at_once_as_there_are_machines_for(handlers):
    """gradio takes the least limit of those that share a queue, so each event names it."""
    handlers.at_once = 3
    page = build(handlers, films=VideoHandlers(handlers))
    limits = [one.concurrency_limit for one in page.fns.values() if one.concurrency_id == DEVICE_QUEUE]
    assert limits == [3] * len(limits) and len(limits) > 8


REFUSED = [
    (("nobody",), "No identity is called"),
    (("ada", 1.5), "Strength is 1.5"),
    (("ada", 1.0, "both"), 'Faces "both" is no choice'),
    (("ada", 1.0, 7), "Face 7 was asked for"),
]


@pytest.mark.parametrize(("options", "sentence"), REFUSED)
def test_a_refusal_is_a_sentence(client, photo, options, sentence, capfd):
    with pytest.raises(AppError, match=sentence):
        client.predict(handle_file(photo), *options, api_name="/swap")
    assert "Traceback" not in capfd.readouterr().err


def test_a_file_that_is_no_photo_is_refused_in_a_sentence(client, tmp_path, capfd):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    for name, rest in (("/swap", ("ada",)), ("/take_in", ())):
        with pytest.raises(AppError, match="broken.jpg is not a picture that can be opened"):
            client.predict(handle_file(broken), *rest, api_name=name)
    assert "Traceback" not in capfd.readouterr().err


def test_files_of_the_server_are_out_of_reach(url, handlers, identities):
    """A caller names a path of the server instead of an upload; another asks for one outside the cache."""
    secret = handlers.visits.cache.parent / "secret.png"
    image.write(secret, photo_of((9, 8, 7)), generated=False)
    with Visitor(url) as visitor:
        said = visitor.call("swap", named(str(secret)), "ada", 1.0, "all")
    assert said.values is None
    assert "secret" not in said.sentence
    assert httpx.get(f"{url}gradio_api/file={secret}").status_code == 403
    assert httpx.get(f"{url}gradio_api/file={identities[0].samples[0]}").status_code == 200


def test_visitors_get_their_own_pictures(url, tmp_path):
    """Eight at once, each with a colour of their own; each result must be made of its visitor's photo, and
    lie where the others' do not."""
    colours = [(20 + 30 * i, 240 - 25 * i, 60 + 11 * i) for i in range(8)]

    def visit(number):
        mine = tmp_path / "same-name" / str(number) / "photo.png"
        mine.parent.mkdir(parents=True)
        image.write(mine, photo_of(colours[number]), generated=False)
        visitor = Client(
            url, download_files=tmp_path / "downloads" / str(number), verbose=False, analytics_enabled=False
        )
        try:
            result, *_ = visitor.predict(handle_file(mine), ("ada", "ben")[number % 2], api_name="/swap")
            made, photo = image.read(result).photo, image.read(mine).photo
            return made.shape == photo.shape and not torch.equal(made, photo), result
        finally:
            visitor.close()

    with ThreadPoolExecutor(8) as crowd:
        seen = list(crowd.map(visit, range(8)))
    assert all(own for own, _ in seen)
    for number, (_, result) in enumerate(seen):
        corner = image.read(result).photo[:, 0, -1].int()
        assert (corner - torch.tensor(colours[number])).abs().max() <= 12, "the watermark apart"


def test_nothing_is_left_when_the_visitors_have_gone(url, handlers, photo, tmp_path):
    """Two who upload the same file: the first to leave takes nothing from the second."""
    first, second = (
        Client(url, download_files=tmp_path / name, verbose=False, analytics_enabled=False)
        for name in ("first", "second")
    )
    try:
        for visitor in (first, second):
            visitor.predict(handle_file(photo), "ada", api_name="/swap")
        assert len({path.parent.parent for path in files_in(handlers.visits.cache, "mine-ada.png")}) == 2
        first.close()
        assert eventually(lambda: len(files_in(handlers.visits.cache, "mine-ada.png")) == 1)
        second.predict(handle_file(photo), "ben", api_name="/swap")
    finally:
        second.close()
    assert eventually(lambda: not files_in(handlers.visits.cache))
