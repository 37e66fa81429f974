"""What the card's numbers mean, on answers known beforehand."""

import pytest
import torch
import torch.nn.functional as F

from train.evaluation import metrics
from train.evaluation.metrics import CropMeasurements, ReferenceGallery, compare


def axis(n: int, k: int, at: float = 1.0) -> torch.Tensor:
    """`n` vectors along the axis `k`."""
    return at * F.one_hot(torch.full((n,), k), 128).float()


def look(
    n: int,
    embedding: torch.Tensor,
    *,
    shift: float = 0.0,
    sharpness: float = 1.0,
    light: float = 0.0,
    estimated=None,
) -> CropMeasurements:
    """Eyes 50 px apart; every landmark moved aside by `shift` px."""
    landmarks = torch.zeros(n, 68, 2)
    landmarks[:, 42:48, 0] = 50.0
    return CropMeasurements(
        landmarks + torch.tensor([shift, 0.0]),
        embedding,
        estimated or {},
        torch.full((n, 64), light),
        torch.full((n,), sharpness),
    )


INPUT, IDENTITY, OTHER = 0, 1, 2
KNOWN = ReferenceGallery(
    identity=look(9, axis(9, IDENTITY), sharpness=2.0, estimated={"identity": axis(9, IDENTITY)}),
    others=torch.stack([axis(1, OTHER)[0], torch.zeros(128)]),
    sface_others=axis(1, OTHER),
)


def test_a_perfect_swap():
    """The identity's embedding with the input's landmarks moved by 2 of the 50 px between the eyes, half as
    sharp as the identity's photos."""
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
    moved = {
        "identity": axis(2, IDENTITY),
        "pose": torch.tensor([[3.0, 4.0, 0.0]] * 2),
        "expression": axis(2, 0, 0.7)[:, :52],
    }
    photo, output = (
        look(2, axis(2, INPUT), estimated=still),
        look(2, axis(2, IDENTITY), estimated=moved, light=0.5),
    )
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
    assert metrics.seam(photo, photo, mask).item() == 0
    assert metrics.seam(result, photo, mask).item() == pytest.approx(15)


def test_blurred_faces_are_less_sharp(faces):
    blurred = F.avg_pool2d(faces.crop.float(), 5, 1, 2).byte()
    assert (
        metrics.fine_energy(blurred, faces.landmarks) < 0.5 * metrics.fine_energy(faces.crop, faces.landmarks)
    ).all()
