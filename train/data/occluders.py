"""What can lie before a face, painted onto aligned crops with its label: hands, sticks, cloths, glasses and
masks.

Marked photos of covered faces are rare (600 of CelebAMask-HQ have 33 glasses), so the network for parts
learns from painted ones. They need not look real to a person, only be unlike a face in the ways that hands
and things are: another texture, an edge, a shadow; or another's skin in finger shape. All drawing is by
signed distances, batched.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from facehub.blending.masks import signed_distance
from facehub.networks.segmentation import COVER, FACE, GLASSES, HAIR

Crop = Float[Tensor, "n 3 size size"]
Allowed = UInt8[Tensor, "n 1 size size"]


class RandomSource:
    """Random numbers a face, from one generator."""

    def __init__(self, n: int, choice: torch.Generator):
        self.n, self.choice = n, choice

    def between(self, low: float | int, high: float | int, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(self.n, *shape, generator=self.choice)

    def happens(self, share: float) -> Tensor:
        """(n, 1, 1, 1), true for about this share of the faces."""
        return torch.rand(self.n, 1, 1, 1, generator=self.choice) < share


def capsule(
    a: Float[Tensor, "n 2"], b: Float[Tensor, "n 2"], radius: Float[Tensor, " n"], size: int
) -> Float[Tensor, "n 1 size size"]:
    """Signed distance in pixels to a rod with round ends, positive inside."""
    axis = torch.arange(size, dtype=a.dtype)
    point = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)  # (size, size, 2): x, y
    along, offset = (b - a)[:, None, None], point - a[:, None, None]
    share = ((offset * along).sum(-1) / along.square().sum(-1).clamp(min=1e-6)).clamp(0, 1)
    return (radius[:, None, None] - (offset - share[..., None] * along).norm(dim=-1))[:, None]


def hand(chance: RandomSource, size: int) -> Float[Tensor, "n 1 size size"]:
    """Signed distance to a palm with four fingers that come from any side and reach for the face."""
    angle = chance.between(0, 2 * torch.pi)
    inward = torch.stack([angle.cos(), angle.sin()], 1)
    aside = torch.stack([-inward[:, 1], inward[:, 0]], 1)
    width = chance.between(0.030, 0.055) * size
    tip = chance.between(0.38, 0.72, 2) * size
    fingers, spread = [], chance.between(0.0, 0.5)
    for k in range(4):
        place = (k - 1.5) * 1.9
        direction = F.normalize(inward + (spread * place * 0.2)[:, None] * aside, dim=1)
        length = chance.between(0.16, 0.30)[:, None] * size
        end = tip + (place * width)[:, None] * aside
        fingers.append(capsule(end, end - direction * length, width, size))
    palm = tip - inward * (0.38 * size)
    fingers.append(capsule(palm, palm - inward * (0.4 * size), width * chance.between(3.2, 4.2), size))
    return torch.stack(fingers).amax(0)


def stick(chance: RandomSource, size: int) -> Float[Tensor, "n 1 size size"]:
    """Signed distance to a rod from below or aside to anywhere on the face, with a thicker head:
    microphones, pens, straps."""
    head = chance.between(0.3, 0.75, 2) * size
    angle = chance.between(-0.3, torch.pi + 0.3)
    foot = head + torch.stack([angle.cos(), angle.sin()], 1) * size
    rod = capsule(head, foot, chance.between(0.01, 0.05) * size, size)
    return torch.maximum(rod, capsule(head, head + 1, chance.between(0.02, 0.13) * size, size))


def cloth(chance: RandomSource, size: int) -> Float[Tensor, "n 1 size size"]:
    """Signed distance to half a plane with a wavy edge over a part of the face: scarves, masks, books,
    shoulders of others."""
    axis = torch.arange(size, dtype=torch.float32)
    x, y = torch.meshgrid(axis, axis, indexing="xy")
    angle, wave = chance.between(0, 2 * torch.pi, 1, 1), chance.between(0, 0.05, 1, 1) * size
    along = angle.cos() * (x - size / 2) + angle.sin() * (y - size * 0.62)
    aside = -angle.sin() * (x - size / 2) + angle.cos() * (y - size * 0.62)
    edge = chance.between(0.05, 0.33, 1, 1) * size + wave * (aside / size * chance.between(4, 16, 1, 1)).sin()
    return (along - edge)[:, None]


def some(n: int, share: float, choice: torch.Generator) -> Int[Tensor, " chosen"]:
    """Which of n faces: about a `share` of them, at least one."""
    chosen = (torch.rand(n, generator=choice) < share).nonzero()[:, 0]
    return chosen if len(chosen) else torch.zeros(1, dtype=torch.long)


def covered(
    crop: Crop, allowed: Allowed, choice: torch.Generator, *, share: float = 0.3
) -> tuple[Crop, Allowed]:
    """Something before a `share` of the faces. Its skin is another face's cheek, its texture a piece of
    another picture."""
    size, rows = crop.shape[-1], some(len(crop), share, choice)
    which = (
        torch.multinomial(torch.tensor([0.45, 0.3, 0.25]), len(rows), replacement=True, generator=choice)
        .sort()
        .values
    )
    counts = torch.bincount(which, minlength=3).tolist()
    distance = torch.cat(
        [
            draw(RandomSource(count, choice), size)
            for draw, count in zip((hand, stick, cloth), counts, strict=True)
            if count
        ]
    )
    chance, other = (
        RandomSource(len(rows), choice),
        crop[torch.randperm(len(crop), generator=choice)[: len(rows)]],
    )
    cheek = other[:, :, int(0.6 * size) : int(0.68 * size), int(0.32 * size) : int(0.4 * size)].mean(
        (2, 3), keepdim=True
    )
    rounded = (distance.clamp(0, 0.05 * size) / (0.05 * size)).sqrt()
    grain = 1 + 0.06 * F.interpolate(
        torch.randn(len(rows), 1, size // 4, size // 4, generator=choice), scale_factor=4.0, mode="bilinear"
    )
    skin = cheek * (0.72 + 0.33 * rounded) * grain * chance.between(0.75, 1.25, 1, 1, 1)
    zoom = F.interpolate(other[:, :, : size // 2, : size // 2], scale_factor=2.0, mode="bilinear")
    plain = chance.between(0, 1, 3, 1, 1) * (0.6 + 0.4 * rounded)
    texture = torch.where(chance.happens(0.5), zoom, plain)
    paint = torch.where((which == 0)[:, None, None, None] & chance.happens(0.9), skin, texture).clamp(0, 1)
    alpha = (distance / chance.between(0.7, 2.0, 1, 1, 1) + 0.5).clamp(0, 1)
    shadow = 1 - 0.35 * (1 + distance.clamp(max=0) / (0.04 * size)).clamp(0, 1) * chance.happens(0.6)
    label = torch.where(distance > 0, 1 << COVER, allowed[rows]).to(torch.uint8)
    return crop.index_copy(0, rows, crop[rows] * shadow * (1 - alpha) + paint * alpha), allowed.index_copy(
        0, rows, label
    )


def spectacled(
    crop: Crop,
    allowed: Allowed,
    landmarks: Float[Tensor, "n 68 2"],
    choice: torch.Generator,
    *,
    share: float = 0.15,
) -> tuple[Crop, Allowed]:
    """Glasses on a `share` of the faces: frames and lenses are glasses, eyes behind a clear lens stay what
    they were, behind a dark one not."""
    rows = some(len(crop), share, choice)
    seen, label = glasses(crop[rows], allowed[rows], landmarks[rows], RandomSource(len(rows), choice))
    return crop.index_copy(0, rows, seen), allowed.index_copy(0, rows, label)


def glasses(
    crop: Crop, allowed: Allowed, landmarks: Float[Tensor, "n 68 2"], chance: RandomSource
) -> tuple[Crop, Allowed]:
    """Round to square lenses before both eyes, a bridge, and bows that end at the ears or under the hair."""
    size = crop.shape[-1]
    axis = torch.arange(size, dtype=crop.dtype)
    x, y = torch.meshgrid(axis, axis, indexing="xy")
    left, right = landmarks[:, 36:42].mean(1), landmarks[:, 42:48].mean(1)
    apart = (right - left).norm(dim=1)
    level = (right - left) / apart[:, None]
    half = torch.stack([apart * chance.between(0.34, 0.46), apart * chance.between(0.22, 0.40)], 1)
    power, frame = chance.between(2.0, 5.0, 1, 1), (chance.between(0.013, 0.08) * apart).clamp(min=0.7)
    down = chance.between(0.0, 0.12)[:, None] * apart[:, None] * torch.stack([-level[:, 1], level[:, 0]], 1)
    lens = crop.new_full((len(crop), 1, size, size), -1e3)
    for eye, side in ((left, -1), (right, 1)):
        centre = eye + down + side * 0.03 * apart[:, None] * level
        dx, dy = x - centre[:, 0, None, None], y - centre[:, 1, None, None]
        u = (dx * level[:, 0, None, None] + dy * level[:, 1, None, None]) / half[:, 0, None, None]
        v = (-dx * level[:, 1, None, None] + dy * level[:, 0, None, None]) / half[:, 1, None, None]
        radius = (u.abs() ** power + v.abs() ** power).clamp(min=1e-6) ** (1 / power)
        lens = torch.maximum(lens, ((1 - radius) * half.amin(1)[:, None, None])[:, None])
    bars = capsule(
        left + down + 0.97 * half[:, :1] * level, right + down - 0.97 * half[:, :1] * level, frame, size
    )
    for eye, ear, side in ((left, 0, -1), (right, 16, 1)):
        end = landmarks[:, ear] + side * 0.05 * apart[:, None] * level
        bars = torch.maximum(bars, capsule(eye + down + side * half[:, :1] * level, end, frame * 0.8, size))
    bars = torch.where((allowed & (1 << HAIR)) > 0, -1.0, bars)
    rim = torch.maximum(torch.minimum(lens + 2 * frame[:, None, None, None], -lens), bars)
    dark, rimless = chance.happens(0.4), chance.happens(0.15)
    colour = torch.where(
        chance.happens(0.7),
        chance.between(0, 0.25, 1, 1, 1).expand(-1, 3, -1, -1),
        chance.between(0, 0.8, 3, 1, 1),
    )
    glare = (
        0.35
        * ((x + y) / size * chance.between(4, 14, 1, 1) + chance.between(0, 6, 1, 1))
        .sin()
        .clamp(min=0)[:, None]
        * chance.happens(0.4)
    )
    tint = torch.where(dark, chance.between(0.72, 1.0, 1, 1, 1), chance.between(0.0, 0.15, 1, 1, 1))
    shade = torch.where(dark, chance.between(0, 0.25, 3, 1, 1), 1.0)
    through = (crop * (1 - tint) + shade * tint + glare * torch.where(dark, 1.0, 0.5)).clamp(0, 1)
    alpha = torch.where(rimless, 0.0, (rim + 0.5).clamp(0, 1))
    seen = torch.where(lens > 0, through, crop) * (1 - alpha) + colour * alpha
    framed = (rim > 0) & ~rimless
    eyes = torch.maximum(near(landmarks[:, 36:42], size), near(landmarks[:, 42:48], size)) > 0
    spared = (lens > 0) & eyes & ~dark & ~framed
    label = torch.where(spared, 1 << FACE, torch.where(framed | (lens > 0), 1 << GLASSES, allowed)).to(
        torch.uint8
    )
    return seen, label


def masked(
    crop: Crop,
    allowed: Allowed,
    landmarks: Float[Tensor, "n 68 2"],
    choice: torch.Generator,
    *,
    share: float = 0.1,
) -> tuple[Crop, Allowed]:
    """A mask over mouth and nose of a `share` of the faces."""
    rows = some(len(crop), share, choice)
    seen, label = mouth_mask(crop[rows], allowed[rows], landmarks[rows], RandomSource(len(rows), choice))
    return crop.index_copy(0, rows, seen), allowed.index_copy(0, rows, label)


def mouth_mask(
    crop: Crop, allowed: Allowed, landmarks: Float[Tensor, "n 68 2"], chance: RandomSource
) -> tuple[Crop, Allowed]:
    """From cheek to cheek and from the nose's bridge to below the chin, pleated or ridged, lit as the face
    is, with straps to the ears."""
    size, nose = crop.shape[-1], landmarks[:, 27:31]
    apart = (landmarks[:, 42:48].mean(1) - landmarks[:, 36:42].mean(1)).norm(dim=1)[:, None]
    down = F.normalize(landmarks[:, 8] - landmarks[:, 27], dim=1)
    bridge = nose[:, 0].lerp(nose[:, 3], chance.between(0.15, 1.0, 1))
    jaw = landmarks[:, 1:16] + chance.between(-0.02, 0.08, 1, 1) * apart[:, None] * down[:, None]
    jaw = landmarks[:, 30:31] + (jaw - landmarks[:, 30:31]) * chance.between(0.92, 1.06, 1, 1)
    first = torch.randint(
        0, 3, (1,), generator=chance.choice
    ).item()  # one jaw point or another is where the upper edge ends
    jaw = jaw[:, first : 15 - first]
    right, left = jaw[:, -1], jaw[:, 0]
    sag = chance.between(-0.05, 0.12, 1) * apart * down
    top = [right.lerp(bridge, 0.5) + sag, bridge, bridge.lerp(left, 0.5) + sag]
    shape = signed_distance(torch.cat([jaw, torch.stack(top, 1)], 1), size)
    straps = crop.new_full(shape.shape, -1e3)
    for corner, ear in ((left, landmarks[:, 0]), (right, landmarks[:, 16])):
        straps = torch.maximum(
            straps,
            capsule(
                corner,
                ear - 0.1 * apart * down,
                (chance.between(0.01, 0.03) * apart[:, 0]).clamp(min=0.5),
                size,
            ),
        )
    axis = torch.arange(size, dtype=crop.dtype)
    x, y = torch.meshgrid(axis, axis, indexing="xy")
    beside = (
        (x - bridge[:, 0, None, None]) * down[:, 1, None, None]
        - (y - bridge[:, 1, None, None]) * down[:, 0, None, None]
    )[:, None]
    along = (
        (x - bridge[:, 0, None, None]) * down[:, 0, None, None]
        + (y - bridge[:, 1, None, None]) * down[:, 1, None, None]
    )[:, None]
    unit = apart[:, :, None, None]
    pleats = 1 - chance.between(0, 0.25, 1, 1, 1) * (
        along / unit * chance.between(12, 26, 1, 1, 1)
    ).sin().clamp(min=0) ** 4 * chance.happens(0.5)
    ridge = 1 + chance.between(-0.25, 0.25, 1, 1, 1) * (beside / (0.08 * unit)).tanh() * chance.happens(0.4)
    round_ = 1 - chance.between(0.0, 0.45, 1, 1, 1) * (beside / (1.3 * unit)).square().clamp(max=1)
    light = crop.mean(1, keepdim=True).flatten(2).quantile(0.8, dim=2)[..., None, None]
    pale, dark = (
        chance.between(0.75, 1.05, 1, 1, 1) * torch.tensor([1, 1, 1.0])[:, None, None],
        chance.between(0.02, 0.2, 3, 1, 1),
    )
    blue = torch.tensor([0.55, 0.75, 0.9])[:, None, None] * chance.between(0.8, 1.1, 1, 1, 1)
    any_ = F.interpolate(chance.between(0, 1, 3, 8, 8), size=(size, size), mode="bilinear").lerp(
        chance.between(0, 1, 3, 1, 1), chance.between(0, 1, 1, 1, 1)
    )
    kinds = torch.multinomial(
        torch.tensor([0.35, 0.2, 0.25, 0.2]), len(crop), replacement=True, generator=chance.choice
    )[:, None, None, None]
    colour = torch.where(kinds == 0, pale, torch.where(kinds == 1, dark, torch.where(kinds == 2, blue, any_)))
    paint = (colour * (0.45 + 0.9 * light) * pleats * ridge * round_).clamp(0, 1)
    shadow = 1 - 0.3 * (1 + shape.clamp(max=0) / (0.06 * unit)).clamp(0, 1) * chance.happens(0.6)
    straps = torch.where((allowed & (1 << HAIR)) > 0, -1.0, straps)
    whole = torch.maximum(shape, straps)
    alpha = (whole / chance.between(0.7, 1.5, 1, 1, 1) + 0.5).clamp(0, 1)
    return crop * shadow * (1 - alpha) + paint * alpha, torch.where(whole > 0, 1 << COVER, allowed).to(
        torch.uint8
    )


def near(eye: Float[Tensor, "n 6 2"], size: int) -> Float[Tensor, "n 1 size size"]:
    """Positive on and close around an eye: a rod from corner to corner as thick as the eye is open."""
    open_px = (eye[:, 1:3] - eye[:, [5, 4]]).norm(dim=2).mean(1)
    return capsule(eye[:, 0], eye[:, 3], open_px * 0.6, size)
