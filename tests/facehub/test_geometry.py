"""Affine maps and warps, on unequal sizes, against properties, a slow twin and OpenCV."""

import cv2
import numpy as np
import pytest
import torch

from facehub.geometry import (
    compose,
    crop_windows,
    fit_affine,
    invert,
    resize,
    transform_points,
    translate_source,
    warp,
)


def matrices(n: int, seed: int = 0) -> torch.Tensor:
    """Well-conditioned random maps."""
    random = torch.Generator().manual_seed(seed)
    linear = torch.eye(2, dtype=torch.float64) * 1.3 + 0.4 * torch.rand(
        n, 2, 2, generator=random, dtype=torch.float64
    )
    return torch.cat([linear, 10 * torch.rand(n, 2, 1, generator=random, dtype=torch.float64)], dim=2)


def points(n: int, count: int = 68) -> torch.Tensor:
    return 50 * torch.rand(n, count, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_fit_recovers_an_exact_map():
    a_from_b, b = matrices(5), points(5)
    assert torch.allclose(fit_affine(b, transform_points(a_from_b, b)), a_from_b)


def test_fit_is_the_least_squares_solution():
    source, target = points(1), points(1).flip(1)
    homogeneous = np.hstack([source[0].numpy(), np.ones((68, 1))])
    expected, *_ = np.linalg.lstsq(homogeneous, target[0].numpy(), rcond=None)
    np.testing.assert_allclose(fit_affine(source, target)[0].numpy(), expected.T, atol=1e-9)


def test_fit_takes_one_target_for_all():
    source, target = points(4), points(1)
    each = torch.cat([fit_affine(s[None], target) for s in source])
    assert torch.allclose(fit_affine(source, target), each)


def test_compose_reads_like_dominoes():
    a_from_b, b_from_c, c = matrices(3), matrices(3, seed=2), points(3)
    assert torch.allclose(
        transform_points(compose(a_from_b, b_from_c), c),
        transform_points(a_from_b, transform_points(b_from_c, c)),
    )


def test_invert_goes_back():
    a_from_b, b = matrices(3), points(3)
    assert torch.allclose(transform_points(invert(a_from_b), transform_points(a_from_b, b)), b)


def test_shifted_counts_from_the_corner():
    a_from_b, b = matrices(2), points(2)
    corner = torch.tensor([[3, -4], [11, 7]])
    assert torch.allclose(
        transform_points(translate_source(a_from_b, corner), b - corner[:, None]),
        transform_points(a_from_b, b),
    )


def test_windows_repeat_the_edge():
    image = torch.arange(2 * 1 * 5 * 7, dtype=torch.uint8).reshape(2, 1, 5, 7)
    got = crop_windows(image, torch.tensor([1, 0]), torch.tensor([[-2, -1], [4, 3]]), (3, 4))
    for face, (which, left, top) in enumerate([(1, -2, -1), (0, 4, 3)]):
        for y in range(3):
            for x in range(4):
                assert (
                    got[face, 0, y, x] == image[which, 0, min(max(top + y, 0), 4), min(max(left + x, 0), 6)]
                )


def smooth_photo(height: int, width: int, seed: int = 0) -> torch.Tensor:
    noise = np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 3)
    blurred = (blurred - blurred.min()) / (blurred.max() - blurred.min())
    return torch.from_numpy((blurred * 255).round().astype(np.uint8)).permute(2, 0, 1)[None]


def test_warp_by_the_identity_changes_nothing():
    photo = smooth_photo(33, 47)
    identity = torch.eye(2, 3)[None]
    assert torch.equal(
        (warp(photo, torch.tensor([0]), identity, (33, 47)) * 255).round().to(torch.uint8), photo
    )


