"""Optimised faces for the network to learn from first.

From a random start the losses alone lead into one of two valleys (docs/training.md): copying the input, or
one face for everybody. A few hundred crops whose pixels were optimised under the same losses lie beyond
both, and learning to imitate them is a plain regression.
"""

import pathlib
from collections.abc import Iterator

import torch
from jaxtyping import Float, UInt8
from safetensors.torch import load_file, save
from torch import Tensor, nn

from facehub.files import write_atomic
from facehub.types import Crops

from . import losses
from .config import Config
from .data.face_box import boxed
from .data.gallery import Gallery
from .networks.vgg import CONTENT, STYLE, VGG19
from .precision import autocast
from .style_bank import StyleBank


def load_or_optimise(
    content: Gallery,
    bank: StyleBank,
    network: VGG19,
    config: Config,
    *,
    folder: pathlib.Path,
    device: torch.device,
) -> Iterator[UInt8[Tensor, "n 3 size size"]]:
    """The content faces batch by batch, optimised; each batch is kept in `folder`, so that a second run
    reads what a first one made."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, rows in enumerate(torch.arange(len(content)).split(config.batch)):
        file = folder / f"{index:04d}.safetensors"
        if not file.exists():
            made = optimise_faces(content[rows], bank, network, config, device=device)
            write_atomic(file, save({"crop": made.contiguous()}))
        yield load_file(file)["crop"]


def optimise_faces(
    faces: Gallery, bank: StyleBank, network: VGG19, config: Config, *, device: torch.device
) -> UInt8[Tensor, "n 3 size size"]:
    """The faces' crops, optimised as the run's config says."""
    crop = faces.crop.to(device).float() / 255
    pixels = _optimise_by_config(crop, faces.landmarks.to(device), bank, network, config)
    return (pixels * 255).round().to(torch.uint8).cpu()


def _optimise_by_config(
    crop: Crops, landmarks: Float[Tensor, "n 68 2"], bank: StyleBank, network: VGG19, config: Config
) -> Crops:
    return optimise(
        crop,
        landmarks,
        bank,
        network,
        alpha=config.target_alpha,
        gamma=config.gamma,
        styles=config.styles,
        steps=config.target_steps,
        rate=config.target_rate,
    )


def terms(
    output: Float[Tensor, "n 3 h w"], photo: dict[str, Tensor], best: dict[str, Tensor], network: VGG19
) -> dict[str, Float[Tensor, " n"]]:
    """The unweighted losses of the boxed outputs (equation 8 without the light): content, style summed over
    its layers, variation."""
    found = network(output)
    return {
        "content": losses.content(found[CONTENT].float(), photo[CONTENT].float()),
        "style": sum(
            (losses.style(found[name].float(), best[name].float()) for name in STYLE),
            start=output.new_zeros(len(output)),
        ),
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
    """Crops whose face box minimises content + alpha style + gamma variation, from the crop itself by Adam;
    the rest stays as it is."""
    device = crop.device.type
    best = bank.best(landmarks, styles)
    with torch.no_grad(), autocast(device):
        photo = network(boxed(crop))
    pixels = boxed(crop).clone().contiguous(memory_format=torch.channels_last).requires_grad_()
    optimiser = torch.optim.Adam([pixels], lr=rate)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, eta_min=rate / 10)
    for _ in range(steps):
        optimiser.zero_grad()
        with autocast(device):
            parts = terms(pixels, photo, best, network)
        (parts["content"] + alpha * parts["style"] + gamma * parts["variation"]).sum().backward()
        optimiser.step()
        decay.step()
        with torch.no_grad():
            pixels.clamp_(0, 1)
    result = crop.clone()
    boxed(result).copy_(pixels.detach())
    return result


class PixelPainter(nn.Module):
    """Stands where a generator stands in a swap, and optimises instead of computing."""

    def __init__(self, landmarks: Float[Tensor, "n 68 2"], bank: StyleBank, network: VGG19, config: Config):
        """`landmarks` of the faces that will come, in crop pixels."""
        super().__init__()
        self.size, self.landmarks, self.bank, self.network, self.config = (
            config.size,
            landmarks,
            bank,
            network,
            config,
        )

    def forward(self, crop: Crops) -> Crops:
        with torch.inference_mode(False), torch.enable_grad():
            return _optimise_by_config(
                crop.clone(), self.landmarks.clone(), self.bank, self.network, self.config
            )
