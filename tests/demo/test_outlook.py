"""How long it takes, and how that is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.outlook import DOING, EVIDENCE_SECONDS, MEASURED, SLOW, Outlook, Place, about
from train.config import Config
from train.identity import told
from train.loop import Step

FULL = Outlook({"Optimised faces": 704, "imitate at half size": 3000, "imitate": 900, "losses": 240})


def test_the_counts_are_those_of_training():
    """What app.py hands over, and the docs' "about 50 minutes in all"."""
    config = Config()
    assert FULL.counts == {
        "Optimised faces": config.target_faces,
        "imitate at half size": config.coarse_steps,
        "imitate": config.fine_steps,
        "losses": config.steps,
    }
    assert about(FULL.seconds()) == "about 50 minutes"
    assert set(DOING) == set(MEASURED)


def test_what_training_says_is_understood():
    line = told(Step("imitate at half size", 120, 3000, {"pixels": 0.1}, 0.2))
    assert Place.told(line) == Place("imitate at half size", 120, 3000)
    assert Place.told("Optimised faces: 16 of 704, 18 min left   ") == Place("Optimised faces", 16, 704)
    assert Place.told("losses: 240 of 240, total 1.000, 0 min left") == Place("measure")
    assert Place.told("losses: 24 of 24") is None, "cut off: it may go on"
    assert Place.told("Style bank: 60 photos and their mirror images. Content: 5 of 6, faces.") is None


@given(st.sampled_from(list(FULL.counts)), st.integers(0, 3000), st.floats(0.1, 20))
def test_time_left_falls_to_nothing(stage, done, pace):
    place = Place(stage, min(done, FULL.counts[stage]), FULL.counts[stage])
    further = Place(stage, min(place.done + 1, place.total), place.total)
    assert 0 <= FULL.share(place) <= FULL.share(further) <= 1
    assert FULL.left(place, pace) >= FULL.left(further, pace) >= 0
    assert FULL.left(place, pace) == pytest.approx(pace * FULL.left(place))


def test_a_runs_own_pace_corrects_what_was_measured():
    first, later = Place("imitate", 10, 900), Place("imitate", 110, 900)
    assert FULL.pace(first, later, 300.0) == pytest.approx(3.0)
    assert FULL.pace(first, Place("imitate", 12, 900), 300.0) is None, "too little to tell"
    assert FULL.pace(first, later, EVIDENCE_SECONDS / 2) is None, "read from disk, not computed"


def test_a_slower_machine_is_promised_more_time():
    slow = Outlook(FULL.counts, usual=SLOW)
    assert slow.left(Place()) == pytest.approx(SLOW * FULL.left(Place()))


def test_a_device_nobody_measured_promises_nothing():
    unknown = Outlook(FULL.counts, usual=None)
    assert unknown.left(Place()) is None
    assert unknown.left(Place("imitate", 450, 900), 0.1) == pytest.approx(0.1 * (FULL.seconds() - FULL.spent(Place("imitate", 450, 900))))


@pytest.mark.parametrize(("seconds", "said"), [
    (0.0, "less than a minute"), (50.0, "about a minute"), (300.0, "about 5 minutes"), (2700.0, "about 45 minutes"), (2750.0, "about 50 minutes"),
    (3700.0, "about 1 hour 10 minutes"), (7100.0, "about 2 hours"), (10000.0, "about 2 hours 50 minutes"),
])  # fmt: skip
def test_times_are_said_on_the_long_side(seconds, said):
    assert about(seconds) == said
