"""Eyes in the photo's own light and dark, with the identity's irises.

A swap keeps gaze, so within an eye's opening luma above a Gaussian of `BAND` is the photo's: lids and
catchlights are sharp and in the right place. The iris is the photo's too, in the colour of the painted one
and as light. Both are found as the darkest disc of an opening, of the size that all adults' irises have. They
may lie a good part of their radius apart, so means over the two discs are compared, not pixels, and over both
eyes, whose irises are alike. The white is as coloured as the photo's. Not in the paper; docs/results.md has
both sides measured.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from .filters import lowpass, luma, masked_mean

BAND = 0.06
"""Deviation of the Gaussian above which an eye is the photo's, in units of the distance between the eyes."""

RADIUS = 0.093
"""Of an iris, in the same units: adults' are 11.7 mm wide (Ablavatski et al. 2020,
https://arxiv.org/abs/2006.11341) and 63 mm apart (Dodgson, SPIE 5291, 2004)."""

EDGE = 0.25
"""Width of the disc's soft edge, in radii."""

BLUR = 0.55
"""Deviation of the Gaussian by which darkness is gathered into a place, in radii."""

DECIDED = 25.0
"""How much more a place counts that is darker by the whole: large, and the disc jumps from one to another."""

GLINT = (0.75, 0.9)
"""How light a pixel is, between an eye's darkest and its lightest: from the first on it may be a catchlight,
from the second on it is one, and no part of the iris."""

GAMMA = (0.5, 2.5)
"""Least and largest power by which the photo's iris becomes lighter or darker. A power leaves pupil and
catchlights what they are; a factor makes an iris glow, or dull."""

COLOURED = 0.35
"""Largest share of a colour beyond luma in an iris, over luma."""

COVERED = (0.25, 0.5)
"""An eye whose contrast is below the first share of the painted one's is behind something dark, and stays
as it was painted; from the second on it is the photo's."""

FAINT = 0.02
"""Least luma, and least distance from white, that is reckoned with."""


class Opening(NamedTuple):
    """The window around an eye's opening, or the lips'."""

    painted: Float[Tensor, "1 3 h w"]
    photo: Float[Tensor, "1 3 h w"]
    weight: Float[Tensor, "1 1 h w"]
    """How much is put in: 0 on the line of the lids and outside."""
    unit_px: float
    """Distance between the eyes."""


class _Seen(NamedTuple):
    photo: Float[Tensor, "1 1 h w"]
    """The photo's luma."""
    light: Float[Tensor, "1 1 h w"]
    """Outside the iris: the painted luma below the band, the photo's above it."""
    contrast: Float[Tensor, "1 1 1 1"]
    """1 where the photo's eye has contrast of its own, 0 where it has hardly any (`COVERED`)."""
    iris: Float[Tensor, "1 1 h w"]
    """1 in the photo's iris, catchlights left out."""
    sums: Float[Tensor, "1 6 1 1"]
    """Of the painted iris: its mean colours and 1, by how much of it is seen. Of both: the logarithms of the
    painted one's luma and of the photo's, by how much of both is seen."""


def renew_eyes(openings: Sequence[Opening]) -> list[Float[Tensor, "1 3 h w"]]:
    """What each window shows with the photo's light and dark and the identity's iris, wherever its weight is
    1."""
    seen = [_look(opening) for opening in openings]
    if not seen:
        return []
    sums = torch.stack([one.sums for one in seen]).sum(0)
    colours = sums[:, :3] / sums[:, 3:4].clamp(min=1e-6)
    bright = luma(colours)
    colour = (colours - bright) / bright.clamp(min=FAINT)
    colour = colour * (COLOURED / colour.abs().amax(1, keepdim=True).clamp(min=COLOURED))
    gamma = (sums[:, 4:5] / sums[:, 5:].clamp(max=-1e-6)).clamp(*GAMMA)
    return [_renewed(*both, colour, gamma) for both in zip(openings, seen, strict=True)]


