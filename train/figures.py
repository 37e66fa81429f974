"""`python -m train.figures IDENTITY PHOTO... --out FILE`: the paper's Figure 5, one row a photo: input, raw output, result."""

import argparse
import pathlib
import sys

import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor

from facehub import image
from facehub.errors import FaceHubError
from facehub.faces import box
from facehub.generators import Generator
from facehub.hub import load
from facehub.swap import Swapper
from facehub.types import Swapped

from .identity import contact_sheet

MARGIN = 0.75
"""How much of the photo is shown around the face's landmarks, in units of their box."""


def row(photo: UInt8[Tensor, "3 height width"], swapped: Swapped, *, side: int) -> UInt8[Tensor, "3 3 side side"]:
    """Input, raw output and result around the largest face, each `side` px square."""
    left, top, right, bottom = box(swapped.faces.landmarks[:1])[0].tolist()
    height, width = photo.shape[-2:]
    half = min(max(right - left, bottom - top) * (0.5 + MARGIN), min(height, width) / 2)
    x, y = min(max((left + right) / 2, half), width - half), min(max((top + bottom) / 2, half), height - half)
    rows, columns = slice(round(y - half), round(y + half)), slice(round(x - half), round(x + half))
    pictures = torch.stack([photo, swapped.raw[0], swapped.blended[0]])[:, :, rows, columns]
    shown = F.interpolate(pictures.float(), size=(side, side), mode="bicubic", antialias=True)
    return shown.round().clamp(0, 255).to(torch.uint8)


def figure(
    generator: Generator, photos: list[pathlib.Path], *, side: int = 256, pairs: int = 2
) -> UInt8[Tensor, "3 height width"]:
    """All rows, `pairs` photos side by side."""
    swapper = Swapper(generator)
    pictures = [image.read(path).photo for path in photos]
    rows = [row(photo, swapper(photo[None], faces="largest"), side=side) for photo in pictures]
    rows += [torch.full_like(rows[0], 255)] * (-len(rows) % pairs)
    return contact_sheet(torch.cat(rows), columns=3 * pairs)


def main() -> int:
    flags = argparse.ArgumentParser(prog="python -m train.figures", description=__doc__)
    flags.add_argument("identity", help="name or folder")
    flags.add_argument("photos", nargs="+", type=pathlib.Path)
    flags.add_argument("--out", type=pathlib.Path, required=True)
    arguments = flags.parse_args()
    try:
        image.write(arguments.out, figure(load(arguments.identity).generator("cpu"), arguments.photos))
    except FaceHubError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
