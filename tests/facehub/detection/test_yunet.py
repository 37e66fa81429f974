"""The usual detector: only the file that came along, the same faces as dlib's, and dlib where it finds
none."""

import numpy as np
import pytest

from facehub import image
from facehub.detection import finder as faces
from facehub.detection import yunet
from facehub.detection.finder import Finder, finder_by_name
from facehub.detection.yunet import YuNet, dlib_square
from facehub.errors import BadSetting


@pytest.mark.parametrize("turns", [0, 1])
def test_the_same_landmarks_as_by_dlib(astronaut, turns):
    photo = astronaut.rot90(turns, (1, 2))[None]
    ours, theirs = finder_by_name("yunet")(photo).landmarks, finder_by_name("dlib")(photo).landmarks
    assert len(ours) == len(theirs) == 1
    eyes = (theirs[0, 36:42].mean(0) - theirs[0, 42:48].mean(0)).norm()
    assert (ours - theirs).norm(dim=2).mean() < 0.04 * eyes


def test_several_faces_and_none(assets):
    search, dlib = finder_by_name(), finder_by_name("dlib")
    counts = []
    for path in sorted((assets / "photos" / "multi_face").iterdir()):
        photo = image.read(path).photo[None]
        counts.append((len(search(photo).photo), len(dlib(photo).photo)))
        assert counts[-1][0] >= 2, path.name
    assert sum(ours for ours, _ in counts) >= sum(theirs for _, theirs in counts), counts
    for path in sorted((assets / "photos" / "no_face").iterdir()):
        assert len(search(image.read(path).photo[None]).photo) == 0, path.name


def test_where_it_finds_nothing_dlib_looks_and_turned_back_it_is_the_photos_frame(astronaut):
    blind = Finder(detector=lambda pixels: [], fallback=Finder())
    turned = astronaut.rot90(1, (1, 2))[None]
    assert blind(turned).landmarks.equal(Finder()(turned).landmarks)
    assert len(Finder(detector=lambda pixels: [])(turned).photo) == 0


def test_another_file_is_refused(tmp_path, monkeypatch):
    other = tmp_path / "detector.onnx"
    monkeypatch.setattr(yunet, "WEIGHTS", other)
    with pytest.raises(BadSetting, match="is not the file that came with facehub"):
        YuNet()
    other.write_bytes(b"another network")
    with pytest.raises(BadSetting, match="is not the file that came with facehub"):
        YuNet()


def test_another_name_is_refused():
    with pytest.raises(BadSetting, match='No finder is called "mtcnn": use yunet or dlib'):
        finder_by_name("mtcnn")
    assert faces.FINDERS[0] == "yunet"


def test_the_square_moves_and_grows_with_the_face():
    points = np.array([[40.0, 50], [60, 50], [50, 60], [43, 72], [57, 72]])
    left, top, right, bottom = dlib_square(points)
    assert right - left == pytest.approx(bottom - top)
    assert (left + right) / 2 == pytest.approx(50)
    assert dlib_square(points * 3 + 7) == pytest.approx([3 * edge + 7 for edge in (left, top, right, bottom)])
