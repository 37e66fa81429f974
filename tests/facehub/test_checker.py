"""The checker: what each kind of file says, in words and as a record."""

import contextlib
import io
import re

import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from facehub import image
from facehub.checker import check, film_watermark
from facehub.errors import BadPhoto
from facehub.marks import watermark_detector, xmp
from facehub.marks.origin import Marks, Origin
from facehub.marks.source_type import SOURCE_TYPE


def found(report) -> dict[str, bool]:
    return {layer.name: layer.found for layer in report.layers}


def test_all_layers_of_a_result(astronaut):
    report = check(image.encode(astronaut, origin=Origin(None, "ada", basis="self")))
    assert found(report) == {"manifest": True, "statement": True, "watermark": True}
    manifest, _, watermark = report.layers
    assert manifest.details["identity"] == "ada"
    assert manifest.details["watermark"] == watermark.details["watermark"], "both name the same picture"
    assert "unknown certificate" in manifest.sentence
    assert report.record()["layers"]["watermark"]["found"] is True
    assert "does not prove who signed" in report.to_text()


def test_what_a_copy_without_metadata_keeps(astronaut):
    buffer = io.BytesIO()
    Image.open(io.BytesIO(image.encode(astronaut))).save(buffer, "JPEG", quality=75)
    report = check(buffer.getvalue())
    assert found(report) == {"manifest": False, "statement": False, "watermark": True}
    assert report.marked


def test_a_changed_file_is_told(astronaut):
    whole = image.encode(astronaut, format="JPEG")
    for place in range(
        len(whole) - 2000, len(whole) - 1000
    ):  # one bit that leaves a picture; which those are depends on the number in it
        file = bytearray(whole)
        file[place] ^= 1
        with contextlib.suppress(BadPhoto):
            manifest = check(bytes(file)).layers[0]
            break
    assert "was changed after signing" in manifest.sentence


def test_a_photo_is_not_marked(examples):
    report = check(examples / "london_012_03.jpg")
    assert not report.marked
    assert "does not prove" in report.verdict


def test_each_mark_alone_is_enough(astronaut):
    statement = check(image.encode(astronaut, marks=Marks(watermark=False, manifest=False)))
    assert found(statement) == {"manifest": False, "statement": True, "watermark": False}
    assert statement.marked
    assert "which anybody can write" in statement.verdict
    assert "not signed" in statement.layers[1].sentence
    pixels = check(image.encode(astronaut, format="BMP"))
    assert found(pixels) == {"manifest": False, "statement": False, "watermark": True}


def test_a_film_is_read_from_the_mean_of_frames_that_are_too_faint_alone(astronaut):
    """The picture moves and each frame has noise of its own, the mark stands still."""
    noise = torch.Generator().manual_seed(3)
    frames = []
    for index in range(48):
        moved = astronaut[:, 2 * index : 2 * index + 320, 60 + index : 60 + index + 400]
        marked = image.with_marks(moved, None, Marks(), 0xC0FFEE42)[0]
        noisy = marked + 95 * torch.randn(marked.shape, generator=noise)
        frames.append(noisy.round().clamp(0, 255).to(torch.uint8))
    found = film_watermark(((frame, False) for frame in frames), len(frames))
    assert found.details["watermark"] == "c0ffee42"
    assert found.details["frames"] == "48 together, and none alone"
    assert not film_watermark(iter([(frames[0], False)] * 8), 8).found


@pytest.mark.parametrize("marked", [True, False])
def test_a_film_made_smaller_and_compressed_is_told(astronaut, marked):
    """At 60 % of its size, as JPEG of a low quality: no frame shows the mark, nor does their mean."""
    frames = []
    for index in range(12):
        frame = astronaut[:, index : index + 360, 20 + 2 * index : 20 + 2 * index + 480]
        if marked:
            frame = image.with_marks(frame, None, Marks(), 0xC0FFEE42)[0]
        small, buffer = image.to_pil(frame).resize((288, 216), Image.Resampling.BICUBIC), io.BytesIO()
        small.save(buffer, "JPEG", quality=15)
        frames.append(image.read(buffer.getvalue()).photo)
    mean = torch.stack(frames).float().mean(0).round().to(torch.uint8)
    alone = [watermark_detector.detect(one, handled=False).present for one in (frames[0], mean)]
    assert not any(alone)
    assert film_watermark(((frame, index == 0) for index, frame in enumerate(frames)), 12).found == marked


def test_no_picture_is_a_sentence(tmp_path):
    (tmp_path / "note.txt").write_text("no picture")
    with pytest.raises(BadPhoto, match="not a picture"):
        check(tmp_path / "note.txt")


def test_transparent_pictures_keep_their_alpha_and_show_their_label(astronaut):
    alpha = torch.zeros(1, 512, 512, dtype=torch.uint8)
    picture = image.read(image.encode(astronaut, alpha=alpha, marks=Marks(label=True)))
    assert picture.alpha[0, 485, 480] == 255
    assert picture.alpha[0, :400].max() == 0


def with_packet(packet: str) -> bytes:
    """A PNG whose metadata holds a packet that somebody wrote."""
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", packet)
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


def test_our_address_somewhere_in_a_file_is_no_statement():
    """In a comment, behind the picture, in another field: anywhere but where a statement stands."""
    comment = PngInfo()
    comment.add_text("Comment", SOURCE_TYPE)
    comment.add_text("Software", xmp.mark().decode("utf-8", "replace"))
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG", pnginfo=comment)
    jpeg = io.BytesIO()
    Image.new("RGB", (64, 64)).save(jpeg, "JPEG", comment=xmp.mark())
    for file in (
        buffer.getvalue(),
        jpeg.getvalue(),
        buffer.getvalue() + xmp.mark(),
        with_packet(SOURCE_TYPE),
    ):
        assert SOURCE_TYPE.encode() in file
        assert not check(file).marked


def test_a_statement_by_another_program_is_read_and_cannot_drive_a_terminal():
    packet = xmp.mark().decode().replace("compositeWithTrained", "trained")
    packet = re.sub('CreatorTool="[^"]*"', 'CreatorTool="Paint&#x9b;2J‮&#10;+ fake"', packet)
    report = check(with_packet(packet))
    assert report.layers[1].details == {
        "program": "Paint 2J + fake",
        "source type": "trainedAlgorithmicMedia",
    }
    assert all(letter.isprintable() or letter == "\n" for letter in report.to_text())
