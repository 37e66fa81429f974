"""The other face detector: only the known file, and the same faces as dlib's where the file is at hand."""

import numpy as np
import pytest

from facehub import image
from facehub.errors import BadSetting
from facehub.faces import finder
from facehub.yunet import square


@pytest.fixture(scope="module")
def file(assets):
    return assets / "weights" / "face_detection_yunet_2023mar.onnx"


@pytest.mark.parametrize("turns", [0, 1])
def test_the_same_landmarks_as_by_dlib(file, astronaut, turns):
    photo = astronaut.rot90(turns, (1, 2))[None]
    ours, theirs = finder(str(file))(photo).landmarks[0], finder()(photo).landmarks[0]
    eyes = (theirs[36:42].mean(0) - theirs[42:48].mean(0)).norm()
    assert (ours - theirs).norm(dim=1).mean() < 0.04 * eyes


def test_several_faces_and_none(file, assets):
    search = finder(str(file))
    for path in sorted((assets / "photos" / "multi_face").iterdir()):
        assert len(search(image.read(path).photo[None]).photo) >= 2, path.name
    for path in sorted((assets / "photos" / "no_face").iterdir()):
        assert len(search(image.read(path).photo[None]).photo) == 0, path.name


def test_another_file_is_refused(tmp_path):
    other = tmp_path / "detector.onnx"
    with pytest.raises(BadSetting, match="cannot be read"):
        finder(str(other))
    other.write_bytes(b"another network")
    with pytest.raises(BadSetting, match="is not face_detection_yunet_2023mar"):
        finder(str(other))


def test_the_square_moves_and_grows_with_the_face():
    points = np.array([[40.0, 50], [60, 50], [50, 60], [43, 72], [57, 72]])
    left, top, right, bottom = square(points)
    assert right - left == pytest.approx(bottom - top)
    assert (left + right) / 2 == pytest.approx(50)
    assert square(points * 3 + 7) == pytest.approx([3 * edge + 7 for edge in (left, top, right, bottom)])
