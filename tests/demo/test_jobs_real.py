"""The page's training with nothing stood in for: `python -m train.photos` and `python -m train`, a few steps of each stage."""

import signal

import pytest

from demo.jobs import Jobs
from demo.outlook import Outlook
from demo.runs import Tools
from facehub.identity import read

from .conftest import CONSENT, eventually, files_in

TINY = ["--target-faces", "4", "--target-steps", "1", "--coarse-steps", "3", "--fine-steps", "3", "--steps", "2", "--batch", "2", "--styles", "2"]


@pytest.mark.slow
@pytest.mark.timeout(2700)
def test_photos_become_an_identity_and_a_stop_loses_nothing(tmp_path, assets):
    content = tmp_path / "others"
    for folder in sorted(path for path in (assets / "lfw").iterdir() if path.is_dir())[:40]:
        (content / folder.name).mkdir(parents=True)
        first = min(folder.iterdir())
        (content / folder.name / first.name).write_bytes(first.read_bytes())
    weights = assets / "weights"
    networks = {"--vgg19": next(weights.glob("vgg19_oxford*.safetensors")), "--vgg19-scales": next(weights.glob("vgg19_gatys*"))}
    tools = Tools(content=(content,), networks=networks, flags=tuple(TINY))
    jobs = Jobs(tmp_path / "runs", tools, Outlook({"Optimised faces": 4, "imitate at half size": 3, "imitate": 3, "losses": 2}))
    key = jobs.begin()
    jobs.add(key, sorted((assets / "celebrities" / "will_smith").iterdir())[:24])
    report = jobs.look(key)
    assert 16 <= report.kept < 24
    jobs.start(key, "Will Smith", CONSENT)
    try:
        assert eventually(lambda: jobs.status(key).place.stage != "gather", seconds=900)
        jobs.stop(key)
        assert eventually(lambda: jobs.status(key).state == "stopped", seconds=120)
        jobs.start(key)
        assert eventually(lambda: jobs.status(key).state in ("done", "failed"), seconds=1500)
    finally:
        if jobs._training:
            jobs._training.process.send_signal(signal.SIGKILL)
    status = jobs.status(key)
    assert status.state == "done", status.sentence
    assert [row["step"] for row in status.rows] == [1, 2, 3, 1, 2, 3, 1, 2]
    identity = read(status.identity)
    identity.generator()
    assert "blended" in identity.metrics["table"]
    assert str(tmp_path) not in (identity.folder / "training.json").read_text() + identity.card
    assert not [path for path in files_in(jobs.root / key) if path.suffix == ".jpg"]
    assert status.preview.name == "held_out.png"
