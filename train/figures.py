"""`python -m train.figures IDENTITY PHOTO... --out FILE`: the paper's Figure 5, one row a photo: input, raw output, result."""

import argparse
import pathlib
import sys

import torch
from jaxtyping import UInt8
from torch import Tensor

from facehub import image
from facehub.errors import FaceHubError
from facehub.generators import Generator
from facehub.hub import load
from facehub.swap import Swapper

from .sheets import contact_sheet, row


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
