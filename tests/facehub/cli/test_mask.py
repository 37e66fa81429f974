"""Masks and labels in the photo's frame, and the command that writes them."""

import torch
import torch.nn.functional as F

from facehub import image
from facehub.blending.alignment import mask_in_photos
from facehub.blending.head_parts import guided_filter, head_labels, parts_in_photo, three_classes
from facehub.blending.masks import SegmentationMasker, masker_by_name
from facehub.detection.finder import Finder
from facehub.detection.selection import central_face
from facehub.networks.generator import Generator
from facehub.networks.segmentation import CLASSES, load_segmentation
from facehub.swapper import Swapper


def test_the_command_writes_mask_and_labels_at_the_photos_size(tmp_path, examples, astronaut, command):
    done = command(
        "mask",
        examples / "astronaut.png",
        "--out",
        tmp_path / "mask.png",
        "--labels",
        tmp_path / "labels.png",
    )
    assert done.returncode == 0, done.stderr
    mask, labels = image.read(tmp_path / "mask.png").photo, image.read(tmp_path / "labels.png").photo
    assert mask.shape == labels.shape == astronaut.shape
    nose = Finder()(astronaut[None]).landmarks[0, 30].round().long()
    assert (mask[:, nose[1], nose[0]] == 255).all() and (mask[:, 5, 5] == 0).all()
    assert labels[:, nose[1], nose[0]].tolist() == [0, 255, 0] and labels[:, 5, 5].tolist() == [0, 0, 255]
    assert labels[:, nose[1] - 95, nose[0]].tolist() == [255, 0, 0], "hair above the forehead"


def test_the_mask_is_where_a_swap_changes_the_photo(astronaut):
    found = Finder()(astronaut[None])
    swapped = Swapper(Generator(64), masker=SegmentationMasker())(astronaut[None], detections=found)
    learned = mask_in_photos(astronaut[None], found, masker_by_name("learned"), size=64)[0]
    assert torch.equal(swapped.mask, learned)
    assert not torch.equal(
        swapped.mask, mask_in_photos(astronaut[None], found, masker_by_name("landmarks"), size=64)[0]
    )


def test_no_face_and_one_file_for_two_are_told(tmp_path, examples, command):
    image.write(tmp_path / "gray.png", torch.full((3, 100, 120), 90, dtype=torch.uint8), generated=False)
    done = command("mask", tmp_path / "gray.png", "--out", tmp_path / "mask.png")
    assert done.returncode == 1 and "No face was found" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "mask.png").exists()
    done = command(
        "mask", examples / "astronaut.png", "--out", tmp_path / "a.png", "--labels", tmp_path / "a.png"
    )
    assert done.returncode == 1 and "the same file" in done.stderr


def test_three_classes_join_the_seven():
    one_hot = torch.eye(len(CLASSES))[:, :, None, None]
    assert three_classes(one_hot).flatten().tolist() == [2, 0, 1, 1, 0, 1, 2]


def test_the_central_face_is_the_one_in_the_middle():
    from facehub.types import Detections

    points = torch.stack([torch.full((68, 2), 20.0), torch.full((68, 2), 48.0), torch.full((68, 2), 90.0)])
    assert (
        central_face(Detections(landmarks=points, photo=torch.zeros(3, dtype=torch.long)), (100, 90))[0, 0, 0]
        == 48
    )


def test_labels_follow_the_face_through_the_photo(astronaut):
    """Shifted photo, shifted labels."""
    points = Finder()(astronaut[None]).landmarks[:1]
    here = head_labels(astronaut[None], points)
    moved = head_labels(astronaut[None].roll((7, 12), (2, 3)), points + torch.tensor([12.0, 7.0]))
    same = (moved[..., 20:-20, 20:-20] == here.roll((7, 12), (2, 3))[..., 20:-20, 20:-20]).float().mean()
    assert same > 0.995


def test_notes_reach_the_result(astronaut):
    """A masker's note is on the face, beside what the pose says."""
    from dataclasses import replace

    found = Finder()(astronaut[None])
    noted = lambda crop, points: replace(SegmentationMasker()(crop, points), notes=("A note.",))  # noqa: E731
    assert Swapper(Generator(64), masker=noted)(astronaut[None], detections=found).faces.notes == ("A note.",)


def test_edges_are_drawn_to_those_of_the_photo():
    """A soft and misplaced edge of the values moves to the guide's edge; where the guide is flat, values
    are only smoothed."""
    x = torch.arange(60.0)
    guide = (x >= 30).float().expand(1, 1, 40, 60)
    values = ((x - 24) / 12).clamp(0, 1).expand(1, 1, 40, 60)
    drawn = guided_filter(values, guide, 8)[0, 0, 20]
    assert (drawn[31] - drawn[29]) > 3 * (values[0, 0, 0, 31] - values[0, 0, 0, 29])
    assert drawn[5] < 0.05 and drawn[55] > 0.95
    flat = guided_filter(values, torch.full_like(guide, 0.5), 2)[0, 0, 20]
    assert torch.allclose(flat[4:-4], F.avg_pool1d(F.avg_pool1d(values[0, 0, :1], 5, 1), 5, 1)[0], atol=1e-5)
    one = torch.rand(1, 3, 7, 9)
    assert torch.allclose(
        guided_filter(torch.ones_like(one), one[:, :1], 30), torch.ones_like(one), atol=1e-5
    ), "windows larger than the picture"


def test_parts_are_probabilities_also_where_the_head_leaves_the_photo(astronaut):
    points = Finder()(astronaut[None]).landmarks[:1]
    for moved in (points, points - 90, points + 400, points - 2000):
        found = parts_in_photo(load_segmentation(), astronaut[None], moved)
        assert found.shape == (1, len(CLASSES), 512, 512)
        assert torch.allclose(found.sum(1), torch.ones(1, 512, 512), atol=1e-3)
    assert (found[:, 0] == 1).all(), "beyond the photo there is nothing but background"
