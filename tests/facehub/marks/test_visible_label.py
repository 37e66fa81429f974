"""The visible label: in its corner only, and legible on any ground."""

import pytest
import torch

from facehub.marks import visible_label


@pytest.mark.parametrize("ground", [0, 90, 128, 255])
@pytest.mark.parametrize("size", [(64, 64), (150, 230), (1200, 900)])
def test_it_stands_out_on_any_ground(ground, size):
    photo = torch.full((1, 3, *size), ground, dtype=torch.uint8)
    top, left, height, width = visible_label.box(*size)
    inside = visible_label.draw(photo)[..., top : top + height, left : left + width].float()
    assert inside.max() > 220
    assert inside.min() < 70
    assert 0.1 < (inside > 200).float().mean() < 0.6
    assert height >= visible_label.MIN_HEIGHT_PX
    assert top + height <= size[0] and left + width <= size[1]


def test_pixels_elsewhere_are_the_same_and_the_argument_is_left_alone(astronaut):
    before = astronaut[None].clone()
    labelled = visible_label.draw(astronaut[None])
    assert torch.equal(astronaut[None], before)
    top, left, height, width = visible_label.box(512, 512)
    changed = (labelled != before).any(1)[0]
    assert changed.any()
    changed[top : top + height, left : left + width] = False
    assert not changed.any()


def test_the_letters_are_an_a_and_an_i():
    """Row by row: one stroke at the A's top, two below, a long one at its bar; the I is one all the way."""
    letters, _ = visible_label.plate(100, 145)
    inner = letters[12:88, 12:-12] > 0.5
    strokes = [(row[1:] & ~row[:-1]).sum().item() + row[0].item() for row in inner[[14, 30, 62]].unbind(0)]
    assert strokes == [2, 3, 3]
    widths = [int(row.sum()) for row in inner[[14, 46]].unbind(0)]
    assert widths[1] > widths[0] + 15, "the A's bar"
