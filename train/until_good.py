"""When a training may end: the faces that it never learns from have stopped getting better."""

from collections.abc import Sequence
from dataclasses import dataclass

from .config import PairConfig

CHECK_EVERY = 50
"""Steps between two measurements of the held-out faces."""

FLAT_CHECKS = 3
"""Measurements in a row without a gain after which nothing is expected any more."""

LEAST_STEPS = 300
"""Nothing ends before: the discriminators need their time."""

GAINS = {"likeness": 0.01, "moved": -0.002, "sharpness": 0.02}
"""Least change of each measure that is a gain; of `moved` a fall."""


@dataclass(frozen=True, slots=True)
class Check:
    """One measurement; means over the held-out faces."""

    step: int
    likeness: float
    """Cosine to the identity, by SFace."""
    moved: float
    """How far the landmarks moved, as the landmark loss counts it."""
    sharpness: float
    """Detail inside the face as a share of the input's."""


def flat_since(checks: Sequence[Check]) -> int | None:
    """The step at which the last `FLAT_CHECKS` measurements were first without a gain; None while something
    still gets better."""
    best: dict[str, float] = {}
    still = 0
    for one in checks:
        gained = False
        for name, gain in GAINS.items():
            value = getattr(one, name) * (1 if gain > 0 else -1)
            if name not in best or value >= best[name] + abs(gain):
                best[name], gained = value, True
        still = 0 if gained else still + 1
        if still >= FLAT_CHECKS and one.step >= LEAST_STEPS:
            return one.step
    return None


def last_step(checks: Sequence[Check], config: PairConfig) -> int:
    """The step that a run ends with: the configured one, or earlier when all is flat.

    From where it was flat on the rates fall, for as many steps as their share of a whole run.
    """
    flat = flat_since(checks)
    if flat is None:
        return config.steps
    return min(config.steps, round(flat / max(config.decay_from, 0.1)))
