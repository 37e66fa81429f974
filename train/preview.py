"""`python -m train.preview PHOTOS PHOTO --out FILE`: what a set of photos would give, without training.

The pixels of each face's crop are optimised under the losses (Gatys et al., CVPR 2016) and stitched as a
swap is. This is the upper mark that a network is measured against, and what it is first taught (loop.py).
"""

import argparse
import pathlib
import sys
import time

import torch

from facehub import image
from facehub.blending.alignment import reference_landmarks
from facehub.detection.finder import Finder
from facehub.detection.selection import select_faces
from facehub.errors import BadSetting, FaceHubError
from facehub.geometry import fit_affine, transform_points
from facehub.swapper import Swapper

from .config import Config
from .data.dataset import style_photos
from .data.face_box import boxed
from .flags import add_cache_flag, add_device_flag, add_vgg19_flags
from .networks.vgg import vgg19
from .pixel_optimisation import PixelPainter
from .style_bank import style_bank


def main() -> int:
    defaults = Config()
    flags = argparse.ArgumentParser(
        prog="python -m train.preview",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flags.add_argument("photos", type=pathlib.Path, help="a folder of photos of one person, 16 or more")
    flags.add_argument("photo", type=pathlib.Path, help="the photo whose largest face is swapped")
    flags.add_argument("--out", type=pathlib.Path, required=True)
    flags.add_argument("--raw", type=pathlib.Path, help="write the picture before cloning here")
    flags.add_argument(
        "--size", type=int, default=defaults.size, help="side of the crop, px (default: %(default)s)"
    )
    flags.add_argument(
        "--alpha",
        type=float,
        default=defaults.target_alpha,
        help="weight of the style loss (default: %(default)s)",
    )
    flags.add_argument(
        "--steps", type=int, default=defaults.target_steps, help="Adam steps (default: %(default)s)"
    )
    add_vgg19_flags(flags)
    add_cache_flag(flags)
    add_device_flag(flags)
    arguments = flags.parse_args()
    try:
        if arguments.steps < 1:
            raise BadSetting(f"--steps is {arguments.steps}, but at least 1 is needed.")
        begun, device = time.monotonic(), torch.device(arguments.device)
        config = Config(size=arguments.size, target_alpha=arguments.alpha, target_steps=arguments.steps)
        picture = image.read(arguments.photo)
        style, weeded = style_photos(arguments.photos, size=config.size, cache=arguments.cache)
        print(f"{len(style)} photos of {arguments.photos} are used, {len(weeded)} are not.")
        network = vgg19(arguments.vgg19, arguments.vgg19_scales, box=boxed(style.crop), device=device)
        found = select_faces(Finder()(picture.photo[None]), 1, "largest")
        crop_from_photo = fit_affine(found.landmarks, reference_landmarks(config.size)[None])
        painter = PixelPainter(
            transform_points(crop_from_photo, found.landmarks).to(device),
            style_bank(style, network, device=device),
            network,
            config,
        )
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
