"""Discriminators tell blur from detail, and their loss says how sure they are."""

from collections.abc import Callable

import torch
import torch.nn.functional as F

from train.networks.discriminator import (
    FEATURES,
    FeatureDiscriminator,
    PatchDiscriminator,
    high_pass,
    hinge,
    mean_inside,
)
from train.networks.vgg import VGG19


def test_flat_pictures_have_no_detail():
    assert high_pass(torch.full((1, 3, 9, 7), 0.4)).abs().max() < 1e-6


def test_the_loss_is_two_in_doubt_and_nothing_when_sure():
    doubt, mask = torch.zeros(2, 1, 3, 4), torch.ones(2, 1, 6, 8)
    assert hinge(doubt, doubt, mask, mask) == 2
    assert hinge(doubt + 1, doubt - 1, mask, mask) == 0


def test_only_what_the_mask_shows_is_judged():
    verdict, mask = torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 4, 4)
    verdict[..., 0, 0], mask[..., :2, :2] = 3, 1
    assert mean_inside(verdict, mask) == 3


def taught(judge: torch.nn.Module, seen: Callable, *, sides: int = 24) -> float:
    """Its loss after 30 steps of telling noise from blurred noise."""
    torch.manual_seed(0)
    optimiser = torch.optim.Adam(judge.parameters(), lr=1e-3)
    mask, loss = torch.ones(4, 1, sides, sides), torch.zeros(())
    for _ in range(30):
        real = 0.5 + 0.05 * torch.randn(4, 3, sides, sides)
        loss = hinge(judge(seen(real)), judge(seen(F.avg_pool2d(real, 3, 1, 1))), mask, mask)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return float(loss.detach())


def test_patches_are_told_from_blurred_ones_in_a_few_steps():
    torch.manual_seed(0)
    assert taught(PatchDiscriminator(8), lambda picture: picture) < 1


def test_faces_are_told_from_blurred_ones_by_their_features_in_a_few_steps():
    torch.manual_seed(0)
    network = VGG19()
    assert taught(FeatureDiscriminator(8), lambda face: network(10 * face, tuple(FEATURES))) < 1.2


def test_each_layer_has_a_verdict_for_each_place():
    found = VGG19()(torch.rand(2, 3, 32, 24), tuple(FEATURES))
    assert FeatureDiscriminator(4)(found).shape == (2, len(FEATURES), 8, 6)
    verdict = torch.stack([torch.full((2, 2), value) for value in (0.0, 3.0, 6.0)])[None]
    assert mean_inside(verdict, torch.ones(1, 1, 4, 4)) == 3