def find_iris(light: Float[Tensor, "1 1 h w"], weight: Float[Tensor, "1 1 h w"], unit_px: float) -> Tensor:
    """1 in the darkest disc of an opening, (1, 1, h, w), 0 outside of both and in catchlights. `light`:
    luma."""
    inside, radius = (weight > 0).to(light), RADIUS * unit_px
    lightness = _lightness(light, inside)
    dark = lowpass((1 - lightness) * inside, max(0.5, BLUR * radius))
    chosen = (DECIDED * (dark / dark.amax((2, 3), keepdim=True).clamp(min=1e-6) - 1)).exp() * inside
    chosen = chosen / chosen.sum((2, 3), keepdim=True).clamp(min=1e-6)
    y = torch.arange(light.shape[2], device=light.device, dtype=light.dtype)[:, None]
    x = torch.arange(light.shape[3], device=light.device, dtype=light.dtype)
    middle_y, middle_x = ((chosen * axis).sum((2, 3), keepdim=True) for axis in (y, x))
    away = ((y - middle_y).square() + (x - middle_x).square()).sqrt()
    glint = ((lightness - GLINT[0]) / (GLINT[1] - GLINT[0])).clamp(0, 1)
    return ((radius - away) / (EDGE * radius) + 0.5).clamp(0, 1) * inside * (1 - glint)


def _look(opening: Opening) -> _Seen:
    painted, photo, weight, unit_px = opening
    own, others, sigma_px = luma(painted), luma(photo), max(0.5, BAND * unit_px)
    mine, theirs = (some - lowpass(some, sigma_px) for some in (own, others))
    contrast = _contrast(mine, theirs, weight)
    light = (own + contrast * (theirs - mine)).clamp(0, 1)
    iris = find_iris(others, weight, unit_px)
    in_painted, in_photo = find_iris(own, weight, unit_px) * weight, iris * weight
    colours, bright = masked_mean(painted, in_painted), masked_mean(others, in_photo)
    logs = torch.cat([luma(colours), bright], 1).clamp(FAINT, 1 - FAINT).log()
    areas = [contrast * area.sum((2, 3), keepdim=True) for area in (in_painted, in_photo)]
    by_painted, by_both = areas[0], torch.minimum(*areas)
    sums = torch.cat([colours * by_painted, by_painted, logs * by_both], 1)
    return _Seen(others, light, contrast, iris, sums)


def _renewed(
    opening: Opening, seen: _Seen, colour: Float[Tensor, "1 3 1 1"], gamma: Float[Tensor, "1 1 1 1"]
) -> Float[Tensor, "1 3 h w"]:
    light = seen.light + seen.iris * (seen.photo.clamp(0, 1) ** gamma - seen.light)
    renewed = light * (1 + seen.iris * colour) + (1 - seen.iris) * (opening.photo - seen.photo)
    return opening.painted + seen.contrast * (renewed - opening.painted)


def _lightness(light: Float[Tensor, "1 1 h w"], inside: Float[Tensor, "1 1 h w"]) -> Float[Tensor, "1 1 h w"]:
    """0 at an opening's darkest pixel, 1 at its lightest."""
    low = light.masked_fill(inside == 0, math.inf).amin((2, 3), keepdim=True).clamp(max=1)
    high = light.masked_fill(inside == 0, -math.inf).amax((2, 3), keepdim=True).clamp(min=0)
    return ((light - low) / (high - low).clamp(min=0.05)).clamp(0, 1)


def _contrast(
    own: Float[Tensor, "1 1 h w"], others: Float[Tensor, "1 1 h w"], weight: Float[Tensor, "1 1 h w"]
) -> Float[Tensor, "1 1 1 1"]:
    energies = masked_mean(torch.cat([own, others], 1).square(), weight)
    share = (energies[:, 1:] / energies[:, :1].clamp(min=1e-8)).sqrt()
    return ((share - COVERED[0]) / (COVERED[1] - COVERED[0])).clamp(0, 1)
