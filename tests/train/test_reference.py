"""The reference face: a mean that knows nothing of place, size and turn, and that is symmetric."""

import torch

from facehub.blending.alignment import reference_face
from train.data.gallery import MIRROR
from train.reference import ANCHORS, EYE_DISTANCE, placed, symmetric_mean


def crowd(n: int = 5) -> torch.Tensor:
    """The reference face and some noise, each copy moved, turned and scaled."""
    random = torch.Generator().manual_seed(0)
    face = reference_face().double() - 0.5
    angles, scales = torch.rand(n, generator=random) - 0.5, 50 + 100 * torch.rand(n, generator=random)
    turns = torch.stack(
        [torch.stack([angles.cos(), -angles.sin()], 1), torch.stack([angles.sin(), angles.cos()], 1)], 1
    ).double()
    noise = 0.002 * torch.randn(n, 68, 2, generator=random, dtype=torch.float64)
    return (face + noise) @ turns.mT * scales[:, None, None] + 300 * torch.rand(
        n, 1, 2, generator=random, dtype=torch.float64
    )


def test_the_mirror_is_its_own_inverse():
    assert [MIRROR[i] for i in MIRROR] == list(range(68))


def test_the_mean_is_symmetric_and_the_face():
    mean = placed(symmetric_mean(crowd()))
    assert torch.allclose(
        mean[MIRROR] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0]), mean, atol=1e-9
    )
    assert (mean - reference_face()).abs().max() < 0.01


def test_it_is_placed_as_the_paper_has_it():
    mean = placed(symmetric_mean(crowd()))
    eyes = mean[36:42].mean(0), mean[42:48].mean(0)
    assert torch.allclose((eyes[1] - eyes[0]).norm(), torch.tensor(EYE_DISTANCE, dtype=torch.float64))
    assert abs(mean[8, 1] - ANCHORS["chin"]) < 0.03
