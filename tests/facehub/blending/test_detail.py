"""Detail comes back where the photo has it, no more than there is, and rings nowhere."""

import pytest
import torch
import torch.nn.functional as F

from facehub.blending.detail import (
    BAND,
    FINER,
    LIMIT,
    LOUDEST,
    detail_weight,
    sharpen_features,
    soften_features,
    transfer_detail,
)
from facehub.blending.filters import gaussian, luma

FULL, NONE = torch.ones(1), torch.zeros(1)


def flat(height: int = 96, width: int = 80) -> torch.Tensor:
    return torch.tensor([0.6, 0.5, 0.4]).view(1, 3, 1, 1).expand(1, 3, height, width).clone()


def grain(height: int = 96, width: int = 80, deviation: float = 0.02) -> torch.Tensor:
    torch.manual_seed(3)
    return deviation * torch.randn(1, 1, height, width)


def fine(picture: torch.Tensor) -> torch.Tensor:
    bright = luma(picture)
    return bright - gaussian(bright, torch.ones(1))


def rms(picture: torch.Tensor) -> float:
    return picture.square().mean().sqrt().item()


ALL = torch.ones(1, 1, 96, 80)
CROP_PX = torch.tensor([4.0])


def test_grain_comes_back_as_strong_as_in_the_photo_and_without_colour():
    target = flat() + grain()
    made = transfer_detail(flat(), target, ALL, CROP_PX, detail=FULL)
    assert 0.85 < rms(fine(made)) / rms(fine(target)) < 1.02
    assert (fine(made) * fine(target)).mean() > 0
    change = made - flat()
    assert torch.allclose(change[:, 0], change[:, 2], atol=1e-6)


def test_detail_scales_it_and_none_gives_the_result_back():
    target = flat() + grain()
    half, whole = (
        transfer_detail(flat(), target, ALL, CROP_PX, detail=FULL * a) - flat() for a in (0.5, 1.0)
    )
    assert torch.allclose(half * 2, whole, atol=1e-6)
    assert torch.equal(transfer_detail(flat(), target, ALL, CROP_PX, detail=NONE), flat())


def test_only_on_skin():
    skin = ALL.clone()
    skin[..., 40:] = 0
    made = transfer_detail(flat(), flat() + grain(), skin, CROP_PX, detail=FULL)
    assert torch.equal(made[..., 40:], flat()[..., 40:]) and not torch.equal(made[..., :40], flat()[..., :40])


def test_a_face_that_is_as_fine_already_gets_nothing_and_energy_never_doubles():
    fitting = gaussian(grain(deviation=0.2), 0.8 * CROP_PX)
    sharp, target = flat() + fitting.flip(3), flat() + fitting
    made = transfer_detail(sharp, target, ALL, CROP_PX, detail=FULL)
    assert rms(made - flat()) < 1.15 * rms(fitting)
    assert rms(made - sharp) < 0.5 * rms(fitting)


def test_a_mole_stays_behind():
    target = flat() + grain(deviation=0.01)
    target[..., 50:53, 30:33] -= 0.4
    added = luma(transfer_detail(flat(), target, ALL, CROP_PX, detail=FULL) - flat())
    assert added.abs().max() <= 1.01 * LIMIT * fine_mean(target)
    assert luma(target - flat())[..., 51, 31].item() < 3 * added[..., 51, 31].item() < 0


def fine_mean(picture: torch.Tensor) -> float:
    bright = luma(picture)
    return (bright - gaussian(bright, BAND * CROP_PX)).abs().mean().item()


def test_wrinkles_wider_than_the_band_stay_behind():
    """A soft line eight crop pixels wide against a line of one."""
    x = torch.arange(80.0)
    wide, thin = (-0.1 * (-0.5 * ((x - 40) / deviation).square()).exp() for deviation in (12.0, 1.0))
    added = [
        rms(transfer_detail(flat(), flat() + line, ALL, CROP_PX, detail=FULL) - flat()) / rms(line)
        for line in (wide, thin)
    ]
    assert added[0] < 0.2 * added[1]


