"""The lighting network as it ships, and the parts that trained it."""

import json
import math

import pytest
import torch

from facehub.alignment import align
from facehub.errors import BadSetting
from facehub.faces import Finder
from train import lighting, losses
from train.lighting import Lighting, Lit
from train.style import boxed


def lit(people: int = 3) -> Lit:
    """Three flashes in a row, 30 degrees apart, on each person."""
    angles = torch.tensor([math.radians(30 * (i % 3)) for i in range(3 * people)])
    return Lit(
        box=torch.rand(3 * people, 3, 96, 80),
        person=tuple(f"p{i // 3}" for i in range(3 * people)),
        direction=torch.stack([angles.sin(), torch.zeros_like(angles), angles.cos()], dim=1),
    )


def test_pairs_are_what_they_say():
    faces = lit()
    first, second, alike = lighting.pairs(faces, 60, torch.Generator().manual_seed(0))
    degrees = torch.rad2deg(torch.acos((faces.direction[first] * faces.direction[second]).sum(1).clamp(-1, 1)))
    assert (degrees[alike] < 1).all()
    assert (degrees[~alike] >= lighting.APART).all()
    assert (first != second).all()
    assert alike.sum() == 30


def test_the_contrastive_loss_pulls_and_pushes():
    zero, one = torch.zeros(1, 4), torch.ones(1, 4)
    alike, apart = torch.tensor([True]), torch.tensor([False])
    assert lighting.contrastive(zero, zero, alike) < 1e-6
    assert lighting.contrastive(zero, one, alike).item() == pytest.approx(1)
    assert lighting.contrastive(zero, one, apart) < 1e-6
    assert lighting.contrastive(zero, zero, apart).item() == pytest.approx(1, abs=1e-3)


def test_it_learns_light_from_synthetic_faces():
    """Gradients of brightness over noise: after a few steps, alike is nearer than apart."""
    faces = lit(people=4)
    ramp = torch.linspace(-1, 1, 80)
    box = 0.5 + 0.4 * faces.direction[:, :1, None, None] * ramp + 0.05 * torch.rand(len(faces.person), 1, 96, 80)
    network = lighting.train(Lit(box.expand(-1, 3, -1, -1).contiguous().clamp(0, 1), faces.person, faces.direction), steps=60, seed=0)
    report = lighting.measure(network, Lit(box.expand(-1, 3, -1, -1).contiguous().clamp(0, 1), faces.person, faces.direction), count=200)
    assert report["accuracy"] > 0.9
    assert not any(p.requires_grad for p in network.parameters())


def test_what_ships_was_right_about_people_it_never_saw():
    report = json.loads(lighting.WEIGHTS.with_suffix(".json").read_text())
    assert not set(report["people_never_seen"]) & set(report["people_learned_from"])
    for size in ("128", "256"):
        assert report["by_crop_size"][size]["accuracy"] > 0.9


def test_what_ships_sees_light_and_not_small_shifts(astronaut):
    """Half of the face in shadow is further away than the same face a little aside, at either crop size."""
    network = lighting.read()
    found = Finder()(astronaut[None])
    for size in (128, 256):
        crop = align(astronaut[None], found.landmarks, found.photo, size=size).crop
        shade = torch.linspace(1.0, 0.25, size)
        dark, aside = network(boxed(crop * shade)), network(boxed(crop.roll(size // 64, -1)))
        seen = network(boxed(crop))
        assert losses.light(dark, seen).item() > 4 * losses.light(aside, seen).item()


def test_other_weights_are_refused(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(BadSetting, match="train.lighting"):
        lighting.read(tmp_path / "x.safetensors")


def test_too_few_people_are_refused(tmp_path):
    with pytest.raises(BadSetting, match="Extended Yale B"):
        lighting.gather(tmp_path, size=128)


def test_gradients_reach_the_picture():
    box = torch.rand(2, 3, 96, 80, requires_grad=True)
    losses.light(Lighting()(box), torch.zeros(2, 64)).sum().backward()
    assert box.grad is not None and box.grad.abs().sum() > 0
