"""Pairs of made-up pictures, where the right answer is known."""

import cv2
import numpy as np
import pytest
import torch

from facehub.blending.alignment import reference_face
from facehub.blending.masks import hull_mask
from facehub.errors import BadSetting
from train.data import pair_batches
from train.data.pair_batches import NATURAL, RETURN, TARGET, PairSource
from train.data.pairs import (
    Mesh,
    anchors,
    cut,
    match,
    mouth_gap,
    moved,
    outline_mask,
    points_in,
    shown_moved,
)
from train.data.portraits import Portrait

SIZE = 96
STRAIGHT = np.array([[1.0, 0, 0], [0, 1, 0]])


def face(seed: int = 0, *, spread: float = 0.0, width_px: float = 200.0, covered: bool = False) -> Portrait:
    """Smooth colours; landmarks of the reference face, moved a little."""
    choose = np.random.default_rng(seed)
    landmarks = (reference_face().numpy() + choose.normal(0, spread, (68, 2))).astype(np.float32)
    colours = choose.uniform(40, 210, (6, 5, 3)).astype(np.float32)
    photo = cv2.resize(colours, (110, 130), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
    return Portrait(
        name=f"person{seed}/photo.png",
        read=lambda: photo,
        landmarks=landmarks,
        photo_from_unit=np.array([[90, 5, 6], [-4, 95, 12]], np.float32),
        face=np.ones((128, 128), np.float32),
        width_px=width_px,
        covered=covered,
    )


def test_a_face_moved_onto_its_own_landmarks_stays():
    one = face(spread=0.003)
    own = cut(one, STRAIGHT, SIZE).astype(float)
    there = moved(one, Mesh(anchors(one.landmarks), SIZE), STRAIGHT).astype(float)
    assert np.abs(own - there)[2:-2, 2:-2].mean() < 1


def test_landmarks_fall_on_the_others():
    one, other = face(1, spread=0.006), face(2, spread=0.006)
    mesh = Mesh(anchors(one.landmarks), SIZE)
    source = anchors(other.landmarks) * 50
    where = mesh.place(source.astype(np.float32))
    for landmark, wanted in zip(one.landmarks, source[:68], strict=True):
        x, y = landmark * SIZE - 0.5
        seen = cv2.remap(where, np.float32([[x]]), np.float32([[y]]), cv2.INTER_LINEAR)[0, 0]
        assert np.abs(seen - wanted).max() < 1.5


def test_mirrored_crops_are_crops_mirrored():
    one = face(3, spread=0.004)
    other = one.mirrored()
    assert np.abs(cut(one, STRAIGHT, SIZE)[:, ::-1].astype(int) - cut(other, STRAIGHT, SIZE)).max() <= 1
    again = other.mirrored()
    assert np.allclose(again.landmarks, one.landmarks, atol=1e-6)
    assert np.allclose(again.photo_from_unit, one.photo_from_unit, atol=1e-4)
    assert other.landmarks[36:42, 0].mean() < other.landmarks[42:48, 0].mean()


def test_frames_move_points_with_pictures():
    one = face(4)
    frame = np.array([[0.9, -0.1, 8], [0.1, 0.9, -3]])
    points = points_in(one.landmarks, frame, SIZE)
    back = points @ frame[:, :2].T + frame[:, 2]
    assert np.allclose(back, one.landmarks * SIZE - 0.5, atol=1e-3)


def test_what_covers_the_face_moves_with_the_photo():
    """Half of a face is covered; on landmarks that lie further right so does the border."""
    one = face(5)
    one.face[:, 64:] = 0
    places = one.landmarks + np.float32([0.08, 0])
    uncovered = shown_moved(one, Mesh(anchors(places), SIZE), STRAIGHT)
    x, y = ((places[30] * SIZE) - 0.5).round().astype(int)  # tip of the nose
    assert uncovered[y, x - 6] == 1 and uncovered[y, x + 6] == 0
    straight = shown_moved(one, Mesh(anchors(one.landmarks), SIZE), STRAIGHT)
    assert np.array_equal(straight[y] > 0.5, np.arange(SIZE) < SIZE // 2)


def test_the_outline_is_the_masks():
    points = reference_face() * SIZE - 0.5
    wanted = hull_mask(torch.zeros(1, 3, SIZE, SIZE), points[None])[0, 0].numpy()
    assert np.abs(outline_mask(points.numpy(), SIZE) - wanted).mean() < 0.02


def test_matches_are_near_in_landmarks_and_lips():
    one = face().landmarks
    far, parted = one.copy(), one.copy()
    far[:, 0] += 0.02
    parted[[65, 66, 67], 1] += 0.02
    worth = match(one, np.stack([one, far, parted]))
    assert worth[0] == 1 and worth[1] < 0.6 and worth[2] < 0.6
    assert mouth_gap(parted[None]) > mouth_gap(one[None])


def source(**changes) -> PairSource:
    strangers = [
        face(seed, spread=0.003, width_px=width) for seed, width in ((7, 250.0), (8, 100.0), (9, 90.0))
    ]
    settings = {"size": SIZE, "shares": (0.5, 0.25, 0.25), "sharp_px": 185.0} | changes
    return PairSource([face(10), face(11, width_px=120.0)], [*strangers, face(12, covered=True)], **settings)


def test_batches_are_told_by_seed_and_step():
    pairs = source()
    assert [len(group) for group in pairs.groups] == [1, 2]
    one, again, next_one = (pairs.batch(4, seed=1, step=step) for step in (3, 3, 4))
    assert torch.equal(one.input, again.input) and not torch.equal(one.input, next_one.input)
    assert one.input.shape == (4, 3, SIZE, SIZE) and one.mask.shape == (4, 1, SIZE, SIZE)
    assert one.landmarks.shape == (4, 68, 2) and one.landmarks.min() > 0 and one.landmarks.max() < SIZE


def test_inputs_have_all_shapes_between_the_strangers_and_the_identitys():
    one, other = face(30, spread=0.01), face(31, spread=0.01)
    pairs = PairSource([one], [other], size=SIZE, shares=(1.0, 0.0, 0.0), sharp_px=185.0)
    shares = []
    for seed in range(40):
        *_, points, _, _, _ = pairs._one(np.random.default_rng(seed))
        sides = [(side.landmarks, other.landmarks) for side in pairs.faces]
        shares.append(min(_share_between(points, *side) for side in sides)[1])
    assert min(shares) < 0.15 and max(shares) > 0.85


def _share_between(points, own, others) -> tuple[float, float]:
    """How far `points` are from the nearest shape between two, in any frame, and that shape's share of
    `own`."""
    flat = np.concatenate([points, np.ones((68, 1))], 1)
    found = []
    for share in np.linspace(0, 1, 21):
        shape = others + share * (own - others)
        fit, *_ = np.linalg.lstsq(flat, shape, rcond=None)
        found.append((float(np.abs(flat @ fit - shape).mean()), float(share)))
    return min(found)


@pytest.mark.parametrize("kind", [TARGET, RETURN, NATURAL])
def test_kinds_change_the_face_alone(kind):
    shares = tuple(float(kind == other) for other in (TARGET, RETURN, NATURAL))
    batch = source(shares=shares).batch(3, seed=0, step=0)
    away = (batch.input - batch.target).abs()
    assert (batch.kind == kind).all()
    assert (away * (batch.mask == 0)).max() < 0.01
    assert (away.max() == 0) if kind == NATURAL else (away.mean() > 0.002)
    assert not batch.sharp.any() if kind == NATURAL else True


def test_faces_must_be_in_the_open():
    with pytest.raises(BadSetting, match="covered"):
        PairSource([face(covered=True)], [face(1)], size=SIZE, shares=(1.0, 0.0, 0.0), sharp_px=185.0)


def test_few_strangers_are_mixed_so_that_there_are_more_people(monkeypatch):
    """About half of the inputs change, and those inside the outline alone."""
    strangers = [face(seed, spread=0.003) for seed in range(20, 30)]
    pairs = PairSource([face(10)], strangers, size=SIZE, shares=(1.0, 0.0, 0.0), sharp_px=185.0)
    made = []
    for few in (0, pair_batches.FEW):
        monkeypatch.setattr(pair_batches, "FEW", few)
        made.append([pairs._one(np.random.default_rng(seed)) for seed in range(24)])
    changed = [(one[0] != other[0]).any(2) for one, other in zip(*made, strict=True)]
    assert 4 < sum(some.any() for some in changed) < 20
    for some, (_, _, _, points, *_) in zip(changed, made[1], strict=True):
        assert not some[outline_mask(points, SIZE) == 0].any()


def test_a_mixture_lies_between_two_faces_and_in_the_light_of_the_first():
    choose = np.random.default_rng(0)
    points, mask = reference_face().numpy() * SIZE - 0.5, np.ones((SIZE, SIZE), np.float32)
    one, other = (choose.integers(60, 200, (SIZE, SIZE, 3), dtype=np.uint8) for _ in range(2))
    bright = (one.astype(int) // 2 + 120).clip(0, 255).astype(np.uint8)
    made = pair_batches.mixed(bright, other, mask, points.astype(np.float32), choose)
    assert abs(made.astype(float).mean() - bright.mean()) < 8 < abs(other.mean() - bright.mean())
    near_one, near_other = (
        np.corrcoef(made.ravel() - float(made.mean()), face.ravel().astype(float))[0, 1]
        for face in (bright, other)
    )
    assert near_one > 0.2 and near_other > 0.2
    nothing = pair_batches.mixed(bright, other, 0 * mask, points.astype(np.float32), choose)
    assert (nothing == bright).all()


def test_light_from_one_side_falls_on_both_pictures_of_a_pair(monkeypatch):
    """What the mask leaves alone is equal in both, however they are lit."""
    pairs = source(shares=(1.0, 0.0, 0.0))
    even = np.ones((1, SIZE, SIZE), np.float32)
    with monkeypatch.context() as patched:
        patched.setattr(pair_batches, "_slope", lambda choose, size: even)
        plain = pairs.batch(4, seed=2, step=0)
        patched.setattr(pair_batches, "_slope", lambda choose, size: even / 2)
        dark = pairs.batch(4, seed=2, step=0)
    for side in ("input", "target"):
        assert torch.allclose(getattr(dark, side), getattr(plain, side) / 2)
    batch = pairs.batch(16, seed=2, step=0)
    assert ((batch.input - batch.target).abs() * (batch.mask == 0)).max() < 0.01
    slopes = np.stack([pair_batches._slope(np.random.default_rng(seed), SIZE)[0] for seed in range(40)])
    lit = slopes.std((1, 2)) > 0
    assert 12 < lit.sum() < 36
    assert slopes[~lit].min() == slopes[~lit].max() == 1
    ratio = slopes[lit].max((1, 2)) / slopes[lit].min((1, 2))
    assert ratio.min() > 1 and 4 < ratio.max() < np.exp(2 * 2**0.5) + 0.1
