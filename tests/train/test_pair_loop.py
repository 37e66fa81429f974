"""Training on pairs: losses on made-up values, and a run that goes on where it was."""

import dataclasses

import pytest
import torch
from torch import nn

from facehub.blending.alignment import reference_face
from facehub.errors import BadSetting
from facehub.networks.double import DoubleGenerator
from facehub.networks.generator import Generator
from facehub.networks.subpixel import SubpixelGenerator
from tests.train.data.test_pairs import face
from train import pair_losses
from train.config import PairConfig
from train.data.face_box import boxed
from train.data.pair_batches import NATURAL, TARGET, PairBatch, PairSource
from train.landmarks import LandmarkNet
from train.networks.vgg import VGG19
from train.pair_box import FaceBox
from train.pair_loop import PairRun, PairTeachers, _face_terms, _likeness, _painted, fit_pairs
from train.pair_patches import FinePatches

CPU = torch.device("cpu")
CONFIG = PairConfig(size=128, times=4, batch=2, steps=2, warm_up=1, target_share=0.5, return_share=0.25)


class Recogniser(nn.Module):
    """Knows faces by their mean colours."""

    def forward(self, crop, landmarks):
        return torch.nn.functional.normalize(crop.mean((2, 3)), dim=1)


def teachers() -> PairTeachers:
    torch.manual_seed(0)
    face_of_all = torch.nn.functional.normalize(torch.ones(3), dim=0)
    return PairTeachers(VGG19().eval(), LandmarkNet().eval(), Recogniser(), face_of_all)


def run(config: PairConfig = CONFIG, *, base: int = 32) -> PairRun:
    torch.manual_seed(1)
    return PairRun.started(Generator(base), config, CPU)


@pytest.fixture(scope="module")
def source() -> PairSource:
    strangers = [face(seed, width_px=width) for seed, width in ((7, 250.0), (8, 100.0))]
    return PairSource([face(10)], strangers, size=128, shares=(0.5, 0.25, 0.25), sharp_px=185.0)


def test_a_run_goes_on_where_it_was(source):
    whole = run()
    steps = list(fit_pairs(source, teachers(), whole))
    assert [step.step for step in steps] == [1, 2]
    assert {"pixels", "likeness", "adversarial", "judge"} <= steps[-1].losses.keys()
    assert "likeness" not in steps[0].losses  # before the warm-up is over
    first = run(dataclasses.replace(CONFIG, steps=1, decay_from=1.0))
    list(fit_pairs(source, teachers(), first))
    resumed = run()
    resumed.load(first.state())
    again = list(fit_pairs(source, teachers(), resumed))
    assert again[-1].losses == pytest.approx(steps[-1].losses, rel=1e-3, abs=1e-4)


def test_a_base_of_another_size_cannot_grow():
    with pytest.raises(BadSetting, match="of 64 px cannot grow to 128 px.*has 32 px"):
        PairRun.started(Generator(64), CONFIG, CPU)


def test_a_head_for_twice_the_side_begins_one_for_four_times():
    torch.manual_seed(2)
    double = DoubleGenerator(64)
    for weight in double.head.leave.parameters():
        torch.nn.init.normal_(weight, std=0.02)
    grown = PairRun.started(double, CONFIG, CPU).generator
    crop = torch.rand(1, 3, 128, 128)
    with torch.inference_mode():
        small, large = double(torch.nn.functional.avg_pool2d(crop, 2)), grown(crop)
    enlarged = torch.nn.functional.interpolate(small, scale_factor=2.0, mode="bicubic", align_corners=False)
    assert torch.allclose(large, enlarged, atol=1e-5)


def test_eyes_brows_and_lips_are_no_skin():
    mask, landmarks = torch.ones(1, 1, 128, 128), (reference_face() * 128 - 0.5)[None]
    found = pair_losses.skin(mask, landmarks)[0, 0]
    for part in (slice(36, 48), slice(17, 27), slice(48, 68)):
        at = landmarks[0, part].round().long()
        assert found[at[:, 1], at[:, 0]].max() == 0
    cheek, chin = landmarks[0, [2, 31]].mean(0).long(), landmarks[0, [8, 57]].mean(0).long()
    assert found[cheek[1], cheek[0]] == 1 and found[chin[1], chin[0]] == 1


def test_eyes_keep_their_own_colour_and_skin_the_inputs():
    """The tone of natural inputs is held on skin alone."""
    landmarks = (reference_face() * 128 - 0.5)[None]
    photo, mask = torch.full((1, 3, 128, 128), 0.6), torch.ones(1, 1, 128, 128)
    kind, no = torch.tensor([NATURAL]), torch.tensor([False])
    seen = PairBatch(photo, photo, mask, landmarks, kind, no, no)
    box = FaceBox.of(seen, 1)
    features = boxed(mask - pair_losses.skin(mask, landmarks))
    for where, least, most in ((features, 0, 1e-6), (1 - features, 0.05, 1)):
        made = box.target - 0.3 * where
        terms = _face_terms(made, box, torch.zeros(1), seen, teachers(), CONFIG)
        assert least <= terms["tone"] / CONFIG.tone <= most


