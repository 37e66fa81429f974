"""The discriminator tells blur from detail, and its loss says how sure it is."""

import torch
import torch.nn.functional as F

from train.networks.discriminator import PatchDiscriminator, high_pass, hinge, mean_inside


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


def test_it_learns_to_tell_blur_in_a_few_steps():
    torch.manual_seed(0)
    for detail_only in (False, True):
        judge = PatchDiscriminator(8, detail_only=detail_only)
        optimiser = torch.optim.Adam(judge.parameters(), lr=1e-3)
        mask = torch.ones(4, 1, 24, 24)
        for _ in range(30):
            real = 0.5 + 0.05 * torch.randn(4, 3, 24, 24)
            loss = hinge(judge(real), judge(F.avg_pool2d(real, 3, 1, 1)), mask, mask)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        assert loss < 1
