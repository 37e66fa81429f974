"""Eyes and mouth are laid where the photo's are."""

import pytest
import torch

from facehub.blending.alignment import reference_landmarks
from facehub.blending.registration import PARTS, register_features
from facehub.detection.finder import Finder
from facehub.swapper import Swapper
from tests.facehub.test_swapper import Answer

SIZE = 128
WANTED = reference_landmarks(SIZE)[None]
UNIT = float((WANTED[0, 36:42].mean(0) - WANTED[0, 42:48].mean(0)).norm())
EYE, _, MOUTH = (list(part) for part in PARTS)


def shifted(part: list[int], x: float, y: float) -> torch.Tensor:
    """The wanted landmarks with one part elsewhere, in units of the distance between the eyes."""
    found = WANTED.clone()
    found[:, part] += UNIT * torch.tensor([x, y])
    return found


def with_dots(landmarks: torch.Tensor, *parts: list[int]) -> torch.Tensor:
    """A gray crop with a soft dark dot in the middle of each part."""
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    crop = torch.full((SIZE, SIZE), 0.7)
    for part in parts:
        across, down = landmarks[0, part].mean(0)
        crop -= 0.5 * torch.exp(-((x - across).square() + (y - down).square()) / (2 * 2.0**2))
    return crop.expand(1, 3, -1, -1).clone()


def place(crop: torch.Tensor, near: torch.Tensor) -> torch.Tensor:
    """Centre of what is dark within 12 px of a point."""
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    at = torch.stack([x, y], 2)
    dark = (0.7 - crop[0, 0]).clamp(min=0.01) - 0.01
    dark = dark * ((at - near).norm(dim=2) < 12)
    return (dark[..., None] * at).sum((0, 1)) / dark.sum()


@pytest.mark.parametrize("part", [EYE, MOUTH])
def test_a_part_that_is_off_is_laid_where_it_should_be_and_the_other_parts_stay(part):
    found = shifted(part, 0.02, 0.11)
    others = [list(p) for p in PARTS if list(p) != part]
    painted = with_dots(found, part, *others)
    registered = register_features(painted, found, WANTED)
    centre = WANTED[0, part].mean(0)
    off = [(place(crop, centre) - centre).norm().item() for crop in (painted, registered)]
    assert off[0] > 0.1 * UNIT
    assert off[1] < 0.3 * off[0]
    for other in others:
        there = WANTED[0, other].mean(0)
        assert (place(registered, there) - place(painted, there)).norm() < 0.5
    changed = (registered != painted).any(1)[0].nonzero()
    ends = torch.cat([found[0, part], WANTED[0, part]])
    low, high = ends.amin(0) - 0.4 * UNIT, ends.amax(0) + 0.4 * UNIT
    assert (changed.flip(1) >= low).all()
    assert (changed.flip(1) <= high).all()


@pytest.mark.parametrize("off", [0.02, 0.35], ids=["noise of landmarks", "landmarks that are lost"])
def test_what_is_hardly_off_and_what_cannot_be_true_changes_nothing(off):
    found = shifted(EYE, 0.0, off)
    painted = torch.rand(1, 3, SIZE, SIZE)
    assert torch.equal(register_features(painted, found, WANTED), painted)


def test_each_face_by_itself():
    found = torch.cat([shifted(EYE, 0.0, 0.1), WANTED, shifted(MOUTH, 0.08, 0.0)])
    painted, wanted = torch.rand(3, 3, SIZE, SIZE), WANTED.expand(3, -1, -1)
    together = register_features(painted, found, wanted)
    assert torch.equal(together[1], painted[1])
    for i in range(3):
        alone = register_features(painted[i : i + 1], found[i : i + 1], wanted[i : i + 1])
        assert torch.equal(together[i : i + 1], alone)


def test_a_swap_whose_network_paints_everything_lower_has_its_eyes_at_the_photos(astronaut):
    finder, lower = Finder(), Answer(lambda crop: crop.roll(9, 2), size=256)
    known = finder(astronaut[None])
    eyes = known.landmarks[0, 36:48]
    off = []
    for find in (lambda photos: known, finder):  # one that cannot tell, and one that can
        blended = Swapper(lower, finder=find)(astronaut[None], detections=known).blended
        off.append((finder(blended).landmarks[0, 36:48] - eyes).mean(0).norm().item())
    assert off[0] > 3.0
    assert off[1] < 0.5 * off[0]
