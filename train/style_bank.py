"""The style bank: what the identity's face looks like at each position, in many poses.

Holds the VGG-19 features of all style photos and their mirror images over the face's box, and hands each
content face the N_best photos whose aligned landmarks lie nearest (paper, section 3.2).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .data.face_box import boxed
from .data.gallery import Gallery
from .losses import nearest_poses
from .networks.vgg import STYLE, VGG19
from .precision import autocast


@dataclass(frozen=True, slots=True)
class StyleBank:
    landmarks: Float[Tensor, "styles 68 2"]
    """In crop pixels."""
    features: dict[str, Float[Tensor, "styles c y x"]]
    """By layer; unit length over the channels at each position."""

    def best(
        self, landmarks: Float[Tensor, "n 68 2"], count: int
    ) -> dict[str, Float[Tensor, "n count c y x"]]:
        """The features of each face's `count` nearest poses."""
        indices = self.nearest(landmarks, count)
        return {name: features[indices] for name, features in self.features.items()}

    def nearest(self, landmarks: Float[Tensor, "n 68 2"], count: int) -> Int[Tensor, "n count"]:
        return nearest_poses(landmarks, self.landmarks, count)


@torch.no_grad()
def style_bank(gallery: Gallery, network: VGG19, *, device: torch.device, batch: int = 16) -> StyleBank:
    """Both the photos and their mirror images."""
    gallery = gallery.mirrored()
    rows: dict[str, list[Tensor]] = {name: [] for name in STYLE}
    for crop in gallery.crop.split(batch):
        with autocast(device):
            found = network(boxed(crop.to(device).float() / 255))
        for name in STYLE:
            rows[name].append(torch.nn.functional.normalize(found[name].float(), dim=1).bfloat16())
    return StyleBank(
        landmarks=gallery.landmarks.to(device),
        features={name: torch.cat(parts) for name, parts in rows.items()},
    )
