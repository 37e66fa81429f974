"""The checker: what each kind of file says, in words and as a record."""

import contextlib
import io

import pytest
import torch
from PIL import Image

from facehub import image
from facehub.checker import check
from facehub.errors import BadPhoto
from facehub.provenance import Marks, Origin


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
    assert "does not prove who signed" in report.told()


def test_what_a_copy_without_metadata_keeps(astronaut):
    buffer = io.BytesIO()
    Image.open(io.BytesIO(image.encode(astronaut))).save(buffer, "JPEG", quality=75)
    report = check(buffer.getvalue())
    assert found(report) == {"manifest": False, "statement": False, "watermark": True}
    assert report.marked


def test_a_changed_file_is_told(astronaut):
    whole = image.encode(astronaut, format="JPEG")
    for place in range(len(whole) - 2000, len(whole) - 1000):  # one bit that leaves a picture; which those are depends on the number in it
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
    pixels = check(image.encode(astronaut, format="BMP"))
    assert found(pixels) == {"manifest": False, "statement": False, "watermark": True}


def test_no_picture_is_a_sentence(tmp_path):
    (tmp_path / "note.txt").write_text("no picture")
    with pytest.raises(BadPhoto, match="not a picture"):
        check(tmp_path / "note.txt")


def test_transparent_pictures_keep_their_alpha_and_show_their_label(astronaut):
    alpha = torch.zeros(1, 512, 512, dtype=torch.uint8)
    picture = image.read(image.encode(astronaut, alpha=alpha, marks=Marks(label=True)))
    assert picture.alpha[0, 485, 480] == 255
    assert picture.alpha[0, :400].max() == 0
