"""Pairs with real targets: a stranger's photo and one of the identity's, on the same landmarks.

The only sharp truth about a face are photos of it. A stranger's whole photo, and one of the identity's whose
landmarks are near, are moved piecewise affinely (68 landmarks, the forehead's arch, the crop's border) onto
landmarks between theirs: a natural input with a pose and an expression for which the identity's true face is
known. The target is the same picture with that face in it in the stranger's light (relighting.py): light and
skin tone come from the input, detail from the identity. DreamID (Ye et al. 2025,
https://arxiv.org/abs/2504.14509) trains on triplets of the same intent that a swapping network made.
"""

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int

from facehub.blending.masks import outline

from .portraits import Portrait
from .relighting import Picture

EDGE = 0.04
"""Width of the outline's soft edge inside of it, in units of the crop."""

EYES_APART = 0.22
"""Between the eyes' centres, in units of the crop."""

NEAR, AS_OPEN = 0.09, 0.05
"""Distance of landmarks, and difference of the lips' gap, at which a match is worth 1/e; in distances of the
eyes."""

CORNERS = np.array([[0, 0], [0.5, 0], [1, 0], [1, 0.5], [1, 1], [0.5, 1], [0, 1], [0, 0.5]], np.float32)

Points = Float[np.ndarray, "68 2"]
Frame = Float[np.ndarray, "2 3"]
"""Pixels of a crop that is turned, scaled and shifted a little, to pixels of the aligned crop."""


def anchors(landmarks: Points) -> Float[np.ndarray, "87 2"]:
    """68 landmarks, 11 points of the forehead's arch, 8 of the crop's border; in units of the crop."""
    arch = outline(torch.from_numpy(landmarks)[None])[0, 17:].numpy()
    return np.concatenate([landmarks, arch, CORNERS]).astype(np.float32)


class Mesh:
    """Triangles between the anchors of one face, and in which of them each pixel of a crop of `size` px
    lies."""

    def __init__(self, points: Float[np.ndarray, "87 2"], size: int):
        self.size = size
        pixels = points * size - 0.5
        self.triangles = _delaunay(pixels, size)
        corners = pixels[self.triangles]
        self.inverse = np.linalg.pinv(
            np.concatenate([corners, np.ones((*corners.shape[:2], 1), np.float32)], 2)
        )
        which = np.zeros((size, size), np.int32)
        for index, three in enumerate(corners):
            cv2.fillConvexPoly(which, (three * 16).round().astype(np.int32), index, shift=4)
        self.which = which.astype(np.int16)

    def place(self, source: Float[np.ndarray, "87 2"]) -> Float[np.ndarray, "size size 2"]:
        """Where each pixel of the crop lies in another picture, whose anchors are `source` in its pixels."""
        affine = (self.inverse @ source[self.triangles]).astype(
            np.float32
        )  # [x, y, 1] @ affine, one a triangle
        side, table = np.arange(self.size, dtype=np.float32), affine[self.which]
        return table[..., 0, :] * side[:, None] + table[..., 1, :] * side[:, None, None] + table[..., 2, :]


def _delaunay(points: Float[np.ndarray, "n 2"], size: int) -> Int[np.ndarray, "triangles 3"]:
    plane, index = cv2.Subdiv2D((-2, -2, size + 4, size + 4)), {}
    for number, (x, y) in enumerate(points.clip(-1, size)):
        plane.insert((float(x), float(y)))
        index[round(float(x), 2), round(float(y), 2)] = number
    rows = plane.getTriangleList()
    found = ([index.get((round(float(t[k]), 2), round(float(t[k + 1]), 2))) for k in (0, 2, 4)] for t in rows)
    return np.array([three for three in found if None not in three])


def moved(portrait: Portrait, mesh: Mesh, frame: Frame) -> Picture:
    """The whole photo with its anchors on those of the mesh."""
    where = _place(portrait, portrait.photo_from_unit, mesh, frame, border=cv2.BORDER_REPLICATE)
    edge = cv2.BORDER_REPLICATE
    return cv2.remap(portrait.read(), where, None, cv2.INTER_CUBIC, borderMode=edge)  # pyright: ignore -- map2 may be None


