"""Runs of training as the page starts them: a process of its own, a private folder, one at a time."""

import json
import shlex

import pytest

from demo.training.eta import TimeEstimate
from demo.training.jobs import MIN_PHOTOS, Jobs
from demo.training.records import TrainingAssets
from demo.training.run_folders import Busy
from facehub.errors import BadIdentity, BadSetting
from facehub.identity.folder import read
from train.flags import parser

from ..conftest import CONSENT, eventually, files_in
from .conftest import reaches


def test_photos_become_an_identity_and_are_gone(jobs, ready, tmp_path):
    key = ready()
    assert jobs.status(key).state == "photos"
    jobs.start(key, "Zoë  Example", CONSENT)
    assert reaches(jobs, key, "done")
    status = jobs.status(key)
    identity = read(status.identity)
    assert (identity.name, identity.title, identity.consent) == ("zoe_example", "Zoë  Example", CONSENT)
    assert [row["step"] for row in status.rows] == [1, 2, 3, 4, 5, 6]
    assert status.preview.name == "preview.png"
    assert {path.name for path in (jobs.root / key).iterdir()} == {
        ".lock",
        "run.json",
        "consent.json",
        "identity",
        "log.jsonl",
        "preview.png",
    }
    kept = b"".join(path.read_bytes() for path in files_in(jobs.root / key))
    assert b"at the sea" not in kept, "no file name of the visitor"
    assert str(tmp_path).encode() not in kept, "no path of this machine"


def test_training_understands_what_it_is_called_with(jobs, ready, tmp_path):
    network = tmp_path / "lent by the operator" / "vgg.safetensors"
    network.write_bytes(b"")
    jobs.workspace.assets = TrainingAssets(
        content=jobs.workspace.assets.content,
        networks={"--vgg19": network},
        samples=(network,),
        credits="Whose",
        flags=("--batch", "3"),
    )
    key = ready()
    jobs.start(key, "--help", CONSENT)
    assert reaches(jobs, key, "done")
    command = json.loads((jobs.status(key).identity / "training.json").read_text())["command"]
    arguments = parser("short").parse_args(command)
    assert (arguments.name, arguments.batch, arguments.credits) == ("--help", 3, "Whose")
    assert [str(path) for path in (arguments.content[0], arguments.vgg19, arguments.sample[0])] == [
        "others/0/lfw",
        "networks/vgg19/vgg.safetensors",
        "samples/vgg.safetensors",
    ]
    assert "operator" not in shlex.join(command)


def test_stopped_and_gone_on_with_it_takes_each_step_once(jobs, ready, gate):
    key = ready()
    jobs.start(key, "Zoë", CONSENT)
    assert reaches(jobs, key, "running")
    gate.step(2)
    assert eventually(lambda: jobs.status(key).position.done == 2)
    assert 0 < jobs.estimate.share(jobs.status(key).position) < 1
    jobs.stop(key)
    assert reaches(jobs, key, "stopped")
    assert files_in(jobs.root / key / "photos"), "they are needed to go on"
    jobs.start(key)
    gate.step(4)
    assert reaches(jobs, key, "done")
    rows = jobs.status(key).rows
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert len({row["process"] for row in rows}) == 2


def test_one_at_a_time_and_nothing_is_lost_by_waiting(jobs, ready, gate):
    first, second = ready(), ready()
    jobs.start(first, "First", CONSENT)
    with pytest.raises(Busy, match="Somebody else’s face is being trained here"):
        jobs.start(second, "Second", CONSENT)
    with pytest.raises(Busy, match="at work already"):
        jobs.start(first)
    assert jobs.status(second).state == "photos"
    gate.step(6)
    assert reaches(jobs, first, "done")
    jobs.start(second, "Second", CONSENT)
    gate.step(6)
    assert reaches(jobs, second, "done")


def test_what_training_says_is_told_and_it_can_go_on(jobs, ready, monkeypatch):
    monkeypatch.setenv("TRAINER_SAYS", "sentence")
    key = ready()
    jobs.start(key, "Zoë", CONSENT)
    assert reaches(jobs, key, "failed")
    assert jobs.status(key).error == "The losses are no longer numbers: lower --rate and start again."
    monkeypatch.delenv("TRAINER_SAYS")
    jobs.start(key)
    assert reaches(jobs, key, "done")
    assert not jobs.status(key).error


