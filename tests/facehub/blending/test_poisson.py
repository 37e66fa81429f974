"""Cloning against a sparse direct solve, and what must hold for any picture."""

import numpy as np
import pytest
import torch

from facehub.blending import poisson
from facehub.blending.direct import MAX_EDGE_PIXELS, edge_pixels, solve_on_edge
from facehub.blending.poisson import SOURCE_RADIUS_PX, clone
from tests.reference import poisson_clone


@pytest.fixture(params=["directly", "by multigrid"])
def solved(request, monkeypatch):
    """One face is solved directly where its edge is short; here also by multigrid."""
    if request.param == "by multigrid":
        monkeypatch.setattr(poisson, "MAX_EDGE_PIXELS", 0)


def picture(height: int, width: int, seed: int) -> torch.Tensor:
    """Noise over a slope: rough at every scale."""
    random = torch.Generator().manual_seed(seed)
    noise = sum(
        torch.nn.functional.interpolate(
            torch.rand(1, 3, n, n, generator=random), size=(height, width), mode="bilinear"
        )
        for n in (2, 5, 17, 60)
    )
    return noise / 4


def ellipse(height: int, width: int, x: float = 0.5, y: float = 0.5, radius: float = 0.42) -> torch.Tensor:
    row, column = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)[None, :]
    return (1 - ((row - y) ** 2 + (column - x) ** 2) / radius**2).clamp(0, 1)[None, None]


def masks() -> dict[str, torch.Tensor]:
    ring = ellipse(61, 83) * (ellipse(61, 83, radius=0.2) == 0)
    two = torch.maximum(ellipse(61, 83, x=0.25, radius=0.15), ellipse(61, 83, x=0.75, radius=0.2))
    thin = torch.zeros(1, 1, 61, 83)
    thin[..., 30, 5:70] = 1
    half = torch.zeros(1, 1, 61, 83)
    half[..., :40] = 1
    speckled = (torch.rand(1, 1, 61, 83, generator=torch.Generator().manual_seed(0)) > 0.3).float()
    return {
        "ellipse": ellipse(61, 83), "ring": ring, "two": two, "thin": thin,
        "over the edge": ellipse(61, 83, x=0.0, y=0.1),
        "half": half, "speckled": speckled,
        "one pixel": torch.nn.functional.pad(torch.ones(1, 1, 1, 1), (40, 42, 30, 30)),
    }  # fmt: skip


@pytest.mark.usefixtures("solved")
@pytest.mark.parametrize("name", masks())
def test_it_is_the_direct_solution(name):
    """To 1/255, also where the mask touches the rectangle's edge, has holes, parts, or one pixel."""
    source, target, mask = picture(61, 83, 0), picture(61, 83, 1), masks()[name]
    exact = poisson_clone(
        *(t[0].permute(1, 2, 0).double().numpy() for t in (source, target)), (mask[0, 0] > 0).numpy()
    )
    cloned = clone(source, target, mask)
    assert np.abs(cloned.result[0].permute(1, 2, 0).numpy() - exact).max() < 1 / 255
    assert cloned.residual.max() < 0.5 / 255


