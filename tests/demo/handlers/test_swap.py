"""What the buttons do, called as plain functions."""

import logging
from pathlib import Path

import gradio as gr
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from demo.handlers.swap import Handlers
from demo.server.errors import escape_markdown
from demo.server.validators import parse_faces
from demo.settings import label_setting, seconds_setting
from demo.views import results as pictures
from facehub import image
from facehub.errors import BadSetting
from facehub.image import read_statement
from facehub.marks import manifest, visible_label

from ..conftest import photo_of


def said(error) -> str:
    """The sentence of a gr.Error that pytest caught."""
    return error.value.message


def difference(one: Path, other: Path) -> torch.Tensor:
    """Largest difference of each pixel, (height, width)."""
    return (image.read(one).photo.int() - image.read(other).photo.int()).abs().amax(0)


def unmarked(change: torch.Tensor) -> torch.Tensor:
    """Without the place of the visible label."""
    top, left, height, width = visible_label.box(*change.shape)
    change = change.clone()
    change[top : top + height, left : left + width] = 0
    return change


def test_swap_gives_the_photo_with_another_face(handlers, upload):
    photo = upload(photo_of((90, 160, 120)))
    results = handlers.swap(photo, "ada")
    raw, blended = difference(handlers.details(photo, "ada").raw, photo), difference(results.result, photo)
    assert raw.max() > 100
    assert 10 < blended.max() < raw.max()
    assert 0.02 < (raw > 20).float().mean() < 0.5
    assert results.result.name == "photo-ada.png"


def test_the_result_keeps_size_and_transparency_and_says_that_it_is_generated(handlers, upload):
    photo = photo_of((90, 160, 120), height=1400, width=2000)
    alpha = torch.full((1, 1400, 2000), 255, dtype=torch.uint8)
    alpha[:, :, 1900:] = 0
    file = upload(photo, alpha=alpha)
    results, details = handlers.swap(file, "ada"), handlers.details(file, "ada")
    result, shown = image.read(results.result), image.read(details.raw)
    assert result.photo.shape == photo.shape
    top, left, height, width = visible_label.box(1400, 2000)
    alpha[:, top : top + height, left : left + width] = 255
    assert torch.equal(result.alpha, alpha), "but for the label, which is there to be seen"
    assert max(shown.photo.shape) == pictures.PREVIEW_PX
    assert shown.alpha is not None
    generated = [
        results.result,
        details.raw,
        *(path for path, what in details.steps if what.startswith("Network")),
    ]
    assert all(read_statement(path.read_bytes()) for path in generated)
    assert {manifest.read(path.read_bytes()).details["identity"] for path in generated} == {"ada"}
    assert not read_statement(details.landmarks.read_bytes())


def test_strength_nought_is_the_photo(handlers, upload):
    photo = upload(photo_of((90, 160, 120)))
    result = handlers.swap(photo, "ada", 0.0).result
    assert unmarked(difference(result, photo)).float().mean() < 3, "nothing but the watermark"


FACES = [("all", True, True, 6), ("largest", True, False, 3), ("0", True, False, 3), ("1", False, True, 3)]


@pytest.mark.parametrize(("faces", "left", "right", "steps"), FACES)
def test_the_faces_asked_for_change(handlers, upload, faces, left, right, steps):
    photo = upload(photo_of((90, 160, 120)))
    details = handlers.details(photo, "ada", faces)
    changed = unmarked(difference(details.raw, photo)) > 40
    half = changed.shape[1] // 2
    assert (bool(changed[:, :half].any()), bool(changed[:, half:].any())) == (left, right)
    assert len(details.steps) == steps


def test_the_identity_asked_for_is_painted(handlers, upload):
    photo = upload(photo_of((90, 160, 120)))
    red, blue = (image.read(handlers.details(photo, name).raw).photo.int() for name in ("ada", "ben"))
    changed = ((red - blue).abs() > 60).any(0)
    assert (red - blue)[0][changed].float().mean() > 100 > -100 > (red - blue)[2][changed].float().mean()


def test_landmarks_are_drawn_and_stages_timed(handlers, upload):
    photo = upload(photo_of((90, 160, 120)))
    results = handlers.swap(photo, "ada")
    assert (difference(handlers.details(photo, "ada").landmarks, photo) > 50).any()
    stages = [row.split("|")[1].strip() for row in results.timetable.splitlines()[2:]]
    assert stages == [
        "read",
        "find",
        "align",
        "network",
        "place",
        "clone",
        "detail",
        "paste",
        "write",
        "**total**",
    ]


def test_timetable_adds_up():
    assert pictures.timetable({"find": 0.25, "align": 1.5}).splitlines()[2:] == [
        "| find | 0.250 s |",
        "| align | 1.500 s |",
        "| **total** | **1.750 s** |",
    ]


def test_progress_goes_forward_and_says_what_it_does(handlers, upload):
    steps = []
    handlers.swap(
        upload(photo_of((90, 160, 120))), "ada", progress=lambda share, desc: steps.append((share, desc))
    )
    shares, descriptions = zip(*steps, strict=True)
    assert list(shares) == sorted(shares)
    assert shares[0] > 0
    assert shares[-1] < 1
    assert len(set(descriptions)) >= 4