def test_a_traceback_is_for_the_log(jobs, ready, monkeypatch, caplog):
    monkeypatch.setenv("TRAINER_SAYS", "traceback")
    key = ready()
    jobs.start(key, "Zoë", CONSENT)
    assert reaches(jobs, key, "failed")
    assert "deep inside" not in jobs.status(key).error
    assert jobs.status(key).error.startswith("Training ended unexpectedly")
    assert "ZeroDivisionError: deep inside" in caplog.text


def test_a_training_keeps_the_photos_it_began_with(jobs, ready, snapshots, gate):
    key = ready()
    jobs.start(key, "Zoë", CONSENT)
    with pytest.raises(BadSetting, match="This training has begun"):
        jobs.add(key, snapshots(1))


def test_discarded_at_work_nothing_is_left_of_it(jobs, ready, gate):
    key = ready()
    jobs.start(key, "Zoë", CONSENT)
    process = jobs._training.process
    jobs.delete(key)
    assert process.poll() is not None
    assert not (jobs.root / key).exists()
    assert eventually(lambda: not jobs.busy())
    again = ready()
    jobs.start(again, "Zoë", CONSENT)
    gate.step(6)
    assert reaches(jobs, again, "done")


def test_the_page_started_again_goes_on_where_it_was(jobs, ready, gate):
    key = ready()
    jobs.start(key, "Zoë", CONSENT)
    gate.step(3)
    assert eventually(lambda: jobs.status(key).position.done == 3)
    process = jobs._training.process
    jobs.close()
    assert process.poll() is not None, "it does not outlive the page"
    assert not jobs.busy(), "and nothing is written any more"
    again = Jobs(jobs.root, jobs.workspace.assets, jobs.estimate, train=jobs.workspace.commands["train"])
    assert again.status(key).state == "stopped"
    again.start(key)
    gate.step(3)
    assert reaches(again, key, "done")


def test_other_peoples_faces_are_kept_for_the_next_run_and_the_visitors_are_not(jobs, ready):
    first = ready()
    jobs.start(first, "Zoë", CONSENT)
    assert reaches(jobs, first, "done")
    assert [path.name for path in (jobs.root / "cache").iterdir()] == ["lfw-portraits-0.safetensors"]
    second = ready()
    jobs.start(second, "Zoë", CONSENT)
    assert (jobs.root / second / "cache" / "lfw-portraits-0.safetensors").exists() or jobs.status(
        second
    ).state == "done"
    assert reaches(jobs, second, "done")


def test_nothing_starts_without_what_it_needs(jobs, ready, tmp_path):
    key = ready(MIN_PHOTOS - 1, 0)
    with pytest.raises(BadSetting, match="Only 15 of the photos can be used, but 16 is the least"):
        jobs.start(key, "Zoë", CONSENT)
    with pytest.raises(BadSetting, match="not been inspected"):
        jobs.start(jobs.create(), "Zoë", CONSENT)
    key = ready()
    with pytest.raises(BadSetting, match="name is missing"):
        jobs.start(key, " ", CONSENT)
    with pytest.raises(BadIdentity, match="lacks contact"):
        jobs.start(key, "Zoë", {**CONSENT, "contact": " "})
    with pytest.raises(BadSetting, match="never started"):
        jobs.start(key)
    jobs.workspace.assets = TrainingAssets(open=False)
    with pytest.raises(BadSetting, match="FACEHUB_TRAINING"):
        jobs.start(key, "Zoë", CONSENT)
    jobs.workspace.assets = TrainingAssets(content=(tmp_path,), networks={"--sface": tmp_path / "gone.onnx"})
    with pytest.raises(BadSetting, match="FACEHUB_SFACE names gone.onnx, but there is no such file"):
        jobs.start(key, "Zoë", CONSENT)
    with pytest.raises(BadSetting, match="more than the 400"):
        jobs.add(key, [tmp_path] * 400)
    assert jobs.status(key).state == "photos"
    assert jobs.report(key).kept == 20


def test_the_run_of_a_cold_server_counts_the_photos_it_must_look_at(jobs, tmp_path):
    folder = jobs.workspace.assets.content[0]
    for number in range(3000):
        (folder / f"{number}.webp").touch()
    cold = Jobs(tmp_path / "others", jobs.workspace.assets, TimeEstimate(jobs.estimate.counts))
    assert cold.estimate.seconds() - jobs.estimate.seconds() == pytest.approx(240)
