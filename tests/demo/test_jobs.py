"""Runs of training as the page starts them: a process of its own, a private folder, one at a time."""

import json
import os
import shlex
import subprocess
import sys

import pytest

from demo.jobs import LEAST_PHOTOS, Busy, Jobs
from demo.outlook import Outlook
from demo.runs import Tools, lines, sentence, short_name
from facehub.errors import BadIdentity, BadPhoto, BadSetting
from facehub.identity import read
from train.identity import parser

from .conftest import CONSENT, eventually, files_in


@pytest.fixture
def ready(jobs, snapshots):
    """Makes a run whose photos have been looked at, and gives its key."""

    def make(usable: int = 20, black: int = 2) -> str:
        key = jobs.begin()
        jobs.add(key, snapshots(usable, black))
        jobs.look(key)
        return key

    return make


def reaches(jobs, key, state):
    return eventually(lambda: jobs.status(key).state == state)


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
    assert {path.name for path in (jobs.root / key).iterdir()} == {"run.json", "consent.json", "identity", "log.jsonl", "preview.png"}
    kept = b"".join(path.read_bytes() for path in files_in(jobs.root / key))
    assert b"at the sea" not in kept, "no file name of the visitor"
    assert str(tmp_path).encode() not in kept, "no path of this machine"


def test_training_understands_what_it_is_called_with(jobs, ready, tmp_path):
    network = tmp_path / "lent by the operator" / "vgg.safetensors"
    network.write_bytes(b"")
    jobs.workshop.tools = Tools(
        content=jobs.workshop.tools.content, networks={"--vgg19": network}, samples=(network,), credits="Whose", flags=("--batch", "3")
    )
    key = ready()
    jobs.start(key, "--help", CONSENT)
    assert reaches(jobs, key, "done")
    command = json.loads((jobs.status(key).identity / "training.json").read_text())["command"]
    arguments = parser().parse_args(command)
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
    assert eventually(lambda: jobs.status(key).place.done == 2)
    assert 0 < jobs.outlook.share(jobs.status(key).place) < 1
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


@pytest.mark.parametrize("key", ["", "x", "A" * 22, "../../../../etc/passwd", "..", "A" * 21 + "/"])
def test_who_has_no_key_finds_nothing(jobs, ready, key):
    ready()
    for asked in (jobs.status, jobs.stop, jobs.discard, jobs.report, jobs.start):
        with pytest.raises(BadSetting, match="No training goes by this key"):
            asked(key)


def test_what_training_says_is_told_and_it_can_go_on(jobs, ready, monkeypatch):
    monkeypatch.setenv("TRAINER_SAYS", "sentence")
    key = ready()
    jobs.start(key, "Zoë", CONSENT)
    assert reaches(jobs, key, "failed")
    assert jobs.status(key).sentence == "The losses are no longer numbers: lower --rate and start again."
    monkeypatch.delenv("TRAINER_SAYS")
    jobs.start(key)
    assert reaches(jobs, key, "done")
    assert not jobs.status(key).sentence


def test_a_traceback_is_for_the_log(jobs, ready, monkeypatch, caplog):
    monkeypatch.setenv("TRAINER_SAYS", "traceback")
    key = ready()
    jobs.start(key, "Zoë", CONSENT)
    assert reaches(jobs, key, "failed")
    assert "deep inside" not in jobs.status(key).sentence
    assert jobs.status(key).sentence.startswith("Training ended unexpectedly")
    assert "ZeroDivisionError: deep inside" in caplog.text


def test_a_training_keeps_the_photos_it_began_with(jobs, ready, snapshots, gate):
    key = ready()
    jobs.start(key, "Zoë", CONSENT)
    with pytest.raises(BadSetting, match="This training has begun"):
        jobs.add(key, snapshots(1))


def test_a_server_takes_in_only_so_many(jobs, monkeypatch):
    monkeypatch.setattr("demo.jobs.MOST_RUNS", 3)
    for _ in range(3):
        jobs.begin()
    with pytest.raises(Busy, match="too many unfinished trainings"):
        jobs.begin()
    for record in jobs.root.glob("*/run.json"):
        os.utime(record, (0, 0))
    assert jobs.begin()


def test_discarded_at_work_nothing_is_left_of_it(jobs, ready, gate):
    key = ready()
    jobs.start(key, "Zoë", CONSENT)
    process = jobs._training.process
    jobs.discard(key)
    assert process.poll() is not None
    assert not (jobs.root / key).exists()
    assert eventually(lambda: not jobs.busy())
    again = ready()
    jobs.start(again, "Zoë", CONSENT)
    gate.step(6)
    assert reaches(jobs, again, "done")


def test_runs_that_were_left_alone_go_but_not_the_one_at_work(jobs, ready, gate):
    left, at_work, fresh = ready(), ready(), ready()
    jobs.start(at_work, "Zoë", CONSENT)
    for key in (left, at_work):
        os.utime(jobs.root / key / "run.json", (0, 0))
    jobs.sweep()
    assert not (jobs.root / left).exists()
    assert (jobs.root / at_work).exists()
    assert (jobs.root / fresh).exists()


def test_the_page_started_again_goes_on_where_it_was(jobs, ready, gate):
    key = ready()
    jobs.start(key, "Zoë", CONSENT)
    gate.step(3)
    assert eventually(lambda: jobs.status(key).place.done == 3)
    process = jobs._training.process
    jobs.close()
    assert process.poll() is not None, "it does not outlive the page"
    assert not jobs.busy(), "and nothing is written any more"
    again = Jobs(jobs.root, jobs.workshop.tools, jobs.outlook, train=jobs.workshop.commands["train"])
    assert again.status(key).state == "stopped"
    again.start(key)
    gate.step(3)
    assert reaches(again, key, "done")


