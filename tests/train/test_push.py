"""`python -m train ... --push user/name`: asked before an hour of training, done after it, and nothing lost
when it fails."""

import json
import sys

import pytest

from facehub.errors import FaceHubError
from facehub.hub.api import Hub
from facehub.identity.folder import read
from facehub.networks.generator import Generator
from tests.identities import CONSENT
from tests.train.tiny import CONFIG, CPU, material
from train import command as training
from train import provenance
from train.flags import parser

ROWS = [{"name": "imitate", "seconds": 1.0}]


@pytest.fixture
def command(loopback, tmp_path, monkeypatch):
    """Arguments of a training whose hub is the loopback's."""
    monkeypatch.setattr(
        provenance.api, "Hub", lambda: Hub(loopback.endpoint, loopback.token("ada"), tmp_path / "cache")
    )
    monkeypatch.chdir(tmp_path)

    def arguments(*more: str, basis: str = "synthetic") -> list[str]:
        (tmp_path / "consent.json").write_text(json.dumps(CONSENT | {"basis": basis}))
        flags = [
            "--name",
            "Ada",
            "--out",
            "ada",
            "--content",
            "none",
            "--consent",
            "consent.json",
            "--push",
            "ada/face",
        ]
        return ["photos", *flags, *more]

    return arguments


def finished(arguments: list[str]) -> None:
    provenance.save_identity(
        parser("paper").parse_args(arguments),
        CONFIG,
        Generator(32),
        material(),
        {"light": 0.25},
        ROWS,
        CPU,
        samples=[],
    )


def test_published_once_saved(loopback, command, tmp_path, capsys):
    finished(command("--gated"))
    made = loopback.repositories["ada/face"]
    assert made.gated == "manual"
    assert (
        made.at("main").files["model.safetensors"].data
        == (tmp_path / "ada" / "model.safetensors").read_bytes()
    )
    assert made.card_data(made.at("main"))["model-index"][0]["results"][0]["metrics"] == [
        {"type": "light", "name": "light moved", "value": 0.25}
    ]
    assert f"Published: {loopback.endpoint}/ada/face" in capsys.readouterr().out


@pytest.mark.parametrize(
    "basis, sentence", [("research", "push ada/face with --private, or with --gated"), ("", "lacks basis")]
)
@pytest.mark.parametrize("way", ["short", "paper"])
def test_told_before_anything_is_trained(
    way, loopback, command, monkeypatch, capsys, tmp_path, basis, sentence
):
    monkeypatch.setattr(sys, "argv", ["train", "--way", way, *command(basis=basis)])
    assert training.main() == 1
    assert sentence in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["consent.json"]


def test_a_push_that_fails_costs_no_training(loopback, command, monkeypatch, tmp_path):
    loopback.fail("POST .*/commit/", status=503)
    with pytest.raises(
        FaceHubError,
        match=r"trouble of its own .* is saved: `python -m facehub push ada ada/face --private` publishes it",
    ):
        finished(command("--private"))
    assert read(tmp_path / "ada").title == "Ada"
