"""Skin takes the photo's chroma and keeps its luma; photos of one tint are seen and stay so."""

import pytest
import torch

from facehub.blending.colour import FINE_CHROMA, SHADED, apply_tint, estimate_tint, match_skin_chroma
from facehub.blending.filters import luma

SKIN, ORANGE = torch.tensor([0.80, 0.62, 0.52]), torch.tensor([0.85, 0.55, 0.25])


def flat(colour: torch.Tensor, height: int = 90, width: int = 70) -> torch.Tensor:
    return colour.view(1, 3, 1, 1).expand(1, 3, height, width).clone()


def everywhere(height: int = 90, width: int = 70) -> torch.Tensor:
    return torch.ones(1, 1, height, width)


def chroma(picture: torch.Tensor) -> torch.Tensor:
    return picture - luma(picture)


def test_an_orange_face_takes_the_photos_chroma_and_keeps_its_luma():
    result = match_skin_chroma(flat(ORANGE), flat(SKIN), everywhere(), torch.tensor([30.0]))
    assert torch.allclose(luma(result), luma(flat(ORANGE)), atol=2e-3)
    less = (luma(flat(ORANGE)) / luma(flat(SKIN))) ** SHADED
    assert torch.allclose(chroma(result), chroma(flat(SKIN)) * less, atol=5e-3)


def test_the_right_colour_stays():
    assert torch.allclose(
        match_skin_chroma(flat(SKIN), flat(SKIN), everywhere(), torch.tensor([30.0])), flat(SKIN), atol=1e-5
    )


def test_what_is_not_skin_stays_and_is_not_looked_at():
    """Lips: their red is the identity's, and the photo's does not spread to the skin beside them."""
    result, target, skin = flat(SKIN), flat(SKIN), everywhere()
    result[..., 30:50, 20:40], target[..., 30:50, 20:40] = (
        torch.tensor(0.1),
        torch.tensor([0.9, 0.1, 0.1]).view(3, 1, 1),
    )
    skin[..., 30:50, 20:40] = 0
    made = match_skin_chroma(result, target, skin, torch.tensor([30.0]))
    assert torch.equal(made[..., 30:50, 20:40], result[..., 30:50, 20:40])
    assert (made - flat(SKIN))[..., :28, :].abs().max() < 0.02


def test_fine_light_of_the_new_face_stays_and_fine_colour_is_held_back():
    """Freckles of the identity: finer than what is balanced. Rims of another hue are no skin's."""
    fine = 0.04 * torch.tensor([1.0, -0.4, -0.3]).view(1, 3, 1, 1) * (torch.arange(70) % 2 * 2 - 1)
    made = match_skin_chroma(flat(SKIN) + fine, flat(SKIN), everywhere(), torch.tensor([60.0]))
    kept = luma(fine) + FINE_CHROMA * (fine - luma(fine))
    assert torch.allclose(made, flat(SKIN) + kept, atol=0.01)
    assert not torch.allclose(made, flat(SKIN) + luma(fine), atol=0.005), "some of it stays"


def colourful() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.nn.functional.interpolate(torch.rand(1, 3, 9, 9), size=(128, 128), mode="bicubic").clamp(
        0, 1
    )


def sepia(gray: torch.Tensor) -> torch.Tensor:
    """A tint that is strongest in the middle tones, as in a toned print."""
    amount = 4 * gray * (1 - gray)
    return torch.cat([gray + 0.09 * amount, gray, gray - 0.12 * amount], 1).clamp(0, 1)


def test_which_photos_have_one_tint():
    gray = luma(colourful())
    crops = torch.cat([colourful(), gray.expand(-1, 3, -1, -1), sepia(gray)])
    seen = estimate_tint(crops)
    assert seen.single.tolist() == [False, True, True] and seen.gray.tolist() == [False, True, False]


def test_a_gray_photo_from_a_jpeg_is_gray_within_two_levels_and_not_within_six():
    gray = (luma(colourful()) * 255).round()
    jpeg = torch.cat([gray + 1, gray, gray - 1], 1) / 255
    assert estimate_tint(jpeg.clamp(0, 1)).gray.item()
    assert not estimate_tint((torch.cat([gray + 3, gray, gray - 3], 1) / 255).clamp(0, 1)).gray.item()


def test_gray_photos_get_gray_faces_exactly():
    gray = luma(colourful()).expand(-1, 3, -1, -1)
    made = apply_tint(flat(ORANGE), estimate_tint(gray))
    assert torch.equal(made[:, 0], made[:, 1]) and torch.equal(made[:, 1], made[:, 2])
    assert torch.allclose(luma(made), luma(flat(ORANGE)), atol=1e-6)


def test_toned_photos_get_their_tone_at_each_luma():
    seen = estimate_tint(sepia(luma(colourful())))
    for bright in (0.3, 0.5, 0.7):
        made = apply_tint(flat(torch.tensor([bright, bright, bright])), seen)
        wanted = sepia(torch.full((1, 1, 1, 1), bright))
        assert (made - wanted).abs().max() < 0.04
        assert made[0, 0, 0, 0] - made[0, 2, 0, 0] == pytest.approx(
            (wanted[0, 0] - wanted[0, 2]).item(), abs=0.03
        )


def test_photos_of_colours_and_their_neighbours_in_a_batch_keep_theirs():
    seen = estimate_tint(torch.cat([colourful(), luma(colourful()).expand(-1, 3, -1, -1)]))
    made = apply_tint(torch.cat([flat(ORANGE), flat(ORANGE)]), seen)
    assert torch.equal(made[0], flat(ORANGE)[0]) and made[1].std(0).max() < 1e-6
