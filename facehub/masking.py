"""`python -m facehub mask PHOTO --out FILE [--labels FILE]`: where a swap would change a photo, and what the photo shows of the head, as pictures."""

import argparse
import pathlib
import sys

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from . import image
from .alignment import Masker, align, changed, place, reference_landmarks
from .errors import BadSetting, NoFace
from .faces import finder
from .geometry import fit_affine, invert, move, warp
from .masks import Learned, outlined
from .segmentation import BACKGROUND, BEARD, CLASSES, FACE, GLASSES, HAIR, SEEN, SKIN, Segmentation, read
from .types import Found, Matrices, Photos

AROUND = 1.5
"""How many times as wide as the crop the square is in which the parts of a whole head are looked for: three widths of the jaw."""

FADE = 8.0
"""Pixels over which one look gives way to the other."""

NEAR, FLAT = 4.0, 0.03
"""Radius of the windows in which edges are drawn to those of the photo, in pixels of the crop; and the standard deviation, of 1, below which the
photo counts as flat there."""

COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
"""Hair, skin and the rest, as LFW Part Labels has them (Kae et al., CVPR 2013, http://vis-www.cs.umass.edu/lfw/part_labels/)."""


def masker(name: str, device: str = "cpu") -> Masker:
    """ "learned" or "landmarks"."""
    return Learned(device=device) if name == "learned" else outlined


@torch.inference_mode()
def mask_of(photos: Photos, found: Found, masker: Masker, *, size: int = SEEN) -> tuple[UInt8[Tensor, "photos 1 height width"], tuple[str, ...]]:
    """Where a swap of these faces would change the photos, 255 = new face; and each face's note. `size`: of the identity's crops."""
    faces = align(photos, found.landmarks, found.photo, size=size, masker=masker)
    return changed(photos, place(faces, photos)), faces.notes


def crop_from_photo(landmarks: Float[Tensor, "faces 68 2"]) -> Matrices:
    """The alignment of a swap, in the pixels of the crop that the network for parts sees."""
    return fit_affine(landmarks, reference_landmarks(SEEN).to(landmarks)[None])


def head_from_photo(landmarks: Float[Tensor, "faces 68 2"]) -> Matrices:
    """The same direction, but with half as much again around the face, so that a whole head is seen."""
    return fit_affine(landmarks, ((reference_landmarks(SEEN) + 0.5) / AROUND + SEEN * (1 - 1 / AROUND) / 2 - 0.5).to(landmarks)[None])


@torch.inference_mode()
def parts_in_photo(network: Segmentation, photos: Photos, landmarks: Float[Tensor, "1 68 2"]) -> Float[Tensor, "1 classes height width"]:
    """Probability of each class of segmentation.CLASSES in the frame of one photo.

    From two looks, each at the picture and its mirror image: at the crop of a swap, and at the whole head for what lies beyond it; background where
    neither looks. Edges are then drawn to those of the photo. A swap takes one look at the crop, and no more (masks.Learned).
    """
    height, width = photos.shape[-2:]
    seen = move(invert(head_from_photo(landmarks)), landmarks.new_tensor([[[0, 0], [0, SEEN], [SEEN, 0], [SEEN, SEEN]]]))[0]
    (left, top), (right, bottom) = seen.amin(0).floor().long().clamp(min=0).tolist(), (seen.amax(0).ceil().long() + 1).clamp(min=0).tolist()
    head = (..., slice(top, bottom), slice(left, right))
    result = photos.new_zeros((1, len(CLASSES), height, width), dtype=torch.float32)
    result[:, BACKGROUND] = 1
    if (view := photos[head]).numel():
        landmarks = landmarks - landmarks.new_tensor([left, top])
        near, near_there = _look(network, view, crop_from_photo(landmarks))
        far, far_there = _look(network, view, head_from_photo(landmarks))
        found = far.lerp(near, near_there) * torch.maximum(near_there, far_there)
        found[:, BACKGROUND] += 1 - found.sum(1)
        radius = max(1, round(NEAR * torch.linalg.det(invert(crop_from_photo(landmarks))[0, :, :2]).abs().sqrt().item()))
        drawn = guided(found, view.float().mean(1, keepdim=True) / 255, radius).clamp(min=0)
        result[head] = drawn / drawn.sum(1, keepdim=True)
    return result


def guided(values: Float[Tensor, "1 n h w"], guide: Float[Tensor, "1 1 h w"], radius: int) -> Float[Tensor, "1 n h w"]:
    """The guided filter (He, Sun and Tang, Guided Image Filtering, IEEE TPAMI 35(6), 2013): in each window a linear function of the guide, so that
    edges of the values lie where the guide has them."""
    mean, values_mean = _around(guide, radius), _around(values, radius)
    slope = (_around(guide * values, radius) - mean * values_mean) / (_around(guide * guide, radius) - mean * mean + FLAT**2)
    return _around(slope, radius) * guide + _around(values_mean - slope * mean, radius)


