"""`python -m train.preview PHOTOS PHOTO --out FILE`: what a set of photos would give, without training.

The pixels of each face's crop are optimised under the losses (Gatys et al., CVPR 2016) and stitched as a swap is. This is the upper mark that a
network is measured against, and what it is first taught (loop.py).
"""

import argparse
import pathlib
import sys
import time

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facehub import image
from facehub.alignment import reference_landmarks
from facehub.errors import BadSetting, FaceHubError
from facehub.faces import Finder
from facehub.geometry import fit_affine, move
from facehub.swap import Swapper, chosen
from facehub.types import Crops

from . import losses
from .config import Config
from .features import CONTENT, STYLE, VGG19, vgg19
from .material import style_photos
from .precision import autocast
from .style import StyleBank, boxed, style_bank


def terms(output: Float[Tensor, "n 3 h w"], photo: dict[str, Tensor], best: dict[str, Tensor], network: VGG19) -> dict[str, Float[Tensor, " n"]]:
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
        self.size, self.landmarks, self.bank, self.network, self.config = config.size, landmarks, bank, network, config

    def forward(self, crop: Crops) -> Crops:
        config = self.config
        with torch.inference_mode(False), torch.enable_grad():
            return optimise(
                crop.clone(),
                self.landmarks.clone(),
                self.bank,
                self.network,
                alpha=config.target_alpha,
                gamma=config.gamma,
                styles=config.styles,
                steps=config.target_steps,
                rate=config.target_rate,
            )


def main() -> int:
    defaults = Config()
    flags = argparse.ArgumentParser(prog="python -m train.preview", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("photos", type=pathlib.Path, help="a folder of photos of one person, 16 or more")
    flags.add_argument("photo", type=pathlib.Path, help="the photo whose largest face is swapped")
    flags.add_argument("--out", type=pathlib.Path, required=True)
    flags.add_argument("--raw", type=pathlib.Path, help="write the picture before cloning here")
    flags.add_argument("--size", type=int, default=defaults.size, help="side of the crop, px (default: %(default)s)")
    flags.add_argument("--alpha", type=float, default=defaults.target_alpha, help="weight of the style loss (default: %(default)s)")
    flags.add_argument("--steps", type=int, default=defaults.target_steps, help="Adam steps (default: %(default)s)")
    flags.add_argument("--vgg19", type=pathlib.Path, help="VGG-19 weights (safetensors, torchvision's names); downloaded when not given")
    flags.add_argument("--vgg19-scales", type=pathlib.Path, help="their channel scales (safetensors)")
    flags.add_argument("--cache", type=pathlib.Path, default=pathlib.Path(".cache"), help="where aligned faces are kept (default: %(default)s)")
    flags.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = flags.parse_args()
    try:
        if arguments.steps < 1:
            raise BadSetting(f"--steps is {arguments.steps}, but at least 1 is needed.")
        begun, device = time.monotonic(), torch.device(arguments.device)
        config = Config(size=arguments.size, target_alpha=arguments.alpha, target_steps=arguments.steps)
        picture = image.read(arguments.photo)
        style, weeded = style_photos(arguments.photos, size=config.size, cache=arguments.cache)
        print(f"{len(style)} photos of {arguments.photos} are used, {len(weeded)} are not.")
        network = vgg19(arguments.vgg19, arguments.vgg19_scales, box=boxed(style.crop)).to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        found = chosen(Finder()(picture.photo[None]), 1, "largest")
        crop_from_photo = fit_affine(found.landmarks, reference_landmarks(config.size)[None])
        painter = PixelPainter(move(crop_from_photo, found.landmarks).to(device), style_bank(style, network, device=device), network, config)
        swapped = Swapper(painter, finder=lambda _: found, device=device)(picture.photo[None])
        image.write(arguments.out, swapped.blended[0])
        if arguments.raw:
            image.write(arguments.raw, swapped.raw[0])
        print(f"Wrote {arguments.out} after {time.monotonic() - begun:.0f} s.")
    except FaceHubError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