@pytest.mark.parametrize(
    "faces, identity, strength, sentence",
    [
        ("all", "nobody", 1.0, 'No identity is called "nobody"'),
        ("2", "ada", 1.0, "Face 2 was asked for, but the photo shows 2"),
        ("biggest", "ada", 1.0, 'Faces "biggest" is no choice'),
        ("all", "ada", 1.5, "Strength is 1.5"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence_and_one_line(
    handlers, upload, caplog, faces, identity, strength, sentence
):
    with pytest.raises(gr.Error) as error:
        handlers.swap(upload(photo_of((90, 160, 120))), identity, strength, faces)
    assert said(error).startswith(sentence)
    assert said(error).endswith(".")
    assert not error.value.print_exception
    (line,) = caplog.records
    assert line.levelno == logging.WARNING
    assert line.exc_info is None
    assert sentence in line.getMessage()


def test_a_photo_that_is_missing_gone_or_without_a_face_is_said(handlers, upload):
    with pytest.raises(gr.Error, match="There is no photo yet"):
        handlers.swap(None, "ada")
    gone = upload(photo_of((90, 160, 120)))
    Path(gone).unlink()
    with pytest.raises(gr.Error, match="has been deleted"):
        handlers.swap(gone, "ada")
    with pytest.raises(gr.Error, match="No face was found"):
        handlers.swap(upload(photo_of((0, 0, 0))), "ada")


def test_what_nobody_foresaw_is_an_apology_and_its_traceback_is_logged(handlers, upload, caplog, monkeypatch):
    monkeypatch.setattr(pictures, "write_results", lambda *_, **__: 1 / 0)
    with pytest.raises(gr.Error) as error:
        handlers.swap(upload(photo_of((90, 160, 120))), "ada")
    assert "ZeroDivision" not in said(error)
    assert "logged" in said(error)
    assert caplog.records[-1].exc_info[0] is ZeroDivisionError


def test_a_sentence_is_no_html(handlers, upload):
    with pytest.raises(gr.Error) as error:
        handlers.swap(upload(photo_of((90, 160, 120))), "<img src=x onerror=alert(1)>")
    assert "<" not in said(error)
    assert "&lt;img" in said(error)


def test_a_visit_ends_without_a_trace(handlers, upload):
    visitor = gr.Request(session_hash="visitor")
    photo = upload(photo_of((90, 160, 120)))
    handlers.accept_upload(photo, visitor)
    result = handlers.swap(photo, "ada", request=visitor).result
    home = result.parent.parent
    assert handlers.swap(photo, "ada", request=gr.Request(session_hash="other")).result.parent.parent != home
    handlers.on_unload(visitor)
    assert not home.exists()


@pytest.mark.parametrize(
    ("word", "asked", "drawn"),
    [("on", True, True), ("choice", True, True), ("choice", False, False), ("off", True, False)],
)
def test_the_operator_decides_about_the_visible_label(
    handlers, identities, swapper, upload, word, asked, drawn
):
    page = Handlers(identities, swapper, handlers.visits, **label_setting(word))
    results = page.swap(upload(torch.full((3, 150, 230), 140, dtype=torch.uint8)), "ada", label=asked)
    top, left, height, width = visible_label.box(150, 230)
    corner = image.read(results.result).photo[:, top : top + height, left : left + width].int()
    assert ((corner - 140).abs().max() > 80) == drawn


def test_where_the_operator_wants_the_label_a_visitor_cannot_leave_it_out(handlers, upload):
    with pytest.raises(gr.Error, match="cannot be left out here"):
        handlers.swap(upload(photo_of((90, 160, 120))), "ada", label=False)
    with pytest.raises(SystemExit, match="set it to on, choice"):
        label_setting("maybe")


@given(st.one_of(st.text(), st.integers().map(str), st.sampled_from(["all", "largest", "0", "1", "999"])))
def test_faces_are_a_word_or_a_number(text):
    try:
        which = parse_faces(text)
    except BadSetting:
        assert text not in ("all", "largest", "0", "1", "999")
    else:
        assert which == text in ("all", "largest") or which == int(text) >= 0


@given(st.text())
def test_plain_text_holds_nothing_that_markdown_reads(text):
    assert all(letter.isalnum() or letter in " &#;" for letter in escape_markdown(text))


@pytest.mark.parametrize("text", ["soon", "", "0", "-3", "nan", "inf"])
def test_a_length_of_videos_that_is_none_is_told_at_the_start(text):
    with pytest.raises(SystemExit, match="FACEHUB_VIDEO_SECONDS"):
        seconds_setting(text)
    assert seconds_setting("90") == 90


def test_a_mask_that_is_no_choice_is_told(handlers, upload):
    with pytest.raises(gr.Error, match='Mask "everything" is no choice'):
        handlers.swap(upload(photo_of((90, 160, 120))), "ada", 1.0, "all", "everything")


def test_notes_are_said_face_by_face():
    assert pictures.format_notes(("", "")) == ""
    assert pictures.format_notes(("", "Turned far.")) == "Face 1: Turned far."
    assert pictures.format_notes(("Turned far.",)) == "Turned far."


def test_the_outline_can_be_asked_for(handlers, upload):
    """Under the outline the whole face is painted; the drawn faces show nothing that the learned mask would
    take for one, and it says so."""
    photo = upload(photo_of((90, 160, 120)))
    outline = handlers.swap(photo, "ada", 1.0, "all", "landmarks")
    assert outline.notes == ""
    assert "outline of the landmarks was used" in handlers.swap(photo, "ada").notes
