"""Affine maps of points and pictures: fit, compose, invert, transform, warp, resize. Pure torch, batched, on
the device of the inputs.

A matrix is named by its ends: `crop_from_photo` takes photo pixels (x, y) to crop pixels, so that
`crop_from_photo = compose(crop_from_head, head_from_photo)` reads like dominoes.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Num, UInt8
from torch import Tensor

from .types import Matrices


def fit_affine(source: Float[Tensor, "faces points 2"], target: Float[Tensor, "#faces points 2"]) -> Matrices:
    """`target_from_source`: the affine maps that bring `source` nearest to `target` in the least-squares
    sense.

    Closed form: with both point sets centred, A = (T^T S) (S^T S)^-1. At least three points that are not on
    one line.
    """
    source_mean, target_mean = source.mean(1, keepdim=True), target.mean(1, keepdim=True)
    s, t = (source - source_mean).double(), (target - target_mean).double()
    linear = (t.mT @ s) @ torch.linalg.inv(s.mT @ s)
    shift = target_mean.double().mT - linear @ source_mean.double().mT
    return torch.cat([linear, shift], dim=2).to(source.dtype)


def compose(a_from_b: Matrices, b_from_c: Matrices) -> Matrices:
    """`a_from_c`: first `b_from_c`, then `a_from_b`."""
    linear = a_from_b[:, :, :2] @ b_from_c[:, :, :2]
    shift = a_from_b[:, :, :2] @ b_from_c[:, :, 2:] + a_from_b[:, :, 2:]
    return torch.cat([linear, shift], dim=2)


def invert(a_from_b: Matrices) -> Matrices:
    """`b_from_a`."""
    linear = torch.linalg.inv(a_from_b[:, :, :2])
    return torch.cat([linear, -linear @ a_from_b[:, :, 2:]], dim=2)


def transform_points(
    a_from_b: Matrices, points: Float[Tensor, "faces points 2"]
) -> Float[Tensor, "faces points 2"]:
    """Points of b in the coordinates of a."""
    return points @ a_from_b[:, :, :2].mT + a_from_b[:, None, :, 2]


def translate_source(a_from_b: Matrices, corner: Num[Tensor, "faces 2"]) -> Matrices:
    """`a_from_window`, where the window's pixel (0, 0) is b's pixel `corner`."""
    shift = a_from_b[:, :, :2] @ corner.to(a_from_b)[:, :, None] + a_from_b[:, :, 2:]
    return torch.cat([a_from_b[:, :, :2], shift], dim=2)


def crop_windows(
    images: Num[Tensor, "images channels height width"],
    image: Int[Tensor, " faces"],
    corner: Int[Tensor, "faces 2"],
    size: tuple[int, int],
) -> Num[Tensor, "faces channels h w"]:
    """Cut a rectangle per face, all of one size, each with its first pixel at `corner` (x, y) of its image.

    Beyond the image's edge the nearest pixel is repeated. The cost depends on the size of the rectangles, not
    of the images.
    """
    height, width = images.shape[-2:]
    if images.device.type == "cpu":
        corners = zip(image.tolist(), corner.tolist(), strict=True)
        return torch.cat(
            [_window(images[index : index + 1], left, top, *size) for index, (left, top) in corners]
        )
    x = (corner[:, :1] + torch.arange(size[1], device=images.device)).clamp(0, width - 1)
    y = (corner[:, 1:] + torch.arange(size[0], device=images.device)).clamp(0, height - 1)
    channel = torch.arange(images.shape[1], device=images.device)
    return images[
        image[:, None, None, None], channel[None, :, None, None], y[:, None, :, None], x[:, None, None, :]
    ]


def resize(
    picture: UInt8[Tensor, "channels height width"], size: tuple[int, int]
) -> UInt8[Tensor, "channels h w"]:
    """The picture at `size`, (height, width) in px: bilinear, averaging where it becomes smaller."""
    return F.interpolate(picture[None], size, mode="bilinear", antialias=True)[0]


def _window(image: Tensor, left: int, top: int, h: int, w: int) -> Tensor:
    """One rectangle of `crop_windows`, by slices: a quarter of the time of indexing each pixel."""
    height, width = image.shape[-2:]
    rows, columns = (
        (min(max(top, 0), height - 1), min(max(top + h, 1), height)),
        (min(max(left, 0), width - 1), min(max(left + w, 1), width)),
    )
    part = image[:, :, slice(*rows), slice(*columns)]
    beyond = (columns[0] - left, left + w - columns[1], rows[0] - top, top + h - rows[1])
    if not any(beyond):
        return part
    index = [torch.arange(-before, length + after).clamp(0, length - 1) for length, before, after in
             ((part.shape[3], *beyond[:2]), (part.shape[2], *beyond[2:]))]  # fmt: skip
    return part[:, :, index[1]][:, :, :, index[0]]


def warp(
    images: Num[Tensor, "images channels height width"],
    image: Int[Tensor, " faces"],
    image_from_output: Matrices,
    size: tuple[int, int],
    *,
    mode: str = "bilinear",
    linear: int = 0,
) -> Float[Tensor, "faces channels h w"]:
    """Output pixel p of each face = its image at `image_from_output(p)`; bytes become floats in [0, 1].

    Shrinking is anti-aliased: a whole factor k by the mean of k x k pixels, the rest (below 2) by 2 x 2
    samples per output pixel. Enlarging interpolates by `mode` ("bilinear" or "bicubic"); the last `linear`
    channels are always bilinear. Beyond the image's edge the nearest pixel is repeated.
    """
    shrink = torch.linalg.det(image_from_output[:, :, :2].double()).abs().sqrt().tolist()
    boxes = [max(1, math.floor(s + 1e-3)) for s in shrink]
    ways = [(box, 2 if s / box > 1.1 else 1) for box, s in zip(boxes, shrink, strict=True)]
    dtype = images.dtype if images.is_floating_point() else image_from_output.dtype
    if len(set(ways)) == 1:
        return _warp_group(images, image, image_from_output, size, *ways[0], mode, linear).to(dtype)
    output = images.new_empty((len(boxes), images.shape[1], *size), dtype=dtype)
    for box, samples in sorted(set(ways)):
        group = [i for i, way in enumerate(ways) if way == (box, samples)]
        output[group] = _warp_group(
            images, image[group], image_from_output[group], size, box, samples, mode, linear
        ).to(dtype)
    return output


def _warp_group(images, image, image_from_output, size, box, samples, mode, linear):
    """`warp` for faces that all shrink by the same whole factor `box`."""
    corner, extent = _bounds(image_from_output, size, margin=2 + box)
    extent = tuple(math.ceil(e / box) * box for e in extent)
    window = crop_windows(images, image, corner, extent)
    window = window.to(image_from_output.dtype).div_(255) if not window.is_floating_point() else window
    if box > 1:
        window = F.avg_pool2d(window, box)
    window_from_output = (
        torch.cat(
            [image_from_output[:, :, :2], image_from_output[:, :, 2:] - corner[:, :, None] - (box - 1) / 2],
            dim=2,
        )
        / box
    )
    strips = torch.get_num_threads() if len(window) == 1 and window.device.type == "cpu" else 1
    grid = _grid(
        window_from_output, (math.ceil(size[0] / strips) * strips, size[1]), samples, window.shape[-2:]
    )
    result = _sampled(window, grid.to(window.dtype), strips, mode, linear)
    result = F.avg_pool2d(result, samples) if samples > 1 else result
    return result[:, :, : size[0]]


def _sampled(window, grid, strips, mode, linear):
    """Sample the window. PyTorch gives each face of a batch to one CPU thread, so a single face is cut into
    strips, one per thread."""
    if strips > 1:
        window, grid = window.expand(strips, -1, -1, -1), grid.view(strips, -1, *grid.shape[2:])
    parts = window.split((window.shape[1] - linear, linear), 1) if linear else [window]
    made = [
        F.grid_sample(part, grid, mode=how, padding_mode="border", align_corners=False)
        for part, how in zip(parts, (mode, "bilinear"), strict=False)
    ]
    if mode == "bicubic":
        made[0].clamp_(0, 1)
    if strips > 1:
        return torch.cat([part.transpose(0, 1) for part in made]).flatten(1, 2)[None]
    return torch.cat(made, 1) if linear else made[0]


def _bounds(image_from_output, size, margin):
    """First pixels and common size of the rectangles that the outputs read."""
    h, w = size
    outline = image_from_output.new_tensor([[0, 0], [w - 1, 0], [0, h - 1], [w - 1, h - 1]])
    outline = transform_points(image_from_output, outline.expand(len(image_from_output), 4, 2))
    low, high = outline.amin(1).floor().long() - margin, outline.amax(1).ceil().long() + margin
    width, height = (high - low + 1).amax(0).tolist()
    return low, (height, width)


def _grid(image_from_output, size, samples, image_size):
    """The place of each sample in the image, in grid_sample's units: (faces, h * samples, w * samples, 2)."""
    h, w = size
    unit = 2 / image_from_output.new_tensor(image_size[::-1])[:, None]
    across, down, start = (unit * image_from_output).unbind(2)
    offset = (samples - 1) / (2 * samples)
    x = torch.arange(w * samples, device=unit.device, dtype=unit.dtype) / samples - offset
    y = torch.arange(h * samples, device=unit.device, dtype=unit.dtype) / samples - offset
    along = across[:, None] * x[:, None] + (start + unit[:, 0] / 2 - 1)[:, None]
    return along[:, None] + (down[:, None] * y[:, None])[:, :, None]
