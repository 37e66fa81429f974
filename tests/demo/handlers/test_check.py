"""What "Check a picture" says of pictures and videos."""

from pathlib import Path

import gradio as gr
import pytest
import torch

from demo.handlers.check import Checks, report_html
from facehub.checker import MarkFinding, MarkReport
from tests import clips

from ..conftest import photo_of


def test_a_result_is_checked_and_a_photo_is_not_marked(handlers, upload):
    checks = Checks(handlers)
    photo = (torch.rand(3, 300, 300) * 255).byte()
    result = handlers.swap(upload(photo), "ada").result
    told, record = checks.check(str(result))
    assert record["marked"]
    assert record["layers"]["manifest"]["details"]["identity"] == "ada"
    assert "unknown certificate" in told
    told, record = checks.check(upload(photo))
    assert not record["marked"]
    assert "No mark was found" in told
    with pytest.raises(gr.Error, match="There is no photo yet"):
        checks.check(None)


def test_a_video_is_checked(handlers, upload, tmp_path):
    checks, frames = Checks(handlers), [photo_of((90, 160, 120))[:, :, :228]] * 3
    plain = clips.write(tmp_path / "film.mp4", frames)
    kept = Path(upload(photo_of((1, 1, 1)))).with_name("film.mp4")
    kept.write_bytes(plain.read_bytes())
    told, record = checks.check_video(str(kept))
    assert not record["marked"] and "does not prove that the video was filmed as it is" in told
    for wrong, sentence in (
        (None, "There is no video yet"),
        (upload(photo_of((9, 9, 9)), "film.mp4.png"), "cannot be read as a video|not a video"),
    ):
        with pytest.raises(gr.Error, match=sentence):
            checks.check_video(wrong)


def test_what_a_file_says_of_itself_is_no_html(tmp_path):
    evil = MarkFinding(
        "statement", "Statement", True, "It says so.", {"program": "<img src=x onerror=alert(1)>"}
    )
    assert "<img" not in report_html(MarkReport((evil,)))
