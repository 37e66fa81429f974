"""The loss terms of one batch and their weights, for both kinds of step."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from facehub.blending.masks import hull_mask

from . import losses
from .augmentation import apply_jitter, mirror_where, random_jitter
from .data.face_box import boxed, window
from .landmarks import LandmarkNet
from .lighting import Lighting
from .networks.sface import SFace
from .networks.vgg import VGG19
from .pixel_optimisation import terms
from .precision import autocast
from .processes import local_share
from .style_bank import StyleBank

OUTSIDE_WEIGHT = 0.15
"""Weight of what lies outside the face's outline while imitating."""


@dataclass(frozen=True, slots=True)
class Teachers:
    """The frozen networks behind the losses, and what they know of the identity."""

    bank: StyleBank
    network: VGG19
    sface: SFace | None = None
    """None: trained without the identity loss."""
    face: Float[Tensor, " 128"] | None = None
    """SFace's mean vector of the style photos."""
    lighting: Lighting | None = None
    """None: trained without the light loss."""
    points: LandmarkNet | None = None
    """None: trained without the landmark loss."""


def loss_terms(
    generator, content, teachers, config, choice, device, progress
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """The paper's losses on a batch of content photos, each mirrored at random, and those of the face and
    landmark networks."""
    rows = torch.randint(len(content), (config.batch,), generator=choice)
    mirror = torch.rand(config.batch, generator=choice) < 0.5
    faces = mirror_where(content[local_share(rows)], local_share(mirror))
    crop, landmarks = to_floats(faces.crop, device), faces.landmarks.to(device)
    best = teachers.bank.best(landmarks, config.styles)
    with autocast(device):
        with torch.no_grad():
            photo = teachers.network(boxed(crop))
        output = generator(crop, window(generator.size)).float()
        parts = terms(output, photo, best, teachers.network)
        if teachers.lighting is not None and config.light:
            with torch.no_grad():
                light = teachers.lighting(boxed(crop))
            parts["light"] = losses.light(teachers.lighting(output).float(), light.float())
        if teachers.points is not None and config.landmarks:
            with torch.no_grad():
                places = teachers.points(boxed(crop))
            parts["landmarks"] = losses.landmarks(teachers.points(output), places)
        if teachers.sface is not None and teachers.face is not None and config.identity:
            with torch.no_grad():
                inputs = teachers.sface(crop, landmarks)
            whole = crop.clone()
            boxed(whole).copy_(output)
            parts["identity"] = losses.identity(
                teachers.sface(whole, landmarks).float(), inputs.float(), teachers.face
            )
    alpha = config.alpha * min(1.0, progress / config.ramp) if config.ramp else config.alpha
    weights = {"content": 1.0, "style": alpha, "light": config.light, "variation": config.gamma}
    return parts, weights | {"identity": config.identity, "landmarks": config.landmarks}


def imitation_terms(
    generator, content, targets, network, config, choice, device
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """How far the network is from the optimised faces: pixels, and at full size VGG features, so that it
    learns sharp ones.

    What lies outside the face counts little: there the optimised faces hold noise, and the mask gives the
    photo back.
    """
    rows = torch.randint(len(targets), (config.batch,), generator=choice)
    matrix, tint = random_jitter(config.batch, choice)
    rows, matrix, tint = local_share(rows), local_share(matrix).to(device), local_share(tint).to(device)
    crop, target = to_floats(content.crop[rows], device), to_floats(targets[rows], device)
    weight = OUTSIDE_WEIGHT + (1 - OUTSIDE_WEIGHT) * hull_mask(crop, content.landmarks[rows].to(device))
    crop, target, weight = apply_jitter(crop, target, weight, matrix, tint)
    if generator.size < crop.shape[-1]:
        crop, target, weight = (
            F.avg_pool2d(t, t.shape[-1] // generator.size) for t in (crop, target, weight)
        )
    crop, target, weight = (
        t.contiguous(memory_format=torch.channels_last) for t in (crop, boxed(target), boxed(weight))
    )
    with autocast(device):
        output = generator(crop, window(generator.size)).float()
        parts = {"pixels": weighted_mean((output - target).abs(), weight)}
        if generator.size == config.size:
            with torch.no_grad():
                wanted = network(target)
            found = network(output)
            parts["features"] = torch.stack(
                [weighted_mean((found[k] - wanted[k]).float().square(), weight) for k in wanted]
            ).mean(0)
    return parts, {"pixels": 20.0, "features": 1.0}


def weighted_mean(error: Float[Tensor, "n c y x"], weight: Float[Tensor, "n 1 h w"]) -> Float[Tensor, " n"]:
    """Mean of the error by the weight, brought to the error's resolution."""
    weight = F.adaptive_avg_pool2d(weight, (error.shape[-2], error.shape[-1]))
    return (error.mean(1, keepdim=True) * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3))


def to_floats(crop: UInt8[Tensor, "n 3 h w"], device: torch.device) -> Float[Tensor, "n 3 h w"]:
    return (crop.to(device).float() / 255).contiguous(memory_format=torch.channels_last)
