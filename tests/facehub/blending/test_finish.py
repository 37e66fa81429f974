"""The finish of whole swaps: which faces get what."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from facehub.blending import finish
from facehub.blending.alignment import reference_landmarks
from facehub.blending.detail import sharpen_features
from facehub.blending.features import BROWS, MOUTH, feature_distances
from facehub.blending.filters import gaussian, luma
from facehub.blending.finish import crop_px
from facehub.blending.masks import hull_masker
from facehub.detection.finder import Finder
from facehub.errors import BadSetting
from facehub.swapper import Swapper
from tests.facehub.test_swapper import Answer


@pytest.fixture(scope="module")
def finder():
    return Finder()


def blurred(crop: torch.Tensor) -> torch.Tensor:
    return gaussian(crop, crop.new_full((len(crop),), 1.5))


def swapped(photo: torch.Tensor, finder, *, function=blurred, size: int = 64, detail: float = 1.0):
    swapper = Swapper(Answer(function, size), finder=finder, masker=hull_masker, detail=detail)
    return swapper(photo[None])


def cheek_detail(photo: torch.Tensor, made) -> float:
    """Fine luma on the left cheek."""
    points = made.faces.landmarks[0]
    (x, y), reach = points[[3, 31]].mean(0).round().long().tolist(), 6
    bright = luma(photo[None].float())
    fine = bright - gaussian(bright, torch.ones(1))
    return fine[0, 0, y - reach : y + reach, x - reach : x + reach].square().mean().sqrt().item()


def test_a_blurring_network_gives_a_cheek_its_grain_back_by_as_much_as_asked_for(astronaut, finder):
    torch.manual_seed(0)
    grain = 8 * torch.randn(1, *astronaut.shape[1:])  # stronger than the cheek's own lines, which stay behind
    grainy = (astronaut.float() + grain).round().clamp(0, 255).to(torch.uint8)
    results = [swapped(grainy, finder, detail=amount) for amount in (0.0, 0.5, 1.0)]
    none, half, whole = (cheek_detail(result.blended[0], result) for result in results)
    photo = cheek_detail(grainy, results[0])
    assert none < 0.3 * photo
    assert none < half < whole
    assert 0.4 * photo < whole < 1.1 * photo


def test_features_are_sharpened_where_the_photo_is_finer_than_the_crop_and_no_softer(
    astronaut, finder, monkeypatch
):
    asked = []

    def spy(result, target, parts, crop_px, *, detail):
        asked.append((parts, float(detail)))
        return sharpen_features(result, target, parts, crop_px, detail=detail)

    monkeypatch.setattr(finish, "sharpen_features", spy)
    assert crop_px(swapped(astronaut, finder, size=256).faces).item() < 1 and not asked
    made = [swapped(astronaut, finder, detail=amount) for amount in (0.0, 0.5, 1.0)]
    (parts, half), (_, whole) = asked
    assert whole == pytest.approx(2 * half) and half > 0
    brows = parts[0, 1]
    assert brows.max() > 0.9 and brows.mean() < 0.2
    soft = blurred(blurred(astronaut[None].float()))[0].round().to(torch.uint8)
    swapped(soft, finder, function=lambda _: made[0].faces.crop)
    assert asked[-1][1] < 0.5 * whole
    monkeypatch.setattr(finish, "sharpen_features", lambda result, *_, **__: result)
    assert not torch.equal(swapped(astronaut, finder).blended, made[2].blended)


def test_light_from_the_side_that_a_network_does_not_paint_is_the_photos(astronaut, finder):
    """The network paints her as she is; in the photo one half of her face lies in shade."""
    known = finder(astronaut[None])
    plain = swapped(astronaut, finder).faces.crop
    left, right = known.landmarks[0, [0, 16], 0].tolist()
    across = torch.arange(astronaut.shape[2])
    dim = (astronaut * (0.4 + 0.6 * ((across - left) / (right - left)).clamp(0, 1))).round().to(torch.uint8)
    swapper = Swapper(Answer(lambda _: plain, 64), finder=lambda _: known, masker=hull_masker)
    made = swapper(dim[None])
    points = known.landmarks[0]
    y = int(points[2, 1])
    for x in ((points[[2, 14], 0] + points[[31, 35], 0]) / 2).round().long().tolist():
        cheek = (slice(None), slice(None), slice(y - 4, y + 4), slice(x - 4, x + 4))
        was, now = (luma(picture[cheek].float()).mean().item() for picture in (dim[None], made.blended))
        assert now == pytest.approx(was, rel=0.12)


def test_closed_eyes_are_the_photos(astronaut, finder):
    """The network paints white eyes, and the finder says that they are closed."""
    known = finder(astronaut[None])
    middle = known.landmarks[:, 36:48].unflatten(1, (2, 6)).mean(2, keepdim=True)
    shut = known.landmarks.clone()
    lids = shut[:, 36:48].unflatten(1, (2, 6))
    shut[:, 36:48, 1] = (middle + 0.2 * (lids - middle)).flatten(1, 2)[:, :, 1]
    change = []
    for landmarks in (shut, known.landmarks):
        found = replace(known, landmarks=landmarks)
        made = Swapper(Answer(lambda crop: crop + 0.3, 128), finder=lambda _, f=found: f, masker=hull_masker)(
            astronaut[None]
        )
        x, y = shut[0, 42:48].mean(0).round().long().tolist()
        eye = (slice(None), slice(None), slice(y - 2, y + 3), slice(x - 3, x + 4))
        change.append((made.blended[eye].float() - astronaut[None][eye].float()).abs().mean().item())
    assert change[0] < 3 < change[1]


def test_brows_are_no_louder_than_the_photos(astronaut, finder):
    made = swapped(astronaut, finder, function=lambda crop: 2 * crop - gaussian(crop, 4.0), size=256)
    size = (astronaut.shape[1], astronaut.shape[2])
    away = feature_distances(made.faces.landmarks, size)
    brows = F.interpolate(away[:, BROWS : BROWS + 1], size=size, mode="bilinear") < 0.08
    fine = [
        bright - gaussian(bright, 1.0)
        for bright in (luma(picture.float()) for picture in (astronaut[None], made.raw, made.blended))
    ]
    photo, painted, blended = (band[brows].square().mean().sqrt().item() for band in fine)
    assert painted > 1.25 * photo and blended < 1.3 * photo


@pytest.mark.parametrize("detail", [0.0, 1.0])
def test_gray_photos_stay_gray_exactly(astronaut, finder, detail):
    """Even if the network paints colours; also when JPEG left a level or two of colour."""
    gray = luma(astronaut[None].float()).round().to(torch.uint8).expand(-1, 3, -1, -1)[0].contiguous()
    coloured = swapped(
        gray,
        finder,
        function=lambda crop: crop * crop.new_tensor([1.0, 0.7, 0.4])[:, None, None],
        detail=detail,
    )
    assert (coloured.blended.amax(1) == coloured.blended.amin(1)).all()
    assert (coloured.blended[0] != gray).any()
    noisy = gray.clone()
    noisy[0] = (noisy[0].int() + 1).clamp(max=255).to(torch.uint8)
    made = swapped(
        noisy,
        finder,
        function=lambda crop: crop * crop.new_tensor([1.0, 0.7, 0.4])[:, None, None],
        detail=detail,
    )
    assert (made.blended.amax(1).int() - made.blended.amin(1).int()).max() <= 2


def test_an_orange_network_does_not_make_an_orange_face(astronaut, finder):
    made = swapped(
        astronaut,
        finder,
        function=lambda crop: crop * crop.new_tensor([1.0, 0.85, 0.6])[:, None, None],
        size=128,
    )
    x, y = made.faces.landmarks[0, [3, 31]].mean(0).round().long().tolist()
    patch = (slice(None), slice(None), slice(y - 10, y + 10), slice(x - 10, x + 10))
    was, now = (picture[patch].float().mean((2, 3))[0] for picture in (astronaut[None], made.blended))
    assert ((now - now.mean()) - (was - was.mean())).abs().max() < 4


def test_outside_the_mask_the_photo_stays_bit_for_bit(astronaut, finder):
    made = swapped(astronaut, finder)
    assert torch.equal(torch.where(made.mask > 0, astronaut[None], made.blended), astronaut[None])


def test_raw_is_what_the_network_painted(astronaut, finder):
    with_it, without = swapped(astronaut, finder), swapped(astronaut, finder, detail=0.0)
    assert torch.equal(with_it.raw, without.raw) and not torch.equal(with_it.blended, without.blended)


def test_a_face_in_a_batch_is_the_face_alone(astronaut, finder):
    dim = (blurred(astronaut[None].float())[0] * 0.6).round().to(torch.uint8)
    swapper = Swapper(Answer(blurred, 64), finder=finder, masker=hull_masker)
    both = swapper(torch.stack([astronaut, dim])).blended
    for i, photo in enumerate((astronaut, dim)):
        alone = swapper(photo[None]).blended[0]  # both share a solver, which ends within half a level
        assert (both[i].int() - alone.int()).abs().max() <= 1


def test_detail_is_from_none_to_all():
    with pytest.raises(BadSetting, match="between 0"):
        Swapper(Answer(blurred), detail=1.5)


def blue_rim(photo: torch.Tensor, finder) -> tuple[float, float]:
    """How blue a rim around the lips is that a network painted, and how blue it became in the photo."""
    known = finder(photo[None])

    def paint(crop: torch.Tensor) -> torch.Tensor:
        points = reference_landmarks(256)[None]
        lips = feature_distances(points, (256, 256))[:, MOUTH : MOUTH + 1]
        rim = F.interpolate(((lips > 0.01) & (lips < 0.05)).float(), size=(256, 256), mode="nearest")
        return (crop + 0.3 * rim * torch.tensor([-0.1, -0.1, 0.9])[:, None, None]).clamp(0, 1)

    swapper = Swapper(Answer(paint, 256), finder=lambda _: known, masker=hull_masker, detail=0.0)
    made = swapper(photo[None])
    rim = (made.patch.mask > 0.99) & (luma(made.patch.source - made.patch.target).abs() > 0.01)
    blue = [
        (picture[:, 2:] - luma(picture))[rim].mean().item()
        for picture in (made.patch.target, made.patch.source, _placed(made.blended, made.patch))
    ]
    return blue[1] - blue[0], blue[2] - blue[0]


def _placed(photos: torch.Tensor, patch) -> torch.Tensor:
    (left, top), (height, width) = patch.corner[0].tolist(), patch.target.shape[-2:]
    return photos[:, :, top : top + height, left : left + width].float() / 255


def test_a_rim_of_another_hue_around_the_lips_becomes_the_photos(astronaut, finder):
    painted, left = blue_rim(astronaut, finder)
    assert painted > 0.02
    assert abs(left) < 0.17 * painted
