"""An identity measured from end to end, and what is kept of it."""

import torch

from facehub.identity.folder import read
from facehub.networks.generator import Generator
from tests.identities import make
from train import evaluate
from train.data.dataset import Dataset
from train.data.gallery import Gallery
from train.evaluation import comparison, outputs
from train.evaluation.metrics import Measurer


def test_outside_the_box_outputs_are_the_crops_and_outside_the_mask_so_are_stitched_ones(faces):
    made = outputs.outputs(Generator(128), faces.crop)
    assert torch.equal(made[:, :, :32], faces.crop[:, :, :32])
    assert not torch.equal(made[:, :, 40:120, 40:90], faces.crop[:, :, 40:120, 40:90])
    blended, changed = outputs.blend_into_crop(made, faces)
    assert torch.equal(blended[~changed.expand_as(blended)], faces.crop[~changed.expand_as(blended)])
    assert changed.any() and (blended != faces.crop).any()


def test_the_baseline_takes_the_nearest_pose(faces):
    """Each face's nearest style photo is itself when it is among them."""
    assert torch.equal(outputs.nearest(faces, faces), faces.crop)


def test_a_whole_evaluation(faces):
    """An untrained network against doing nothing and against the identity's own photos: the table must tell
    them apart."""
    everyone = torch.arange(len(faces))
    material = Dataset(
        style=faces[everyone[:2]], content=faces[everyone[2:4]], held_out=faces[everyone[4:]], weeded={}
    )
    own = faces[everyone[4:]]

    def upper(some: Gallery) -> torch.Tensor:
        return faces[everyone[:1]].crop.expand(len(some), -1, -1, -1).clone()

    metrics, sheet = comparison.evaluate(Generator(128), material, Measurer({}), faces=99, upper=upper)
    assert metrics["faces"] == len(own)
    rows = metrics["table"]
    assert set(rows) >= {"nothing", "nearest style photo", "raw", "blended", "optimised"}
    assert rows["nothing"]["nme_percent"] == 0
    assert rows["optimised"]["nearer"] == 1
    assert rows["nothing"]["nearer"] == 0
    assert rows["raw"]["ms"] > 0
    assert sheet.shape == (3, 128 * -(-len(own) // 2), 128 * 2 * 5)
    table = comparison.table(metrics).splitlines()
    assert len({line.count("|") for line in table}) == 1
    assert len(table) == 2 + len(rows)


def test_people_are_taken_once_each():
    n = 4
    gallery = Gallery(
        ("a/1.png", "a/2.png", "b/1.png", "c.png"),
        torch.zeros(n, 3, 8, 8, dtype=torch.uint8),
        torch.zeros(n, 68, 2),
        torch.zeros(n, 128),
        torch.ones(n, dtype=torch.long),
        torch.ones(n),
    )
    assert comparison.people(gallery).names == ("a/1.png", "b/1.png", "c.png")
    assert comparison.people(gallery, count=2).names == ("a/1.png", "b/1.png")


def test_what_is_remembered_leaves_the_samples_as_they_are(tmp_path):
    """Written again they would be marked twice."""
    folder = make(tmp_path / "ada", size=32)
    before = {path: path.read_bytes() for path in (folder / "samples").iterdir()}
    evaluate.save_metrics(read(folder), {"faces": 3})
    assert before and before == {path: path.read_bytes() for path in (folder / "samples").iterdir()}
    assert read(folder).metrics == {"faces": 3}
