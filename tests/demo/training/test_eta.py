"""How long it takes, and how that is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.training.eta import DOING, EVIDENCE_SECONDS, MEASURED, SLOW, Position, TimeEstimate, about
from facehub.training_progress import Progress, Stage
from train.config import Config, PairConfig
from train.loop import Step
from train.stages import progress_of

FULL = TimeEstimate({Stage.TARGETS: 704, Stage.HALF_SIZE: 3000, Stage.FULL_SIZE: 900, Stage.LOSSES: 240})
"""The paper's way."""

SHORT = TimeEstimate({Stage.GATHER: 400, Stage.PAIRS: 900})
"""What the page starts."""


def test_the_counts_are_those_of_training():
    """What app.py hands over, and how long the page says that it takes."""
    assert SHORT.counts[Stage.PAIRS] == PairConfig().steps
    assert about(SHORT.seconds()) == "about 20 minutes"
    config = Config()
    assert FULL.counts == {
        Stage.TARGETS: config.target_faces,
        Stage.HALF_SIZE: config.coarse_steps,
        Stage.FULL_SIZE: config.fine_steps,
        Stage.LOSSES: config.steps,
    }
    assert set(DOING) == set(MEASURED)


def test_what_training_reports_is_understood():
    record = progress_of(Step(Stage.HALF_SIZE, 120, 3000, {"pixels": 0.1}, 0.2))
    assert Position.from_progress(record) == Position(Stage.HALF_SIZE, 120, 3000)
    assert Position.from_progress(Progress(stage=Stage.MEASURE)) == Position(Stage.MEASURE)
    assert Position.from_progress(Progress(message="Content: 5 of 6 faces.")) is None


@given(st.sampled_from(list(FULL.counts)), st.integers(0, 3000), st.floats(0.1, 20))
def test_time_left_falls_to_nothing(stage, done, pace):
    place = Position(stage, min(done, FULL.counts[stage]), FULL.counts[stage])
    further = Position(stage, min(place.done + 1, place.total), place.total)
    assert 0 <= FULL.share(place) <= FULL.share(further) <= 1
    assert FULL.left(place, pace) >= FULL.left(further, pace) >= 0
    assert FULL.left(place, pace) == pytest.approx(pace * FULL.left(place))


def test_a_runs_own_pace_corrects_what_was_measured():
    first, later = Position(Stage.FULL_SIZE, 10, 900), Position(Stage.FULL_SIZE, 110, 900)
    assert FULL.pace(first, later, 300.0) == pytest.approx(3.0)
    assert FULL.pace(first, Position(Stage.FULL_SIZE, 12, 900), 300.0) is None, "too little to tell"
    assert FULL.pace(first, later, EVIDENCE_SECONDS / 2) is None, "read from disk, not computed"


def test_a_slower_machine_is_promised_more_time():
    slow = TimeEstimate(FULL.counts, slowdown=SLOW)
    assert slow.left(Position()) == pytest.approx(SLOW * FULL.left(Position()))


def test_a_device_nobody_measured_promises_nothing():
    unknown = TimeEstimate(FULL.counts, slowdown=None)
    assert unknown.left(Position()) is None
    assert unknown.left(Position(Stage.FULL_SIZE, 450, 900), 0.1) == pytest.approx(
        0.1 * (FULL.seconds() - FULL.spent(Position(Stage.FULL_SIZE, 450, 900)))
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "less than a minute"),
        (50.0, "about a minute"),
        (300.0, "about 5 minutes"),
        (2700.0, "about 45 minutes"),
        (2750.0, "about 50 minutes"),
        (3700.0, "about 1 hour 10 minutes"),
        (7100.0, "about 2 hours"),
        (10000.0, "about 2 hours 50 minutes"),
    ],
)
def test_times_are_said_on_the_long_side(seconds, said):
    assert about(seconds) == said
