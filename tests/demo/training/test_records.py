"""What a run is called and lent, and how its process is read."""

import os
import subprocess
import sys

import pytest

from demo.training.process import read_lines
from demo.training.records import TrainingAssets
from facehub.identity.schema import short_name


def test_what_the_operator_lends_comes_from_the_environment(tmp_path):
    tools = TrainingAssets.from_environment(
        {
            "FACEHUB_CONTENT": f"{tmp_path}{os.pathsep}{tmp_path}",
            "FACEHUB_VGG19_SCALES": str(tmp_path),
            "HOME": "/",
        }
    )
    assert tools.content == (tmp_path, tmp_path)
    assert tools.networks == {"--vgg19-scales": tmp_path}
    assert not tools.missing()
    (tmp_path / "lfw.faces").touch()
    crops = TrainingAssets.from_environment({"FACEHUB_CONTENT": str(tmp_path / "lfw.faces")})
    assert "lfw.faces, but whole photos are needed" in crops.missing()


@pytest.mark.parametrize(
    ("environment", "alone", "is_open"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"FACEHUB_CONTENT": "."}, False, True),
        ({"FACEHUB_TRAINING": "on"}, False, True),
        ({"FACEHUB_TRAINING": "off"}, True, False),
        ({"FACEHUB_TRAINING": "off", "FACEHUB_CONTENT": "."}, False, False),
    ],
)
def test_training_is_on_for_oneself_and_elsewhere_when_the_operator_says_so(environment, alone, is_open):
    tools = TrainingAssets.from_environment(environment, alone=alone)
    assert tools.open == is_open
    assert is_open != ("FACEHUB_TRAINING=on" in tools.missing())


def test_lines_arrive_as_they_are_overwritten():
    code = r"print('\rone: 1 of 2, x', end='', flush=True); print('\rone: 2 of 2, x\n\nlast.', flush=True)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    said = list(read_lines(process))
    process.wait()
    assert list(dict.fromkeys(said)) == ["one: 1 of 2, x", "one: 2 of 2, x", "last."]


NAMES = [
    ("Zoë Müller", "zoe_muller"),
    ("李小龍", "identity"),
    ("../../x", "x"),
    ("A" * 99, "a" * 64),
    ("-a-", "a"),
]


@pytest.mark.parametrize(("title", "name"), NAMES)
def test_a_name_makes_a_short_name(title, name):
    assert short_name(title) == name
