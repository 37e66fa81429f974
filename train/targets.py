"""Optimised faces for the network to learn from first.

From a random start the losses alone lead into one of two valleys (docs/training.md): copying the input, or one face for everybody. A few hundred
crops whose pixels were optimised under the same losses lie beyond both, and learning to imitate them is a plain regression.
"""

import os
import pathlib
from collections.abc import Iterator

import torch
from jaxtyping import UInt8
from safetensors.torch import load_file, save_file
from torch import Tensor

from .config import Config
from .features import VGG19
from .photos import Gallery
from .preview import optimise
from .style import StyleBank


def optimised(
    content: Gallery, bank: StyleBank, network: VGG19, config: Config, *, folder: pathlib.Path, device: torch.device
) -> Iterator[UInt8[Tensor, "n 3 size size"]]:
    """The content faces batch by batch, optimised; each batch is kept in `folder`, so that a second run reads what a first one made."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, rows in enumerate(torch.arange(len(content)).split(config.batch)):
        file = folder / f"{index:04d}.safetensors"
        if not file.exists():
            faces = content[rows]
            made = optimise(
                faces.crop.to(device).float() / 255,
                faces.landmarks.to(device),
                bank,
                network,
                alpha=config.target_alpha,
                gamma=config.gamma,
                styles=config.styles,
                steps=config.target_steps,
                rate=config.target_rate,
            )
            part = file.with_suffix(".part")
            save_file({"crop": (made * 255).round().to(torch.uint8).cpu().contiguous()}, part)
            os.replace(part, file)
        yield load_file(file)["crop"]
