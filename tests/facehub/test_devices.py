"""Tensors of two devices never meet on the way of a swap: with fake CUDA tensors, on a machine without a GPU.

The functions that read values, for which the CPU waits for the GPU, are named and counted below
(tests/fake_cuda.py). Training has its own file, tests/train/test_devices.py.
"""

import pytest
import torch

from facehub import geometry
from facehub.blending import colour
from facehub.blending.chessboard import Chessboard
from facehub.blending.direct import solve_on_edge
from facehub.blending.masks import SegmentationMasker, hull_masker
from facehub.blending.multigrid import _levels
from facehub.blending.poisson import Cloned
from facehub.networks.folded import FoldedGenerator
from facehub.networks.generator import Generator
from facehub.networks.segmentation import Segmentation
from facehub.swapper import Swapper
from facehub.types import Detections
from tests.fake_cuda import answered, cuda, no_gpu, on_cuda

FACES, SIZE = 2, 64


@pytest.fixture(autouse=True)
def fake():
    with no_gpu():
        yield


def photos() -> torch.Tensor:
    return cuda(1, 3, 90, 120, dtype=torch.uint8)


def detections() -> Detections:
    return Detections(landmarks=cuda(FACES, 68, 2), photo=cuda(FACES, dtype=torch.long))


def membrane() -> list[torch.Tensor]:
    """Set-up, full multigrid and a V-cycle; only the test for the end of the iteration reads a value."""
    levels, _, _ = _levels(torch.Size((60, 50)), (False, True, False, False), 200, cuda(1))
    assert len(levels) > 2
    board = Chessboard(cuda(FACES, 1, *levels[0].size), cuda(FACES, 4, *levels[0].size), levels)
    board.full_multigrid()
    edge = cuda(40, dtype=torch.long)
    directly = [solve_on_edge(cuda(1, 3, 30, 40), edge, (side, False, False, side)) for side in (True, False)]
    return [board.cycle(), board.read_out(), *directly]


def affine_maps() -> list[torch.Tensor]:
    matrix = geometry.fit_affine(cuda(FACES, 68, 2), cuda(1, 68, 2))
    both = geometry.compose(matrix, geometry.invert(matrix))
    shifted = geometry.translate_source(both, cuda(FACES, 2, dtype=torch.long))
    return [shifted, geometry.transform_points(both, cuda(FACES, 68, 2))]


def sampling() -> list[torch.Tensor]:
    """The inside of a warp, once its window's size is known."""
    corner, photo = cuda(FACES, 2, dtype=torch.long), cuda(FACES, dtype=torch.long)
    window = geometry.crop_windows(photos(), photo, corner, (30, 40))
    grid = geometry._grid(cuda(FACES, 2, 3), (20, 24), 2, (30, 40))
    return [geometry._sampled(window.float(), grid, 1, "bicubic", 1)]


def masks() -> list[torch.Tensor]:
    hull = hull_masker(cuda(FACES, 3, SIZE, SIZE), cuda(FACES, 68, 2))
    return [hull.mask, hull.colour_source, learned_masker().parts(cuda(FACES, 3, SIZE, SIZE))]


def learned_masker() -> SegmentationMasker:
    learned = object.__new__(SegmentationMasker)
    learned.network, learned.precision = on_cuda(Segmentation()), torch.float32
    return learned


def network() -> list[torch.Tensor]:
    folded = on_cuda(FoldedGenerator(Generator(SIZE)))
    return [folded(cuda(FACES, 3, SIZE, SIZE)), folded(cuda(FACES, 3, SIZE, SIZE), (10, 50, 0, 52))]


def residual() -> list[torch.Tensor]:
    part = cuda(FACES, 3, 20, 30)
    return [Cloned(part, part, part, cuda(FACES, 1, 20, 30, dtype=torch.bool)).residual]


def tint() -> list[torch.Tensor]:
    found = colour.estimate_tint(cuda(FACES, 3, SIZE, SIZE))
    return [found.offsets, found.single, found.gray]


