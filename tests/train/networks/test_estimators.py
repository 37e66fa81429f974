"""The networks that measure, where their files are at hand: known faces must come out as what they are."""

import pathlib

import numpy as np
import pytest
import torch

from facehub import image
from facehub.blending.alignment import align
from facehub.detection.finder import Finder
from facehub.errors import BadSetting
from facehub.geometry import transform_points
from train.networks import estimators
from train.networks.sface import SFace, _dequantised, fit_similarity


@pytest.fixture(scope="module")
def found(request):
    assets = pathlib.Path(__file__).parents[3].parent / "shared" / "assets" / "weights"
    if not assets.is_dir():
        pytest.skip("the estimators' files (../shared/assets/weights) are not here")
    return estimators.read(assets)


def aligned(photo):
    faces = Finder()(photo[None])
    cut = align(photo[None], faces.landmarks[:1], faces.photo[:1], size=128)
    return (cut.crop * 255).round().to(torch.uint8), transform_points(
        cut.crop_from_photo, faces.landmarks[:1]
    )


@pytest.fixture(scope="module")
def people(found, examples_folder):
    """Neutral and smiling photos of four people: (person, smiling, crop, landmarks)."""
    rows = []
    for file in sorted(examples_folder.glob("london_*.jpg")):
        _, person, pose = file.stem.split("_")
        rows.append((person, pose == "08", *aligned(image.read(file).photo)))
    return rows


@pytest.fixture(scope="module")
def examples_folder():
    return pathlib.Path(__file__).parents[3] / "demo" / "examples"


def test_a_mirror_image_has_the_same_owner_and_another_person_has_not(found, people):
    vectors = [found["identity"](crop, points)[0] for _, _, crop, points in people]
    owners = [person for person, *_ in people]
    for i, (_, _, crop, points) in enumerate(people):
        flipped = crop.flip(-1)
        mirrored = points * points.new_tensor([-1, 1]) + points.new_tensor([127, 0])
        mirrored[:, [*range(36, 42), *range(42, 48)]] = mirrored[:, [*range(42, 48), *range(36, 42)]]
        mirrored[:, [48, 54]] = mirrored[:, [54, 48]]
        assert found["identity"](flipped, mirrored)[0] @ vectors[i] > 0.7
        for j, other in enumerate(vectors):
            if owners[i] != owners[j]:
                assert vectors[i] @ other < 0.363  # OpenCV's threshold for one person


def test_frontal_photos_look_ahead(found, people):
    for _, _, crop, points in people:
        assert found["pose"](crop, points).abs().max() < 15


def test_smiles_are_smiles(found, people):
    """Blendshapes 44 and 45 are mouthSmileLeft and mouthSmileRight."""
    smile = {True: [], False: []}
    for _, smiling, crop, points in people:
        smile[smiling].append(found["expression"](crop, points)[0, 44:46].mean().item())
    assert min(smile[True]) > max(smile[False])


def test_a_folder_without_estimators_is_refused(tmp_path):
    assert estimators.read(None) == {}
    with pytest.raises(BadSetting, match="holds no estimator"):
        estimators.read(tmp_path)


@pytest.mark.parametrize("name", ["x.onnx", "x.safetensors"])
def test_a_file_that_is_not_sface_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"another file")
    with pytest.raises(BadSetting, match="OpenCV's model zoo"):
        SFace(tmp_path / name)


def test_the_kept_file_is_the_same_network(found, assets, tmp_path):
    original = SFace(next(assets.glob("weights/*sface*.onnx")))
    original.keep(tmp_path / "sface.safetensors")
    square = torch.rand(2, 3, 112, 112) * 255
    assert torch.equal(original._run(square), SFace(tmp_path / "sface.safetensors")._run(square))


def test_blocks_share_a_scale_and_a_zero():
    """Two blocks of two and a half one, beside what the definition says: (number - zero) * scale."""
    onnx = pytest.importorskip("onnx")
    helper, arrays = onnx.helper, onnx.numpy_helper
    numbers = np.array([[10, 20, 30, 40, 50]], dtype=np.int8)
    scale, zero = np.array([[1.0, 0.5, 2.0]], dtype=np.float32), np.array([[0, 10, 50]], dtype=np.int8)
    node = helper.make_node("DequantizeLinear", ["n", "s", "z"], ["out"], axis=1, block_size=2)
    graph = helper.make_graph(
        [node], "g", [], [], [arrays.from_array(a, k) for k, a in (("n", numbers), ("s", scale), ("z", zero))]
    )
    nodes, values = _dequantised(graph, arrays)
    assert nodes == []
    np.testing.assert_array_equal(values["out"], [[10, 20, 10, 15, 0]])


def test_a_similarity_is_found_again():
    angle, scale = 0.3, 1.7
    turn = scale * torch.tensor(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], dtype=torch.float32
    )
    points = torch.rand(1, 5, 2)
    matrix = fit_similarity(points, points @ turn.T + torch.tensor([3.0, -2.0]))
    torch.testing.assert_close(matrix[0], torch.cat([turn, torch.tensor([[3.0], [-2.0]])], dim=1))
