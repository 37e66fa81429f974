"""The end of a training that has stopped getting better, on made-up curves."""

import math

import pytest

from train.config import PairConfig
from train.until_good import CHECK_EVERY, LEAST_STEPS, Check, flat_since, last_step

CONFIG = PairConfig(steps=2000, decay_from=0.6)


def curve(last: int, *, good_at: float, noise: float = 0.0) -> list[Check]:
    """Measures that approach their best exponentially, up to the step `last`."""
    steps = range(CHECK_EVERY, last + 1, CHECK_EVERY)
    made = []
    for number, step in enumerate(steps):
        left, shake = math.exp(-3 * step / good_at), noise * (-1) ** number
        made.append(Check(step, 0.7 - 0.5 * left + shake, 0.05 + 0.1 * left, 0.8 - 0.6 * left + shake))
    return made


def test_nothing_ends_while_something_gets_better():
    assert flat_since([]) is None
    assert flat_since(curve(1000, good_at=3000)) is None
    assert last_step(curve(1000, good_at=3000), CONFIG) == CONFIG.steps


@pytest.mark.parametrize("noise", [0.0, 0.004])
def test_what_is_flat_ends_after_the_rates_have_fallen(noise):
    flat = flat_since(curve(1500, good_at=400, noise=noise))
    assert flat is not None and 400 <= flat <= 1200
    assert last_step(curve(1500, good_at=400, noise=noise), CONFIG) == round(flat / 0.6)


def test_the_end_does_not_move_with_later_measurements():
    checks = curve(1500, good_at=400)
    flat = flat_since(checks)
    shorter = [one for one in checks if one.step <= flat]
    assert flat_since(shorter) == flat and flat_since(shorter[:-1]) is None


def test_one_measure_that_still_gains_is_enough_to_go_on():
    still = [Check(CHECK_EVERY * n, 0.7, 0.05, 0.3 + 0.03 * n) for n in range(1, 30)]
    assert flat_since(still) is None
    less_moved = [Check(CHECK_EVERY * n, 0.7, 0.2 - 0.003 * n, 0.8) for n in range(1, 30)]
    assert flat_since(less_moved) is None


def test_nothing_ends_at_once_and_nothing_outlasts_the_configured_steps():
    checks = [Check(CHECK_EVERY * n, 0.7, 0.05, 0.8) for n in range(1, 30)]
    assert flat_since(checks) == LEAST_STEPS
    assert last_step(checks, PairConfig(steps=350)) == 350
