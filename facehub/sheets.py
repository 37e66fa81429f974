"""Pictures to look at: contact sheets, one photo with several identities, rows of the paper's figures."""

from collections.abc import Callable, Mapping

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from .errors import BadSetting
from .faces import box
from .generators import Painter
from .swap import Swapper, chosen
from .types import Found, Photos, Swapped

MARGIN = 0.75
"""How much of a photo is shown around the face's landmarks, in units of their box."""


MAX_MEGAPIXELS = 100
"""Of a sheet."""


def compared(
    photo: UInt8[Tensor, "3 height width"],
    generators: Mapping[str, Painter],
    finder: Callable[[Photos], Found],
    *,
    side: int,
    columns: int,
    device: torch.device | str = "cpu",
) -> UInt8[Tensor, "3 h w"]:
    """The photo around its largest face, and the same with each generator's identity, under their titles. The photo is searched once.

    Raises NoFace, and BadSetting for a sheet too large to make.
    """
    if (len(generators) + columns) * side**2 > MAX_MEGAPIXELS * 1e6:
        raise BadSetting(f"A sheet of {len(generators) + 1} pictures of {side} px would be too large: make them smaller.")
    found = chosen(finder(photo[None]), 1, "largest")
    swappers = [Swapper(generator, finder=finder, device=device) for generator in generators.values()]
    shown = [photo, *(swapper(photo[None], found=found).blended[0].cpu() for swapper in swappers)]
    tiles = torch.cat([around(picture[None], found.landmarks, side=side) for picture in shown])
    titles, columns = ["Photo", *generators], min(columns, len(shown))
    titles += [""] * (-len(titles) % columns)
    rows = [contact_sheet(part, columns=columns) for part in tiles.split(columns)]
    return torch.cat([titled(row, titles[i * columns : (i + 1) * columns]) for i, row in enumerate(rows)], dim=1)


def row(photo: UInt8[Tensor, "3 height width"], swapped: Swapped, *, side: int) -> UInt8[Tensor, "3 3 side side"]:
    """Input, raw output and result around the largest face, each `side` px square: a row of the paper's Figure 5."""
    return around(torch.stack([photo, swapped.raw[0], swapped.blended[0]]), swapped.faces.landmarks, side=side)


def around(pictures: UInt8[Tensor, "n 3 height width"], landmarks: Float[Tensor, "faces 68 2"], *, side: int) -> UInt8[Tensor, "n 3 side side"]:
    """The same square of each picture, around the first face."""
    left, top, right, bottom = box(landmarks[:1])[0].tolist()
    height, width = pictures.shape[-2:]
    half = min(max(right - left, bottom - top) * (0.5 + MARGIN), min(height, width) / 2)
    x, y = min(max((left + right) / 2, half), width - half), min(max((top + bottom) / 2, half), height - half)
    rows, columns = slice(round(y - half), round(y + half)), slice(round(x - half), round(x + half))
    return resized(pictures[:, :, rows, columns], side)


def titled(sheet: UInt8[Tensor, "3 height width"], titles: list[str]) -> UInt8[Tensor, "3 taller width"]:
    """A line of text above each of as many columns as there are titles."""
    width = sheet.shape[-1]
    step, bar = width // len(titles), np.full((28, width, 3), 255, dtype=np.uint8)
    for column, title in enumerate(titles):
        cv2.putText(bar, title, (column * step + 6, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return torch.cat([torch.from_numpy(bar).permute(2, 0, 1), sheet], dim=1)


def resized(pictures: UInt8[Tensor, "n 3 h w"], side: int) -> UInt8[Tensor, "n 3 side side"]:
    shown = F.interpolate(pictures.float(), size=(side, side), mode="bicubic", antialias=True)
    return shown.round().clamp(0, 255).to(torch.uint8)


def contact_sheet(crop: UInt8[Tensor, "n 3 size size"], *, columns: int) -> UInt8[Tensor, "3 height width"]:
    """Row by row; the last row is filled up with white."""
    crop = torch.cat([crop, crop.new_full((-len(crop) % columns, *crop.shape[1:]), 255)])
    rows = crop.unflatten(0, (-1, columns))
    return rows.permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)
