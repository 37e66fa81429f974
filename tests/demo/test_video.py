"""The video tab: what it makes of a video, that it can be stopped, and that nothing of it is kept."""

import threading
from pathlib import Path

import gradio as gr
import pytest

from demo.page import build
from demo.video_handlers import VideoHandlers, at_work
from facehub.checker import check
from facehub.filming import Progress
from tests import clips

from .conftest import files_in, photo_of, served

VISITOR, OTHER = gr.Request(session_hash="visitor"), gr.Request(session_hash="other")


def quiet(*_, **__) -> None:
    """Stands in for gradio's progress bar."""


@pytest.fixture
def films(handlers) -> VideoHandlers:
    return VideoHandlers(handlers, max_seconds=2.0)


@pytest.fixture
def put(handlers, astronaut):
    """A video where gradio puts uploads."""

    def make(frames: int = 6, name: str = "mine.mp4", **options) -> str:
        folder = handlers.visits.cache / f"hash{len(list(handlers.visits.cache.iterdir()))}"
        folder.mkdir()
        pictures = [clips.frame(astronaut, clips.motion((160 + index % 20, 120)), (240, 320)) for index in range(frames)]
        return str(clips.write(folder / name, pictures, **options))

    return make


def test_a_video_is_swapped_marked_and_gone_with_the_visitor(films, put, handlers):
    told: list[str] = []
    shown = films.swap(put(), "ada", request=VISITOR, progress=lambda share, desc: told.append(desc))
    assert shown.film.name == "mine-ada.mp4" and shown.film == shown.download
    assert check(shown.film).marked
    assert shown.told.startswith("6 of 6 frames show a face; one face was followed.")
    assert told[-1].startswith("6 of about 6 frames")
    films.leave(VISITOR)
    handlers.leave(VISITOR)
    assert files_in(handlers.visits.root) == []


def test_what_cannot_be_done_is_a_sentence(films, put, handlers, tmp_path):
    (handlers.visits.cache / "hash").mkdir()
    (handlers.visits.cache / "hash" / "note.mp4").write_text("no video")
    for words, video in (
        ("There is no video yet", None),
        ("note.mp4 is not a video", str(handlers.visits.cache / "hash" / "note.mp4")),
        ("has been deleted", str(handlers.visits.cache / "gone" / "film.mp4")),
        ("3 seconds long, but at most 2", put(75)),
    ):
        with pytest.raises(gr.Error, match=words):
            films.swap(video, "ada", request=VISITOR, progress=quiet)
    assert files_in(handlers.visits.root, "note-ada.mp4") == []


def test_a_visitor_stops_their_own_video_and_nothing_of_it_is_left(films, put, handlers):
    begun, go_on, raised = threading.Event(), threading.Event(), []

    def wait(share, desc) -> None:
        if "frames" in desc:
            begun.set()
            assert go_on.wait(60)

    def work() -> None:
        try:
            films.swap(put(24), "ada", request=VISITOR, progress=wait)
        except gr.Error as problem:
            raised.append(str(problem))

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(100)
    with pytest.raises(gr.Error, match="nothing to stop"):
        films.stop(OTHER)
    films.stop(VISITOR)
    go_on.set()
    thread.join(60)
    assert len(raised) == 1 and "Stopped: nothing was written" in raised[0]
    assert [path.name for path in files_in(handlers.visits.root)] == ["mine.mp4"]
    with pytest.raises(gr.Error, match="nothing to stop"):
        films.stop(VISITOR)


def test_how_far_it_is_in_words():
    assert at_work(Progress(30, 240, 65.2)) == "30 of about 240 frames, 1:05 left"
    assert at_work(Progress(30, None, None)) == "30 frames"


def test_in_a_real_browser(films, put, handlers, driver, tmp_path):
    from .browser import Visitor

    film = Path(put())
    with served(build(handlers, films=films)) as address:
        page = Visitor(driver, address)
        page.open("Swap a video")
        page.wait(lambda: page.all("#video input[type=file]"))[0].send_keys(str(film))
        page.wait(lambda: page.all("#video video"))
        page.click("#video-go")
        page.wait(lambda: page.driver.execute_script("const v = document.querySelector('#video-result video'); return v && v.videoWidth > 0"))
        assert page.driver.execute_script("return document.querySelector('#video-result video').videoWidth") == 320
        assert "frames show a face" in page.see("#video-told").text
        assert page.see("#video-download").is_displayed()
        page.photograph("video")
        page.photograph("video", width=390)
        assert page.driver.execute_script("return document.documentElement.scrollWidth") <= 390


def test_a_photo_is_no_video(films, handlers, upload):
    with pytest.raises(gr.Error, match="not a video"):
        films.swap(upload(photo_of((200, 180, 160))), "ada", request=VISITOR, progress=quiet)
