"""The loop on a tiny run: it learns, its average is what it says, and a broken run ends like an unbroken one."""

import dataclasses

import pytest
import torch

from train.config import Config
from train.features import VGG19
from train.loop import Run, fit
from train.photos import Gallery
from train.style import style_bank

CONFIG = Config(size=32, batch=2, styles=2, coarse_steps=3, fine_steps=3, steps=3, seed=5)
CPU = torch.device("cpu")


def gallery(n: int, seed: int = 0) -> Gallery:
    random = torch.Generator().manual_seed(seed)
    return Gallery(
        names=tuple(f"person{i}/photo.png" for i in range(n)),
        crop=torch.randint(0, 256, (n, 3, 32, 32), dtype=torch.uint8, generator=random),
        landmarks=32 * torch.rand(n, 68, 2, generator=random),
        embedding=torch.rand(n, 128, generator=random),
        found=torch.ones(n, dtype=torch.long),
        width_px=torch.full((n,), 100.0),
    )


@pytest.fixture(scope="module")
def material():
    torch.manual_seed(0)
    network = VGG19().eval()
    content = gallery(6)
    return content, content.crop[:4].flip(2), style_bank(gallery(3, seed=1), network, device=CPU), network


def test_stages_come_in_order_and_count_their_steps(material):
    steps = [(step.stage, step.step) for step, _ in fit(*material, CONFIG, device=CPU)]
    assert steps == [(name, i) for name in ("imitate at half size", "imitate", "losses") for i in (1, 2, 3)]


@pytest.mark.parametrize("broken_after", [2, 3, 5, 8])
def test_a_broken_run_goes_on_as_if_nothing_had_happened(material, broken_after, tmp_path):
    """Killed after any step, also between stages, and loaded from its file."""
    unbroken = [step.losses for step, _ in fit(*material, CONFIG, device=CPU)]
    losses = []
    for step, run in fit(*material, CONFIG, device=CPU):
        losses.append(step.losses)
        if len(losses) == broken_after:
            torch.save(run.state(), tmp_path / "checkpoint.pt")
            break
    run = Run.of(torch.load(tmp_path / "checkpoint.pt", weights_only=True), CPU)
    losses += [step.losses for step, _ in fit(*material, CONFIG, device=CPU, run=run)]
    assert losses == unbroken


def test_imitation_learns(material):
    config = dataclasses.replace(CONFIG, coarse_steps=120, fine_steps=0, steps=0, batch=4)
    pixels = [step.losses["pixels"] for step, _ in fit(*material, config, device=CPU)]
    assert sum(pixels[-10:]) < 0.9 * sum(pixels[:10])


def test_what_ships_is_at_full_size_and_finite(material):
    *_, (_, run) = fit(*material, CONFIG, device=CPU)
    assert run.average.size == 32
    assert all(p.isfinite().all() and not p.requires_grad for p in run.average.parameters())
