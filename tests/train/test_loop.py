"""The loop on tiny runs: it learns, its average is what it says, and a broken run ends like an unbroken
one, in one process or two."""

import dataclasses
import hashlib
import json
import pathlib
import subprocess
import sys

import pytest
import torch

from facehub.errors import BadSetting
from facehub.networks.generator import Generator
from facehub.training_progress import Stage
from train import provenance, stages
from train.loop import fit
from train.run import Run

from ..conftest import ROOT
from ..identities import make
from .tiny import CONFIG, CPU, gallery, network, teachers
from .tiny import material as material_of_tiny


@pytest.fixture(scope="module")
def material():
    content = gallery(6)
    return content, content.crop[:4].flip(2), teachers()


def losses(folder) -> list[dict[str, float]]:
    return [json.loads(line)["losses"] for line in (folder / "log.jsonl").read_text().splitlines()]


def tiny(folder, *arguments, launcher=(), **options) -> subprocess.Popen:
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, *launcher, "-m", "tests.train.tiny", str(folder), *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The losses of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("unbroken")
    process = tiny(folder)
    _, problems = process.communicate(timeout=120)
    assert process.returncode == 0, problems
    return losses(folder)


def test_stages_come_in_order_and_count_their_steps(material):
    steps = [(step.stage, step.step) for step, _ in fit(*material, CONFIG, device=CPU)]
    counts = {Stage.HALF_SIZE: 3, Stage.FULL_SIZE: 3, Stage.LOSSES: 4}
    assert steps == [(name, i + 1) for name, count in counts.items() for i in range(count)]


def test_the_last_stage_takes_turns_or_follows_the_losses_alone(material):
    def kinds(**settings):
        config = dataclasses.replace(CONFIG, coarse_steps=0, fine_steps=0, **settings)
        return ["style" in step.losses for step, _ in fit(*material, config, device=CPU)]

    assert kinds() == [False, True, False, True]
    assert kinds(turns=1) == [True, True, True, True]


def test_the_style_weight_ramps_from_nothing(material):
    """The total less the other losses is what the style loss weighs."""
    config = dataclasses.replace(
        CONFIG, coarse_steps=0, fine_steps=0, turns=1, ramp=0.75, light=0.0, landmarks=0.0
    )
    weights = []
    for step, _ in fit(*material, config, device=CPU):
        x = step.losses
        weights.append((x["total"] - x["content"] - config.gamma * x["variation"]) / x["style"])
    assert weights == pytest.approx(
        [0, config.alpha / 3, config.alpha * 2 / 3, config.alpha], rel=1e-2, abs=1e-3
    )


@pytest.mark.parametrize(("name", "other"), [("light", "landmarks"), ("landmarks", "light")])
def test_the_losses_that_are_not_the_papers_count(material, name, other):
    config = dataclasses.replace(
        CONFIG, coarse_steps=0, fine_steps=0, turns=1, steps=1, **{name: 1e6, other: 0.0}
    )
    ((step, _),) = fit(*material, config, device=CPU)
    x = step.losses
    rest = x["content"] + config.alpha * x["style"] + config.gamma * x["variation"]
    assert other not in x
    assert x["total"] - rest == pytest.approx(1e6 * x[name], rel=1e-2)


@pytest.mark.parametrize("broken_after", [2, 3, 5, 8])
def test_a_broken_run_goes_on_as_if_nothing_had_happened(material, broken_after, tmp_path):
    """Stopped after any step, also between stages, and loaded from its file."""
    unbroken = [step.losses for step, _ in fit(*material, CONFIG, device=CPU)]
    losses = []
    for step, run in fit(*material, CONFIG, device=CPU):
        losses.append(step.losses)
        if len(losses) == broken_after:
            torch.save(run.state(), tmp_path / "checkpoint.pt")
            break
    run = Run.from_state(torch.load(tmp_path / "checkpoint.pt", weights_only=True), CPU)
    losses += [step.losses for step, _ in fit(*material, CONFIG, device=CPU, run=run)]
    assert losses == unbroken


def test_killed_with_9_and_started_again_it_ends_like_an_unbroken_run(unbroken, tmp_path):
    process = tiny(tmp_path, "pause")
    for _ in range(5):  # five steps are kept, the sixth is under way
        while process.stdout.readline().strip() != "kept":
            assert process.poll() is None, process.stderr.read()
        process.stdin.write("\n")
        process.stdin.flush()
    process.kill()
    process.communicate()
    assert 5 <= len(losses(tmp_path)) < len(unbroken)
    again = tiny(tmp_path)
    _, problems = again.communicate(timeout=120)
    assert again.returncode == 0, problems
    assert losses(tmp_path) == unbroken


