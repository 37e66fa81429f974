"""The card's numbers, on answers known beforehand."""

import pytest
import torch
import torch.nn.functional as F

from facehub import image
from facehub.alignment import align
from facehub.faces import Finder, Recogniser
from facehub.generators import Generator
from facehub.geometry import move
from facehub.identity import read
from tests.identities import make
from train import evaluate
from train.evaluate import Known, Look, Looker, compare
from train.material import Material
from train.photos import Gallery


def axis(n: int, k: int, at: float = 1.0) -> torch.Tensor:
    """`n` vectors along the axis `k`."""
    return at * F.one_hot(torch.full((n,), k), 128).float()


def look(n: int, embedding: torch.Tensor, *, shift: float = 0.0, sharpness: float = 1.0, light: float = 0.0, estimated=None) -> Look:
    """Eyes 50 px apart; every landmark moved aside by `shift` px."""
    landmarks = torch.zeros(n, 68, 2)
    landmarks[:, 42:48, 0] = 50.0
    return Look(landmarks + torch.tensor([shift, 0.0]), embedding, estimated or {}, torch.full((n, 64), light), torch.full((n,), sharpness))


INPUT, IDENTITY, OTHER = 0, 1, 2
KNOWN = Known(
    identity=look(9, axis(9, IDENTITY), sharpness=2.0, estimated={"identity": axis(9, IDENTITY)}),
    others=torch.stack([axis(1, OTHER)[0], torch.zeros(128)]),
    sface_others=axis(1, OTHER),
)


def test_a_perfect_swap():
    """The identity's embedding with the input's landmarks moved by 2 of the 50 px between the eyes, half as sharp as the identity's photos."""
    report = compare(look(4, axis(4, IDENTITY), shift=2.0), look(4, axis(4, INPUT)), KNOWN)
    assert (report["faces"], report["lost"], report["retrieved"], report["nearer"]) == (4, 0, 1, 1)
    assert report["to_identity"] == pytest.approx(1)
    assert report["nme_percent"] == pytest.approx(4)
    assert report["sharpness"] == pytest.approx(0.5)
    assert "sface_retrieved" not in report
    assert "pose_degrees" not in report


def test_doing_nothing_is_no_success():
    photo = look(4, axis(4, INPUT))
    report = compare(photo, photo, KNOWN)
    assert (report["retrieved"], report["nearer"], report["nme_percent"]) == (0, 0, 0)
    assert report["to_input"] == pytest.approx(1)


def test_somebody_else_is_nearer_but_not_retrieved():
    """Nearer to the identity than to the input, and nearest to a stranger."""
    between = axis(4, IDENTITY, 0.4) + axis(4, OTHER, 0.8)
    report = compare(look(4, between), look(4, axis(4, INPUT)), KNOWN)
    assert (report["nearer"], report["retrieved"]) == (1, 0)


def test_an_output_without_a_face_counts_as_a_failure():
    output = look(4, axis(4, IDENTITY))
    output.embedding[1] = output.landmarks[1] = torch.nan
    report = compare(output, look(4, axis(4, INPUT)), KNOWN)
    assert (report["faces"], report["lost"], report["nearer"], report["retrieved"]) == (4, 1, 0.75, 0.75)


def test_inputs_in_which_dlib_sees_no_face_are_left_out():
    photo = look(4, axis(4, INPUT))
    photo.embedding[0] = photo.landmarks[0] = torch.nan
    assert compare(look(4, axis(4, IDENTITY)), photo, KNOWN)["faces"] == 3


def test_estimators_tell_their_share():
    still = {"identity": axis(2, INPUT), "pose": torch.zeros(2, 3), "expression": torch.zeros(2, 52)}
    moved = {"identity": axis(2, IDENTITY), "pose": torch.tensor([[3.0, 4.0, 0.0]] * 2), "expression": axis(2, 0, 0.7)[:, :52]}
    photo, output = look(2, axis(2, INPUT), estimated=still), look(2, axis(2, IDENTITY), estimated=moved, light=0.5)
    report = compare(output, photo, KNOWN)
    assert report["sface_retrieved"] == report["sface_to_identity"] == 1
    assert report["sface_to_input"] == 0
    assert report["pose_degrees"] == pytest.approx(5)
    assert report["expression"] == pytest.approx(0.7)
    assert report["light"] == pytest.approx(0.25)