@pytest.mark.usefixtures("solved")
@pytest.mark.parametrize("seed", range(24))
def test_it_is_the_direct_solution_whatever_the_size_and_the_edges_touched(seed):
    """Each size and side gives the grids other rooms."""
    random = torch.Generator().manual_seed(seed)
    height, width, top, left = (int(n) for n in torch.randint(3, 99, (4,), generator=random))
    mask = torch.zeros(1, 1, height, width)
    mask[..., top % 3 * height // 4 :, : width - left % 3 * width // 4] = 1
    mask[..., -1 - top % height, -1 - left % width] = 0
    source, target = picture(height, width, seed), picture(height, width, seed + 50)
    exact = poisson_clone(
        *(t[0].permute(1, 2, 0).double().numpy() for t in (source, target)), (mask[0, 0] > 0).numpy()
    )
    assert np.abs(clone(source, target, mask).result[0].permute(1, 2, 0).numpy() - exact).max() < 1 / 255


@pytest.mark.usefixtures("solved")
@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_direct_solution_at_a_faces_size(seed):
    source, target, mask = picture(161, 127, seed), picture(161, 127, seed + 9), ellipse(161, 127)
    exact = poisson_clone(
        *(t[0].permute(1, 2, 0).double().numpy() for t in (source, target)), (mask[0, 0] > 0).numpy()
    )
    assert np.abs(clone(source, target, mask).result[0].permute(1, 2, 0).numpy() - exact).max() < 1 / 255


@pytest.mark.parametrize("touched", [(), (0,), (3,), (0, 3), (0, 1, 2, 3)])
def test_one_small_face_is_solved_to_the_last_digits(touched):
    """A hundredth of a level, where the multigrid has a tenth; whatever sides are touched."""
    source, target = picture(61, 83, 0), picture(61, 83, 1)
    mask = ellipse(61, 83)
    for side in touched:
        mask[
            (..., (0, -1)[side % 2], slice(20, 40)) if side < 2 else (..., slice(20, 40), (0, -1)[side % 2])
        ] = 1
    exact = poisson_clone(
        *(t[0].permute(1, 2, 0).double().numpy() for t in (source, target)), (mask[0, 0] > 0).numpy()
    )
    result = clone(source, target, mask).result[0].permute(1, 2, 0).numpy()
    assert np.abs(result - exact).max() < 0.01 / 255


def test_the_edge_is_what_is_known_beside_the_unknown():
    unknown = torch.zeros(1, 1, 5, 6, dtype=torch.bool)
    unknown[..., 2, 2:4] = unknown[..., 0, 0] = True
    assert edge_pixels(unknown).tolist() == [1, 6, 8, 9, 13, 16, 20, 21]


def holes() -> torch.Tensor:
    mask = ellipse(120, 96)
    mask[..., ::3, ::2] = 0
    return mask


@pytest.mark.parametrize(
    ("mask", "directly"),
    [
        (ellipse(120, 96), True),
        (ellipse(120, 96).expand(2, -1, -1, -1), False),  # several are solved together
        (torch.nn.functional.pad(torch.ones(1, 1, 240, 200), (9, 0)), False),  # large
        (holes(), False),  # a long edge
    ],
)
def test_one_small_face_is_solved_directly(monkeypatch, mask, directly):
    """The multigrid is faster for others."""
    lengths = []
    monkeypatch.setattr(
        poisson, "solve_on_edge", lambda d, edge, t: lengths.append(len(edge)) or solve_on_edge(d, edge, t)
    )
    photo = picture(*mask.shape[2:], 0).expand(len(mask), -1, -1, -1)
    clone(photo, photo, mask)
    assert len(lengths) == directly and all(0 < length <= MAX_EDGE_PIXELS for length in lengths)


def test_real_faces(assets):
    """A face of the London set cloned onto another: the patch of a real swap."""
    from dataclasses import replace

    from facehub.blending.alignment import align, warp_to_photo
    from facehub.detection.finder import Finder
    from facehub.image import read

    photos = [read(assets / "london" / name).photo[None] for name in ("001_03.jpg", "005_08.jpg")]
    finder = Finder()
    faces = [align(p, (f := finder(p)).landmarks, f.photo, size=128) for p in photos]
    patch = warp_to_photo(replace(faces[0], crop=faces[1].crop), photos[0])
    cloned = clone(patch.source, patch.target, patch.mask)
    exact = poisson_clone(
        *(t[0].permute(1, 2, 0).double().numpy() for t in (patch.source, patch.target)),
        (patch.mask[0, 0] > 0).numpy(),
    )
    assert np.abs(cloned.result[0].permute(1, 2, 0).numpy() - exact).max() < 1 / 255


@pytest.mark.usefixtures("solved")
def test_outside_the_mask_nothing_changes():
    source, target, mask = picture(61, 83, 0), picture(61, 83, 1), ellipse(61, 83)
    result = clone(source, target, mask).result
    outside = (mask == 0).expand_as(result)
    assert torch.equal(result[outside], target[outside])
    assert not torch.equal(result, target)


@pytest.mark.usefixtures("solved")
def test_a_picture_cloned_onto_itself_is_itself():
    photo = picture(61, 83, 0)
    assert torch.equal(clone(photo, photo, ellipse(61, 83)).result, photo)


@pytest.mark.usefixtures("solved")
def test_a_constant_offset_disappears():
    photo = picture(61, 83, 0)
    offset = torch.tensor([0.3, -0.2, 0.1])[:, None, None]
    assert torch.allclose(clone(photo + offset, photo, ellipse(61, 83)).result, photo, atol=1 / 255)


@pytest.mark.usefixtures("solved")
def test_linear_in_both_pictures():
    """The equation is linear, so mixing pictures mixes results; to twice the tolerance."""
    a, b, c, d = (picture(61, 83, s) for s in range(4))
    mask = ellipse(61, 83)
    mixed = clone((a + b) / 2, (c + d) / 2, mask).result
    assert (mixed - (clone(a, c, mask).result + clone(b, d, mask).result) / 2).abs().max() < 2 / 255


def test_a_batch_is_its_faces():
    source, target = (
        torch.cat([picture(61, 83, s) for s in range(3)]),
        torch.cat([picture(61, 83, s + 5) for s in range(3)]),
    )
    mask = torch.cat([ellipse(61, 83), ellipse(61, 83, x=0.2), torch.zeros(1, 1, 61, 83)])
    together = clone(source, target, mask)
    each = [clone(source[i : i + 1], target[i : i + 1], mask[i : i + 1]) for i in range(3)]
    assert (together.result - torch.cat([c.result for c in each])).abs().max() < 1 / 255
    assert torch.equal(together.result[2], target[2]), "an empty mask leaves the target"


@pytest.mark.usefixtures("solved")
def test_a_mask_without_an_edge_lifts_by_the_mean():
    source, target = picture(20, 30, 0), picture(20, 30, 1)
    result = clone(source, target, torch.ones(1, 1, 20, 30)).result
    assert torch.allclose(result, source + (target - source).mean((2, 3), keepdim=True), atol=1e-6)


def test_residual_tells_a_wrong_answer(monkeypatch):
    """A membrane that is zero everywhere leaves the source's edge as it is, and the residual says so."""
    monkeypatch.setattr(
        "facehub.blending.poisson._solve",
        lambda difference, unknown, touches: torch.zeros_like(difference),
    )
    assert clone(picture(61, 83, 0), picture(61, 83, 1), ellipse(61, 83)).residual.min() > 0.02


@pytest.mark.usefixtures("solved")
@pytest.mark.gpu
def test_cuda_agrees_with_cpu():
    source, target, mask = picture(161, 127, 0), picture(161, 127, 1), ellipse(161, 127)
    cuda = clone(source.cuda(), target.cuda(), mask.cuda())
    assert (cuda.result.cpu() - clone(source, target, mask).result).abs().max() < 1 / 255


def strand(height: int = 61, width: int = 83) -> torch.Tensor:
    """1 everywhere but on a band that runs along the left of the ellipse, some of it within, as hair does
    along a cheek."""
    hold = torch.ones(1, 1, height, width)
    hold[..., 18:30] = 0
    return hold


@pytest.mark.usefixtures("solved")
def test_what_may_not_hold_is_left_out_of_the_equation():
    """The direct solution over the mask together with the band, whose own colours then play no part."""
    source, target, mask, hold = picture(61, 83, 0), picture(61, 83, 1), ellipse(61, 83), strand()
    unknown = ((mask > 0) | (hold == 0))[0, 0].numpy()
    exact = poisson_clone(*(t[0].permute(1, 2, 0).double().numpy() for t in (source, target)), unknown)
    cloned = clone(source, target, mask, hold)
    painted = (mask[0, 0] > 0).numpy()
    assert np.abs(cloned.result[0].permute(1, 2, 0).numpy() - exact)[painted].max() < 1 / 255
    assert cloned.residual.max() < 0.5 / 255
    assert torch.equal(cloned.result[(mask == 0).expand_as(target)], target[(mask == 0).expand_as(target)]), (
        "the hair itself stays"
    )


@pytest.mark.usefixtures("solved")
def test_hair_does_not_bleed_into_the_clone():
    """Skin that is the source and 0.1 brighter, black hair over the band: with it known as hair the clone is
    just that skin, without it darker."""
    source, mask, hold = picture(61, 83, 0) * 0.5 + 0.2, ellipse(61, 83), strand()
    target = torch.where(hold > 0, source + 0.1, 0.0)
    painted = (mask > 0).expand_as(target)
    assert (clone(source, target, mask, hold).result - source - 0.1)[painted].abs().max() < 1 / 255
    assert (clone(source, target, mask).result - source - 0.1)[painted].min() < -0.1


def test_holding_everywhere_is_the_default():
    source, target, mask = picture(61, 83, 0), picture(61, 83, 1), ellipse(61, 83)
    assert torch.equal(
        clone(source, target, mask).result, clone(source, target, mask, torch.ones_like(mask)).result
    )


@pytest.mark.usefixtures("solved")
def test_where_nothing_holds_the_source_is_lifted_by_the_mean_under_the_mask():
    source, target = (
        torch.cat([picture(61, 83, s) for s in (0, 2)]),
        torch.cat([picture(61, 83, s) for s in (1, 3)]),
    )
    mask = ellipse(61, 83, radius=0.2).expand(2, -1, -1, -1)
    hold = torch.stack([torch.zeros(1, 61, 83), torch.ones(1, 61, 83)])
    result, painted = clone(source, target, mask, hold).result, mask[:1] > 0
    mean = ((target - source)[:1] * painted).sum((2, 3), keepdim=True) / painted.sum()
    assert torch.allclose(
        torch.where(painted, result[:1], 0), torch.where(painted, source[:1] + mean, 0), atol=1e-5
    )
    assert (result[1:] - clone(source[1:], target[1:], mask[1:]).result).abs().max() < 1 / 255, (
        "the other face is held as ever"
    )


@pytest.mark.usefixtures("solved")
def test_how_near_something_must_hold():
    """A known pixel SOURCE_RADIUS_PX beside the mask holds the membrane; where what is known lies farther
    off, the source is lifted by the mean."""
    source, target = picture(61, 83, 0) * 0.5, picture(61, 83, 1)
    mask = torch.zeros(1, 1, 61, 83)
    mask[..., 25:36, 35:48] = 1
    mean = ((target - source) * mask).sum((2, 3), keepdim=True) / mask.sum()
    lifted = []
    for away in (SOURCE_RADIUS_PX, SOURCE_RADIUS_PX + 1):
        hold = torch.zeros_like(mask)
        hold[..., : 25 - away + 1, :] = 1
        result = clone(source, target, mask, hold).result
        lifted.append(torch.allclose((result - source) * mask, mean * mask, atol=1e-5))
    assert lifted == [False, True]
