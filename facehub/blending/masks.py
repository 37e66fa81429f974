"""Where the new face goes, in the crop's frame. Batched, on the device of the crops.

The paper restores hair and background by a mask cut by hand, or by a small segmentation network (sections 3
and 4). Here `hull_masker` needs no network: it takes the outline of jaw and brows, extended over the
forehead. `SegmentationMasker` keeps the part of the outline that the segmentation network (segmentation.py)
classifies as this face: hair, hands, glasses and microphones in front of the face stay, and so does what is
beside it.
"""

import copy
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..detection import pose
from ..networks import segmentation
from ..networks.precision import float_dtype, inference_dtype
from ..networks.segmentation import BEARD, FACE, GLASSES, SKIN
from ..types import Crops, FaceMask, Masks

FOREHEAD_HEIGHT = 0.6
"""Height of the arch over the brows, in units of the distance from the brows to the nose's base."""

EDGE_WIDTH = 0.04
"""Width of the soft edge, inside the outline, in units of the crop."""

PROFILE_MARGIN = 0.03
"""Distance of a learned mask from the outline of a face in profile, in units of the crop."""

OUTWARD = 0.01
"""By how much a learned mask reaches over the outline where the network is sure of the face, in units of the
crop. A little more of jaw and brow ridge is 0.01 of likeness, and leaves the seam below 0.1 levels.
"""

LEARNED_EDGE_WIDTH = 0.025
"""`EDGE_WIDTH` of a learned mask: narrower, because the network draws its border too."""

SOFT_THRESHOLD = (0.5, 0.9)
"""Soft threshold (low, high) on the face probability; the inverse on glasses, because dark eyes are sometimes
classified as glasses."""

MIN_COVERAGE = 0.15
"""Share of the outline that a learned mask must cover; with less it is replaced by the outline."""

BLOCK_VALUES = 1 << 16
"""Values that the distance to an outline is computed for at once on a CPU: what its cache holds."""

Masker = Callable[[Crops, Float[Tensor, "faces 68 2"]], FaceMask]
"""Crops and landmarks in crop pixels -> the mask in the crop's frame: `hull_masker` or a
`SegmentationMasker`."""


def hull_mask(crop: Crops, landmarks: Float[Tensor, "faces 68 2"]) -> Masks:
    """1 inside the face's outline, falling to 0 at it over `EDGE_WIDTH`; landmarks in crop pixels."""
    size = crop.shape[-1]
    distance = signed_distance(outline(landmarks), size, reach=0.0)
    return _zero_border((distance / (EDGE_WIDTH * size)).clamp(0, 1)).to(crop.dtype)


def hull_masker(crop: Crops, landmarks: Float[Tensor, "faces 68 2"]) -> FaceMask:
    """The outline, whatever is in it. Colours may come from all around."""
    mask = hull_mask(crop, landmarks)
    return FaceMask(mask=mask, colour_source=torch.ones_like(mask), notes=("",) * len(mask))


class SegmentationMasker:
    """The part of the outline that shows this face, by the segmentation network.

    A mask that is empty or too small is replaced by the outline, and its note says so. For a face turned far
    to a side the mask keeps a distance from the outline, because dlib only guesses the far cheek.
    """

    def __init__(
        self,
        network: torch.nn.Module | None = None,
        *,
        device: torch.device | str = "cpu",
        precision: torch.dtype | None = None,
    ):
        """`precision`: of the network, by default `inference_dtype`'s; masks have the type of the crops."""
        self.precision = float_dtype(precision or inference_dtype(torch.device(device)))
        network = copy.deepcopy(network or segmentation.load_segmentation())
        self.network = network.to(device, self.precision)

    def __call__(self, crop: Crops, landmarks: Float[Tensor, "faces 68 2"]) -> FaceMask:
        size = crop.shape[-1]
        parts = self._parts(crop)
        wanted = [parts[:, part].sum(1) for part in ([FACE, BEARD, GLASSES], [GLASSES], [FACE, SKIN])]
        face, glasses, own = _enlarged(torch.stack(wanted, 1), size).split(1, 1)
        distance = signed_distance(outline(landmarks), size, reach=OUTWARD * size)
        retreat = PROFILE_MARGIN * size * pose.profile_share(landmarks)[:, None, None, None]
        mask = _zero_border(
            ((distance + OUTWARD * size - retreat) / (LEARNED_EDGE_WIDTH * size)).clamp(0, 1)
            * soft_threshold(face)
            * (1 - soft_threshold(glasses))
        )
        fallback = (distance / (EDGE_WIDTH * size)).clamp(0, 1)
        absurd = mask.flatten(1).sum(1) < MIN_COVERAGE * fallback.flatten(1).sum(1)
        hold = (own > 0.5).to(crop.dtype)
        choose = absurd[:, None, None, None]
        return FaceMask(
            mask=torch.where(choose, _zero_border(fallback), mask).to(crop.dtype),
            colour_source=torch.where(choose, 1, hold),
            notes=tuple(
                "The learned mask saw no face here, so the outline of the landmarks was used." if a else ""
                for a in absurd.tolist()
            ),
        )

    @torch.no_grad()
    def parts(self, crop: Crops) -> Float[Tensor, "faces classes size size"]:
        """The probability of each class (segmentation.CLASSES) at each pixel."""
        return _enlarged(self._parts(crop), crop.shape[-1])

    @torch.no_grad()
    def _parts(self, crop: Crops) -> Float[Tensor, "faces classes side side"]:
        """The same at the network's own size."""
        if crop.shape[-1] != segmentation.INPUT_PX:
            crop = F.interpolate(crop, size=segmentation.INPUT_PX, mode="bilinear", antialias=True)
        seen = crop.to(self.precision, memory_format=torch.channels_last)
        return self.network(seen).to(crop.dtype).softmax(1)


