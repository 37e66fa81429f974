"""A painted face is no sharper than its photo."""

import pytest
import torch

from facehub.blending.filters import gaussian, luma
from facehub.blending.masks import hull_masker
from facehub.blending.sharpness import fine_share, match_sharpness
from facehub.detection.finder import Finder
from facehub.swapper import Swapper
from tests.facehub.test_swapper import Answer

MASK = torch.ones(1, 1, 96, 96)


def texture(seed: int, level: float = 1.0) -> torch.Tensor:
    """A picture with detail on all scales, as photos have it."""
    noise = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(seed))
    octaves = sum(2**k * gaussian(noise, 0.4 * 2**k) for k in range(5))
    return (0.5 + 0.05 * level * octaves).clamp(0, 1)


@pytest.mark.parametrize("blur", [1.0, 2.0, 3.0])
def test_a_face_becomes_as_soft_as_its_photo(blur):
    painted, photo = texture(1), gaussian(texture(2), blur)
    matched, sharpness = match_sharpness(painted, photo, MASK)
    wanted, before, after = (fine_share(luma(x), MASK).item() for x in (photo, painted, matched))
    assert before > 1.2 * wanted
    assert after == pytest.approx(wanted / 0.9, rel=0.1)
    assert sharpness.item() < 0.5
    band = [(x - gaussian(x, 1.0)).std() for x in (painted, matched, photo)]
    assert band[1] < 2.2 * band[2] < 0.7 * band[0]


def test_how_strong_detail_is_does_not_matter():
    """A bearded face in a smooth one's photo, and the other way round, keeps what it has."""
    for levels in ((1.0, 0.3), (0.3, 1.0)):
        painted, photo = (texture(seed, level) for seed, level in enumerate(levels))
        matched, sharpness = match_sharpness(painted, photo, MASK)
        assert torch.equal(matched, painted)
        assert sharpness.item() == 1


def test_flat_pictures_and_empty_masks_change_nothing():
    flat = torch.full((1, 3, 96, 96), 0.4)
    for painted, photo, mask in ((flat, texture(1), MASK), (texture(1), texture(2), 0 * MASK)):
        assert torch.equal(match_sharpness(painted, photo, mask)[0], painted)


def test_each_face_by_itself():
    painted = torch.cat([texture(1), texture(2)])
    photos = torch.cat([gaussian(texture(3), 2.0), texture(4)])
    together, sharpness = match_sharpness(painted, photos, MASK.expand(2, -1, -1, -1))
    assert torch.equal(together[1], painted[1])
    alone, soft = match_sharpness(painted[:1], photos[:1], MASK)
    assert torch.equal(together[:1], alone)
    assert torch.equal(sharpness[:1], soft)


def test_the_swap_of_a_blurred_photo_is_blurred(astronaut):
    """The network paints the sharp photo whatever it is shown."""
    finder = Finder()
    known = finder(astronaut[None])
    shown: list[torch.Tensor] = []

    def paint(crop: torch.Tensor) -> torch.Tensor:
        return shown[0] if shown else crop

    swapper = Swapper(Answer(paint, 256), finder=lambda _: known, masker=hull_masker)
    shown.append(swapper(astronaut[None]).faces.crop)
    soft = gaussian(astronaut[None].float(), 3.0).round().to(torch.uint8)
    inside = swapper(soft).mask.float() / 255
    bands = []
    for picture in (swapper(soft).blended, soft, swapper(astronaut[None]).blended, astronaut[None]):
        bright = luma(picture.float())
        band = (bright - gaussian(bright, 1.0)).square() * inside
        bands.append((band.sum() / inside.sum()).sqrt().item())
    in_soft, soft_photo, in_sharp, sharp_photo = bands
    assert sharp_photo > 4 * soft_photo
    assert in_soft < 2 * soft_photo
    assert in_sharp > 0.6 * sharp_photo
