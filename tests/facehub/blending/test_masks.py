"""The landmark mask, against a slow twin and its stated properties; the learned one, on networks that see
what the test says, and on the real one."""

import numpy as np
import pytest
import torch

from facehub.blending.alignment import align, reference_landmarks
from facehub.blending.masks import (
    EDGE_WIDTH,
    LEARNED_EDGE_WIDTH,
    OUTWARD,
    SegmentationMasker,
    hull_mask,
    outline,
    signed_distance,
)
from facehub.detection import pose
from facehub.detection.finder import Finder
from facehub.geometry import transform_points
from facehub.networks import segmentation
from train.data.occluders import RandomSource, hand


def slow_signed_distance(polygon: np.ndarray, size: int) -> np.ndarray:
    """One pixel and one edge at a time."""
    result = np.empty((size, size))
    for py in range(size):
        for px in range(size):
            nearest, inside = np.inf, False
            for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, 0), strict=True):
                d = np.array([bx - ax, by - ay])
                t = np.clip(np.dot([px - ax, py - ay], d) / max(np.dot(d, d), 1e-12), 0, 1)
                nearest = min(nearest, np.hypot(px - ax - t * d[0], py - ay - t * d[1]))
                if (ay > py) != (by > py) and px < ax + (py - ay) / (by - ay) * (bx - ax):
                    inside = not inside
            result[py, px] = nearest if inside else -nearest
    return result


def test_distance_is_the_slow_twins():
    polygon = torch.tensor(
        [[[3.0, 2.0], [20.5, 4.0], [12.0, 11.0], [22.0, 21.0], [2.0, 18.0]]], dtype=torch.float64
    )
    np.testing.assert_allclose(
        signed_distance(polygon, 24)[0, 0].numpy(), slow_signed_distance(polygon[0].numpy(), 24), atol=1e-9
    )


@pytest.mark.parametrize("reach", [0.0, 2.5])
def test_distance_within_reach_is_the_whole_distance(reach):
    """Also for faces that leave the crop, or lie beside it; what is left out is far outside."""
    points = reference_landmarks(96)[None]
    assert (signed_distance(outline(points), 96, reach=reach) == -96).any()
    for faces in (points, torch.cat([points, points + 40, points - 55]), points + 500):
        whole, near = (signed_distance(outline(faces), 96, **far) for far in ({}, {"reach": reach}))
        assert torch.equal(near.clamp_min(-reach), whole.clamp_min(-reach))


def test_mask_covers_eyes_mouth_and_nose_and_leaves_the_border():
    points = reference_landmarks(96)[None]
    mask = hull_mask(torch.zeros(1, 3, 96, 96), points)
    x, y = points[0, 27:].round().long().unbind(1)
    assert (mask[0, 0, y, x] == 1).all()
    assert (
        mask[..., 0, :].max()
        == mask[..., -1, :].max()
        == mask[..., :, 0].max()
        == mask[..., :, -1].max()
        == 0
    )


def test_edge_is_soft_and_inside_the_outline():
    points = reference_landmarks(128)[None]
    mask = hull_mask(torch.zeros(1, 3, 128, 128), points)
    distance = signed_distance(outline(points), 128)
    assert (mask[distance <= 0] == 0).all()
    assert (mask[distance >= EDGE_WIDTH * 128] == 1).all()
    step = (mask[..., 1:] - mask[..., :-1]).abs().max()
    assert step <= 1 / (EDGE_WIDTH * 128) + 1e-5


def test_turned_face_has_the_turned_mask():
    """The forehead follows the face's own upward direction: a face upside down has its mask upside down."""
    points = reference_landmarks(128)[None]
    turned = 127 - points
    upright, down = (hull_mask(torch.zeros(1, 3, 128, 128), p) for p in (points, turned))
    assert torch.allclose(upright.flip(-1, -2), down, atol=1e-4)


def test_batch_is_singles():
    points = torch.stack([reference_landmarks(64), reference_landmarks(64) * 0.8 + 5])
    together = hull_mask(torch.zeros(2, 3, 64, 64), points)
    assert torch.equal(together, torch.cat([hull_mask(torch.zeros(1, 3, 64, 64), p[None]) for p in points]))


class Drawn(torch.nn.Module):
    """In place of the network for parts: everything is the face but what `paint` says otherwise."""

    def __init__(self, **paint):
        super().__init__()
        self.paint = paint

    def forward(self, crop):
        logits = torch.zeros(len(crop), len(segmentation.CLASSES), *crop.shape[-2:])
        logits[:, segmentation.FACE] = 10
        for name, (rows, columns) in self.paint.items():
            logits[:, segmentation.CLASSES.index(name), rows, columns] = 30
        return logits


EVERYWHERE, LEFT = (slice(None), slice(None)), (slice(None), slice(0, 64))