def test_other_peoples_faces_are_kept_for_the_next_run_and_the_visitors_are_not(jobs, ready):
    first = ready()
    jobs.start(first, "Zoë", CONSENT)
    assert reaches(jobs, first, "done")
    assert [path.name for path in (jobs.root / "cache").iterdir()] == ["lfw-largest-128-0.faces"]
    second = ready()
    jobs.start(second, "Zoë", CONSENT)
    assert (jobs.root / second / "cache" / "lfw-largest-128-0.faces").exists() or jobs.status(second).state == "done"
    assert reaches(jobs, second, "done")


def test_photos_keep_the_visitors_names_on_the_page_only(jobs, snapshots):
    key = jobs.begin()
    files = snapshots(3, 1)
    broken = files[0].with_name("broken.jpg")
    broken.write_bytes(b"no picture")
    heard = []
    assert jobs.add(key, [*files, broken]) == 5
    report = jobs.look(key, lambda done, total: heard.append((done, total)))
    assert heard[-1] == (5, 5)
    assert report.kept == 3
    assert [photo.name for photo in report.photos] == [*(file.name for file in files), "broken.jpg"]
    assert report.photos[3].reason == "no face was found"
    assert report.photos[4].reason == "broken.jpg is not a picture that can be opened"
    assert sorted(path.name for path in (jobs.root / key / "photos").iterdir())[-1] == "005.jpg"
    assert jobs.report(key) == report
    jobs.add(key, files[:1])
    assert jobs.report(key) is None, "photos came in since"


def test_photos_without_a_face_are_refused_and_kept(jobs, snapshots):
    key = jobs.begin()
    with pytest.raises(BadPhoto, match="There are no photos yet"):
        jobs.look(key)
    jobs.add(key, snapshots(0, 2))
    with pytest.raises(BadPhoto, match="^No photo shows a face"):
        jobs.look(key)
    jobs.add(key, snapshots(1))
    assert jobs.look(key).kept == 1


def test_nothing_starts_without_what_it_needs(jobs, ready, tmp_path):
    key = ready(LEAST_PHOTOS - 1, 0)
    with pytest.raises(BadSetting, match="Only 15 of the photos can be used, but 16 is the least"):
        jobs.start(key, "Zoë", CONSENT)
    with pytest.raises(BadSetting, match="not been looked at"):
        jobs.start(jobs.begin(), "Zoë", CONSENT)
    key = ready()
    with pytest.raises(BadSetting, match="name is missing"):
        jobs.start(key, " ", CONSENT)
    with pytest.raises(BadIdentity, match="lacks contact"):
        jobs.start(key, "Zoë", {**CONSENT, "contact": " "})
    with pytest.raises(BadSetting, match="never started"):
        jobs.start(key)
    jobs.workshop.tools = Tools()
    with pytest.raises(BadSetting, match="FACEHUB_CONTENT"):
        jobs.start(key, "Zoë", CONSENT)
    jobs.workshop.tools = Tools(content=(tmp_path,), networks={"--sface": tmp_path / "gone.onnx"})
    with pytest.raises(BadSetting, match="FACEHUB_SFACE names gone.onnx, but there is no such file"):
        jobs.start(key, "Zoë", CONSENT)
    with pytest.raises(BadSetting, match="more than the 400"):
        jobs.add(key, [tmp_path] * 400)
    assert jobs.status(key).state == "photos"
    assert jobs.report(key).kept == 20


def test_what_the_operator_lends_comes_from_the_environment(tmp_path):
    tools = Tools.of({"FACEHUB_CONTENT": f"{tmp_path}{os.pathsep}{tmp_path}", "FACEHUB_VGG19_SCALES": str(tmp_path), "HOME": "/"})
    assert tools.content == (tmp_path, tmp_path)
    assert tools.networks == {"--vgg19-scales": tmp_path}
    assert not tools.missing()
    assert "FACEHUB_CONTENT" in Tools.of({}).missing()


def test_nobody_else_on_this_machine_can_look(jobs, ready):
    assert (jobs.root / ready()).stat().st_mode & 0o077 == 0


def test_lines_arrive_as_they_are_overwritten():
    code = r"print('\rone: 1 of 2, x', end='', flush=True); print('\rone: 2 of 2, x\n\nlast.', flush=True)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    said = list(lines(process))
    process.wait()
    assert list(dict.fromkeys(said)) == ["one: 1 of 2, x", "one: 2 of 2, x", "last."]


def test_sentences_are_told_from_tracebacks():
    assert sentence([]) == ""
    assert sentence(["Traceback (most recent call last):", "ZeroDivisionError: a sentence."]) == ""
    assert sentence(["anything", "No photo in photos shows a face."]) == "No photo shows a face."
    assert sentence(["no sentence"]) == ""


NAMES = [("Zoë Müller", "zoe_muller"), ("李小龍", "identity"), ("../../x", "x"), ("A" * 99, "a" * 64), ("-a-", "a")]


@pytest.mark.parametrize(("title", "name"), NAMES)
def test_a_name_makes_a_short_name(title, name):
    assert short_name(title) == name


def test_the_run_of_a_cold_server_counts_the_photos_it_must_look_at(jobs, tmp_path):
    folder = jobs.workshop.tools.content[0]
    for number in range(3000):
        (folder / f"{number}.webp").touch()
    cold = Jobs(tmp_path / "others", jobs.workshop.tools, Outlook(jobs.outlook.counts))
    assert cold.outlook.seconds() - jobs.outlook.seconds() == pytest.approx(600)