@pytest.mark.parametrize(
    "mode, interpolation", [("bilinear", cv2.INTER_LINEAR), ("bicubic", cv2.INTER_CUBIC)]
)
def test_warp_agrees_with_opencv(mode, interpolation):
    """To 1.5 levels: OpenCV rounds positions to 1/32 pixel; bicubic kernels are the same (a = -0.75)."""
    photo = smooth_photo(90, 130)
    photo_from_output = torch.tensor([[[0.71, -0.22, 30.3], [0.18, 0.69, 12.9]]])
    ours = (
        warp(photo, torch.tensor([0]), photo_from_output, (64, 80), mode=mode)[0].permute(1, 2, 0).numpy()
        * 255
    )
    pixels = photo[0].permute(1, 2, 0).numpy().astype(np.float32)
    theirs = cv2.warpAffine(
        pixels,
        photo_from_output[0].numpy(),
        (80, 64),
        flags=interpolation | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    assert np.abs(ours - theirs.clip(0, 255)).max() < 1.5


@pytest.mark.parametrize("shrink", [1.7, 3.0, 5.4])
def test_warp_shrinks_without_aliasing(shrink):
    """The finest checkerboard becomes gray; a sampled pixel would be black or white."""
    y, x = torch.meshgrid(torch.arange(300), torch.arange(400), indexing="ij")
    board = ((x + y) % 2 * 255).to(torch.uint8).expand(1, 3, -1, -1)
    matrix = torch.tensor([[[shrink, 0, 5.3], [0, shrink, 4.1]]])
    small = warp(board, torch.tensor([0]), matrix, (40, 50))
    assert (small - 0.5).abs().max() < 0.13


def test_shrinking_keeps_positions():
    """A ramp stays a ramp: the value at each output pixel is the ramp's at the place it looks at."""
    ramp = torch.linspace(0, 1, 400)[None, None, None, :].expand(1, 3, 300, -1)
    matrix = torch.tensor([[[4.6, 0, 20.0], [0, 4.6, 10.0]]])
    small = warp(ramp, torch.tensor([0]), matrix, (40, 50))
    assert torch.allclose(small[0, 0, 20], (torch.arange(50) * 4.6 + 20) / 399, atol=1e-4)


def test_warp_of_a_batch_is_the_warp_of_each():
    """Faces of unlike scales, from two photos, in one call."""
    photos = torch.cat([smooth_photo(90, 130, seed) for seed in (0, 1)])
    image = torch.tensor([1, 0, 1])
    scale = torch.tensor([0.5, 1.4, 3.3])
    matrices = torch.zeros(3, 2, 3)
    matrices[:, 0, 0] = matrices[:, 1, 1] = scale
    matrices[:, :, 2] = torch.tensor([[1.0, 2.0], [-4.0, 3.0], [0.0, 8.5]])
    together = warp(photos, image, matrices, (24, 30))
    each = torch.cat([warp(photos, image[i : i + 1], matrices[i : i + 1], (24, 30)) for i in range(3)])
    assert torch.allclose(together, each, atol=1e-6)


@pytest.fixture
def threads():
    """Sets how many, and puts it back."""
    usual = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(usual)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("shrink", [0.3, 1.0, 1.7, 3.4])
def test_the_number_of_threads_changes_nothing(threads, mode, shrink):
    """One face by itself is cut into strips, here of unequal height."""
    images, turned = torch.rand(1, 3, 90, 70), torch.tensor([[[0.9, -0.2, 6], [0.2, 0.9, 4]]])
    turned[:, :, :2] *= shrink
    each = torch.tensor([0])
    threads(1)
    alone = warp(images, each, turned, (31, 20), mode=mode)
    threads(3)
    assert torch.equal(warp(images, each, turned, (31, 20), mode=mode), alone)


@pytest.mark.parametrize("n", [1, 2])
def test_channels_of_their_own_mode(n):
    images, each = torch.rand(n, 5, 40, 40), torch.arange(n)
    turned = torch.tensor([[[0.3, -0.1, 6], [0.1, 0.4, 4]]]).expand(n, -1, -1)
    both = warp(images, each, turned, (50, 60), mode="bicubic", linear=2)
    assert torch.equal(both[:, :3], warp(images[:, :3], each, turned, (50, 60), mode="bicubic"))
    assert torch.equal(both[:, 3:], warp(images[:, 3:], each, turned, (50, 60)))
    assert not torch.equal(both[:, 3:], warp(images[:, 3:], each, turned, (50, 60), mode="bicubic"))


@pytest.mark.parametrize("size", [(37, 50), (120, 33), (211, 300)])
def test_resizing_is_torchvisions(size):
    """Bit for bit, smaller and larger: the page does not import torchvision for it."""
    from torchvision.transforms.v2 import functional as torchvisions  # takes seconds

    picture = torch.randint(0, 256, (3, 101, 150), dtype=torch.uint8)
    assert torch.equal(resize(picture, size), torchvisions.resize(picture, list(size)))
