"""Pictures for people: contact sheets, one photo with several identities, rows of the paper's figures."""

import functools
from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .detection.finder import box
from .detection.selection import select_faces
from .errors import BadSetting
from .networks.generator import FaceGenerator
from .swapped import Swapped
from .swapper import Swapper
from .types import Detections, Photos

MARGIN = 0.75
"""How much of a photo is shown around the face's landmarks, in units of their box."""

MAX_MEGAPIXELS = 100
"""Of a sheet."""

TITLE_HEIGHT_PX = 28
"""Height of a line of titles."""

TITLE_MARGIN_PX = 6
"""Left and right of a title."""

FONT_PX = 14
"""Size of the titles' letters."""

FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "Arial Unicode.ttf",
    "segoeui.ttf",
    "msyh.ttc",
)
"""Fonts with letters beyond Latin that a system may have; Pillow's built-in one, mostly Latin, is always
there."""

MISSING_LETTER = "\U0010fffd"
"""A letter that no font has: it is drawn as a font draws all letters that it lacks."""


def comparison_sheet(
    photo: UInt8[Tensor, "3 height width"],
    generators: Mapping[str, FaceGenerator],
    finder: Callable[[Photos], Detections],
    *,
    side: int,
    columns: int,
    device: torch.device | str = "cpu",
) -> UInt8[Tensor, "3 h w"]:
    """The photo around its largest face, and the same with each generator's identity, under their titles.

    The photo is searched once. Raises NoFace, and BadSetting for a sheet too large to make.
    """
    if (len(generators) + columns) * side**2 > MAX_MEGAPIXELS * 1e6:
        raise BadSetting(
            f"A sheet of {len(generators) + 1} pictures of {side} px would be too large: make them smaller."
        )
    found = select_faces(finder(photo[None]), 1, "largest")
    swappers = [Swapper(generator, finder=finder, device=device) for generator in generators.values()]
    shown = [photo, *(swapper(photo[None], detections=found).blended[0].cpu() for swapper in swappers)]
    tiles = torch.cat([face_crop(picture[None], found.landmarks, side=side) for picture in shown])
    titles, columns = ["Photo", *generators], min(columns, len(shown))
    titles += [""] * (-len(titles) % columns)
    rows = [make_grid(part, columns=columns) for part in tiles.split(columns)]
    return torch.cat(
        [with_titles(row, titles[i * columns : (i + 1) * columns]) for i, row in enumerate(rows)], dim=1
    )


def before_after_row(
    photo: UInt8[Tensor, "3 height width"], swapped: Swapped, *, side: int
) -> UInt8[Tensor, "3 3 side side"]:
    """Input, raw output and result around the largest face, `side` px square: a row of Figure 5."""
    return face_crop(
        torch.stack([photo, swapped.raw[0], swapped.blended[0]]), swapped.faces.landmarks, side=side
    )


def face_crop(
    pictures: UInt8[Tensor, "n 3 height width"], landmarks: Float[Tensor, "faces 68 2"], *, side: int
) -> UInt8[Tensor, "n 3 side side"]:
    """The same square of each picture, around the first face."""
    left, top, right, bottom = box(landmarks[:1])[0].tolist()
    height, width = pictures.shape[-2:]
    half = min(max(right - left, bottom - top) * (0.5 + MARGIN), min(height, width) / 2)
    x, y = min(max((left + right) / 2, half), width - half), min(max((top + bottom) / 2, half), height - half)
    rows, columns = slice(round(y - half), round(y + half)), slice(round(x - half), round(x + half))
    return resized(pictures[:, :, rows, columns], side)


def with_titles(sheet: UInt8[Tensor, "3 height width"], titles: list[str]) -> UInt8[Tensor, "3 taller width"]:
    """A line of text above each column, one a title; a title that is too wide ends in an ellipsis."""
    width = sheet.shape[-1]
    step, bar = width // len(titles), Image.new("RGB", (width, TITLE_HEIGHT_PX), "white")
    pen = ImageDraw.Draw(bar)
    for column, title in enumerate(titles):
        font = font_for(title)
        text = fitted(title, font, float(step - 2 * TITLE_MARGIN_PX))
        place = (column * step + TITLE_MARGIN_PX, TITLE_HEIGHT_PX / 2)
        pen.text(place, text, fill="black", font=font, anchor="lm")
    return torch.cat([torch.from_numpy(np.array(bar)).permute(2, 0, 1), sheet], dim=1)


def fitted(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """The text, or as much of its beginning as fits into `width` px with an ellipsis."""
    if font.getlength(text) <= width:
        return text
    end = max((n for n in range(len(text)) if font.getlength(text[:n].rstrip() + "…") <= width), default=0)
    return text[:end].rstrip() + "…"


def font_for(text: str) -> ImageFont.FreeTypeFont:
    """The first font of this system that has all letters of a text, or else the one that lacks the fewest."""
    return min(_fonts(), key=lambda font: sum(_lacks(font, letter) for letter in set(text)))


@functools.cache
def _fonts() -> list[ImageFont.FreeTypeFont]:
    fonts = []
    for name in FONTS:
        try:
            fonts.append(ImageFont.truetype(name, FONT_PX))
        except OSError:
            continue  # this system does not have it
    default = ImageFont.load_default(FONT_PX)
    assert isinstance(default, ImageFont.FreeTypeFont)
    return [default, *fonts]


@functools.cache
def _lacks(font: ImageFont.FreeTypeFont, letter: str) -> bool:
    return _drawn(font, letter) == _drawn(font, MISSING_LETTER)


def _drawn(font: ImageFont.FreeTypeFont, letter: str) -> bytes:
    picture = Image.new("L", (2 * FONT_PX, 2 * FONT_PX))
    ImageDraw.Draw(picture).text((0, 0), letter, fill=255, font=font)
    return picture.tobytes()


def resized(pictures: UInt8[Tensor, "n 3 h w"], side: int) -> UInt8[Tensor, "n 3 side side"]:
    shown = F.interpolate(pictures.float(), size=(side, side), mode="bicubic", antialias=True)
    return shown.round().clamp(0, 255).to(torch.uint8)


def make_grid(crop: UInt8[Tensor, "n 3 size size"], *, columns: int) -> UInt8[Tensor, "3 height width"]:
    """Row by row; the last row is filled up with white."""
    crop = torch.cat([crop, crop.new_full((-len(crop) % columns, *crop.shape[1:]), 255)])
    rows = crop.unflatten(0, (-1, columns))
    return rows.permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)
