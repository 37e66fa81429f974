"""Batches of pairs: which stranger, which of the identity's photos, in which frame and light. The same seed
gives the same batch."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from facehub.errors import BadSetting

from .gallery import MIRROR
from .pairs import (
    Mesh,
    anchors,
    cut,
    match,
    moved,
    outline_mask,
    points_in,
    shown_moved,
)
from .portraits import Portrait
from .relighting import Picture, relit

TARGET, RETURN, NATURAL = range(3)
"""Kinds of pair: the identity's face in a stranger's photo; a stranger's face in the identity's photo, which
is the target; a stranger's photo as it is, which has no target."""

CANDIDATES = 400
"""The best matching strangers of each group that a photo of the identity is paired with."""

FEW = 400
"""Strangers below which mixtures of two make up for those who are missing."""

MIXED, MIXTURE = 0.5, (0.3, 0.8)
"""Share of the moved strangers who are mixed with another where there are few, and how much is the
other's."""

FULL_WIDTH_PX = 170
"""Photos with a narrower jaw are drawn less often, in proportion."""


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Inputs and targets at the size of the crop."""

    input: Float[Tensor, "n 3 size size"]
    target: Float[Tensor, "n 3 size size"]
    """The input once more where the kind is NATURAL."""
    mask: Float[Tensor, "n 1 size size"]
    """1 where the target shows the identity's face."""
    landmarks: Float[Tensor, "n 68 2"]
    """Of the input and the target, in crop pixels."""
    kind: Int[Tensor, " n"]
    sharp: Bool[Tensor, " n"]
    """Whether the target holds detail at the size of the crop."""
    fine: Bool[Tensor, " n"]
    """Whether the input does."""

    def to(self, device: torch.device) -> "PairBatch":
        return PairBatch(*(getattr(self, name).to(device) for name in self.__slots__))


class PairSource:
    """Draws pairs of an identity and strangers."""

    def __init__(
        self,
        identity: list[Portrait],
        strangers: list[Portrait],
        *,
        size: int,
        shares: tuple[float, float, float],
        sharp_px: float,
    ):
        """`shares` of the kinds of pair; faces with a jaw of `sharp_px` or more hold detail at the size of
        the crop.

        Strangers are drawn half from those that are sharp and half from the others, as far as there are
        both. Raises BadSetting when nobody's face is uncovered.
        """
        self.size, self.shares, self.sharp_px = size, shares, sharp_px
        self.faces = [side for face in identity if not face.covered for side in (face, face.mirrored())]
        open_faces = [face for face in strangers if not face.covered]
        groups = (
            [f for f in open_faces if f.width_px >= sharp_px],
            [f for f in open_faces if f.width_px < sharp_px],
        )
        self.groups = [group for group in groups if group]
        if not self.faces or not self.groups:
            raise BadSetting(
                "All faces are covered by glasses, hair or hands: give photos of faces in the open."
            )
        stacks = [np.stack([face.landmarks for face in group]) for group in self.groups]
        self.choices, mass = [], []
        for face in self.faces:
            worth = [match(face.landmarks, stack) for stack in stacks]
            mass.append(worth[-1].mean())
            best = [np.argsort(-some)[:CANDIDATES] for some in worth]
            self.choices.append([(i, _shares(some[i] + 1e-9)) for i, some in zip(best, worth, strict=True)])
        width = np.array([face.width_px for face in self.faces])
        matched = np.minimum(np.array(mass) / max(float(np.median(mass)), 1e-9), 1)
        self.worth = _shares(matched * np.minimum(width / FULL_WIDTH_PX, 1) + 1e-12)

    def batch(self, count: int, *, seed: int, step: int) -> PairBatch:
        choose = np.random.default_rng([seed, step])
        rows = [self._one(choose) for _ in range(count)]
        tables = [_light(choose) for _ in rows]
        slopes = torch.from_numpy(np.stack([_slope(choose, self.size) for _ in rows]))
        inputs, targets = (
            torch.from_numpy(
                np.stack([cv2.LUT(row[side], table) for row, table in zip(rows, tables, strict=True)])
            )
            for side in (0, 1)
        )
        mask, landmarks = (
            torch.from_numpy(np.stack([row[i] for row in rows]).astype(np.float32)) for i in (2, 3)
        )
        kind, sharp, fine = (torch.tensor([row[i] for row in rows]) for i in (4, 5, 6))
        return PairBatch(
            input=(inputs.permute(0, 3, 1, 2).float() / 255 * slopes).clamp(max=1),
            target=(targets.permute(0, 3, 1, 2).float() / 255 * slopes).clamp(max=1),
            mask=mask[:, None],
            landmarks=landmarks,
            kind=kind,
            sharp=sharp,
            fine=fine,
        )

    def _one(self, choose: np.random.Generator) -> tuple:
        kind, group = int(choose.choice(3, p=self.shares)), int(choose.integers(len(self.groups)))
        frame, size = _frame(choose, self.size), self.size
        if kind == NATURAL:
            face = self.groups[group][choose.integers(len(self.groups[group]))]
            picture, points = cut(face, frame, size), points_in(face.landmarks, frame, size)
            if choose.random() < 0.5:
                picture = np.ascontiguousarray(picture[:, ::-1])
                points = (points[MIRROR] * [-1, 1] + [size - 1, 0]).astype(np.float32)
            fine = face.width_px >= self.sharp_px
            return picture, picture, outline_mask(points, size), points, kind, False, fine
        index = int(choose.choice(len(self.faces), p=self.worth))
        face, (candidates, worth) = self.faces[index], self.choices[index][group]
        stranger = self.groups[group][choose.choice(candidates, p=worth)]
        share = np.float32(choose.random())  # 0: the stranger's shape, 1: the identity's
        shape = stranger.landmarks + share * (face.landmarks - stranger.landmarks)
        mesh = Mesh(anchors(shape), size)
        theirs, own = moved(stranger, mesh, frame), moved(face, mesh, frame)
        points = points_in(shape, frame, size)
        whole = outline_mask(points, size)
        mask = whole * shown_moved(face, mesh, frame)
        if len(self.groups[group]) < FEW and choose.random() < MIXED:
            other = self.groups[group][choose.choice(candidates, p=worth)]
            theirs = mixed(theirs, moved(other, mesh, frame), whole, points, choose)
        sharp, fine = face.width_px >= self.sharp_px, stranger.width_px >= self.sharp_px
        if kind == TARGET:
            return theirs, relit(own, theirs, mask, points), mask, points, kind, sharp, fine
        return relit(theirs, own, mask, points), own, mask, points, kind, sharp, fine


