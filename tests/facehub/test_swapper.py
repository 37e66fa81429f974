"""The whole way, with a network that answers what the test wants."""

import pytest
import torch

from facehub.blending.masks import SegmentationMasker, hull_masker
from facehub.detection.finder import Finder
from facehub.detection.selection import select_faces
from facehub.errors import BadSetting, NoFace
from facehub.networks.generator import Generator
from facehub.networks.precision import VARIABLE
from facehub.swapper import Swapper
from facehub.types import Detections


class Answer(Generator):
    """Stands in for a trained generator: a function of the crop."""

    def __init__(self, function, size=64):
        super().__init__(size)
        self.function = function

    def forward(self, crop, window=None):
        return self.function(crop)


@pytest.fixture(scope="module")
def finder():
    return Finder()


def found_in(*counts: int) -> Detections:
    photo = torch.tensor([i for i, n in enumerate(counts) for _ in range(n)], dtype=torch.long)
    return Detections(
        landmarks=torch.arange(len(photo)).float()[:, None, None].expand(-1, 68, 2), photo=photo
    )


def test_the_input_given_back_leaves_the_photo(astronaut, finder):
    """Aligned, given back as it is, placed, cloned: what is lost is the crop's resolution alone."""
    swapped = Swapper(Answer(lambda crop: crop, size=256), finder=finder)(astronaut[None])
    assert (swapped.blended.int() - astronaut[None].int()).abs().float().mean() < 0.1
    assert swapped.blended.shape == astronaut[None].shape


def test_a_changed_face_changes_the_mask_and_nothing_else(astronaut, finder):
    swapped = Swapper(Answer(lambda crop: 1 - crop), finder=finder)(astronaut[None])
    for result in (swapped.blended, swapped.raw):
        assert ((result == astronaut[None]) | (swapped.mask > 0)).all()
        assert (result != astronaut[None]).any()


def test_cloning_takes_the_constant_away(astronaut, finder):
    """A network that only darkens: the raw output is dark, the blended one is the input again."""
    swapped = Swapper(Answer(lambda crop: crop - 0.2, size=256), finder=finder)(astronaut[None])
    inside = (swapped.mask == 255).expand_as(swapped.raw)
    change = {
        k: (getattr(swapped, k).float() - astronaut[None].float())[inside].mean().item()
        for k in ("raw", "blended")
    }
    assert change["raw"] < -35
    assert abs(change["blended"]) < 5, "pixels that were too dark to lose 0.2 were clipped"


def test_same_input_same_output(astronaut, finder):
    torch.manual_seed(0)
    swapper = Swapper(Generator(64), finder=finder)
    first, second = swapper(astronaut[None]), swapper(astronaut[None])
    assert torch.equal(first.blended, second.blended) and torch.equal(first.output, second.output)


@pytest.mark.parametrize(("precision", "outline", "learned"), [("float32", 1, 2), ("bfloat16", 3, 6)])
def test_a_stack_is_its_photos(astronaut, finder, monkeypatch, precision, outline, learned):
    """Equal to a level in float32, whatever the processor. In bfloat16 sums of other batch sizes are rounded
    in another order; by the learned mask the membrane also runs on over hair to the edge of the rectangle,
    which is common to the batch."""
    monkeypatch.setenv(VARIABLE, precision)
    torch.manual_seed(0)
    photos = torch.stack([astronaut, astronaut.flip(2)])
    for masker, most in ((hull_masker, outline), (SegmentationMasker(), learned)):
        swapper = Swapper(Generator(64), finder=finder, masker=masker)
        together, each = swapper(photos), [swapper(photo[None]) for photo in photos]
        apart = (together.blended.int() - torch.cat([s.blended for s in each]).int()).abs()
        assert apart.max() <= most and apart.float().mean() < 0.02
        assert together.faces.photo.tolist() == [0, 1]


def test_strength_and_seconds(astronaut, finder):
    swapper = Swapper(Answer(lambda crop: 1 - crop), finder=finder)
    none = swapper(astronaut[None], strength=0.0)
    assert torch.equal(none.blended, astronaut[None])
    assert list(none.seconds) == ["find", "align", "network", "place", "clone", "detail", "paste"]
    assert all(s >= 0 for s in none.seconds.values())
    with pytest.raises(BadSetting, match="between 0"):
        swapper(astronaut[None], strength=1.5)


def test_residual_is_small(astronaut, finder):
    assert Swapper(Answer(lambda crop: 1 - crop), finder=finder)(astronaut[None]).residual.max() < 1 / 255


def test_no_face_says_what_to_do(finder):
    with pytest.raises(NoFace, match="at least 80 pixels"):
        Swapper(Generator(16), finder=finder)(torch.full((1, 3, 80, 90), 127, dtype=torch.uint8))


def test_choice_of_faces():
    found = found_in(2, 1, 3)
    assert select_faces(found, 3, "all") is found
    assert select_faces(found, 3, "largest").landmarks[:, 0, 0].tolist() == [0, 2, 3]
    assert select_faces(found_in(2, 3), 2, 1).landmarks[:, 0, 0].tolist() == [1, 3]


@pytest.mark.parametrize(
    "counts, which, sentence",
    [
        ((2, 1), 1, "photo 2 of 2 shows one face, number 0"),
        ((2,), -1, "from 0"),
        ((2,), 2, "to 1"),
        ((1, 0), "largest", "photo 2 of 2"),
    ],
)
def test_wrong_choices_say_what_there_is(counts, which, sentence):
    with pytest.raises(NoFace, match=sentence):
        select_faces(found_in(*counts), len(counts), which)


def test_a_word_that_is_no_choice():
    with pytest.raises(BadSetting, match='"all", "largest" or a number'):
        select_faces(found_in(1), 1, "biggest")
