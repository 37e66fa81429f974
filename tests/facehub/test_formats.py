"""The table of formats agrees with what Pillow and C2PA do, and loads nothing heavy."""

import io
import subprocess
import sys

import pytest
import torch
from PIL import Image

from facehub import formats, image
from facehub.formats import FORMATS, by_content, by_name, by_suffix, photo_files

PHOTO = torch.full((3, 64, 80), 120, dtype=torch.uint8)


@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)
def test_each_format_is_known_by_name_suffix_and_content(format):
    buffer = io.BytesIO()
    image.to_pil(PHOTO).save(buffer, format.name)
    assert by_content(buffer.getvalue()[:16]) is format
    assert Image.MIME[format.name] == format.media
    assert by_name(format.name.lower()) is format
    for suffix in format.suffixes:
        assert by_suffix(suffix.upper()) is by_name(suffix[1:]) is format
        assert Image.registered_extensions()[suffix] == format.name


@pytest.mark.parametrize("format", [one for one in FORMATS if one.writes], ids=lambda format: format.name)
def test_what_is_written_has_what_the_table_says(format):
    alpha = torch.full((1, 64, 80), 9, dtype=torch.uint8)
    picture = image.read(image.encode(PHOTO, format=format.name, alpha=alpha))
    assert (picture.alpha is not None) == format.alpha
    assert (picture.xmp is not None) == format.manifest


def test_unknown_ones_are_none():
    assert by_suffix(".xyz") is by_name("PDF") is by_content(b"%PDF-1.7") is None
    assert by_content(b"") is by_suffix("") is None


def test_photo_files_are_those_below_a_folder_that_can_be_read(tmp_path):
    for name in ("b/2.JPG", "b/1.webp", "a.png", "notes.txt", "b/film.mp4", "c.png/d.gif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in photo_files(tmp_path)]
    assert found == ["a.png", "b/1.webp", "b/2.JPG", "c.png/d.gif"]


def test_the_table_loads_nothing_heavy():
    code = "import sys, facehub.formats; print(sorted({'torch', 'PIL', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert ".gif" in formats.READ_SUFFIXES and ".gif" not in formats.WRITE_SUFFIXES
