"""Records of a training's progress: what is written is read again, and anything else is none."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.training.eta import DOING, MEASURED
from demo.views import html
from facehub.training_progress import STAGE_LABELS, Progress, Stage
from tests.train.tiny import CONFIG, CPU, gallery, teachers
from train.loop import fit
from train.photos import parser as photos_parser
from train.progress import count_photos, printer
from train.stages import progress_of

numbers = st.floats(0, 1e9, allow_nan=False)


@given(
    st.builds(
        Progress,
        stage=st.none() | st.sampled_from(Stage),
        step=st.integers(0, 10**6),
        steps=st.integers(0, 10**6),
        losses=st.dictionaries(st.text(max_size=9), numbers, max_size=3),
        seconds=st.none() | numbers.filter(bool),
        seconds_left=st.none() | numbers.filter(bool),
        photos=st.none() | st.integers(1, 500),
        kept=st.none() | st.integers(1, 500),
        message=st.text(max_size=20),
        error=st.text(max_size=20),
    )
)
def test_a_record_comes_back_on_one_line(record):
    line = record.to_json()
    assert "\n" not in line
    assert Progress.from_json(line) == record
    assert isinstance(record.to_text(), str)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "losses: 3 of 6, total 1.0",
        "Traceback (most recent call last):",
        "5",
        "[]",
        "null",
        '{"stage": "unknown"}',
        '{"more": 1}',
        "[" * 99_999,
        '{"step": "3"}',
        '{"step": -1}',
        '{"losses": []}',
        '{"losses": {"total": "low"}}',
        '{"losses": {"total": NaN}}',
        '{"message": 5}',
        '{"stage": []}',
    ],
)
def test_other_lines_are_no_records(line):
    assert Progress.from_json(line) is None


def test_every_stage_and_every_loss_has_its_words():
    """Of the terminal, of the page, of the estimate; the losses are those of a real run."""
    assert set(STAGE_LABELS) == set(DOING) == set(MEASURED) == set(Stage)
    content = gallery(6)
    config = dataclasses.replace(CONFIG, coarse_steps=1, fine_steps=1, steps=2)
    steps = [step for step, _ in fit(content, content.crop[:4].flip(2), teachers(), config, device=CPU)]
    names = {name for step in steps for name in step.losses}
    assert "landmarks" in names
    assert names <= set(html.LOSSES)
    assert [Progress.from_json(progress_of(step).to_json()).stage for step in steps] == [
        Stage.HALF_SIZE,
        Stage.FULL_SIZE,
        Stage.LOSSES,
        Stage.LOSSES,
    ]


def test_people_and_programs_get_the_same(capsys):
    record = Progress(
        stage=Stage.LOSSES, step=40, steps=240, losses={"total": 1.5}, seconds=1.0, seconds_left=200.0
    )
    failed = Progress(error="No room.")
    printer("json")(record)
    printer("json")(failed)
    out, err = capsys.readouterr()
    assert [Progress.from_json(line) for line in out.splitlines()] == [record, failed]
    assert not err
    printer("text")(record)
    printer("text")(failed)
    out, err = capsys.readouterr()
    assert out == "\rLosses: 40 of 240, total 1.500, 3 min left in this stage   \n"
    assert err == "\nNo room.\n"


def test_photos_are_counted_with_the_time_left():
    clock, records = iter(range(100)), []
    counted = count_photos(records.append, now=lambda: next(clock))
    for done in range(1, 5):
        counted(done, 4, "")
    assert [(record.stage, record.step, record.steps) for record in records] == [
        (Stage.GATHER, done, 4) for done in range(1, 5)
    ]
    assert records[0].seconds_left is None
    assert records[1].seconds_left == 2.0
    assert records[-1].seconds_left == 0.0
    assert json.loads(records[1].to_json())["stage"] == "gather"
    assert photos_parser().parse_args(["photos", "--report", "x"]).progress == "text"
