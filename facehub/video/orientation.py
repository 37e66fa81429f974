"""How a frame is to be turned or mirrored before it is shown."""

import struct

import av
import numpy as np
from av.sidedata.sidedata import Type
from jaxtyping import UInt8


def display_matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """Signs (a, b, c, d) of the frame's display matrix: it is shown at (a x + c y, b x + d y), up to a shift.
    Only quarter turns count."""
    data = next((bytes(side) for side in frame.side_data if side.type == Type.DISPLAYMATRIX), None)  # pyright: ignore
    if data is None or len(data) < 36:
        return 1, 0, 0, 1
    a, b, _, c, d, *_ = struct.unpack("9i", data[:36])
    straight, aside = abs(a) + abs(d), abs(b) + abs(c)
    if max(straight, aside) < 20 * min(straight, aside):
        return 1, 0, 0, 1
    sign = lambda value: (value > 0) - (value < 0)  # noqa: E731
    return (sign(a), 0, 0, sign(d)) if straight > aside else (0, sign(b), sign(c), 0)


def apply_display_matrix(
    pixels: UInt8[np.ndarray, "h w 3"], signs: tuple[int, int, int, int]
) -> UInt8[np.ndarray, "height width 3"]:
    """The pixels turned and mirrored by the signs of the display matrix."""
    a, b, c, d = signs
    if a == 0:
        pixels, across, down = pixels.transpose(1, 0, 2), c, b
    else:
        across, down = a, d
    return np.ascontiguousarray(pixels[:: down or 1, :: across or 1])
