"""The live tab: frames of a camera in, frames with another face out, and nothing of it becomes a file."""

import base64
import re
import threading

import gradio as gr
import pytest
import torch

from benchmarks.visitor import API, Visitor, events
from demo.handlers.live import LiveHandlers, decode_frame
from demo.page import build
from facehub import image
from facehub.errors import BadPhoto
from facehub.marks.watermark_detector import detect
from facehub.video.reader import Reader
from facehub.video.tracker import Track, Tracked

from ..conftest import TwoFaces, files_in, photo_of, served


class Still:
    """Stands in for a tracker: the faces of TwoFaces, whom it has followed since it was made."""

    made = 0

    def __init__(self):
        Still.made += 1
        self.times: list[float] = []

    def __call__(self, photo, seconds):
        self.times.append(seconds)
        landmarks = TwoFaces()(photo[None]).landmarks
        return Tracked(tuple(Track(index, points) for index, points in enumerate(landmarks)), False)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def webcam(handlers, clock, monkeypatch) -> LiveHandlers:
    monkeypatch.setattr(Still, "made", 0)
    return LiveHandlers(handlers, tracker=Still, clock=clock)


def sent(photo: torch.Tensor) -> str:
    return (
        "data:image/jpeg;base64,"
        + base64.b64encode(image.encode(photo, format="JPEG", generated=False)).decode()
    )


def got(picture: str) -> torch.Tensor:
    return image.read(base64.b64decode(re.search(r"base64,([^\"]+)", picture)[1])).photo


def visitor(name: str) -> gr.Request:
    return gr.Request(session_hash=name)


def test_a_frame_comes_back_with_another_face_and_all_that_says_so(webcam, handlers):
    photo = photo_of((200, 180, 160), height=240, width=320)
    seen = webcam.frame(sent(photo), "ben", request=visitor("ada"))
    result = got(seen.picture)
    changed = (result.int() - photo.int()).abs().amax(0) > 30
    assert changed[40:140, 20:110].float().mean() > 0.01, "the stripe that the network paints"
    assert detect(result).present
    corner = result[:, -24:, -40:].int() - photo[:, -24:, -40:].int()
    assert corner.abs().max() > 80, "the visible label"
    assert "ben" in seen.picture.lower() and "<b>" not in seen.picture, "titles are text"
    assert files_in(handlers.visits.cache) == []


def test_without_the_mirror_one_is_shown_as_others_see_one(webcam):
    photo = photo_of((200, 180, 160), height=240, width=320)
    as_seen = got(webcam.frame(sent(photo), "ada", False, request=visitor("ada")).picture).int()
    assert (as_seen - photo.flip(2).int())[:, 150:, 200:250].abs().float().mean() < 4
    changed = (as_seen - photo.flip(2).int()).abs().amax(0) > 60
    assert changed[40:140, 20:110].float().mean() > 0.01, "the face is painted after it was turned"


def test_what_is_large_is_made_smaller_first(webcam):
    assert got(
        webcam.frame(
            sent(photo_of((200, 180, 160), height=720, width=1280)), "ada", request=visitor("ada")
        ).picture
    ).shape == (3, 360, 640)


def test_faces_are_followed_for_each_visitor_and_the_pace_is_told(webcam, clock):
    photo = sent(photo_of((200, 180, 160)))
    for _ in range(5):
        told = webcam.frame(photo, "ada", request=visitor("ada")).status
        webcam.frame(photo, "ada", request=visitor("ben"))
        clock.now += 0.2
    assert told == "5.0 frames a second"
    assert Still.made == 2
    clock.now += 60
    assert webcam.frame(photo, "ada", request=visitor("ada")).status == ""
    assert Still.made == 3, "after a pause faces are looked for anew"
    webcam.on_unload(visitor("ada"))
    webcam.frame(photo, "ada", request=visitor("ada"))
    assert Still.made == 4, "who left is forgotten"


def test_a_frame_is_swapped_while_the_one_before_is_shown(webcam, clock, monkeypatch):
    """Each call gives the frame before; after a pause the frame itself."""
    begun, go_on = [], threading.Event()
    within = webcam._swap

    def slow(*frame):
        begun.append(frame)
        assert len(begun) < 3 or go_on.wait(20)
        return within(*frame)

    def shown(level: int) -> float:
        photo = photo_of((level,) * 3, height=240, width=320)
        return float(
            got(webcam.frame(sent(photo), "ada", request=visitor("ada")).picture)[0, 200:].float().mean()
        )

    monkeypatch.setattr(webcam, "_swap", slow)
    levels = [shown(level) / 0.85 for level in (200, 170, 140)]
    assert levels == pytest.approx([200, 200, 170], abs=8), "the third came back before it was swapped"
    go_on.set()
    clock.now += 60
    assert shown(110) / 0.85 == pytest.approx(110, abs=8), "nothing old after a pause"


def test_without_a_face_the_picture_is_shown_as_it_is_with_a_hint(webcam, loads):
    seen = webcam.frame(sent(torch.zeros(3, 150, 230, dtype=torch.uint8)), "ada", request=visitor("ada"))
    assert seen.status.startswith("No face found")
    assert got(seen.picture)[:, :100, :100].float().mean() < 3 and loads == []