@pytest.mark.parametrize("name", ["hair", "glasses", "cover", "background"])
def test_what_lies_before_the_face_is_left_out_and_holds_nothing(name):
    points, crop = reference_landmarks(128)[None], torch.rand(1, 3, 128, 128)
    region, whole = SegmentationMasker(Drawn(**{name: LEFT}))(crop, points), hull_mask(crop, points)
    assert (region.mask[..., :64] == 0).all() and (region.colour_source[..., :64] == 0).all()
    assert (region.mask[..., 64:] >= whole[..., 64:]).all() and (region.colour_source[..., 64:] == 1).all()
    assert region.notes == ("",)


def test_beards_are_the_face_but_their_colour_is_not_taken_over():
    points, crop = reference_landmarks(128)[None], torch.rand(1, 3, 128, 128)
    region = SegmentationMasker(Drawn(beard=LEFT))(crop, points)
    assert (region.mask >= hull_mask(crop, points)).all()
    assert (region.colour_source[..., :64] == 0).all() and (region.colour_source[..., 64:] == 1).all()


def test_a_sure_face_is_painted_a_little_beyond_its_outline_and_no_further():
    points = reference_landmarks(128)[None]
    mask = SegmentationMasker(Drawn())(torch.rand(1, 3, 128, 128), points).mask[..., 1:-1, 1:-1]
    distance = signed_distance(outline(points), 128)[..., 1:-1, 1:-1]
    assert (mask[distance <= -OUTWARD * 128] == 0).all()
    assert (mask[distance > 0.01 - OUTWARD * 128] > 0).all()
    assert (mask[distance >= (LEARNED_EDGE_WIDTH - OUTWARD) * 128] == 1).all()


def test_neck_and_ears_are_not_painted_but_hold():
    points, crop = reference_landmarks(128)[None], torch.rand(1, 3, 128, 128)
    region = SegmentationMasker(Drawn(skin=LEFT))(crop, points)
    assert (region.mask[..., :64] == 0).all() and (region.colour_source == 1).all()


@pytest.mark.parametrize("name", ["hair", "background"])
def test_an_absurd_mask_gives_way_to_the_outline_and_says_so(name):
    points, crop = reference_landmarks(128)[None], torch.rand(1, 3, 128, 128)
    region = SegmentationMasker(Drawn(**{name: EVERYWHERE}))(crop, points)
    assert torch.equal(region.mask, hull_mask(crop, points)) and (region.colour_source == 1).all()
    assert "outline of the landmarks" in region.notes[0]


def test_a_face_in_profile_gets_a_smaller_mask():
    front = reference_landmarks(128)[None]
    profile = front.clone()
    profile[:, 27:36, 0] += 34  # the nose over the jaw's end, the outline as it was
    crop = torch.rand(1, 3, 128, 128)
    masker = SegmentationMasker(Drawn())
    assert pose.profile_share(profile) == 1 and pose.profile_share(front) == 0
    assert masker(crop, profile).mask.sum() < 0.9 * masker(crop, front).mask.sum()


@pytest.mark.parametrize("size", [64, 256])
def test_other_sizes_of_crops_see_the_same(astronaut, size):
    found = Finder()(astronaut[None])
    masks = [
        align(astronaut[None], found.landmarks, found.photo, size=s, masker=SegmentationMasker()).mask
        for s in (128, size)
    ]
    same = torch.nn.functional.interpolate(masks[1], size=128, mode="bilinear", antialias=True)
    assert (same - masks[0]).abs().mean() < 0.02


def test_the_network_that_ships_keeps_hair_and_a_hand_before_the_face(astronaut):
    """The nose is the face's, the hair over the brow is not; and of a hand painted over the mouth nearly
    nothing is swapped."""
    found = Finder()(astronaut[None])
    plain = align(astronaut[None], found.landmarks, found.photo, size=128, masker=SegmentationMasker())
    x, y = transform_points(plain.crop_from_photo, found.landmarks)[0, 30].round().long().tolist()
    assert plain.mask[0, 0, y, x] == 1 and plain.notes == ("",)
    distance = hand(RandomSource(1, torch.Generator().manual_seed(4)), 128)
    painted = torch.where(
        distance > 0,
        torch.tensor([0.75, 0.55, 0.45])[:, None, None] * (0.7 + 0.3 * (distance / 6).clamp(0, 1).sqrt()),
        plain.crop,
    )
    covered = SegmentationMasker()(painted, transform_points(plain.crop_from_photo, found.landmarks))
    over = (distance > 1) & (plain.mask > 0.5)
    assert over.sum() > 300, "the hand does lie over the face"
    assert covered.mask[over].mean() < 0.25
    assert covered.mask[(distance < -6) & (plain.mask == 1)].mean() > 0.8
