"""The video tab: what it makes of a video, that it can be stopped, and that nothing of it is kept."""

import threading
from pathlib import Path

import gradio as gr
import pytest

from demo.handlers.video import VideoHandlers, VideoView, format_progress
from demo.page import build
from facehub import image
from facehub.blending.masks import hull_masker
from facehub.checker import check
from facehub.video.swap import Progress
from tests import clips

from .conftest import files_in, photo_of, served

VISITOR, OTHER = gr.Request(session_hash="visitor"), gr.Request(session_hash="other")


INSIDE = """
    const video = document.querySelector('#video-result video'), shown = video.getBoundingClientRect();
    const box = document.querySelector('#video-result').getBoundingClientRect();
    const fit = getComputedStyle(video).objectFit;
    return fit === 'contain' && shown.top >= box.top && shown.bottom <= box.bottom + 1
        && shown.right <= box.right + 1 && shown.height > 0.8 * box.height;
"""
"""Whether the player shows a whole picture, within its frame."""


def quiet(*_, **__) -> None:
    """Stands in for gradio's progress bar."""


@pytest.fixture
def films(handlers) -> VideoHandlers:
    return VideoHandlers(handlers, max_seconds=2.0)


@pytest.fixture
def put(handlers, astronaut):
    """A video where gradio puts uploads."""

    def make(frames: int = 6, name: str = "mine.mp4", size: tuple[int, int] = (240, 320), **options) -> str:
        folder = handlers.visits.cache / f"hash{len(list(handlers.visits.cache.iterdir()))}"
        folder.mkdir()
        pictures = [
            clips.frame(astronaut, clips.motion((size[1] / 2 + index % 20, 120)), size)
            for index in range(frames)
        ]
        return str(clips.write(folder / name, pictures, **options))

    return make


def test_a_video_is_swapped_marked_and_gone_with_the_visitor(films, put, handlers):
    told: list[str] = []
    shown = films.swap(put(), "ada", request=VISITOR, progress=lambda share, desc: told.append(desc))
    assert shown.video.name == "mine-ada.mp4" and shown.video == shown.download
    assert check(shown.video).marked
    assert shown.summary.startswith("6 of 6 frames show a face; one face was followed.")
    assert told[-1].startswith("6 of about 6 frames")
    films.on_unload(VISITOR)
    handlers.on_unload(VISITOR)
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
    begun, go_on, shown = threading.Event(), threading.Event(), []

    def wait(share, desc) -> None:
        if "frames" in desc:
            begun.set()
            assert go_on.wait(60)

    def work() -> None:
        shown.append(films.swap(put(24), "ada", request=VISITOR, progress=wait))

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(100)
    with pytest.raises(gr.Error, match="nothing to stop"):
        films.stop(OTHER)
    films.stop(VISITOR)
    go_on.set()
    thread.join(60)
    assert shown == [VideoView(None, None, "Stopped: nothing of this video is kept.")], "and no error"
    assert [path.name for path in files_in(handlers.visits.root)] == ["mine.mp4"]
    with pytest.raises(gr.Error, match="nothing to stop"):
        films.stop(VISITOR)


def test_one_frame_is_seen_before_the_whole_is_made(films, put, handlers):
    before, after = films.preview(put(), "ada", request=VISITOR)
    change = (image.read(after).photo.int() - image.read(before).photo.int()).abs()
    assert change.max() > 60 and image.read(before).photo.shape == (3, 240, 320)
    _, half = films.preview(put(name="half.mp4"), "ada", 0.0, request=VISITOR)
    left = (image.read(half).photo.int() - image.read(before).photo.int()).abs()[:, :150]
    assert left.float().mean() < 3, "strength 0 changes nothing but the marks"
    empty = clips.write(handlers.visits.cache / "hash0" / "empty.mp4", [photo_of((0, 0, 0))] * 6)
    with pytest.raises(gr.Error, match=r"No face was found in empty\.mp4"):
        films.preview(str(empty), "ada", request=VISITOR)


def test_mask_quality_and_format_are_the_visitors(films, put, monkeypatch):
    masked = []
    monkeypatch.setattr(
        "demo.handlers.video.with_masker", lambda swapper, masker: masked.append(masker) or swapper
    )
    shown = films.swap(put(), "ada", 1.0, "all", "landmarks", "small", "MKV", request=VISITOR, progress=quiet)
    assert masked == [hull_masker] and shown.video is None and shown.download.name == "mine-ada.mkv"
    assert shown.summary.startswith("**The MKV file is ready.** Browsers do not play this format")
    assert check(shown.download).marked
    usual = films.swap(put(), "ada", format="MOV", request=VISITOR, progress=quiet).download
    assert len(masked) == 1 and usual.suffix == ".mov"
    assert usual.stat().st_size > shown.download.stat().st_size
    with pytest.raises(gr.Error, match='The format "AVI" is no choice: use MP4 or MOV or MKV'):
        films.swap(put(), "ada", format="AVI", request=VISITOR, progress=quiet)


def test_how_far_it_is_in_words():
    assert format_progress(Progress(30, 240, 65.2)) == "30 of about 240 frames, 1:05 left"
    assert format_progress(Progress(30, None, None)) == "30 frames"


def test_in_a_real_browser(films, put, handlers, driver, tmp_path):
    from .browser import Visitor

    film = Path(put(size=(240, 240)))
    with served(build(handlers, films=films)) as address:
        page = Visitor(driver, address)
        page.open("Swap a video")
        page.says("#video-waiting", "will stand here")
        assert not page.displayed("#video-result") and not page.displayed("#video-frame"), "no empty frame"
        page.send("#video", film)
        page.wait(lambda: page.all("#video video"))
        page.click("#video-look")
        page.picture("#video-frame")
        page.photograph("video-frame")
        page.click("#video-go")
        page.wait(
            lambda: page.driver.execute_script(
                "const v = document.querySelector('#video-result video'); return v && v.videoWidth > 0"
            )
        )
        assert (
            page.driver.execute_script("return document.querySelector('#video-result video').videoWidth")
            == 240
        )
        assert page.driver.execute_script(INSIDE), "nothing of a square video is cut off"
        assert not page.displayed("#video-waiting")
        assert "frames show a face" in page.text("#video-summary")
        assert page.see("#video-download").is_displayed()
        page.photograph("video")
        page.photograph("video", width=390)
        assert page.driver.execute_script("return document.documentElement.scrollWidth") <= 390


def test_a_photo_is_no_video(films, handlers, upload):
    with pytest.raises(gr.Error, match="not a video"):
        films.swap(upload(photo_of((200, 180, 160))), "ada", request=VISITOR, progress=quiet)
