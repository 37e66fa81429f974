"""What a training measures as it ends, on the astronaut's face, where the right answer is known."""

import torch

from facehub import image
from facehub.identity.schema import check_metrics
from facehub.networks.generator import Generator
from train.data.portraits import gather_portraits
from train.evaluation.after_training import measure_identity


class Same(Generator):
    """Gives back what it sees."""

    def __init__(self):
        super().__init__(128)

    def forward(self, crop):
        return crop


def test_a_network_that_changes_nothing_leaves_the_input_as_it_was(tmp_path, examples):
    faces = {}
    for name, file in (
        ("own", "astronaut.png"),
        ("other", "london_009_08.jpg"),
        ("shown", "london_036_03.jpg"),
    ):
        (tmp_path / name).mkdir()
        image.write(tmp_path / name / "photo.png", image.read(examples / file).photo, generated=False)
        faces[name] = gather_portraits(tmp_path / name, cache=tmp_path / "cache")
    heard = []
    with torch.inference_mode():
        metrics = measure_identity(
            Same().eval(), faces["own"], [*faces["other"], *faces["own"]], faces["shown"], heard.append
        )
    check_metrics(metrics)
    row = metrics["table"]["blended"]
    assert metrics["faces"] == 1 and row["photos"] == 1
    assert row["to_input"] > 0.95 > row["to_identity"] + 0.3 and row["retrieved"] == 0
    assert row["nme_percent"] < 3
    assert f"left of the input {row['to_input']:.2f}" in heard[0].message
