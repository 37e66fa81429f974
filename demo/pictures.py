"""The pictures that the page shows of one swap: written once, small enough for a phone, and marked where they are generated."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from jaxtyping import Float, UInt8
from torch import Tensor
from torchvision.transforms.v2.functional import resize

from facehub import image
from facehub.errors import BadPhoto
from facehub.image import Picture
from facehub.provenance import Marks, Origin
from facehub.types import Swapped

PREVIEW_PX = 1280
"""Longer side of what the page shows; the result has the photo's own size."""

FEATURES = ((0, 17), (17, 22), (22, 27), (27, 31), (31, 36), (36, 42), (42, 48), (48, 60), (60, 68))
"""Jaw, brows, nose, eyes and lips among the 68 landmarks: the first, and one past the last."""

CLOSED = (36, 42, 48, 60)
"""The first landmarks of the features whose outline closes: eyes and lips."""

LINE, DOT = (255, 255, 255), (13, 148, 136)


class Results(NamedTuple):
    """What a swap gives, in the order in which the page and the API hand it out."""

    result: Path
    """The blended photo: its own size, its transparency, marked as generated."""
    original: Path
    raw: Path
    blended: Path
    before_after: tuple[Path, Path]
    steps: list[tuple[Path, str]]
    """Per face its aligned crop, the network's output and the mask, each with a caption."""
    landmarks: Path
    timetable: str
    notes: str
    """What a person should know of the faces, as Markdown; mostly nothing."""


def write(
    swapped: Swapped,
    picture: Picture,
    folder: Path,
    *,
    name: str,
    seconds: dict[str, float],
    origin: Origin | None = None,
    marks: Marks | None = None,
) -> Results:
    """Writes the swap of one photo into an empty folder. `name` is the result's without suffix, `seconds` those of the stages so far.

    What is generated gets the `marks`, and says what `origin` tells.
    """
    start = time.perf_counter()
    whole = Picture(swapped.blended[0].cpu(), picture.alpha)
    result = folder / f"{name}.png"
    image.write(result, whole.photo, alpha=whole.alpha, origin=origin, marks=marks)
    original, raw = folder / "original.png", folder / "raw.png"
    show(picture, original, generated=False)
    show(Picture(swapped.raw[0].cpu(), picture.alpha), raw, origin=origin, marks=marks)
    blended = result
    if max(whole.photo.shape) > PREVIEW_PX:
        blended = folder / "blended.png"
        show(whole, blended, origin=origin, marks=marks)
    landmarks = folder / "landmarks.png"
    landmarks_over(picture.photo, swapped.faces.landmarks.cpu()).save(landmarks)
    by_face = steps(swapped, folder, origin=origin, marks=marks)
    return Results(
        result=result,
        original=original,
        raw=raw,
        blended=blended,
        before_after=(original, blended),
        steps=by_face,
        landmarks=landmarks,
        timetable=timetable(seconds | {"write": time.perf_counter() - start}),
        notes=noted(swapped.faces.notes),
    )


def show(picture: Picture, path: Path, **options) -> None:
    """Writes a picture at no more than `PREVIEW_PX`. Options go to `image.write`."""
    alpha = None if picture.alpha is None else reduced(picture.alpha)
    image.write(path, reduced(picture.photo), alpha=alpha, **options)


def copies(samples: Sequence[Path], folder: Path, *, most: int = 8) -> list[str]:
    """Small copies of an identity's sample pictures, which may come from anybody: what cannot be opened, or is huge, is left out."""
    written = []
    for sample in samples[:most]:
        try:
            picture = image.read(sample)
        except BadPhoto:
            continue
        show(picture, folder / f"sample-{len(written)}.png")
        written.append(str(folder / f"sample-{len(written)}.png"))
    return written


def reduced(photo: UInt8[Tensor, "channels height width"]) -> UInt8[Tensor, "channels h w"]:
    scale = min(1.0, PREVIEW_PX / max(photo.shape))
    return resize(photo, [max(1, round(side * scale)) for side in photo.shape[1:]]) if scale < 1 else photo


def steps(swapped: Swapped, folder: Path, **options) -> list[tuple[Path, str]]:
    """Writes what the network saw, what it made of it and where that goes, face by face."""
    captioned, outputs = [], swapped.output
    for number, (crop, output, mask) in enumerate(zip(swapped.faces.crop, outputs, swapped.faces.mask, strict=True)):
        whose = f" {number}" if len(outputs) > 1 else ""
        for what, pixels, generated in (("Aligned face", crop, False), ("Network output", output, True), ("Mask", mask, False)):
            path = folder / f"{what.lower().replace(' ', '-')}-{number}.png"
            image.write(path, (pixels.clamp(0, 1) * 255).round().byte().cpu(), generated=generated, **options)
            captioned.append((path, what + whose))
    return captioned


def landmarks_over(photo: UInt8[Tensor, "3 height width"], landmarks: Float[Tensor, "faces 68 2"]) -> PIL.Image.Image:
    """The photo, reduced, with each face's features drawn as lines, and its number where there are several."""
    small = reduced(photo)
    drawn = image.to_pil(small).convert("RGB")
    pen = PIL.ImageDraw.Draw(drawn)
    for number, points in enumerate((landmarks * small.shape[-1] / photo.shape[-1]).tolist()):
        dots = [tuple(point) for point in points]
        width = dots[16][0] - dots[0][0]
        radius = max(1.0, abs(width) / 100)
        for first, end in FEATURES:
            pen.line(dots[first:end] + dots[first : first + 1] * (first in CLOSED), fill=LINE, width=max(1, round(radius)))
        for x, y in dots:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=DOT)
        if len(landmarks) > 1:
            size = max(14.0, abs(width) / 4)
            font = PIL.ImageFont.load_default(size)
            pen.text(dots[27], str(number), font=font, anchor="mb", fill=LINE, stroke_width=max(1, round(size / 10)), stroke_fill=DOT)
    return drawn


def noted(notes: Sequence[str]) -> str:
    """A Markdown line for each face of which there is something to say, by its number where there are several."""
    return "\n\n".join(f"Face {number}: {note}" if len(notes) > 1 else note for number, note in enumerate(notes) if note)


def timetable(seconds: dict[str, float]) -> str:
    """A Markdown table of the seconds of each stage, in the order given, and their sum."""
    rows = [f"| {stage} | {spent:.3f} s |" for stage, spent in seconds.items()]
    return "\n".join(["| Stage | Time |", "|:--|--:|", *rows, f"| **together** | **{sum(seconds.values()):.3f} s** |"])
