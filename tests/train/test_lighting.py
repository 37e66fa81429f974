"""The lighting network as it ships, and the parts that trained it."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from facehub.blending.alignment import align
from facehub.detection.finder import Finder
from facehub.errors import BadSetting
from train import lighting, losses
from train.data.face_box import boxed
from train.lighting import Lighting, LitFace


def lit(people: int = 3) -> LitFace:
    """Three flashes in a row, 30 degrees apart, on each person."""
    angles = torch.tensor([math.radians(30 * (i % 3)) for i in range(3 * people)])
    return LitFace(
        box=torch.rand(3 * people, 3, 96, 80),
        person=tuple(f"p{i // 3}" for i in range(3 * people)),
        direction=torch.stack([angles.sin(), torch.zeros_like(angles), angles.cos()], dim=1),
    )


def test_pairs_are_what_they_say():
    faces = lit()
    first, second, alike = lighting.pairs(faces, 60, torch.Generator().manual_seed(0))
    degrees = torch.rad2deg(
        torch.acos((faces.direction[first] * faces.direction[second]).sum(1).clamp(-1, 1))
    )
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
    ramp = torch.linspace(-1, 1, 40)
    box = (0.5 + 0.4 * faces.direction[:, :1, None, None] * ramp + 0.05 * torch.rand(12, 1, 48, 40)).clamp(
        0, 1
    )
    faces = LitFace(box.expand(-1, 3, -1, -1).contiguous(), faces.person, faces.direction)
    network = lighting.train(faces, steps=80, seed=0, batch=8)
    report = lighting.measure(network, faces, count=200)
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


@pytest.fixture(scope="module")
def strangers(assets, tmp_path_factory) -> LitFace:
    """Four people whom the network never saw, under nine flashes each."""
    if not (assets / "yale_b").is_dir():
        pytest.skip("Extended Yale B (../shared/assets/yale_b) is not here")
    folder = tmp_path_factory.mktemp("yale")
    for person in json.loads(lighting.WEIGHTS.with_suffix(".json").read_text())["people_never_seen"][:4]:
        (folder / person).mkdir()
        for flash in (
            "+000E+00",
            "+035E+15",
            "-035E+15",
            "+060E+20",
            "-060E+20",
            "+085E+20",
            "-085E+20",
            "+000E+45",
            "+000E+90",
        ):
            for file in (assets / "yale_b" / person).glob(f"*A{flash}.*"):
                (folder / person / file.name).symlink_to(file)
    return lighting.gather(folder, size=128)


def test_what_ships_tells_the_light_of_strangers_apart(strangers):
    assert len(set(strangers.person)) == 4 and len(strangers.person) > 30
    report = lighting.measure(lighting.read(), strangers, count=400)
    assert report["accuracy"] > 0.9
    assert report["loss_different_light"] > 10 * report["loss_same_light"]


def test_the_flash_stands_where_the_face_is_bright(strangers):
    half = strangers.box.shape[-1] // 2
    gray = strangers.box[:, 0, 26:74]
    right, left = gray[:, :, half : half + 20].mean((1, 2)), gray[:, :, half - 20 : half].mean((1, 2))
    aside = strangers.direction[:, 0].abs() > 0.5
    assert ((right > left) == (strangers.direction[:, 0] > 0))[aside].all()
    lower, upper = gray[:, 24:].mean((1, 2)), gray[:, :24].mean((1, 2))
    above = strangers.direction[:, 1] < -0.6
    assert above.any() and (upper > lower)[above].float().mean() > 0.5


def test_a_mirrored_face_is_lit_from_the_other_side(strangers):
    """Mirrored, a face under a flash on the left is nearer to faces under the flash on the right than to
    itself: mirroring is no change of person."""
    network = lighting.read()
    seen, mirrored = network(strangers.box), network(strangers.box.flip(-1))
    aside = strangers.direction[:, 0].abs() > 0.5
    other_side = (strangers.direction * torch.tensor([-1.0, 1, 1])) @ strangers.direction.T > 0.9999
    assert other_side[aside].any(1).all()
    for row in aside.nonzero()[:, 0]:
        across = losses.light(mirrored[row].expand(len(seen), -1), seen)
        assert across[other_side[row]].mean() < across[row] / 4


DAMAGED = {
    "one missing": lambda w: {k: v for k, v in w.items() if k != "layers.0.bias"},
    "one too many": lambda w: w | {"more": torch.zeros(1)},
    "another shape": lambda w: w | {"layers.0.bias": torch.zeros(8)},
    "integers": lambda w: {k: v.int() for k, v in w.items()},
    "not finite": lambda w: w | {"layers.0.bias": torch.full((16,), torch.nan)},
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_weights_that_do_not_fit_are_refused(damage, tmp_path):
    file = tmp_path / "x.safetensors"
    save_file(DAMAGED[damage](load_file(lighting.WEIGHTS)), file)
    with pytest.raises(BadSetting, match="train.lighting"):
        lighting.read(file)


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
