"""The landmark mask, against a slow twin and its stated properties."""

import numpy as np
import torch

from facehub.alignment import reference_landmarks
from facehub.masks import EDGE, hull, outline, signed_distance


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
    polygon = torch.tensor([[[3.0, 2.0], [20.5, 4.0], [12.0, 11.0], [22.0, 21.0], [2.0, 18.0]]], dtype=torch.float64)
    np.testing.assert_allclose(signed_distance(polygon, 24)[0, 0].numpy(), slow_signed_distance(polygon[0].numpy(), 24), atol=1e-9)


def test_mask_covers_eyes_mouth_and_nose_and_leaves_the_border():
    points = reference_landmarks(96)[None]
    mask = hull(torch.zeros(1, 3, 96, 96), points)
    x, y = points[0, 27:].round().long().unbind(1)
    assert (mask[0, 0, y, x] == 1).all()
    assert mask[..., 0, :].max() == mask[..., -1, :].max() == mask[..., :, 0].max() == mask[..., :, -1].max() == 0


def test_edge_is_soft_and_inside_the_outline():
    points = reference_landmarks(128)[None]
    mask = hull(torch.zeros(1, 3, 128, 128), points)
    distance = signed_distance(outline(points), 128)
    assert (mask[distance <= 0] == 0).all()
    assert (mask[distance >= EDGE * 128] == 1).all()
    step = (mask[..., 1:] - mask[..., :-1]).abs().max()
    assert step <= 1 / (EDGE * 128) + 1e-5


def test_turned_face_has_the_turned_mask():
    """The forehead follows the face's own upward direction: a face upside down has its mask upside down."""
    points = reference_landmarks(128)[None]
    turned = 127 - points
    upright, down = (hull(torch.zeros(1, 3, 128, 128), p) for p in (points, turned))
    assert torch.allclose(upright.flip(-1, -2), down, atol=1e-4)


def test_batch_is_singles():
    points = torch.stack([reference_landmarks(64), reference_landmarks(64) * 0.8 + 5])
    together = hull(torch.zeros(2, 3, 64, 64), points)
    assert torch.equal(together, torch.cat([hull(torch.zeros(1, 3, 64, 64), p[None]) for p in points]))