def test_a_run_that_was_over_is_only_measured(tmp_path, monkeypatch):
    """Stopped while it is measured and started again: the same network, and no further step."""
    monkeypatch.setattr(stages, "vgg19", lambda *_, **__: network())

    def run():
        return stages.train(
            material_of_tiny(), CONFIG, vgg=None, scales=None, sface=None, folder=tmp_path, device=CPU
        )

    (first, log), (again, same) = run(), run()
    assert same == log
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


def test_two_processes_take_the_steps_of_one(unbroken, tmp_path):
    """Under torchrun, each with half of every batch."""
    process = tiny(tmp_path, launcher=("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"))
    _, problems = process.communicate(timeout=240)
    assert process.returncode == 0, problems
    for one, two in zip(unbroken, losses(tmp_path), strict=True):
        assert two["total"] == pytest.approx(one["total"], rel=1e-2)  # bf16 sums in another order
        assert two == pytest.approx(one, rel=5e-2)


def test_a_grown_branch_learns_and_the_rest_stays(material):
    """A 16 px network given as a start: the 32 px network has its weights, bit for bit, and new ones that
    move."""
    start = Generator(16)
    before = {k: v.clone() for k, v in start.state_dict().items() if not k.startswith("to_rgb.")}
    *_, (step, run) = fit(*material, CONFIG, device=CPU, run=Run.from_generator(start, CONFIG, CPU))
    assert (step.stage, run.generator.size) == ("losses", 32)
    after = run.generator.state_dict()
    assert all(torch.equal(after[k], v) for k, v in before.items())
    fresh = Run.from_generator(start, CONFIG, CPU).generator.state_dict()
    assert any(not torch.equal(after[k], fresh[k]) for k in after.keys() - before.keys())


def test_a_start_of_the_same_size_goes_on_learning_with_all_its_weights(material):
    """Without imitation steps, the first step of the last stage starts from the weights given."""
    start = Generator(32)
    given = {k: v.clone() for k, v in start.state_dict().items()}
    config = dataclasses.replace(CONFIG, fine_steps=0, steps=1)
    *_, (step, run) = fit(*material, config, device=CPU, run=Run.from_generator(start, config, CPU))
    assert (step.stage, step.step) == ("losses", 1)
    moved = {k: (v - given[k]).abs().max().item() for k, v in run.generator.state_dict().items()}
    assert all(0 < far < 10 * config.fine_rate for far in moved.values())


def test_a_start_of_another_size_is_refused():
    with pytest.raises(BadSetting, match="64 px cannot start one of 32 px"):
        Run.from_generator(Generator(64), CONFIG, CPU)


def test_losses_that_are_no_numbers_stop_the_run(material):
    config = dataclasses.replace(CONFIG, coarse_steps=0, fine_steps=0, turns=1, alpha=float("inf"))
    with pytest.raises(BadSetting, match="no longer numbers"):
        list(fit(*material, config, device=CPU))


def test_imitation_learns(material):
    config = dataclasses.replace(CONFIG, coarse_steps=120, fine_steps=0, steps=0, batch=4)
    pixels = [step.losses["pixels"] for step, _ in fit(*material, config, device=CPU)]
    assert sum(pixels[-10:]) < 0.9 * sum(pixels[:10])


def test_what_ships_is_at_full_size_and_finite(material):
    *_, (_, run) = fit(*material, CONFIG, device=CPU)
    assert run.average.size == 32
    assert all(p.isfinite().all() and not p.requires_grad for p in run.average.parameters())


def test_what_a_run_started_from_stays_in_its_record(tmp_path, monkeypatch):
    """Its weights' sum and how they were made; a path is no repository, so that no folder of this machine
    is told of."""
    first = make(tmp_path / "ada", training={"command": "first"})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "user").mkdir()
    make(tmp_path / "user" / "ada", training={"command": "second"})
    for given, command in ((str(first), "first"), ("user/ada", "second")):
        record = provenance.provenance_of_start(given)
        assert record["training"] == {"command": command}
        assert record["repository"] is None
        assert (
            record["model"]["sha256"]
            == hashlib.sha256((pathlib.Path(given) / "model.safetensors").read_bytes()).hexdigest()
        )