def _around(x: Float[Tensor, "1 n h w"], radius: int) -> Float[Tensor, "1 n h w"]:
    """The mean of each pixel's square window, less what of it lies beyond the edge; by running sums, so that it costs the same for any radius."""
    sums = x.double()
    for axis in (2, 3):
        length = x.shape[axis]
        place = torch.arange(length, device=x.device)
        begin, end = (place - radius).clamp(min=0), (place + radius + 1).clamp(max=length)
        running = torch.cat([torch.zeros_like(sums.narrow(axis, 0, 1)), sums.cumsum(axis)], axis)
        count = (end - begin).reshape(-1, 1) if axis == 2 else end - begin
        sums = (running.index_select(axis, end) - running.index_select(axis, begin)) / count
    return sums.to(x.dtype)


def _look(network: Segmentation, photos: Photos, seen_from_photo: Matrices) -> tuple[Float[Tensor, "1 classes h w"], Float[Tensor, "1 1 h w"]]:
    """What the network sees in a frame, carried into the photo's: probabilities, and 1 where it looked, falling to 0 over `FADE` pixels."""
    zero = torch.zeros(1, dtype=torch.long, device=photos.device)
    frame = warp(photos, zero, invert(seen_from_photo), (SEEN, SEEN))
    both = torch.cat([frame, frame.flip(3)]).contiguous(memory_format=torch.channels_last)
    plain, mirrored = network(both).softmax(1)
    found = (plain + mirrored.flip(2))[None] / 2
    ramp = ((torch.arange(SEEN, device=photos.device) + 0.5).clamp(max=FADE) / FADE).to(found)
    there = torch.minimum(ramp, ramp.flip(0))
    there = (there * there[:, None])[None, None]
    padded = F.pad(torch.cat([found * (there > 0), there], 1), (1, 1, 1, 1))  # an edge of zeros, which the outside then repeats
    layers = warp(padded, zero, seen_from_photo + seen_from_photo.new_tensor([[0, 0, 1], [0, 0, 1]]), (photos.shape[-2], photos.shape[-1]))
    return layers[:, :-1], layers[:, -1:]


def three_classes(probability: Float[Tensor, "n classes h w"]) -> UInt8[Tensor, "n h w"]:
    """0 hair and beard, 1 face, ears, neck and glasses, 2 background and what lies before the head: as LFW Part Labels marks them."""
    hair, skin = probability[:, [HAIR, BEARD]].sum(1), probability[:, [FACE, SKIN, GLASSES]].sum(1)
    return torch.stack([hair, skin, 1 - hair - skin], 1).argmax(1).to(torch.uint8)


def labels_of(photos: Photos, landmarks: Float[Tensor, "1 68 2"]) -> UInt8[Tensor, "1 3 height width"]:
    """The three classes of one face's head in their colours."""
    classes = three_classes(parts_in_photo(read(), photos, landmarks))
    return torch.tensor(COLOURS, dtype=torch.uint8)[classes.long()].permute(0, 3, 1, 2)


def central(found: Found, size: tuple[int, int]) -> Float[Tensor, "1 68 2"]:
    """The face nearest to the middle of a photo of this (height, width)."""
    middle = found.landmarks.new_tensor([size[1] / 2, size[0] / 2])
    return found.landmarks[(found.landmarks.mean(1) - middle).norm(dim=1).argmin()][None]


def mask_photo(arguments: argparse.Namespace) -> int:
    """What lies before a face goes on stderr with its notes, files where they were asked for."""
    if arguments.labels and pathlib.Path(arguments.labels).resolve() == pathlib.Path(arguments.out).resolve():
        raise BadSetting("--out and --labels name the same file: choose two.")
    photos = image.read(arguments.photo).photo[None]
    found = finder(arguments.finder)(photos)
    if not len(found.photo):
        raise NoFace(f"No face was found in {arguments.photo}: use one in which a face is at least 80 pixels wide and looks roughly at the camera.")
    mask, notes = mask_of(photos, found, masker(arguments.masker))
    image.write(arguments.out, mask[0], generated=False)
    if arguments.labels:
        image.write(arguments.labels, labels_of(photos, central(found, (photos.shape[-2], photos.shape[-1])))[0], generated=False)
    for number, note in enumerate(notes):
        if note:
            print(f"face {number}: {note}", file=sys.stderr)
    print(f"{arguments.photo} -> {arguments.out}: {len(notes)} face(s), {(mask > 0).float().mean():.1%} of the photo")
    return 0
