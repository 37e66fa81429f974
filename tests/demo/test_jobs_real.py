"""The page's training with nothing stood in for: `python -m train.photos` and `python -m train`, a few
steps."""

import signal

import pytest

from demo.training.eta import TimeEstimate
from demo.training.jobs import Jobs
from demo.training.records import TrainingAssets
from facehub.identity.folder import read
from facehub.training_progress import Stage

from .conftest import CONSENT, eventually, files_in

TINY = ("--steps", "4", "--batch", "2", "--warm-up", "1")


@pytest.mark.slow
@pytest.mark.timeout(2700)
def test_photos_become_an_identity_and_a_stop_loses_nothing(tmp_path, assets):
    """With nothing but the photos, and the networks that would be fetched."""
    weights = assets / "weights"
    networks = {
        "--sface": next(weights.glob("face_recognition_sface*")),
        "--vgg19": next(weights.glob("vgg19_oxford*.safetensors")),
        "--vgg19-scales": next(weights.glob("vgg19_gatys*")),
    }
    tools = TrainingAssets(networks=networks, flags=TINY)
    jobs = Jobs(tmp_path / "runs", tools, TimeEstimate({Stage.PAIRS: 4}))
    key = jobs.create()
    jobs.add(key, sorted((assets / "celebrities" / "will_smith").iterdir())[:24])
    report = jobs.inspect(key)
    assert 16 <= report.kept < 24
    jobs.start(key, "Will Smith", CONSENT)
    try:
        assert eventually(lambda: jobs.status(key).position.stage is not Stage.GATHER, seconds=900)
        jobs.stop(key)
        assert eventually(lambda: jobs.status(key).state == "stopped", seconds=120)
        jobs.start(key)
        assert eventually(lambda: jobs.status(key).state in ("done", "failed"), seconds=1500)
    finally:
        if jobs._training:
            jobs._training.process.send_signal(signal.SIGKILL)
    status = jobs.status(key)
    assert status.state == "done", status.error
    assert [row["step"] for row in status.rows] == [1, 2, 3, 4]
    identity = read(status.identity)
    assert identity.generator().size == 256
    assert identity.metrics["table"]["blended"]["photos"] == identity.metrics["faces"] > 0
    assert str(tmp_path) not in (identity.folder / "training.json").read_text() + identity.card
    assert not [path for path in files_in(jobs.root / key) if path.suffix == ".jpg"]
    assert status.preview.name == "preview.png"
