"""The chessboard layout against plain loops over pixels."""

import numpy as np
import pytest
import torch

from facehub.blending.chessboard import Chessboard
from facehub.blending.grid import Level
from tests.reference import add_interpolated, gauss_seidel

SIZE, COARSE = (12, 13), (6, 7)


@pytest.fixture
def board() -> Chessboard:
    """Two faces with ragged random masks, whose first row and last column are empty, and random known
    values."""
    random = torch.Generator().manual_seed(0)
    unknown = (torch.rand(2, 1, *SIZE, generator=random) > 0.25).float()
    unknown[..., 0, :] = unknown[..., -1, :] = unknown[..., 0] = unknown[..., -1] = 0
    edge = torch.rand(2, 4, *SIZE, generator=random) * unknown
    return Chessboard(unknown, edge, [Level(SIZE, None), Level(COARSE, None)])


def in_reading_order(pair) -> np.ndarray:
    """(2, 3, h, w) of the two colours of a board's values."""
    red, black = (values.expand(2, 3, -1) for values in pair)
    return torch.stack([red, black], -1).flatten(2).unflatten(2, SIZE).double().numpy().copy()


def plain(board: Chessboard) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """u, right and 1 / diagonal as arrays."""
    inverse = in_reading_order(board.by)
    scaled = in_reading_order(board.right)
    right = np.divide(scaled, inverse, out=np.zeros_like(scaled), where=inverse > 0)
    return in_reading_order([field.values for field in board.u]), right, inverse


def start(board: Chessboard) -> None:
    """Random values at the unknown pixels."""
    for field, inverse in zip(board.u, board.by, strict=True):
        field.values.copy_(torch.rand(field.values.shape) * (inverse > 0))


def test_a_half_step_is_gauss_seidel_pixel_by_pixel(board):
    start(board)
    u, right, inverse = plain(board)
    assert (inverse > 0).mean() > 0.4
    for colour in (0, 1, 0):
        board._relax(colour)
        for face in range(2):
            for channel in range(3):
                at = (face, channel)
                gauss_seidel(u[at], right[at], inverse[at], colour)
        assert np.allclose(plain(board)[0], u, atol=1e-5), colour


def test_a_correction_lies_between_its_coarse_pixels(board):
    start(board)
    u, _, inverse = plain(board)
    coarse = torch.rand(2, 3, *COARSE)
    board._interpolate(coarse[board.shared])
    board.u[1].values.addcmul_(board.half_black, board.sums[0].values)
    for face in range(2):
        for channel in range(3):
            at = (face, channel)
            add_interpolated(u[at], coarse[at].double().numpy(), inverse[at] > 0)
    assert np.allclose(plain(board)[0], u, atol=1e-5)


def test_reading_out_is_reading_order(board):
    start(board)
    assert np.allclose(board.read_out().double().numpy(), plain(board)[0])
