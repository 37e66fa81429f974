"""What a set of photos would give, without training: the pixels of a crop are optimised under the losses (Gatys et al., CVPR 2016).

This is the upper mark that a network is measured against, and what it is first taught (see loop.py).
"""

import torch
from jaxtyping import Float
from torch import Tensor

from . import losses
from .features import CONTENT, STYLE, VGG19
from .style import StyleBank, boxed


def terms(
    output: Float[Tensor, "n 3 h w"], photo: dict[str, Tensor], best: dict[str, Tensor], network: VGG19
) -> dict[str, Float[Tensor, " n"]]:
    """The unweighted losses of the boxed outputs (equation 8 without the light): content, style summed over its layers, variation."""
    found = network(output)
    return {
        "content": losses.content(found[CONTENT].float(), photo[CONTENT].float()),
        "style": sum((losses.style(found[name].float(), best[name].float()) for name in STYLE), start=output.new_zeros(len(output))),
        "variation": losses.total_variation(output.float()),
    }


def optimise(
    crop: Float[Tensor, "n 3 size size"],
    landmarks: Float[Tensor, "n 68 2"],
    bank: StyleBank,
    network: VGG19,
    *,
    alpha: float,
    gamma: float,
    styles: int,
    steps: int,
    rate: float,
) -> Float[Tensor, "n 3 size size"]:
    """Crops whose face box minimises content + alpha style + gamma variation, from the crop itself by Adam; the rest stays as it is."""
    device = crop.device.type
    best = bank.best(landmarks, styles)
    with torch.no_grad(), torch.autocast(device, torch.bfloat16):
        photo = network(boxed(crop))
    pixels = boxed(crop).clone().contiguous(memory_format=torch.channels_last).requires_grad_()
    optimiser = torch.optim.Adam([pixels], lr=rate)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, eta_min=rate / 10)
    for _ in range(steps):
        optimiser.zero_grad()
        with torch.autocast(device, torch.bfloat16):
            parts = terms(pixels, photo, best, network)
        (parts["content"] + alpha * parts["style"] + gamma * parts["variation"]).sum().backward()
        optimiser.step()
        decay.step()
        with torch.no_grad():
            pixels.clamp_(0, 1)
    result = crop.clone()
    boxed(result).copy_(pixels.detach())
    return result
