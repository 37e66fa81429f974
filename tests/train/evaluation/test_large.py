"""The numbers of whole photos, on swaps whose answer is known."""

import pytest
import torch

from facehub import image
from facehub.blending.masks import hull_masker
from facehub.detection.finder import Finder
from facehub.swapper import Swapper
from tests.facehub.test_swapper import Answer
from train.evaluation.large import Judge, Sitter, grayed, measure, octave_shares, sitters, summary, window

IDENTITY, INPUT, STRANGER = torch.eye(3)


@pytest.fixture(scope="module")
def finder():
    return Finder()


@pytest.fixture(scope="module")
def sitter(finder):
    photo = image.read("demo/examples/astronaut.png").photo[None]
    return Sitter("astronaut", photo, finder(photo).landmarks[:1])


def judge(seen: list[torch.Tensor], *, centred: bool = False) -> Judge:
    """Answers with the vectors given, one after the other."""
    answers = iter(seen)
    strangers = torch.stack([STRANGER, -STRANGER])
    return Judge(lambda photo, landmarks: next(answers)[None], IDENTITY, strangers, centred)


def test_doing_nothing_keeps_everything_and_is_nobody_else(sitter, finder):
    swapper = Swapper(Answer(lambda crop: crop, 256), finder=finder, masker=hull_masker, detail=0.0)
    row, result = measure(swapper, sitter, {"known": judge([INPUT, INPUT])}, mesh=None)
    assert result.shape == sitter.photo.shape
    assert 0.7 < row["detail_1px_face"] < 1.05, "a crop of another scale costs a quarter"
    assert 0.6 < row["detail_crop_cheeks"] < 1.05
    assert (row["known_to_identity"], row["known_to_input"], row["known_retrieved"]) == (0, 1, 0)
    assert row["nme_percent"] < 1.5 and row["skin_change"] < 0.5 and abs(row["seam"]) < 0.5


def test_a_blurring_network_has_no_detail_until_it_is_put_back(sitter, finder):
    def flat(crop):
        return crop.mean((2, 3), keepdim=True).expand_as(crop)

    none, whole = (
        measure(
            Swapper(Answer(flat, 32), finder=finder, masker=hull_masker, detail=d), sitter, {}, mesh=None
        )[0]
        for d in (0.0, 1.0)
    )
    assert none["detail_1px_cheeks"] < 0.3
    assert none["detail_1px_cheeks"] + 0.2 < whole["detail_1px_cheeks"] < 1.1


@pytest.mark.parametrize("centred", [False, True])
def test_retrieved_is_nearer_to_the_identity_than_to_anybody(centred):
    known = judge([], centred=centred)
    assert known(IDENTITY[None], INPUT[None])["retrieved"] == 1
    assert known((0.6 * IDENTITY + 0.8 * STRANGER)[None], INPUT[None])["retrieved"] == 0
    assert known((0.6 * IDENTITY + 0.8 * INPUT)[None], INPUT[None])["retrieved"] == 0


def test_summaries_leave_out_what_could_not_be_taken():
    rows = [{"lip_gap": 0.0, "nme_percent": 1.0}, {"lip_gap": 0.1}, {"lip_gap": float("nan")}]
    made = summary(rows)
    assert made["photos"] == 3 and made["lip_gap"] == pytest.approx(0.05) and made["nme_percent"] == 1
    assert made["lip_gap_p95"] == pytest.approx(0.095)


def test_windows_stay_in_the_photo():
    points = torch.tensor([[[5.0, 8.0], [95.0, 60.0]]]).repeat(1, 34, 1)
    rows, columns = window(points, (70, 100))
    assert (rows.start, rows.stop, columns.start, columns.stop) == (0, 70, 0, 100)


def test_octaves_of_a_face_do_not_depend_on_its_size_in_the_photo(sitter):
    double = torch.nn.functional.interpolate(sitter.photo.float(), scale_factor=4.0, mode="bicubic")
    larger = octave_shares(double.round().clamp(0, 255).to(torch.uint8), (sitter.landmarks + 0.5) * 4 - 0.5)
    assert torch.allclose(larger, octave_shares(sitter.photo, sitter.landmarks), atol=0.02)


def test_sitters_leave_out_labels_and_photos_without_a_face(tmp_path, finder, sitter):
    image.write(tmp_path / "a.jpg", sitter.photo[0], generated=False)
    image.write(tmp_path / "a.png", torch.zeros(3, 64, 64, dtype=torch.uint8), generated=False)
    image.write(tmp_path / "b.png", torch.full((3, 90, 90), 128, dtype=torch.uint8), generated=False)
    image.write(tmp_path / "c.png", sitter.photo[0], generated=False)
    image.write(tmp_path / "d.png", sitter.photo[0], generated=False)
    found = list(sitters(tmp_path, finder, count=2))
    assert [s.name for s in found] == ["a.jpg", "c.png"]
    assert [s.name for s in sitters(tmp_path, finder, count=9, skip=lambda name: name == "c.png")] == [
        "a.jpg",
        "d.png",
    ]


def test_gray_is_gray(sitter):
    assert (grayed(sitter.photo).amax(1) == grayed(sitter.photo).amin(1)).all()
