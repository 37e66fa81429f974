"""What binds a watermark to its picture: a map of light and dark spots that a third of the waves is laid on.

The change that marks a picture can be taken from it and laid on another one. There these waves do not fit,
because the map is made of what the picture shows. It is local, so that crops, mirror images and turns move
it with the picture; its spots are larger than what JPEG and shrinking take away, and small enough to differ
between portraits by one photographer. docs/marks.md has how well, as measured.

It does not keep anybody from marking any picture with this program itself.
"""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

FINE_PX, COARSE_PX = 5, 13
"""Windows whose means are compared, px at half the frame's size: two passes of each."""

SOFT_LEVELS = 1.5
"""A difference between the means that counts by half. Noise on a wall has less."""


def content(gray: Float[Tensor, "photos 1 height width"]) -> Float[Tensor, "photos 1 height width"]:
    """Where a picture is lighter (to 1) or darker (to -1) than around. `gray`: brightness, 0 to 255, at the
    frame's size."""
    half = avg_pool2d(gray, 2, ceil_mode=True)
    difference = _mean(half, FINE_PX) - _mean(half, COARSE_PX)
    spots = difference / (difference.abs() + SOFT_LEVELS)
    return interpolate(spots, scale_factor=2, mode="bilinear")[..., : gray.shape[2], : gray.shape[3]]


def _mean(gray: Float[Tensor, "photos 1 h w"], side: int) -> Float[Tensor, "photos 1 h w"]:
    """About each pixel, in a window with soft edges. Sums of shifted copies take a tenth of the time of
    avg_pool2d, which is not vectorised."""
    height, width = gray.shape[2:]
    for _ in range(2):
        framed = pad(gray, (side // 2,) * 4, mode="replicate")
        rows = framed[:, :, :height].clone()
        for shift in range(1, side):
            rows += framed[:, :, shift : shift + height]
        gray = rows[..., :width].clone()
        for shift in range(1, side):
            gray += rows[..., shift : shift + width]
        gray /= side * side
    return gray
