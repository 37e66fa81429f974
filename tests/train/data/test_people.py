"""The people who ship: whole, credited, small, and none of those held out is learned from."""

import json

import pytest
import torch

from facehub import image
from facehub.detection.finder import Finder
from facehub.errors import BadSetting
from train.data.people import HELD_OUT, LEARNED, LIST, PEOPLE, check_people, write_list
from train.make_people import EXAMPLES, SIDE_PX, around, cut, webp

MAX_BYTES = 6_000_000


def test_they_are_whole_and_small():
    folder = check_people()
    photos = sorted(folder.glob("*/*/*.webp"))
    listed = json.loads((folder / LIST).read_text())
    assert {photo.relative_to(folder).as_posix() for photo in photos} == listed.keys()
    assert sum(photo.stat().st_size for photo in photos) < MAX_BYTES
    assert image.read(photos[0]).photo.shape == (3, SIDE_PX, SIDE_PX)
    assert "CC BY 4.0" in (folder / "CREDITS.md").read_text()


def test_the_page_s_examples_are_held_out():
    learned, shown = ({one.name for one in (PEOPLE / half).iterdir()} for half in (LEARNED, HELD_OUT))
    assert shown == set(EXAMPLES) and not learned & shown and len(learned) == 34


@pytest.fixture
def pack(tmp_path):
    for name in ("learned/001/neutral.webp", "held_out/002/smiling.webp"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(name.encode())
    write_list(tmp_path)
    assert check_people(tmp_path) == tmp_path
    return tmp_path


def test_a_photo_that_is_missing_is_a_sentence(pack):
    (pack / "learned/001/neutral.webp").unlink()
    with pytest.raises(BadSetting, match=r"lack neutral\.webp: install facehub again, or .* --content"):
        check_people(pack)


def test_a_photo_that_was_changed_is_a_sentence(pack):
    (pack / "held_out/002/smiling.webp").write_bytes(b"cut")
    with pytest.raises(BadSetting, match=r"damaged \(1 of 2, first held_out/002/smiling\.webp\)"):
        check_people(pack)


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_broken_list_is_a_sentence(pack, text):
    (pack / LIST).write_text(text)
    with pytest.raises(BadSetting, match="cannot be read"):
        check_people(pack)


def test_a_pack_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(BadSetting, match=r"lack people\.json"):
        check_people(tmp_path / "none")


def test_the_face_is_cut_out_also_at_the_photo_s_edge(london, tmp_path):
    box, landmarks = around(london, Finder(turn=False))
    left, top, right, bottom = box
    jaw = float((landmarks[0, 16] - landmarks[0, 0]).norm())
    assert right - left == pytest.approx(2.2 * jaw, rel=0.15) and abs((right - left) - (bottom - top)) <= 1
    square = cut(london, (-40, top, right, london.shape[1] + 30))
    assert square.shape == (3, SIDE_PX, SIDE_PX)
    assert torch.equal(square[:, 200, 0], square[:, 200, 5])  # beyond the edge
    (tmp_path / "a.webp").write_bytes(webp(square))
    again = image.read(tmp_path / "a.webp").photo
    assert (again.int() - square.int()).abs().float().mean() < 4
