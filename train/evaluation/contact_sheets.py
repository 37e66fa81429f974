"""Pictures to look at: large faces beside their inputs, and their eyes and mouths enlarged."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from facehub.detection.selection import select_faces
from facehub.sheets import face_crop, make_grid, resized, with_titles
from facehub.swapper import Swapper

PAIRS = 4
"""Photos in a row."""

ENLARGED = 2
"""By how much eyes and mouths are enlarged."""


def large_faces(
    swapper: Swapper, photos: list[UInt8[Tensor, "3 _ _"]], *, parts: bool, side: int = 320
) -> UInt8[Tensor, "3 height width"]:
    """Input and result of each photo's largest face; with `parts`, of its eyes above its mouth."""
    tiles = []
    for photo in photos:
        found = select_faces(swapper.finder(photo[None]), 1, "largest")
        both = torch.stack([photo, swapper(photo[None], detections=found).blended[0].cpu()])
        if parts:
            points, seen = found.landmarks[0].cpu(), side // ENLARGED
            middles = (points[36:48].mean(0), points[48:68].mean(0))
            both = torch.cat([cut(both, middle, (seen // 2, seen)) for middle in middles], dim=2)
            tiles.append(resized(both, side))
        else:
            tiles.append(face_crop(both, found.landmarks, side=side))
    tiles += [torch.full_like(tiles[0], 255)] * (-len(tiles) % PAIRS)
    return with_titles(make_grid(torch.cat(tiles), columns=2 * PAIRS), ["input", "result"] * PAIRS)


def cut(
    pictures: UInt8[Tensor, "n 3 height width"], middle: Float[Tensor, " 2"], size: tuple[int, int]
) -> UInt8[Tensor, "n 3 h w"]:
    """A rectangle of (height, width) around a point, moved inwards at the edge. Pictures are no smaller."""
    starts = [
        min(max(round(at) - length // 2, 0), whole - length)
        for at, length, whole in zip(reversed(middle.tolist()), size, pictures.shape[-2:], strict=True)
    ]
    return pictures[:, :, starts[0] : starts[0] + size[0], starts[1] : starts[1] + size[1]]
