"""Pictures to look at: rows of the paper's figures and contact sheets."""

import pathlib

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from facehub.faces import box
from facehub.types import Swapped

MARGIN = 0.75
"""How much of a photo is shown around the face's landmarks, in units of their box."""


def row(photo: UInt8[Tensor, "3 height width"], swapped: Swapped, *, side: int) -> UInt8[Tensor, "3 3 side side"]:
    """Input, raw output and result around the largest face, each `side` px square: a row of the paper's Figure 5."""
    return around(torch.stack([photo, swapped.raw[0], swapped.blended[0]]), swapped.faces.landmarks, side=side)


def around(
    pictures: UInt8[Tensor, "n 3 height width"], landmarks: Float[Tensor, "faces 68 2"], *, side: int
) -> UInt8[Tensor, "n 3 side side"]:
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


def curves(rows: list[dict], file: pathlib.Path) -> None:
    """The losses of a run's log over its steps, one panel a loss, a shade a stage, as a PNG file."""
    import matplotlib.figure  # a machine that only trains may lack it

    names = sorted({name for row in rows for name in row["losses"]})
    stages = list(dict.fromkeys(row["name"] for row in rows))
    figure = matplotlib.figure.Figure(figsize=(4 * len(names), 3), layout="constrained")
    for panel, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for stage in stages:
            points = [(i, row["losses"][name]) for i, row in enumerate(rows, 1) if row["name"] == stage and name in row["losses"]]
            if points:
                panel.plot(*zip(*points, strict=True), linewidth=0.6, label=stage)
        panel.set(title=name, xlabel="step", yscale="log" if all(row["losses"].get(name, 1) > 0 for row in rows) else "linear")
    figure.legend(*figure.axes[-1].get_legend_handles_labels(), loc="outside lower center", ncols=len(stages))
    figure.savefig(file, format="png", dpi=100)