@pytest.mark.parametrize(
    "frame",
    [
        None,
        "",
        "http://example.org/a.jpg",
        "/etc/passwd",
        "data:text/html;base64,AAAA",
        "data:image/jpeg;base64,@@@",
        "data:image/png;base64," + "A" * 5_000_000,
    ],
)
def test_only_a_picture_sent_as_such_is_taken(frame):
    with pytest.raises(BadPhoto):
        decode_frame(frame)


def test_a_damaged_frame_is_a_sentence(webcam):

    with pytest.raises(gr.Error, match="not a picture"):
        webcam.frame("data:image/jpeg;base64,AAAA", "ada", request=visitor("ada"))


def test_through_a_real_browsers_camera(handlers, tmp_path, clock):
    from .. import browser as real

    if real.needs_chromium.args[0]:
        pytest.skip(real.needs_chromium.kwargs["reason"])
    film = tmp_path / "camera.mjpeg"
    film.write_bytes(
        image.encode(photo_of((200, 180, 160), height=480, width=640), format="JPEG", generated=False) * 2
    )
    browser = real.chromium(tmp_path / "profile", f"--use-file-for-fake-video-capture={film}")
    try:
        with served(build(handlers, webcam=LiveHandlers(handlers, tracker=Still, alone=True))) as address:
            page, downloads = real.Visitor(browser, address), tmp_path / "downloads"
            browser.execute_cdp_cmd(
                "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)}
            )
            page.open("Live")
            page.click("#camera button")  # asks for the camera
            page.wait(
                lambda: page.driver.execute_script(
                    "const v = document.querySelector('#camera video'); return v && v.videoWidth > 0"
                )
            )
            page.click("#camera [aria-label='capture photo'], #camera button")
            first = page.picture("#live-picture")
            page.picture("#live-picture", but=first)
            result = page.pixels("#live-picture")
            mirrored = photo_of((200, 180, 160), height=480, width=640).flip(2).int()  # as one sees oneself
            changed = (result - mirrored).abs().amax(0) > 30
            assert changed[96:186, 32:122].float().mean() > 0.02, "the stripe that the network paints"
            page.says("#live-status", "frames a second")
            assert "next visitor" not in page.text("#live-tab, body"), "nobody waits on one's own machine"
            for button, file in (
                ("#live-snapshot", "facehub-live.jpg"),
                ("#live-record", "facehub-live.webm"),
            ):
                page.click(button)
                if button == "#live-record":
                    page.says(button, "End the video")
                    second = page.picture("#live-picture")
                    page.picture("#live-picture", but=second)
                    page.click(button)
                page.wait((downloads / file).exists)
            page.says("#live-record", "Save a video")
            assert detect(image.read(downloads / "facehub-live.jpg").photo).present
            with Reader(downloads / "facehub-live.webm") as recorded:
                assert (recorded.info.width, recorded.info.height) == (640, 480)
            page.click("#live-mirror input")
            plain = photo_of((200, 180, 160), height=480, width=640).int()
            page.wait(
                lambda: (page.pixels("#live-picture") - plain)[:, 250:330, 200:260].abs().float().mean() < 6
            )
            page.photograph("live")
            page.photograph("live", width=390)
            assert page.driver.execute_script("return document.documentElement.scrollWidth") <= 390
            assert files_in(handlers.visits.cache) == [], "no frame becomes a file"
    finally:
        browser.quit()


def test_what_strangers_send_as_a_frame(handlers, clock):
    """Over HTTP: a frame goes through, whatever else is a sentence, and no address is asked."""
    with (
        served(build(handlers, webcam=LiveHandlers(handlers, tracker=Still, clock=clock))) as address,
        Visitor(address, timeout_s=60) as one,
    ):
        frame = sent(photo_of((200, 180, 160)))
        body = {"data": [{"path": None, "url": frame}, "ada", True], "session_hash": one.session}
        event = one.http.post(f"{API}/call/live", json=body).json()["event_id"]
        seen = []
        with one.http.stream("GET", f"{API}/call/live/{event}") as answers:
            for kind, data in events(answers.iter_lines()):
                if kind == "generating":
                    seen.append("data:image/jpeg" in data[0])
                    one.http.post(
                        f"{API}/stream/{event}" + "/close" * (len(seen) == 3), json=body
                    ).raise_for_status()
        assert seen == [True] * 3, "frames go on in the same turn, until it is closed"
        for value in (
            5,
            "x",
            frame,
            [frame],
            {},
            {"url": 5},
            {"url": f"{address}/x.png"},
            {"path": "/etc/passwd"},
            {"path": frame},
        ):
            assert "has to come as a data URL" in one.call("live", value, "ada", True).sentence, value
        assert "damaged" in one.call("live", {"url": "data:image/jpeg;base64,@@"}, "ada", True).sentence
        assert "There is no picture" in one.call("live", None, "ada", True).sentence
        for path, body, status in (
            ("stream/nobody", {"data": [None, "ada"]}, 404),
            ("stream/nobody", {"data": 5}, 400),
            ("stream/nobody/close", None, 404),
            ("stream/../swap", {"data": []}, 404),
        ):
            answer = one.http.post(f"{API}/{path}", json=body)
            assert (answer.status_code, answer.json()["detail"][-1]) == (status, "."), path
