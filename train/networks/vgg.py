"""VGG-19 features by the name of their layer ("relu4_2"), normalised to a mean activation of 1 per channel.

Simonyan and Zisserman, ICLR 2015 (https://arxiv.org/abs/1409.1556). Normalised as by Gatys et al., CVPR
2016: plain activations reach the hundreds at relu4_2, and the paper's loss weights mean nothing on that
scale. Only this file knows ImageNet's mean and standard deviation.
"""

import pathlib

import torch
from jaxtyping import Float, UInt8
from safetensors.torch import load_file
from torch import Tensor, nn

from facehub.errors import BadSetting

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

WIDTHS = {1: (64, 64), 2: (128, 128), 3: (256, 256, 256, 256), 4: (512, 512)}
"""Channels of the convolutions of each group, as far as relu4_2, the deepest layer the paper uses."""

STYLE, CONTENT = ("relu3_1", "relu4_1"), "relu4_2"
"""The layers of the paper's losses (section 3.2)."""


class VGG19(nn.Module):
    """Crops in [0, 1] -> the features the losses need, by name. Frozen; `vgg19` makes one with weights."""

    def __init__(self):
        super().__init__()
        layers, channels, self.names = [], 3, {}
        for group, widths in WIDTHS.items():
            for index, width in enumerate(widths, 1):
                self.names[len(layers)] = f"relu{group}_{index}"
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers[:-1])
        for index, width in zip(self.names, (w for widths in WIDTHS.values() for w in widths), strict=True):
            self.register_buffer(f"scale_{index}", torch.ones(width))
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None])
        self.requires_grad_(False)

    def forward(
        self, crop: Float[Tensor, "n 3 h w"], names: tuple[str, ...] = (*STYLE, CONTENT)
    ) -> dict[str, Float[Tensor, "n c y x"]]:
        """Only as deep as the layers named need."""
        x = (crop - self.get_buffer("mean")) / self.get_buffer("deviation")
        found = {}
        for index, layer in enumerate(self.features):
            x = layer(x)
            if (name := self.names.get(index - 1)) in names:
                found[name] = x / self.get_buffer(f"scale_{index - 1}")[:, None, None].to(x.dtype)
                if len(found) == len(names):
                    break
        return found


MEASURED = 128
"""Faces over which channel scales are measured."""


@torch.no_grad()
def measure_scales(network: VGG19, box: UInt8[Tensor, "n 3 h w"], *, batch: int = 16) -> None:
    """Sets the scales to each channel's mean activation over the boxes, so that any VGG-19 fits the same
    loss weights.

    A channel that is silent on all of them keeps the layer's mean, so that a single spark in training does
    not count a thousandfold.
    """
    for index in network.names:
        network.get_buffer(f"scale_{index}").fill_(1)
    total: dict[str, Tensor] = {}
    for some in box.split(batch):
        for name, found in network(some.to(network.get_buffer("mean")) / 255).items():
            total[name] = total.get(name, 0) + found.sum((0, 2, 3)) / (
                found.shape[-2] * found.shape[-1] * len(box)
            )
    for index, name in network.names.items():
        if name in total:
            mean = total[name]
            network.get_buffer(f"scale_{index}").copy_(
                torch.where(mean > 0.01 * mean.mean(), mean, mean.mean())
            )


def vgg19(
    weights: pathlib.Path | None = None,
    scales: pathlib.Path | None = None,
    *,
    box: UInt8[Tensor, "n 3 h w"] | None = None,
    device: torch.device | None = None,
) -> VGG19:
    """The network with weights from a safetensors file of torchvision's key names, or torchvision's own
    download.

    Raises BadSetting when that fails or the file is another network's. Scales from a file, or else measured
    over the faces' boxes that are given. `device`: where it then goes, laid out as convolutions run
    fastest.
    """
    network = VGG19()
    wanted = {k for k in network.state_dict() if k.startswith("features.")}
    if weights is None:
        from torchvision.models import VGG19_Weights  # only when asked: it goes to the network

        try:
            state = VGG19_Weights.IMAGENET1K_V1.get_state_dict(progress=True, check_hash=True)
        except (OSError, RuntimeError) as problem:  # no network, no room, another file
            raise BadSetting(
                f"VGG-19 could not be downloaded ({problem}): try again, or name a safetensors file with "
                "--vgg19."
            ) from problem
    else:
        state = load_file(weights)
    if absent := wanted - state.keys():
        raise BadSetting(f"{weights} is not a VGG-19 of torchvision's names: it lacks {sorted(absent)[0]}.")
    network.load_state_dict(network.state_dict() | {k: state[k].float() for k in wanted})
    if scales is not None:
        given = load_file(scales)
        network.load_state_dict(
            network.state_dict() | {f"scale_{i}": given[f"features.{i}.scale"] for i in network.names}
        )
    elif box is not None:
        measure_scales(network, box[:MEASURED])
    if device is not None:
        network = network.to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return network.eval()
