"""Where the new face goes, in the crop's frame. Batched, on the device of the crops.

The paper restores hair and background by a mask cut by hand, or by a small segmentation network (sections 3 and 4). Both ways are here. `outlined`
needs no network: the outline of jaw and brows, carried up over the forehead. `Learned` keeps of it what the network for parts (segmentation.py) sees
as this face: what lies before it, hair, hands, glasses and microphones, stays, and so does what lies beside it.
"""

import copy

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from . import pose, segmentation
from .segmentation import BEARD, FACE, GLASSES, SKIN
from .types import Crops, Masks, Region

FOREHEAD = 0.6
"""Height of the arch over the brows, in units of the distance from the brows to the nose's base."""

EDGE = 0.04
"""Width of the soft edge, inside the outline, in units of the crop."""

RETREAT = 0.03
"""By how much a learned mask draws back from the outline of a face in profile, in units of the crop."""

SURE = (0.5, 0.9)
"""The mask rises from 0 to 1 between these probabilities that a pixel is the face's; and falls from 1 to 0 between these that it is of glasses, for
which dark eyes are sometimes taken."""

LEAST = 0.15
"""A learned mask that covers less of the outline is not believed."""


def hull(crop: Crops, landmarks: Float[Tensor, "faces 68 2"]) -> Masks:
    """1 inside the face's outline, falling to 0 at it over `EDGE`; landmarks in crop pixels."""
    size = crop.shape[-1]
    distance = signed_distance(outline(landmarks), size)
    return _bordered((distance / (EDGE * size)).clamp(0, 1)).to(crop.dtype)


def outlined(crop: Crops, landmarks: Float[Tensor, "faces 68 2"]) -> Region:
    """The outline, whatever lies in it; colours are taken over from all around."""
    mask = hull(crop, landmarks)
    return Region(mask=mask, hold=torch.ones_like(mask), notes=("",) * len(mask))


class Learned:
    """The part of the outline that shows this face, by the network for parts.

    A mask that is empty or absurd is replaced by the outline, and its note says so. Of a face turned far to a side the mask draws back from the
    outline, because dlib guesses the far cheek there.
    """

    def __init__(self, network: torch.nn.Module | None = None, *, device: torch.device | str = "cpu"):
        self.network = copy.deepcopy(network or segmentation.read()).to(device)

    def __call__(self, crop: Crops, landmarks: Float[Tensor, "faces 68 2"]) -> Region:
        size = crop.shape[-1]
        parts = self.parts(crop)
        distance = signed_distance(outline(landmarks), size)
        retreat = RETREAT * size * pose.far(landmarks)[:, None, None, None]
        face, glasses = parts[:, [FACE, BEARD, GLASSES]].sum(1, keepdim=True), parts[:, [GLASSES]]
        mask = _bordered(((distance - retreat) / (EDGE * size)).clamp(0, 1) * sure(face) * (1 - sure(glasses)))
        fallback = (distance / (EDGE * size)).clamp(0, 1)
        absurd = mask.flatten(1).sum(1) < LEAST * fallback.flatten(1).sum(1)
        hold = (parts[:, [FACE, SKIN]].sum(1, keepdim=True) > 0.5).to(crop.dtype)
        choose = absurd[:, None, None, None]
        return Region(
            mask=torch.where(choose, _bordered(fallback), mask).to(crop.dtype),
            hold=torch.where(choose, 1, hold),
            notes=tuple("The learned mask saw no face here, so the outline of the landmarks was used." if a else "" for a in absurd.tolist()),
        )

    @torch.no_grad()
    def parts(self, crop: Crops) -> Float[Tensor, "faces classes size size"]:
        """Probability of each class (segmentation.CLASSES) in each pixel."""
        size = crop.shape[-1]
        if size == segmentation.SEEN:
            return self.network(crop.contiguous(memory_format=torch.channels_last)).softmax(1)
        seen = F.interpolate(crop, size=segmentation.SEEN, mode="bilinear", antialias=True)
        return F.interpolate(self.network(seen.contiguous(memory_format=torch.channels_last)).softmax(1), size=size, mode="bilinear")


def sure(probability: Masks) -> Masks:
    """0 to 1 over `SURE`."""
    low, high = SURE
    return ((probability - low) / (high - low)).clamp(0, 1)


def _bordered(mask: Masks) -> Masks:
    """0 on the crop's own edge."""
    border = torch.zeros_like(mask)
    border[..., 1:-1, 1:-1] = 1
    return mask * border


def outline(landmarks: Float[Tensor, "faces 68 2"]) -> Float[Tensor, "faces corners 2"]:
    """The closed outline of the face: the jaw, and half an ellipse over the brows along the face's own upward direction."""
    left, right = landmarks[:, None, 17], landmarks[:, None, 26]
    up = (landmarks[:, 17:27].mean(1) - landmarks[:, 33])[:, None] * FOREHEAD
    angle = torch.linspace(0, torch.pi, 11, device=landmarks.device, dtype=landmarks.dtype)[None, :, None]
    arch = (left + right) / 2 + (right - left) / 2 * angle.cos() + up * angle.sin()
    return torch.cat([landmarks[:, :17], arch], dim=1)


def signed_distance(polygon: Float[Tensor, "faces corners 2"], size: int) -> Float[Tensor, "faces 1 size size"]:
    """Distance in pixels of each pixel's centre to the polygon's edge, positive inside (even-odd rule)."""
    pixel = torch.arange(size, device=polygon.device, dtype=polygon.dtype)
    (ax, ay), (dx, dy) = (part.unbind(2) for part in (polygon[..., None, None], (polygon.roll(-1, 1) - polygon)[..., None, None]))
    x, y, squared = pixel - ax, pixel[:, None] - ay, (dx * dx + dy * dy).clamp_min(1e-12)
    along = x * (dx / squared) + y * (dy / squared)
    t = along.clamp(0, 1)
    nearest = (x * x + y * y).addcmul_(t.sub(along, alpha=2).mul_(t), squared).amin(1).clamp_(min=0).sqrt_()
    crosses = (y < 0) != (y < dy)
    left = torch.where(crosses, y * (dx / torch.where(dy == 0, 1, dy)), -torch.inf)
    inside = (x < left).sum(1) % 2 == 1
    return torch.where(inside, nearest, -nearest)[:, None]
