"""The pilots' answer: how well a photo's spectrum fits the waves that every mark has, at a scale and a turn.

The spectrum is read at the pilots' frequencies. With the pilots' known phases taken off, an inverse transform
has a peak where the tile begins. The score is that peak over what chance gives at one place: phases of a
photo without the mark are random to the key's, so there it is standard normal.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Complex64, Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from .watermark import MAX_FREQUENCY, MIN_FREQUENCY, TILE, FrequencyPlan, frequency_plan

RINGS = 8
"""Groups of waves of like wavelength."""

MAX_DEVIATIONS = 1.5
"""No wave counts more than this many times the usual of its ring: a fence has few waves, but strong ones."""

PLACES = 64
"""Steps of the tile along each axis at which its beginning is tried."""

SCALES_AT_ONCE = 64
"""How many scales are computed in one batch."""


@dataclass(frozen=True, slots=True)
class Waves:
    """The waves in the order pilots, data, and the rings that they belong to."""

    plan: FrequencyPlan
    all: Int[Tensor, "waves 2"]
    ring: Int[Tensor, " waves"]
    member: Float[Tensor, "waves rings"]

    @property
    def pilots(self) -> int:
        """How many pilots there are."""
        return len(self.plan.pilots)


def waves(device: torch.device) -> Waves:
    """The waves of `frequency_plan` on a device."""
    plan = frequency_plan()
    together = torch.cat([plan.pilots, plan.data]).to(device)
    share = (together.float().norm(dim=1) - MIN_FREQUENCY) / (MAX_FREQUENCY - MIN_FREQUENCY)
    ring = (share * RINGS).long().clamp(0, RINGS - 1)
    return Waves(plan, together, ring, one_hot(ring, RINGS).float())


def spectrum(even: Float[Tensor, "h w"]) -> Complex64[Tensor, "size size"]:
    """The Fourier transform of a picture about its centre, at least twice as finely as its sides need."""
    size = 1 << (2 * max(even.shape) - 1).bit_length()
    padded = even.new_zeros(size, size)
    padded[: even.shape[0], : even.shape[1]] = even
    return torch.fft.fft2(padded.roll((-(even.shape[0] // 2), -(even.shape[1] // 2)), (0, 1)))


def scores(
    transform: Complex64[Tensor, "size size"],
    waves: Waves,
    scales: Float[Tensor, " scales"],
    turn: Float[Tensor, "2 2"] | None = None,
) -> Float[Tensor, " scales"]:
    """The pilots' score at each scale, each wave read at the nearest frequency of the spectrum.

    `turn`: maps the waves' frequencies (down, right) of an upright picture to this one's.
    """
    size = len(transform)
    frequencies = waves.all[: waves.pilots].float()
    if turn is not None:
        frequencies = frequencies @ turn.T
    return torch.cat(list(_scores(transform, waves, frequencies, scales, size)))


def _scores(
    transform: Tensor, waves: Waves, frequencies: Tensor, scales: Tensor, size: int
) -> Iterator[Tensor]:
    pilots = waves.pilots
    for some in scales.split(SCALES_AT_ONCE):
        frequency = frequencies / (TILE * some[:, None, None])
        index = (frequency * size).round().long() % size
        values = transform[index[..., 0], index[..., 1]] * (frequency.abs() < 0.5).all(-1)
        values = whitened(values, waves.ring[:pilots], waves.member[:pilots])
        yield places(values, waves).flatten(1).amax(1)


def whitened(
    values: Complex64[Tensor, "... waves"], ring: Tensor, member: Tensor
) -> Complex64[Tensor, "... waves"]:
    """Each wave over the usual strength of its ring, none above `MAX_DEVIATIONS`."""
    usual = (values.abs().square() @ member / member.sum(0)).sqrt()
    values = values / (usual[..., ring] + 1e-9)
    return values / values.abs().clamp(min=MAX_DEVIATIONS) * MAX_DEVIATIONS


def places(pilots: Complex64[Tensor, "... pilots"], waves: Waves) -> Float[Tensor, "... 64 64"]:
    """The pilots' score at each place of the tile, in 64ths."""
    down, right = waves.plan.pilots.to(pilots.device).unbind(1)
    # the inverse of a half counts all but the first column twice
    turned = pilots * waves.plan.phases.to(pilots.device).conj() * (1 + (right == 0))
    grid = pilots.new_zeros(*pilots.shape[:-1], PLACES, PLACES // 2 + 1)
    grid[..., down % PLACES, right] = turned
    usual = (pilots.abs().square().sum(-1) / 2).sqrt()[..., None, None].clamp(min=1e-9)
    return torch.fft.irfft2(grid, s=(PLACES, PLACES)) * (PLACES**2 / 2) / usual


def log_steps(low: float, high: float, step: float, device: torch.device) -> Float[Tensor, " steps"]:
    """Values from `low` to `high`, each larger than the one before by the same factor of about 1 + `step`."""
    count = int(math.log(high / low) / step)
    return low * torch.exp(torch.arange(count + 1, device=device) * step)
