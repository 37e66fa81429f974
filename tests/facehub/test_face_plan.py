"""Each face of a photo with an identity of its own."""

import pytest
import torch

from facehub.blending.masks import hull_masker
from facehub.detection.finder import Finder
from facehub.detection.selection import select_numbers
from facehub.errors import BadSetting, NoFace
from facehub.face_plan import swap_faces
from facehub.swapper import Swapper
from tests.facehub.test_swapper import Answer


@pytest.fixture(scope="module")
def finder():
    return Finder(search_px=1600)


@pytest.fixture(scope="module")
def trio(astronaut, london):
    """Three faces side by side in a (1, 3, 512, 1536) photo."""
    return torch.cat([astronaut, london[:, :512, 100:612], astronaut.flip(2)], dim=2)[None]


@pytest.fixture(scope="module")
def swappers(finder):
    """Two networks with crops of unlike size: one inverts, the other mirrors."""
    return [
        Swapper(Answer(lambda crop: 1 - crop, size=64), finder=finder, masker=hull_masker),
        Swapper(Answer(lambda crop: crop.flip(3) ** 2, size=128), finder=finder, masker=hull_masker),
    ]


def test_each_face_is_that_of_its_own_swapper(trio, swappers, finder):
    """Faces 0 and 2 by one, face 1 by the other: as if each swapper had run alone."""
    found = finder(trio)
    assert len(found.photo) == 3
    result = swap_faces(trio, {2: swappers[0], 1: swappers[1], 0: swappers[0]})
    assert result.numbers == ((0, 2), (1,))
    assert torch.equal(result.landmarks, found.landmarks)
    assert result.residual.shape == (3,) and len(result.notes) == 3
    untouched = torch.ones_like(result.mask, dtype=torch.bool)
    for swapper, numbers in zip(swappers, result.numbers, strict=True):
        alone = swapper(trio, detections=select_numbers(found, 1, numbers))
        inside = alone.mask > 0
        assert (untouched | ~inside).all(), "the masks lie apart"
        untouched &= ~inside
        for one, whole in ((alone.blended, result.blended), (alone.raw, result.raw)):
            assert torch.equal(one[inside.expand_as(one)], whole[inside.expand_as(one)])
            assert (whole != trio)[inside.expand_as(one)].any()
    assert torch.equal(result.mask == 0, untouched)
    assert ((result.blended == trio) | ~untouched).all()
    assert list(result.seconds) == ["find", "align", "network", "place", "clone", "detail", "paste"]


def test_a_face_without_an_identity_stays(trio, swappers):
    result = swap_faces(trio, {1: swappers[0]})
    alone = swappers[0](trio, faces=1)
    assert torch.equal(result.blended, alone.blended) and torch.equal(result.mask, alone.mask)


def test_known_faces_are_not_searched_for(trio, swappers, finder):
    found = finder(trio)

    def unused(photos):
        raise AssertionError("searched")

    plan = {0: Swapper(Answer(lambda crop: 1 - crop), finder=unused)}
    assert (swap_faces(trio, plan, detections=found).blended != trio).any()


def test_each_photo_of_a_stack(trio, swappers, finder):
    """Rows per face go by photo, then by number; one swapper after the other."""
    stack = torch.cat([trio, trio.flip(3)])
    found = finder(stack)
    result = swap_faces(stack, {0: swappers[0], 1: swappers[1]})
    assert torch.equal(result.landmarks, select_numbers(found, 2, [0, 1]).landmarks)
    first = swappers[0](stack, detections=select_numbers(found, 2, [0])).blended
    second = swappers[1](first, detections=select_numbers(found, 2, [1])).blended
    assert torch.equal(result.blended, second)


def test_what_cannot_be_planned(trio, swappers):
    with pytest.raises(BadSetting, match="at least one"):
        swap_faces(trio, {})
    with pytest.raises(NoFace, match="Face 3 was asked for, but the photo shows 3 faces: choose from 0"):
        swap_faces(trio, {0: swappers[0], 3: swappers[1]})
