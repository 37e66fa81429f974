"""The watermark is bound to its picture: copied to another one it is told, and older marks stay readable."""

import pytest
import torch

from facehub import image
from facehub.checker import check
from facehub.marks import watermark
from facehub.marks.binding import _mean, content
from facehub.marks.origin import Marks
from facehub.marks.watermark import Payload, embed
from facehub.marks.watermark_detector import detect

from .test_watermark import MARK, jpeg, resized

OTHERS = ("london_009_08", "london_025_08", "london_030_08", "london_036_03", "london_037_08")
"""Portraits by the photographer of the marked one, before the same wall."""


@pytest.fixture(scope="module")
def portraits(examples) -> list[torch.Tensor]:
    photos = [image.read(examples / f"{name}.jpg").photo for name in ("london_012_03", *OTHERS)]
    return [resized(photo, 512, 512) for photo in photos]


def copied(marked: torch.Tensor, original: torch.Tensor, other: torch.Tensor, share: float) -> torch.Tensor:
    """Another photo with what the mark changed in its own."""
    return (other.float() + share * (marked.float() - original.float())).round().clamp(0, 255).byte()


def test_the_mean_about_a_pixel_is_that_of_its_window():
    gray = torch.rand(2, 1, 9, 14) * 255
    expected = gray
    for _ in range(2):
        framed = torch.nn.functional.pad(expected, (2, 2, 2, 2), mode="replicate")
        expected = torch.nn.functional.avg_pool2d(framed, 5, 1)
    torch.testing.assert_close(_mean(gray, 5), expected)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_mark_that_was_copied_is_told(portraits, share):
    original = portraits[0]
    marked = embed(original[None], [MARK])[0]
    assert detect(jpeg(marked, 75)).fits is True
    for other in portraits[1:]:
        found = detect(copied(marked, original, other, share))
        assert (found.payload, found.fits) == (MARK, False)


def test_a_picture_made_small_is_still_its_own(examples):
    """Read at its own size it was called another's: the map has spots of a size in the pattern's frame."""
    photo = resized(image.read(examples / "london_012_03.jpg").photo, 720, 720)
    for side in (180, 250):
        found = detect(resized(embed(photo[None], [MARK])[0], side, side))
        assert (found.payload, found.fits) == (MARK, True), side


def test_check_says_marked_but_not_this_picture(astronaut, portraits, tmp_path):
    marked = image.read(image.encode(astronaut)).photo
    fake = copied(marked, astronaut, portraits[0], 1.0)
    image.write(tmp_path / "fake.png", fake, generated=False)
    report = check(tmp_path / "fake.png")
    assert report.verdict.startswith("Marked, but not this picture")
    assert report.layers[2].found and report.layers[2].foreign and not report.marked
    assert "made for another picture" in report.layers[2].sentence
    image.write(tmp_path / "own.png", marked, generated=False)
    report = check(tmp_path / "own.png")
    assert report.marked and "fits what the picture shows" in report.layers[2].sentence


def test_a_copied_mark_takes_nothing_from_the_other_marks(astronaut, portraits):
    marked = image.read(image.encode(astronaut)).photo
    fake = copied(marked, astronaut, portraits[0], 1.0)
    report = check(image.encode(fake, marks=Marks(watermark=False)))
    assert report.marked and report.verdict.endswith("made or changed with AI.")
    assert report.layers[2].foreign


def test_marks_of_older_versions_are_read_and_nothing_is_said_of_their_picture(astronaut, monkeypatch):
    monkeypatch.setattr(watermark, "content", torch.ones_like)
    monkeypatch.setattr(watermark, "BOUND_GAIN", 1.0)
    found = detect(jpeg(embed(astronaut[None], [Payload("0.4.0", 77)])[0], 80))
    assert (found.payload, found.fits) == (Payload("0.4.0", 77), None)


def test_content_is_of_the_place_and_not_of_the_light(astronaut):
    gray = watermark.luma(astronaut[None])
    spots = content(gray)
    assert spots.shape == gray.shape and spots.abs().max() <= 1 and spots.square().mean() > 0.1
    brighter = content((gray * 1.1 + 10).clamp(0, 255))
    assert torch.nn.functional.cosine_similarity(spots.flatten(), brighter.flatten(), 0) > 0.97
    inside = (..., slice(48, -48), slice(48, -48))
    cropped = content(gray[..., 100:400, 60:360])
    assert torch.allclose(cropped[inside], spots[..., 100:400, 60:360][inside], atol=1e-3)
    assert torch.allclose(content(gray.flip(3))[inside], spots.flip(3)[inside], atol=1e-3)


def test_a_flat_picture_says_nothing():
    flat = torch.full((1, 1, 101, 67), 90.0)
    assert content(flat).shape == flat.shape and content(flat).abs().max() == 0
