"""The parts of the head at the photo's size: classes of the segmentation network, refined to the photo's
edges."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from ..geometry import fit_affine, invert, transform_points, warp
from ..networks.segmentation import (
    BACKGROUND,
    BEARD,
    CLASSES,
    FACE,
    GLASSES,
    HAIR,
    INPUT_PX,
    SKIN,
    Segmentation,
    load_segmentation,
)
from ..types import Matrices, Photos
from .alignment import reference_landmarks

HEAD_SCALE = 1.5
"""Width of the square in which the parts of a whole head are predicted, in widths of the crop: three widths
of the jaw."""


FADE_PX = 8.0
"""Pixels over which one prediction fades into the other."""


FILTER_RADIUS_PX, FLAT_STD = 4.0, 0.03
"""Radius of the windows in which edges are drawn to those of the photo, in pixels of the crop; and the
standard deviation, of 1, below which the photo counts as flat there."""


LABEL_COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
"""Hair, skin and the rest, in the colours of LFW Part Labels (Kae et al., CVPR 2013,
http://vis-www.cs.umass.edu/lfw/part_labels/)."""


def crop_from_photo(landmarks: Float[Tensor, "faces 68 2"]) -> Matrices:
    """The alignment of a swap, in pixels of the segmentation network's crop."""
    return fit_affine(landmarks, reference_landmarks(INPUT_PX).to(landmarks)[None])


def head_from_photo(landmarks: Float[Tensor, "faces 68 2"]) -> Matrices:
    """The same alignment with 1.5 times the width, so that the whole head is visible."""
    return fit_affine(
        landmarks,
        ((reference_landmarks(INPUT_PX) + 0.5) / HEAD_SCALE + INPUT_PX * (1 - 1 / HEAD_SCALE) / 2 - 0.5).to(
            landmarks
        )[None],
    )


@torch.inference_mode()
def parts_in_photo(
    network: Segmentation, photos: Photos, landmarks: Float[Tensor, "1 68 2"]
) -> Float[Tensor, "1 classes height width"]:
    """The probability of each class of segmentation.CLASSES, at the size of one photo.

    Two predictions, each the mean over the picture and its mirror image, are combined: of the crop of a swap,
    and of the whole head for what is beyond it. All else is background. Edges are then refined to those of
    the photo. A swap uses one prediction of the crop only (masks.SegmentationMasker).
    """
    height, width = photos.shape[-2:]
    seen = transform_points(
        invert(head_from_photo(landmarks)),
        landmarks.new_tensor([[[0, 0], [0, INPUT_PX], [INPUT_PX, 0], [INPUT_PX, INPUT_PX]]]),
    )[0]
    (left, top), (right, bottom) = (
        seen.amin(0).floor().long().clamp(min=0).tolist(),
        (seen.amax(0).ceil().long() + 1).clamp(min=0).tolist(),
    )
    head = (..., slice(top, bottom), slice(left, right))
    result = photos.new_zeros((1, len(CLASSES), height, width), dtype=torch.float32)
    result[:, BACKGROUND] = 1
    if (view := photos[head]).numel():
        landmarks = landmarks - landmarks.new_tensor([left, top])
        near, near_there = _predict_in_frame(network, view, crop_from_photo(landmarks))
        far, far_there = _predict_in_frame(network, view, head_from_photo(landmarks))
        found = far.lerp(near, near_there) * torch.maximum(near_there, far_there)
        found[:, BACKGROUND] += 1 - found.sum(1)
        radius = max(
            1,
            round(
                FILTER_RADIUS_PX
                * torch.linalg.det(invert(crop_from_photo(landmarks))[0, :, :2]).abs().sqrt().item()
            ),
        )
        drawn = guided_filter(found, view.float().mean(1, keepdim=True) / 255, radius).clamp(min=0)
        result[head] = drawn / drawn.sum(1, keepdim=True)
    return result


def guided_filter(
    values: Float[Tensor, "1 n h w"], guide: Float[Tensor, "1 1 h w"], radius: int
) -> Float[Tensor, "1 n h w"]:
    """The guided filter (He, Sun and Tang, Guided Image Filtering, IEEE TPAMI 35(6), 2013): in each window
    the values are a linear function of the guide, so that their edges are where the guide has edges."""
    mean, values_mean = _box_mean(guide, radius), _box_mean(values, radius)
    slope = (_box_mean(guide * values, radius) - mean * values_mean) / (
        _box_mean(guide * guide, radius) - mean * mean + FLAT_STD**2
    )
    return _box_mean(slope, radius) * guide + _box_mean(values_mean - slope * mean, radius)


def _box_mean(x: Float[Tensor, "1 n h w"], radius: int) -> Float[Tensor, "1 n h w"]:
    """The mean over the square window of each pixel, cut at the edges; by running sums, at the same cost for
    any radius."""
    sums = x.double()
    for axis in (2, 3):
        length = x.shape[axis]
        place = torch.arange(length, device=x.device)
        begin, end = (place - radius).clamp(min=0), (place + radius + 1).clamp(max=length)
        running = torch.cat([torch.zeros_like(sums.narrow(axis, 0, 1)), sums.cumsum(axis)], axis)
        count = (end - begin).reshape(-1, 1) if axis == 2 else end - begin
        sums = (running.index_select(axis, end) - running.index_select(axis, begin)) / count
    return sums.to(x.dtype)


def _predict_in_frame(
    network: Segmentation, photos: Photos, seen_from_photo: Matrices
) -> tuple[Float[Tensor, "1 classes h w"], Float[Tensor, "1 1 h w"]]:
    """What the network sees in a frame, carried into the photo's: probabilities, and 1 where it looked,
    falling to 0 over `FADE_PX` pixels."""
    zero = torch.zeros(1, dtype=torch.long, device=photos.device)
    frame = warp(photos, zero, invert(seen_from_photo), (INPUT_PX, INPUT_PX))
    both = torch.cat([frame, frame.flip(3)]).contiguous(memory_format=torch.channels_last)
    plain, mirrored = network(both).softmax(1)
    found = (plain + mirrored.flip(2))[None] / 2
    ramp = ((torch.arange(INPUT_PX, device=photos.device) + 0.5).clamp(max=FADE_PX) / FADE_PX).to(found)
    there = torch.minimum(ramp, ramp.flip(0))
    there = (there * there[:, None])[None, None]
    padded = F.pad(
        torch.cat([found * (there > 0), there], 1), (1, 1, 1, 1)
    )  # an edge of zeros, which the outside then repeats
    layers = warp(
        padded,
        zero,
        seen_from_photo + seen_from_photo.new_tensor([[0, 0, 1], [0, 0, 1]]),
        (photos.shape[-2], photos.shape[-1]),
    )
    return layers[:, :-1], layers[:, -1:]


def three_classes(probability: Float[Tensor, "n classes h w"]) -> UInt8[Tensor, "n h w"]:
    """0 hair and beard, 1 face, ears, neck and glasses, 2 background and what is in front of the head, as in
    LFW Part Labels."""
    hair, skin = probability[:, [HAIR, BEARD]].sum(1), probability[:, [FACE, SKIN, GLASSES]].sum(1)
    return torch.stack([hair, skin, 1 - hair - skin], 1).argmax(1).to(torch.uint8)


def head_labels(photos: Photos, landmarks: Float[Tensor, "1 68 2"]) -> UInt8[Tensor, "1 3 height width"]:
    """The three classes of the head of one face, as colours."""
    classes = three_classes(parts_in_photo(load_segmentation(), photos, landmarks))
    return torch.tensor(LABEL_COLOURS, dtype=torch.uint8)[classes.long()].permute(0, 3, 1, 2)
