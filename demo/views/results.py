"""Pictures of one swap for the page: written once, small enough for a phone, and marked where they are
generated."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from facehub import image
from facehub.errors import BadPhoto
from facehub.face_plan import SwappedFaces
from facehub.geometry import resize
from facehub.image import Picture

PREVIEW_PX = 1280
"""Longer side of previews; the result has the photo's own size."""

FEATURES = ((0, 17), (17, 22), (22, 27), (27, 31), (31, 36), (36, 42), (42, 48), (48, 60), (60, 68))
"""Index ranges of jaw, brows, nose, eyes and lips among the 68 landmarks: first, and one past the last."""

CLOSED = (36, 42, 48, 60)
"""First landmarks of the features with a closed outline: eyes and lips."""

LINE, DOT = (255, 255, 255), (13, 148, 136)


class Results(NamedTuple):
    """Result of a swap, in the order in which the API returns it."""

    result: Path
    """The blended photo at full size, with its transparency, marked as generated."""
    timetable: str
    notes: str
    """Notes on the faces, as Markdown; mostly empty."""


class Details(NamedTuple):
    """How a swap was made, in the order in which the API returns it."""

    raw: Path
    """A preview of the photo with the networks' outputs pasted in."""
    steps: list[tuple[Path, str]]
    """For each face the aligned crop, the network's output and the mask, with captions."""
    landmarks: Path


def write_results(
    swapped: SwappedFaces,
    blended: UInt8[Tensor, "3 height width"],
    picture: Picture,
    folder: Path,
    *,
    name: str,
    seconds: dict[str, float],
    **options,
) -> Results:
    """Write the result of one photo's swap into an empty folder. `name`: its name without suffix. `seconds`:
    times of the stages so far. Options go to `image.write`."""
    start, result = time.perf_counter(), folder / f"{name}.png"
    image.write(result, blended, alpha=picture.alpha, durable=False, **options)
    told = timetable(seconds | {"write": time.perf_counter() - start})
    return Results(result, told, format_notes(swapped.notes))


def write_details(swapped: SwappedFaces, picture: Picture, folder: Path, **options) -> Details:
    """Write how a photo's swap was made into an empty folder. Options go to `image.write`."""
    raw = write_preview(Picture(swapped.raw[0].cpu(), picture.alpha), folder / "raw", **options)
    landmarks = folder / "landmarks.png"
    landmarks_over(picture.photo, swapped.landmarks.cpu()).save(landmarks)
    return Details(raw, steps(swapped, folder, **options), landmarks)


def write_preview(picture: Picture, stem: Path, **options) -> Path:
    """Write a picture with no side longer than `PREVIEW_PX`, and return its path: `stem` with the suffix of
    the fastest format that holds it. Options go to `image.write`."""
    alpha = None if picture.alpha is None else shrink(picture.alpha)
    path = stem.with_name(f"{stem.name}{'.jpg' if alpha is None else '.webp'}")
    image.write(path, shrink(picture.photo), alpha=alpha, durable=False, **options)
    return path


def copy_samples(samples: Sequence[Path], folder: Path, *, limit: int = 8) -> list[str]:
    """Copy an identity's sample pictures, smaller. They may come from anybody: those that cannot be opened or
    are huge are left out."""
    written = []
    for sample in samples[:limit]:
        try:
            picture = image.read(sample)
        except BadPhoto:
            continue
        written.append(str(write_preview(picture, folder / f"sample-{len(written)}")))
    return written


def shrink(photo: UInt8[Tensor, "channels height width"]) -> UInt8[Tensor, "channels h w"]:
    scale = min(1.0, PREVIEW_PX / max(photo.shape))
    height, width = (max(1, round(side * scale)) for side in photo.shape[1:])
    return resize(photo, (height, width)) if scale < 1 else photo


def steps(swapped: SwappedFaces, folder: Path, **options) -> list[tuple[Path, str]]:
    """Write the aligned crop, the network's output and the mask of each face, in the order of their
    numbers."""
    faces = {}
    for part, numbers in zip(swapped.parts, swapped.numbers, strict=True):
        for number, *pictures in zip(numbers, part.faces.crop, part.output, part.faces.mask, strict=True):
            faces[number] = pictures
    captioned = []
    for number, pictures in sorted(faces.items()):
        whose = f" {number}" if len(faces) > 1 else ""
        for what, pixels in zip(("Aligned face", "Network output", "Mask"), pictures, strict=True):
            path = folder / f"{what.lower().replace(' ', '-')}-{number}.png"
            levels = (pixels.clamp(0, 1) * 255).round().byte().cpu()
            image.write(path, levels, generated=what == "Network output", durable=False, **options)
            captioned.append((path, what + whose))
    return captioned


def at_strength(
    photo: UInt8[Tensor, "3 height width"], full: UInt8[Tensor, "3 height width"], strength: float | int
) -> UInt8[Tensor, "3 height width"]:
    """Mix the photo (strength 0) with its full swap (1). Equal to blending anew, but for rounding by one
    level."""
    if strength >= 1:
        return full
    return torch.lerp(photo.float(), full.float(), strength).round().byte()


def landmarks_over(
    photo: UInt8[Tensor, "3 height width"], landmarks: Float[Tensor, "faces 68 2"]
) -> PIL.Image.Image:
    """Draw each face's landmarks over the reduced photo, and its number when there are several faces."""
    small = shrink(photo)
    drawn = image.to_pil(small).convert("RGB")
    pen = PIL.ImageDraw.Draw(drawn)
    for number, points in enumerate((landmarks * small.shape[-1] / photo.shape[-1]).tolist()):
        dots = [tuple(point) for point in points]
        width = dots[16][0] - dots[0][0]
        radius = max(1.0, abs(width) / 100)
        for first, end in FEATURES:
            pen.line(
                dots[first:end] + dots[first : first + 1] * (first in CLOSED),
                fill=LINE,
                width=max(1, round(radius)),
            )
        for x, y in dots:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=DOT)
        if len(landmarks) > 1:
            size = max(14.0, abs(width) / 4)
            font = PIL.ImageFont.load_default(size)
            pen.text(
                dots[27],
                str(number),
                font=font,
                anchor="mb",
                fill=LINE,
                stroke_width=max(1, round(size / 10)),
                stroke_fill=DOT,
            )
    return drawn


def format_notes(notes: Sequence[str]) -> str:
    """Format the notes as Markdown, one line per face that has one, with its number when there are several
    faces."""
    return "\n\n".join(
        f"Face {number}: {note}" if len(notes) > 1 else note for number, note in enumerate(notes) if note
    )


def timetable(seconds: dict[str, float]) -> str:
    """Format the seconds of each stage, in the order given, and their sum as a Markdown table."""
    rows = [f"| {stage} | {spent:.3f} s |" for stage, spent in seconds.items()]
    return "\n".join(
        ["| Stage | Time |", "|:--|--:|", *rows, f"| **total** | **{sum(seconds.values()):.3f} s** |"]
    )