def _enlarged(values: Tensor, size: int) -> Tensor:
    """From the segmentation network's size to the crop's."""
    return values if values.shape[-1] == size else F.interpolate(values, size=size, mode="bilinear")


def soft_threshold(probability: Masks) -> Masks:
    """0 to 1 over `SOFT_THRESHOLD`."""
    low, high = SOFT_THRESHOLD
    return ((probability - low) / (high - low)).clamp(0, 1)


def _zero_border(mask: Masks) -> Masks:
    """0 on the crop's own edge."""
    border = torch.zeros_like(mask)
    border[..., 1:-1, 1:-1] = 1
    return mask * border


def outline(landmarks: Float[Tensor, "faces 68 2"]) -> Float[Tensor, "faces corners 2"]:
    """The closed outline of the face: the jaw, and half an ellipse over the brows along the face's own upward
    direction."""
    left, right = landmarks[:, None, 17], landmarks[:, None, 26]
    up = (landmarks[:, 17:27].mean(1) - landmarks[:, 33])[:, None] * FOREHEAD_HEIGHT
    angle = torch.linspace(0, torch.pi, 11, device=landmarks.device, dtype=landmarks.dtype)[None, :, None]
    arch = (left + right) / 2 + (right - left) / 2 * angle.cos() + up * angle.sin()
    return torch.cat([landmarks[:, :17], arch], dim=1)


def signed_distance(
    polygon: Float[Tensor, "faces corners 2"], size: int, *, reach: float = math.inf
) -> Float[Tensor, "faces 1 size size"]:
    """Distance in pixels of each pixel's centre to the polygon's edge, positive inside (even-odd rule).

    On the CPU, pixels more than `reach` pixels outside the box around all polygons get -`size` instead.
    """
    left, top, right, bottom, rows = 0, 0, size, size, size
    if polygon.device.type == "cpu" and len(polygon):
        if reach < math.inf:
            low, high = polygon.amin((0, 1)) - reach, polygon.amax((0, 1)) + reach
            left, top = low.floor().clamp(0, size).int().tolist()
            right, bottom = (high.ceil() + 1).clamp(0, size).int().tolist()
        rows = max(1, BLOCK_VALUES // max(1, polygon[..., 0].numel() * (right - left)))
    pixel = torch.arange(size, device=polygon.device, dtype=polygon.dtype)
    distance = polygon.new_full((len(polygon), 1, size, size), -size)
    for first in range(top, bottom, rows):
        block = slice(first, min(first + rows, bottom))
        distance[:, 0, block, left:right] = _distance_at(polygon, pixel[left:right], pixel[block])
    return distance


def _distance_at(
    polygon: Float[Tensor, "faces corners 2"],
    columns: Float[Tensor, " width"],
    rows: Float[Tensor, " height"],
) -> Float[Tensor, "faces height width"]:
    """`signed_distance` at these columns and rows."""
    (ax, ay), (dx, dy) = (
        part.unbind(2)
        for part in (polygon[..., None, None], (polygon.roll(-1, 1) - polygon)[..., None, None])
    )
    x, y, squared = columns - ax, rows[:, None] - ay, (dx * dx + dy * dy).clamp_min(1e-12)
    along = x * (dx / squared) + y * (dy / squared)
    t = along.clamp(0, 1)
    nearest = (x * x + y * y).addcmul_(t.sub(along, alpha=2).mul_(t), squared).amin(1).clamp_(min=0).sqrt_()
    crosses = (y < 0) != (y < dy)
    left = torch.where(crosses, y * (dx / torch.where(dy == 0, 1, dy)), -torch.inf)
    inside = (x < left).sum(1) % 2 == 1
    return torch.where(inside, nearest, -nearest)


def masker_by_name(name: str, device: str = "cpu") -> Masker:
    """ "learned" or "landmarks"."""
    return SegmentationMasker(device=device) if name == "learned" else hull_masker
