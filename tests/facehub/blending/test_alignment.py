"""From the photo to the crop and back: the paper's geometry, round trips, and pixels that must not change."""

from dataclasses import replace

import torch

from facehub.blending.alignment import (
    align,
    blend,
    changed_mask,
    reference_face,
    reference_landmarks,
    warp_to_photo,
)
from facehub.geometry import transform_points
from tests.facehub.test_geometry import smooth_photo

MIRROR_PAIRS = [
    (0, 16),
    (8, 8),
    (17, 26),
    (27, 27),
    (31, 35),
    (36, 45),
    (39, 42),
    (48, 54),
    (60, 64),
    (61, 63),
    (67, 65),
]


def landmarks_in(photo: torch.Tensor, scale: float, x: float, y: float, turn: float = 0.2) -> torch.Tensor:
    """The reference face, `scale` px to a crop, turned, with its middle at (x, y)."""
    angle = torch.tensor(turn)
    rotation = torch.stack(
        [torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])]
    )
    return ((reference_face() - 0.5) * scale @ rotation.T + torch.tensor([x, y]))[None]


def test_reference_face_has_the_papers_geometry():
    """Figure 2, in units of the crop; ours is centred, so x is 0.025 to the left of the figure's."""
    face = reference_face()
    for left, right in MIRROR_PAIRS:
        assert torch.allclose(
            face[left] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0]), face[right], atol=2e-5
        )
    eyes = face[36:42].mean(0), face[42:48].mean(0)
    for got, figure in [
        (eyes[0], (0.42, 0.49)),
        (eyes[1], (0.64, 0.495)),
        (face[30], (0.53, 0.625)),
        (face[48:].mean(0), (0.53, 0.75)),
        (face[8], (0.52, 0.935)),
    ]:
        assert (got - torch.tensor(figure) + torch.tensor([0.025, 0.0])).abs().max() < 0.03


def test_aligned_landmarks_lie_on_the_reference():
    photos = smooth_photo(240, 320)
    faces = align(photos, landmarks_in(photos, 150, 160, 120), torch.tensor([0]), size=64)
    assert faces.crop.shape == (1, 3, 64, 64)
    assert torch.allclose(
        transform_points(faces.crop_from_photo, faces.landmarks)[0], reference_landmarks(64), atol=1e-3
    )


def test_there_and_back_gives_the_photo():
    """A crop finer than the photo goes back to within 2 levels of what was there."""
    photos = smooth_photo(240, 320)
    faces = align(photos, landmarks_in(photos, 120, 160, 120), torch.tensor([0]), size=256)
    patch = warp_to_photo(faces, photos)
    inside = (patch.mask > 0).expand_as(patch.source)
    assert (patch.source - patch.target)[inside].abs().max() < 2 / 255


def test_pixels_outside_the_mask_are_the_inputs():
    photos = torch.randint(
        0, 256, (2, 3, 200, 260), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    landmarks = torch.cat(
        [
            landmarks_in(photos, 100, 120, 90),
            landmarks_in(photos, 80, 70, 120),
            landmarks_in(photos, 60, 200, 60),
        ]
    )
    faces = align(photos, landmarks, torch.tensor([0, 1, 1]), size=64)
    before = photos.clone()
    patch = warp_to_photo(replace(faces, crop=torch.rand_like(faces.crop)), photos)
    output, mask = blend(photos, patch, patch.source), changed_mask(photos, patch)
    assert torch.equal(photos, before), "paste must not write into its argument"
    assert ((output == photos) | (mask > 0)).all()
    assert (output != photos).any(1)[mask[:, 0] == 255].float().mean() > 0.9


def test_strength_runs_from_the_input_to_the_swap():
    photos = smooth_photo(200, 260)
    faces = align(photos, landmarks_in(photos, 100, 120, 90), torch.tensor([0]), size=64)
    patch = warp_to_photo(replace(faces, crop=1 - faces.crop), photos)
    none, half, full = (blend(photos, patch, patch.source, strength=s).int() for s in (0.0, 0.5, 1.0))
    assert torch.equal(none, photos.int())
    assert ((half - none) * 2 - (full - none)).abs().max() <= 2
    assert (full - none).abs().max() > 20


def test_face_over_the_photos_edge():
    """A face half outside works, changes what is inside, and nothing wraps around."""
    photos = smooth_photo(120, 150)
    for x, y in [(0, 60), (149, 60), (75, 0), (75, 119), (0, 0), (149, 119)]:
        faces = align(photos, landmarks_in(photos, 90, x, y), torch.tensor([0]), size=64)
        patch = warp_to_photo(replace(faces, crop=torch.ones_like(faces.crop)), photos)
        output, mask = blend(photos, patch, patch.source), changed_mask(photos, patch)
        assert (mask > 0).any()
        assert ((output == photos) | (mask > 0)).all()


def test_small_faces_go_back_without_aliasing():
    """A face smaller than the crop: the finest checkerboard in the crop becomes gray in the photo."""
    photos = torch.full((1, 3, 100, 100), 128, dtype=torch.uint8)
    faces = align(photos, landmarks_in(photos, 40, 50, 50, turn=0.0), torch.tensor([0]), size=128)
    y, x = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    board = ((x + y) % 2).float().expand(1, 3, -1, -1)
    patch = warp_to_photo(replace(faces, crop=board), photos)
    assert (patch.source[..., 4:-4, 4:-4] - 0.5).abs().max() < 0.2


def test_rectangle_costs_by_the_face_not_by_the_photo():
    small, large = smooth_photo(200, 260), smooth_photo(800, 900)
    shapes = []
    for photos in (small, large):
        faces = align(photos, landmarks_in(photos, 100, 120, 90), torch.tensor([0]), size=64)
        shapes.append(warp_to_photo(faces, photos).source.shape)
    assert shapes[0] == shapes[1] and shapes[0][-1] < 110