def mixed(
    one: Picture,
    other: Picture,
    mask: Float[np.ndarray, "size size"],
    points: Float[np.ndarray, "68 2"],
    choose: np.random.Generator,
) -> Picture:
    """A person who is nobody: two faces on the same landmarks, averaged inside the mask in the light of the
    first."""
    share = np.float32(choose.uniform(*MIXTURE))
    face = relit(other, one, mask, points)
    return (one + share * (face.astype(np.float32) - one)).round().astype(np.uint8)


def _shares(worth: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return worth / worth.sum()


def _frame(choose: np.random.Generator, size: int) -> Float[np.ndarray, "2 3"]:
    """Turned by at most 0.1, scaled by at most 7 % and shifted by at most 4 % of the crop."""
    scale, turn, middle = (
        1 + choose.uniform(-0.07, 0.07),
        choose.uniform(-0.1, 0.1),
        np.full(2, (size - 1) / 2),
    )
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shift = middle - linear @ middle + choose.uniform(-0.04, 0.04, 2) * size
    return np.concatenate([linear, shift[:, None]], 1)


def _light(choose: np.random.Generator) -> np.ndarray:
    """A table of bytes: another exposure, contrast and tint. Three in ten are darker, down to a third of the
    light."""
    tint, gain = choose.uniform(0.88, 1.12, 3), choose.uniform(0.9, 1.1)
    if choose.random() < 0.3:
        gain = choose.uniform(0.35, 0.9)
    values = np.linspace(0, 1, 256)[:, None] ** choose.uniform(0.85, 1.15) * tint * gain
    return (values.clip(0, 1) * 255).round().astype(np.uint8)[None]


def _slope(choose: np.random.Generator, size: int) -> Float[np.ndarray, "1 size size"]:
    """Light from one side, for both pictures of a pair: up to e times as bright on one edge as in the middle,
    where it is at most 22 % darker than before, and an e-th on the other. Four in ten have none."""
    angle, strength = choose.uniform(0, 2 * np.pi), max(0.0, choose.uniform(-2 / 3, 1.0))
    side = np.linspace(-1, 1, size, dtype=np.float32)
    along = np.cos(angle) * side[None] + np.sin(angle) * side[:, None]
    return np.exp(strength * along - 0.25 * strength**2)[None].astype(np.float32)
