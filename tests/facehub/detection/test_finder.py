"""Finding faces: on the photos that ship, turned, enlarged, shrunk and side by side."""

import cv2
import pytest
import torch

from facehub.blending.alignment import align
from facehub.detection import finder as finder_module
from facehub.detection.finder import Finder, box
from facehub.detection.recogniser import Recogniser
from facehub.geometry import transform_points
from facehub.types import Detections


@pytest.fixture(scope="module")
def finder():
    return Finder()


def resized(photo: torch.Tensor, width: int) -> torch.Tensor:
    """A (3, height, width) photo at another width."""
    pixels = photo.permute(1, 2, 0).numpy()
    height = round(pixels.shape[0] * width / pixels.shape[1])
    return torch.from_numpy(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)).permute(
        2, 0, 1
    )


def eye_distance(landmarks: torch.Tensor) -> torch.Tensor:
    return (landmarks[:, 36:42].mean(1) - landmarks[:, 42:48].mean(1)).norm(dim=1)


def test_the_face_lies_where_it_is(finder, astronaut):
    """The astronaut's face in the 512 px picture: about (180..270, 70..170)."""
    found = finder(astronaut[None])
    assert found.photo.tolist() == [0]
    left, top, right, bottom = box(found.landmarks)[0].tolist()
    assert 170 < left < 200 and 80 < top < 115 and 250 < right < 280 and 155 < bottom < 190


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_photo_has_the_turned_landmarks(finder, astronaut, turns):
    """Also that left and right are the person's: a turned face is no mirrored face."""
    upright = finder(astronaut[None]).landmarks[0]
    height, width = astronaut.shape[1:]
    found = finder(torch.rot90(astronaut, turns, (1, 2))[None])
    x, y = found.landmarks[0].unbind(1)
    back = [(x, y), (width - 1 - y, x), (width - 1 - x, height - 1 - y), (y, height - 1 - x)][turns]
    assert (torch.stack(back, 1) - upright).norm(dim=1).max() < 0.12 * eye_distance(upright[None])


def test_turning_can_be_left_out(astronaut):
    assert len(Finder(turn=False)(torch.rot90(astronaut, 2, (1, 2))[None]).photo) == 0


def test_a_large_photo_gives_the_same_landmarks_in_finer_pixels(finder, astronaut):
    small = finder(astronaut[None]).landmarks[0]
    large = finder(resized(astronaut, 2400)[None]).landmarks[0]
    scale = 2400 / astronaut.shape[2]
    assert ((large + 0.5) / scale - 0.5 - small).norm(dim=1).mean() < 0.03 * eye_distance(small[None])
    assert ((large * 10) % 10).abs().sum() == 0, "whole pixels of the large photo"


def test_a_small_face_is_found_on_the_second_try(astronaut):
    """A face some 50 px wide is too small for the detector as it stands."""
    small = resized(astronaut, 300)[None]
    assert len(Finder(retry_px=1, turn=False)(small).photo) == 0
    assert len(Finder(turn=False)(small).photo) == 1


def test_several_faces_come_largest_first(astronaut):
    small = torch.zeros_like(astronaut)
    half = resized(astronaut, 460)
    small[:, : half.shape[1], : half.shape[2]] = half
    side_by_side = torch.cat([small, astronaut], dim=2)
    found = Finder(search_px=1600)(side_by_side[None])
    assert found.photo.tolist() == [0, 0]
    assert eye_distance(found.landmarks)[0] > 1.05 * eye_distance(found.landmarks)[1]
    assert found.landmarks[0, :, 0].min() > astronaut.shape[2]


def test_a_stack_is_its_photos(finder, astronaut):
    nothing = torch.full_like(astronaut, 128)
    found = finder(torch.stack([nothing, astronaut, nothing, astronaut.flip(2)]))
    assert found.photo.tolist() == [1, 3]
    assert torch.equal(found.landmarks[0], finder(astronaut[None]).landmarks[0])


def test_no_face_is_no_entry(finder):
    found = finder(torch.full((1, 3, 100, 140), 128, dtype=torch.uint8))
    assert found.landmarks.shape == (0, 68, 2) and found.photo.shape == (0,)


def test_recogniser_tells_people_apart(finder, astronaut, london):
    """One person brighter, mirrored and smaller stays one person; another is another, by dlib's threshold of
    0.6."""
    recogniser = Recogniser()

    def owner(photo: torch.Tensor) -> torch.Tensor:
        found = finder(photo[None])
        return recogniser(photo[None], Detections(found.landmarks[:1], found.photo[:1]))[0]

    her = owner(astronaut)
    for changed in (astronaut.flip(2), (astronaut.float() * 0.8).to(torch.uint8), resized(astronaut, 400)):
        assert (owner(changed) - her).norm() < 0.5
    assert (owner(london) - her).norm() > 0.6


def test_landmarks_near_those_of_another_picture_are_the_mean_over_shifted_boxes(astronaut, monkeypatch):
    """Found again in the crop that they were aligned by, and steadier than those of one box."""
    finder = Finder()
    known = finder(astronaut[None])
    faces = align(astronaut[None], known.landmarks, known.photo, size=256)
    wanted = transform_points(faces.crop_from_photo, faces.landmarks)
    found = finder.landmarks_near(faces.crop, wanted)
    eyes = (wanted[0, 36:42].mean(0) - wanted[0, 42:48].mean(0)).norm()
    assert (found - wanted).norm(dim=2).mean() < 0.05 * eyes
    each = []
    for shift in finder_module.SHIFTS:
        monkeypatch.setattr(finder_module, "SHIFTS", (shift,))
        each.append(finder.landmarks_near(faces.crop, wanted))
    assert len(each) > 2 and torch.allclose(torch.stack(each).mean(0), found, atol=1e-3)
    assert min((one - found).abs().max() for one in each) > 0.2