@pytest.mark.parametrize("stage", [network, affine_maps, sampling, masks, membrane, residual, tint])
def test_all_results_stay_on_the_device_of_the_inputs(stage):
    for result in stage():
        assert result.device.type == "cuda"


def some() -> torch.Tensor:
    """What `nonzero` finds."""
    return torch.arange(4, 36, device="cuda")[:, None]


def counts() -> torch.Tensor:
    return cuda(1, dtype=torch.long)


READS = {
    "selection.select_numbers": [counts, [FACES]],  # which face of which photo
    "masks.__call__": [[False] * FACES],  # whether its mask is absurd
    "pose.pose_notes": [[0.0] * FACES],
    "geometry.warp": [[1.0] * FACES] * 2,  # how much each face shrinks: into its crop, and back
    "geometry._bounds": [[40, 44]] * 2,  # the window that the warp reads
    "alignment.visible_window": [1.0, [8, 8], [56, 60]],
    "alignment.warp_to_photo": [[40, 50]],  # the rectangle of the largest face
    "poisson.clone": [some, some, [4, 36, 4, 36]],  # the part of it to solve
    "multigrid.solve_laplace": [True],  # the end of the iteration
    "alignment.blend": [[0] * FACES, [[5, 5], [60, 20]]],  # where the faces are pasted
}
"""What a swap of two faces reads of the GPU, by function: the answers here make it a small one."""

EYES_AND_MOUTH = [[4.0, 5.0, 14.0, 9.0], [20.0, 5.0, 30.0, 9.0], [8.0, 20.0, 26.0, 28.0], [16.0] * 4]
"""Boxes around both eyes and the mouth, and the distance between the eyes."""

READS_OF_DETAIL = {
    "registration._boxes": [[[4, 5, 30, 9], [0, 0, 0, 0]]],  # what moves in each crop
    "sharpness.match_sharpness": [[[0.5, 1.0]], [[1.0, 1.0]]],  # whether the face is sharper than its photo
    "sharpness._width": [0.8, 0.4],  # by how much, for one that is
    "finish._finish_patch": [True] * FACES,  # whether the photo is finer than the crop
    "finish.own_rectangle": [some, 4, 35, some, 4, 35] * FACES,
    "filters.lowpass": [2.0] * 7 * FACES,
    "filters.gaussian": [2.0] * 8 * FACES,
    "closed_eyes.close_eyes": [True] * FACES,  # whether an eye is
    "eyes_and_mouth.keep_eyes_and_mouth": [EYES_AND_MOUTH] * FACES,
    "detail._step": [2.0] * 2 * FACES,
    "colour.apply_tint": [True] * FACES,
}
"""The same of what is done to each face for its photo's sake."""


class Known:
    """A finder that also says where painted eyes and mouths are."""

    def __call__(self, photos: torch.Tensor) -> Detections:
        return detections()

    def landmarks_near(self, crops: torch.Tensor, landmarks: torch.Tensor) -> torch.Tensor:
        return landmarks + 1


def test_a_whole_swap_reads_no_more_values_than_these(monkeypatch):
    """A new place fails the test; so does a read that is saved, that the list may be shortened."""
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    made = object.__new__(Swapper)
    made.device, made.detail, made.masker = torch.device("cuda"), 1.0, learned_masker()
    made.finder = Known()
    made.generator = on_cuda(FoldedGenerator(Generator(SIZE)))
    with answered(READS | READS_OF_DETAIL):
        [swapped] = made.swap_stacks([photos()], detections=[detections()])
        assert not isinstance(swapped, Exception), swapped
    assert swapped.blended.device.type == "cuda" and swapped.blended.shape == photos().shape


def test_two_devices_are_noticed():
    """Negative control: landmarks left on the CPU."""
    with pytest.raises(RuntimeError, match="cuda:0 and cpu"):
        hull_masker(cuda(FACES, 3, SIZE, SIZE), cuda(FACES, 68, 2).sub(torch.empty(FACES, 68, 2)))