def test_what_a_network_paints_finer_than_its_crop_holds_is_no_skin():
    """Stripes of two crop pixels; of eight they stay, and off the skin all do."""
    x, left = torch.arange(80.0), {}
    for period_px in (2, 8):
        striped = flat() + 0.02 * (2 * torch.pi * x / (period_px * CROP_PX)).sin()
        skin = ALL.clone()
        skin[..., 40:] = 0
        made = transfer_detail(striped, flat(), skin, CROP_PX, detail=FULL)
        assert torch.equal(made[..., 40:], striped[..., 40:])
        left[period_px] = rms((made - flat())[..., 8:32]) / rms((striped - flat())[..., 8:32])
    assert left[2] < 0.3 and left[8] > 0.85


def test_small_faces_have_nothing_to_get():
    assert detail_weight(torch.tensor([0.5, 1.0, 1.5, 2.0, 9.0])).tolist() == [0, 0, 0.5, 1, 1]


def test_sharpening_reaches_for_the_photos_energy_and_rings_nowhere():
    edge = torch.zeros(1, 3, 64, 64)
    edge[..., 32:] = 0.6
    edge = edge + 0.2
    soft = torch.cat([gaussian(edge[:, i : i + 1], torch.tensor([2.0])) for i in range(3)], 1)
    made = sharpen_features(soft, edge, torch.ones(1, 1, 64, 64), FULL, detail=FULL)
    assert rms(fine(made)) > 1.3 * rms(fine(soft))
    assert made.min() >= soft.min() - 1e-6 and made.max() <= soft.max() + 1e-6
    assert (made.diff(dim=3) > -1e-6).all()


def test_sharpening_leaves_what_is_sharp_and_what_is_no_part():
    torch.manual_seed(0)
    picture, parts = torch.rand(1, 3, 48, 48), torch.ones(1, 1, 48, 48)
    assert torch.equal(sharpen_features(picture, picture, parts, FULL, detail=FULL), picture)
    blurred = torch.cat([gaussian(picture[:, i : i + 1], torch.ones(1)) for i in range(3)], 1)
    parts[..., 20:] = 0
    made = sharpen_features(blurred, picture, parts, FULL, detail=FULL)
    assert torch.equal(made[..., 20:], blurred[..., 20:]) and not torch.equal(
        made[..., :20], blurred[..., :20]
    )
    assert torch.equal(sharpen_features(blurred, picture, parts, FULL, detail=NONE), blurred)


def test_each_part_is_sharpened_by_what_it_lacks_itself():
    """A mouth that is sharp already does not take sharpness from eyes that are soft, nor get theirs."""
    torch.manual_seed(0)
    photo = torch.rand(1, 1, 48, 48).expand(-1, 3, -1, -1).contiguous()
    parts = torch.zeros(1, 2, 48, 48)
    parts[:, 0, :, :22], parts[:, 1, :, 26:] = 1, 1
    painted = photo.clone()
    painted[..., :24] = torch.cat([gaussian(photo[:, i : i + 1], torch.ones(1)) for i in range(3)], 1)[
        ..., :24
    ]
    made = sharpen_features(painted, photo, parts, FULL, detail=FULL)
    assert torch.allclose(made[..., 26:], painted[..., 26:], atol=1e-6)
    assert rms(fine(made[..., :20])) > 1.2 * rms(fine(painted[..., :20]))


