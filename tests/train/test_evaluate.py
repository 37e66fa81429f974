"""The numbers in the card, on answers known beforehand."""

import torch

from train.evaluate import Seen, compare


def seen(n: int, *, at: float = 0.0, shift: float = 0.0) -> Seen:
    landmarks = torch.zeros(n, 68, 2)
    landmarks[:, 42:48, 0] = 50.0
    return Seen(landmarks=landmarks + torch.tensor([shift, 0.0]), embedding=torch.full((n, 128), at / 128**0.5))


def test_distances_and_movement():
    """Inputs at 0, the identity at 1, outputs at 0.7; landmarks moved by 2 of the 50 px between the eyes."""
    report = compare(seen(4, at=0.7, shift=2.0), seen(4), seen(9, at=1.0).embedding)
    assert report.nearer_to_identity == 1.0
    for got, wanted in ((report.to_identity, 0.3), (report.to_input, 0.7), (report.input_to_identity, 1.0), (report.identity_spread, 0.0)):
        assert abs(got - wanted) < 1e-5
    assert abs(report.nme_percent - 4.0) < 1e-5


def test_doing_nothing_is_no_success():
    report = compare(seen(4), seen(4), seen(9, at=1.0).embedding)
    assert report.nearer_to_identity == 0.0
    assert report.nme_percent == 0.0


def test_an_output_without_a_face_counts_as_a_failure():
    output = seen(4, at=0.9)
    output.embedding[1] = output.landmarks[1] = torch.nan
    report = compare(output, seen(4), seen(9, at=1.0).embedding)
    assert (report.faces, report.lost, report.nearer_to_identity) == (4, 1, 0.75)


def test_inputs_in_which_dlib_sees_no_face_are_left_out():
    photo = seen(4)
    photo.embedding[0] = photo.landmarks[0] = torch.nan
    assert compare(seen(4, at=0.9), photo, seen(9, at=1.0).embedding).faces == 3