def test_a_hue_that_no_photo_will_show_is_no_likeness():
    """`Recogniser` knows faces by their colours alone; a line on the nose changes a little, too."""
    landmarks = (reference_face() * 128 - 0.5)[None]
    photo, mask = torch.full((1, 3, 128, 128), 0.5), torch.ones(1, 1, 128, 128)
    seen = PairBatch(photo, photo, mask, landmarks, torch.tensor([TARGET]), *torch.zeros(2, 1, dtype=bool))
    box = FaceBox.of(seen, 1)
    red = box.input + torch.tensor([0.25, -0.1, -0.1])[:, None, None]
    wanted = torch.nn.functional.normalize(torch.tensor([1.0, 0.5, 0.5]), dim=0)
    known = dataclasses.replace(teachers(), face=wanted)
    found = []
    for made in (box.input, red):
        torch.manual_seed(0)
        found.append(float(_likeness(seen, made, box, known, CONFIG)["likeness"]) / CONFIG.likeness)
    plain = 1 - float(torch.nn.functional.normalize(red.mean((0, 2, 3)), dim=0) @ wanted)
    assert found[0] > 0.04 and plain < 0.01, "in the painted crop the hue would pay"
    assert found[1] > 0.8 * found[0]


def test_where_a_target_is_a_mixture_what_is_painted_is_shown_whole():
    mask = torch.full((1, 1, 128, 128), 0.5)
    mask[..., :60] = 0
    no = torch.tensor([False])
    seen = PairBatch(mask.expand(1, 3, -1, -1), mask.expand(1, 3, -1, -1), mask, *_reference(), no, no)
    box = FaceBox.of(seen, 1)
    assert set(box.inside.unique().tolist()) == {0.0, 1.0} and torch.equal(box.inside > 0, box.mask > 0)


def _reference() -> tuple[torch.Tensor, torch.Tensor]:
    """Landmarks of the reference face in 128 px, and the kind TARGET."""
    return (reference_face() * 128 - 0.5)[None], torch.tensor([TARGET])


def test_brows_may_move_more_than_eyes():
    landmarks, _ = _reference()
    found = []
    for part in (slice(17, 27), slice(36, 46)):
        moved = landmarks.clone()
        moved[:, part, 1] += 3
        found.append(float(pair_losses.landmarks(moved, landmarks, torch.tensor([30.0]))))
    assert 0 < found[0] < found[1] / 6


def test_eyes_count_more_than_cheeks_and_these_more_than_hair():
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 10:50, 10:50] = 1
    landmarks = torch.full((1, 68, 2), 30.0)
    landmarks[:, 36:42] = torch.tensor([[16.0, 20], [17, 19], [18, 19], [20, 20], [18, 21], [17, 21]])
    weight = pair_losses.inside(mask, landmarks)[0, 0]
    assert weight[20, 18] == 2.5 and weight[45, 45] == 1
    assert weight[60, 60] == pytest.approx(pair_losses.AROUND)


def test_a_difference_that_is_everywhere_is_its_own_mean():
    difference, weight = torch.full((2, 3, 32, 32), -0.2), torch.rand(2, 1, 32, 32)
    for loss in (pair_losses.weighted, pair_losses.low):
        assert loss(difference, weight) == pytest.approx([0.2, 0.2], abs=1e-5)
    assert pair_losses.chroma(difference).abs().max() < 1e-6
    assert pair_losses.tone(difference, torch.ones(2, 1, 64, 64)[..., :32, :32]) == pytest.approx(
        [0.2 / 1.05] * 2, abs=1e-5
    )


def test_a_lattice_is_told_from_detail():
    y, x = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    for sign in (y % 2, x % 2, (x + y) % 2):
        pattern = (0.5 + 0.1 * (1 - 2 * sign)).float().expand(1, 3, 32, 32)
        assert pair_losses.lattice(pattern) == pytest.approx([0.1], abs=1e-5)
    noise = 0.5 + 0.1 * torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)).sign()
    assert pair_losses.lattice(noise) < 0.05
    assert pair_losses.lattice(torch.rand(1, 3, 1, 1).expand(1, 3, 32, 32)) < 1e-6


def test_lips_count_more_than_the_jaw():
    still = torch.zeros(1, 68, 2)
    jaw, lips = still.clone(), still.clone()
    jaw[:, 3, 0], lips[:, 62, 0] = 1, 1
    one = torch.ones(1)
    of_lips, of_jaw = (pair_losses.landmarks(some, still, one) for some in (lips, jaw))
    assert torch.allclose(of_lips, 6 * of_jaw)


def test_what_is_left_counts_from_strangers_on():
    photo = torch.tensor([[1.0, 0.0]])
    like = torch.tensor([[0.6, 0.8]])
    assert pair_losses.left(like, photo) == pytest.approx([0.5])
    assert pair_losses.left(torch.tensor([[0.05, 0.99]]), photo) == pytest.approx([0.0])


def test_photos_are_compared_without_what_a_head_cannot_paint():
    """Pixels that alternate, which the head's low-pass takes from its own pictures; whole and in patches."""
    board = ((torch.arange(128)[:, None] + torch.arange(128)) % 2).float().expand(1, 3, 128, 128)
    landmarks, mask = (reference_face() * 128 - 0.5)[None], torch.ones(1, 1, 128, 128)
    no = torch.tensor([False])
    batch = PairBatch(board, board, mask, landmarks, torch.tensor([NATURAL]), no, no)
    box, generator = FaceBox.of(batch, 1), SubpixelGenerator(128)
    with torch.no_grad():
        patches = FinePatches.painted(generator, *_painted(generator, batch, CONFIG), batch, CONFIG)
    for photo in (box.input, box.target, patches.input, patches.target):
        assert (photo[..., 2:-2, 2:-2] - 0.5).abs().max() < 1e-3