def test_a_part_with_more_detail_than_the_photo_is_softened_and_no_other():
    torch.manual_seed(0)
    photo = 0.5 + 0.2 * gaussian(torch.randn(1, 1, 48, 48), 1.5).expand(-1, 3, -1, -1)
    parts = torch.zeros(1, 2, 48, 48)
    parts[:, 0, :, :22], parts[:, 1, :, 26:] = 1, 1
    loud = photo.clone()
    loud[..., :24] = 0.5 + 1.3 * (photo[..., :24] - 0.5)
    made = soften_features(loud, photo, parts)
    assert torch.equal(made[..., 22:], loud[..., 22:])
    inner = (..., slice(4, 18))
    assert rms(fine(loud)[inner]) > 1.25 * rms(fine(photo)[inner])
    assert rms(fine(made)[inner]) / rms(fine(photo)[inner]) == pytest.approx(LOUDEST, rel=0.03)


def test_a_feature_becomes_as_loud_as_the_photo_in_what_the_crop_can_hardly_hold():
    """On a large face as on a small one, though a crop pixel is as many times wider there."""
    torch.manual_seed(0)
    for side in (1.5, 3.0):
        photo = gaussian(torch.rand(1, 1, 144, 144), 0.5 * side).expand(-1, 3, -1, -1).contiguous()
        painted = torch.cat([gaussian(photo[:, i : i + 1], 0.7 * side) for i in range(3)], 1)
        ones, sides = torch.ones(1, 1, 144, 144), torch.full((1,), side)
        made = sharpen_features(painted, photo, ones, sides, detail=FULL)
        before, after, wanted = (
            rms((luma(some) - gaussian(luma(some), FINER * side))[..., 20:-20, 20:-20])
            for some in (painted, made, photo)
        )
        assert before < 0.6 * wanted and 1.3 * before < after < 1.1 * wanted


@pytest.mark.parametrize(("blur_px", "near"), [(0.6, 0.05), (1.2, 0.1)])
def test_a_face_of_another_size_is_sharpened_alike(blur_px, near):
    """A little, where the photo's energy decides, and much, where the range does."""
    torch.manual_seed(0)
    photo = gaussian(torch.rand(1, 1, 96, 96), 1.0).expand(-1, 3, -1, -1).contiguous()
    painted = torch.cat([gaussian(photo[:, i : i + 1], blur_px) for i in range(3)], 1)
    changes = []
    for times in (1, 3):
        one, other = (F.interpolate(some, scale_factor=times, mode="bicubic") for some in (painted, photo))
        parts, side = torch.ones_like(one[:, :1]), torch.full((1,), 2.0 * times)
        changes.append(rms(sharpen_features(one, other, parts, side, detail=FULL) - one))
    assert changes[1] == pytest.approx(changes[0], rel=near)


def test_sharpening_lowers_no_peak():
    torch.manual_seed(0)
    painted = flat() + 0.01 * torch.rand(1, 1, 96, 80)
    painted[..., 50, 41] += 0.2
    made = sharpen_features(painted, flat() + 0.5 * grain(), ALL, CROP_PX, detail=FULL)
    assert (made[..., 50, 41] >= painted[..., 50, 41] - 1e-6).all() and not torch.equal(made, painted)


def test_on_a_large_face_a_sharpened_edge_shows_no_pixels_of_the_crop():
    """A slanted edge as a crop of a quarter of the side holds it: sharpened in the crop it becomes stairs."""
    side, height = 4.0, 160
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(40.0), indexing="ij")
    crop = (0.3 + 0.4 * ((x - 20 + 0.25 * (y - 20)) / 1.5).sigmoid()).expand(1, 3, -1, -1)
    painted = F.interpolate(crop, (height, height), mode="bicubic")
    sharp = 0.3 + 0.4 * (torch.arange(float(height)) > height / 2).float()
    photo = sharp.expand(1, 3, height, -1).contiguous()
    made = sharpen_features(
        painted, photo, torch.ones(1, 1, height, height), torch.tensor([side]), detail=FULL
    )
    inner = luma(made)[0, 0, 40:-40]
    crossing = (inner < 0.5).sum(1).float()
    slope = torch.arange(len(crossing)) * -0.25
    assert rms(fine(made)) > 1.2 * rms(fine(painted))
    assert (crossing - slope - (crossing - slope).mean()).abs().max() < 1.0