def shown_moved(portrait: Portrait, mesh: Mesh, frame: Frame) -> Float[np.ndarray, "size size"]:
    """1 where such a picture shows this face and nothing in front of it."""
    side = portrait.face.shape[0]
    where = _place(portrait, np.array([[side, 0, -0.5], [0, side, -0.5]], np.float32), mesh, frame)
    return cv2.remap(portrait.face, where, None, cv2.INTER_LINEAR)  # pyright: ignore -- map2 may be None


def _place(
    portrait: Portrait, from_unit: Frame, mesh: Mesh, frame: Frame, *, border: int = cv2.BORDER_CONSTANT
) -> Float[np.ndarray, "size size 2"]:
    """Where each pixel of the moved picture lies in one that `from_unit` leads to from units of the crop."""
    source = anchors(portrait.landmarks) @ from_unit[:, :2].T + from_unit[:, 2]
    return _framed(mesh.place(source.astype(np.float32)), frame, mesh.size, border=border)


def cut(portrait: Portrait, frame: Frame, size: int) -> Picture:
    """The aligned face as a crop of `size` px."""
    unit_from_pixel = np.array([[1 / size, 0, 0.5 / size], [0, 1 / size, 0.5 / size], [0, 0, 1]])
    matrix = portrait.photo_from_unit @ unit_from_pixel @ np.vstack([frame, [0, 0, 1]])
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(portrait.read(), matrix, (size, size), flags=how, borderMode=cv2.BORDER_REPLICATE)


def points_in(landmarks: Points, frame: Frame, size: int) -> Points:
    """Landmarks in the pixels of such a crop."""
    inverse = cv2.invertAffineTransform(frame)
    return ((landmarks * size - 0.5) @ inverse[:, :2].T + inverse[:, 2]).astype(np.float32)


def _framed(values: np.ndarray, frame: Frame, size: int, *, border: int = cv2.BORDER_CONSTANT) -> np.ndarray:
    return cv2.warpAffine(
        values, frame, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=border
    )


def outline_mask(points: Points, size: int) -> Float[np.ndarray, "size size"]:
    """1 inside the outline of landmarks in pixels, falling to 0 at it: masks.hull_mask, by a distance
    transform."""
    corners = outline(torch.from_numpy(points)[None])[0].numpy()
    inside = np.zeros((size, size), np.uint8)
    cv2.fillPoly(inside, [(corners * 16).round().astype(np.int32)], 1, shift=4)
    inside[[0, -1]] = inside[:, [0, -1]] = 0
    return (cv2.distanceTransform(inside, cv2.DIST_L2, 5) / (EDGE * size)).clip(0, 1)


def mouth_gap(landmarks: Float[np.ndarray, "n 68 2"]) -> Float[np.ndarray, " n"]:
    """How far the lips are apart, in distances of the eyes."""
    eyes = landmarks[:, 36:42].mean(1) - landmarks[:, 42:48].mean(1)
    gap = np.linalg.norm(landmarks[:, 61:64] - landmarks[:, [67, 66, 65]], axis=2).mean(1)
    return gap / np.linalg.norm(eyes, axis=1)


def match(one: Points, others: Float[np.ndarray, "n 68 2"]) -> Float[np.ndarray, " n"]:
    """How well each of the others would do in a pair with this face, at most 1: landmarks near, lips as far
    apart."""
    weight = np.ones(68, np.float32)
    weight[36:68] = 2  # eyes and mouth
    distance = (np.linalg.norm(others - one, axis=2) * weight).sum(1) / weight.sum() / EYES_APART
    return np.exp(-((distance / NEAR) ** 2) - ((mouth_gap(others) - mouth_gap(one[None])) / AS_OPEN) ** 2)
