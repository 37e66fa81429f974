"""Tensors of two devices never meet in a step of training: with fake CUDA tensors, on a machine without a
GPU.
"""

import pytest
import torch

from facehub.networks.generator import Generator
from tests.fake_cuda import STAND_IN, answered, cuda, no_gpu, on_cuda
from tests.train.test_pair_loop import CONFIG, Recogniser
from tests.train.tiny import CONFIG as PAPER
from tests.train.tiny import gallery
from train import losses, objectives, pair_loop, pair_losses
from train.data.pair_batches import PairBatch
from train.landmarks import LandmarkNet
from train.lighting import Lighting
from train.networks.discriminator import FeatureDiscriminator, PatchDiscriminator
from train.networks.vgg import STYLE, VGG19
from train.objectives import Teachers
from train.pair_loop import HEADS, PairRun, PairTeachers
from train.style_bank import StyleBank


@pytest.fixture(autouse=True, params=["cuda", STAND_IN])
def gpu(request, monkeypatch):
    """CUDA, without gradients; and a stand-in, on which autograd's own formulas run."""
    monkeypatch.setattr("train.precision.bf16_pays", lambda device: False)
    with no_gpu(request.param):
        yield torch.device(request.param)


def frozen(network: torch.nn.Module) -> torch.nn.Module:
    return on_cuda(network).requires_grad_(False)


def run(gpu: torch.device) -> PairRun:
    """As `PairRun` makes it, but for `.to`, which would look for a driver."""
    made = object.__new__(PairRun)
    made.config, made.device, made.step = CONFIG, gpu, CONFIG.warm_up
    made.generator = on_cuda(HEADS[CONFIG.times](CONFIG.size), learns=True)
    made.judge = on_cuda(FeatureDiscriminator(), learns=True)
    made.fine_judge = on_cuda(PatchDiscriminator(), learns=True)
    made.painting = torch.optim.Adam(made.generator.parameters())
    made.judging = torch.optim.Adam([w for judge in made.judges for w in judge.parameters()])
    return made


def batch() -> PairBatch:
    n, side = CONFIG.batch, CONFIG.size
    marks = [cuda(n, dtype=torch.bool) for _ in range(2)]
    faces = [cuda(n, planes, side, side) for planes in (3, 3, 1)]
    return PairBatch(*faces, cuda(n, 68, 2), cuda(n, dtype=torch.long), *marks)


TERMS = 17
"""Losses of a step on pairs; each is read once, for the log."""

WIDTHS = 5
"""Gaussians by which a painted face is shown in its photo's light, colours, eyes and mouth."""


def test_a_step_on_pairs(gpu, monkeypatch):
    monkeypatch.setattr("train.pair_patches.patch_corners", lambda *_: [(i // 2, 8, 8) for i in range(4)])
    teachers = PairTeachers(frozen(VGG19()), frozen(LandmarkNet()), Recogniser(), cuda(3))
    paired = run(gpu)
    widths = {"filters.lowpass": [2.0] * WIDTHS, "filters.gaussian": [1.6] * WIDTHS}
    with answered({"pair_loop._step": [1.0] * TERMS, **widths}):
        told = pair_loop._step(batch(), teachers, paired)
    assert {"pixels", "likeness", "adversarial", "fine adversarial", "judge", "fine judge"} <= told.keys()
    assert all(weight.grad.device.type == gpu.type for weight in paired.generator.parameters())
    assert paired.painting.state and paired.judging.state, "both optimisers stepped"


@pytest.mark.parametrize("kind", ["losses", "imitation"])
def test_a_step_of_the_papers_way(gpu, kind):
    generator, vgg, faces = on_cuda(Generator(PAPER.size), learns=True), frozen(VGG19()), gallery(6)
    choice = torch.Generator().manual_seed(0)
    if kind == "imitation":
        with answered({}):
            parts, weights = objectives.imitation_terms(generator, faces, faces.crop, vgg, PAPER, choice, gpu)
    else:
        with torch.no_grad():
            found = vgg(cuda(1, 3, 24, 20))
        bank = StyleBank(cuda(3, 68, 2), {name: cuda(3, *found[name].shape[1:]) for name in STYLE})
        teachers = Teachers(bank, vgg, lighting=frozen(Lighting()), points=frozen(LandmarkNet()))
        with answered({}):
            parts, weights = objectives.loss_terms(generator, faces, teachers, PAPER, choice, gpu, 0.5)
    sum(weights[name] * part.mean() for name, part in parts.items()).backward()
    optimiser = torch.optim.Adam(generator.parameters())
    optimiser.step()
    assert all(weight.grad.device.type == gpu.type for weight in generator.parameters())


def test_losses_of_features_and_faces_stay_on_their_device(gpu):
    n, wanted = 2, cuda(128)
    unit, points = cuda(n, 128), cuda(n, 68, 2)
    for loss in (
        losses.identity(unit, unit, wanted),
        losses.landmarks(points, points),
        pair_losses.left(unit, unit),
    ):
        assert loss.device.type == gpu.type and loss.shape == (n,)
    assert losses.nearest_poses(points, cuda(5, 68, 2), 3).device.type == gpu.type


def test_two_devices_are_noticed():
    """Negative control: a teacher left on the CPU."""
    with pytest.raises(
        RuntimeError, match="(cuda:0|meta) and cpu|cpu and (cuda:0|meta)|cpu, cuda:0|different devices"
    ):
        pair_losses.likeness(cuda(2, 128), torch.empty(128))


class Strays(torch.autograd.Function):
    """Its forward pass is right; its gradient is multiplied with a tensor of the CPU."""

    @staticmethod
    def forward(context, x):
        return x * 2

    @staticmethod
    def backward(context, gradient):
        return gradient * torch.ones(gradient.shape)


def test_two_devices_are_noticed_in_a_backward_pass(gpu):
    """Negative control. On CUDA itself autograd does not run."""
    weights = cuda(3).requires_grad_()
    loss = Strays.apply(weights).sum()
    if gpu.type == STAND_IN:
        with pytest.raises(RuntimeError, match="meta and cpu"):
            loss.backward()
    else:
        loss.backward()