def test_seam_is_the_step_across_the_edge_beyond_the_photos_own():
    photo = torch.full((1, 3, 8, 8), 100, dtype=torch.uint8)
    photo[..., 4:] = 110
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    mask[..., 4:] = True
    result = photo.clone()
    result[..., 4:] = 125
    assert evaluate.seam(photo, photo, mask).item() == 0
    assert evaluate.seam(result, photo, mask).item() == pytest.approx(15)


@pytest.fixture(scope="module")
def faces(examples_folder):
    """The example photos as a gallery."""
    finder, recogniser, rows = Finder(), Recogniser(), []
    for file in sorted(examples_folder.glob("*.[jp][pn]g")):
        photo = image.read(file).photo[None]
        found = finder(photo)
        cut = align(photo, found.landmarks[:1], found.photo[:1], size=128)
        rows.append((file.name, (cut.crop * 255).byte(), move(cut.crop_from_photo, cut.landmarks), recogniser(photo, found)[:1]))
    names, crops, points, vectors = zip(*rows, strict=True)
    n = len(names)
    return Gallery(names, torch.cat(crops), torch.cat(points), torch.cat(vectors), torch.ones(n, dtype=torch.long), torch.full((n,), 99.0))


@pytest.fixture(scope="module")
def examples_folder():
    from ..conftest import ROOT

    return ROOT / "demo" / "examples"


def test_blurred_faces_are_less_sharp(faces):
    blurred = F.avg_pool2d(faces.crop.float(), 5, 1, 2).byte()
    assert (evaluate.fine_energy(blurred, faces.landmarks) < 0.5 * evaluate.fine_energy(faces.crop, faces.landmarks)).all()


def test_outside_the_box_outputs_are_the_crops_and_outside_the_mask_so_are_stitched_ones(faces):
    made = evaluate.outputs(Generator(128), faces.crop)
    assert torch.equal(made[:, :, :32], faces.crop[:, :, :32])
    assert not torch.equal(made[:, :, 40:120, 40:90], faces.crop[:, :, 40:120, 40:90])
    blended, changed = evaluate.stitched(made, faces)
    assert torch.equal(blended[~changed.expand_as(blended)], faces.crop[~changed.expand_as(blended)])
    assert changed.any() and (blended != faces.crop).any()


def test_the_baseline_takes_the_nearest_pose(faces):
    """Each face's nearest style photo is itself when it is among them."""
    assert torch.equal(evaluate.nearest(faces, faces), faces.crop)


def test_a_whole_evaluation(faces):
    """An untrained network against doing nothing and against the identity's own photos: the table must tell them apart."""
    everyone = torch.arange(len(faces))
    material = Material(style=faces[everyone[:2]], content=faces[everyone[2:4]], held_out=faces[everyone[4:]], weeded={})
    own = faces[everyone[4:]]

    def upper(some: Gallery) -> torch.Tensor:
        return faces[everyone[:1]].crop.expand(len(some), -1, -1, -1).clone()

    metrics, sheet = evaluate.evaluate(Generator(128), material, Looker({}), faces=99, upper=upper)
    assert metrics["faces"] == len(own)
    rows = metrics["table"]
    assert set(rows) >= {"nothing", "nearest style photo", "raw", "blended", "optimised"}
    assert rows["nothing"]["nme_percent"] == 0
    assert rows["optimised"]["nearer"] == 1
    assert rows["nothing"]["nearer"] == 0
    assert rows["raw"]["ms"] > 0
    assert sheet.shape == (3, 128 * -(-len(own) // 2), 128 * 2 * 5)
    table = evaluate.table(metrics).splitlines()
    assert len({line.count("|") for line in table}) == 1
    assert len(table) == 2 + len(rows)


def test_people_are_taken_once_each():
    n = 4
    gallery = Gallery(
        ("a/1.png", "a/2.png", "b/1.png", "c.png"), torch.zeros(n, 3, 8, 8, dtype=torch.uint8), torch.zeros(n, 68, 2), torch.zeros(n, 128),
        torch.ones(n, dtype=torch.long), torch.ones(n),
    )  # fmt: skip
    assert evaluate.people(gallery).names == ("a/1.png", "b/1.png", "c.png")
    assert evaluate.people(gallery, count=2).names == ("a/1.png", "b/1.png")


def test_what_is_remembered_leaves_the_samples_as_they_are(tmp_path):
    """Written again they would be marked twice."""
    folder = make(tmp_path / "ada", size=32)
    before = {path: path.read_bytes() for path in (folder / "samples").iterdir()}
    evaluate.remember(read(folder), {"faces": 3})
    assert before and before == {path: path.read_bytes() for path in (folder / "samples").iterdir()}
    assert read(folder).metrics == {"faces": 3}
