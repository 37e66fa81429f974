"""Measure whole photos, blended: what a user gets, at the photo's own resolution. `python -m train.evaluate
... --large FOLDER` prints it.

Who sees what: likeness by dlib's recogniser and MobileFaceNet, landmarks by dlib, lips and gaze by
MediaPipe; none of them is in a loss. Sharpness, colour and seam are counted in the photo's pixels
(detail.py, colour.py).

| measure | meaning |
|---|---|
| detail 1px, crop | detail finer than 1 px, and than a pixel of the network's crop: result over input |
| ... face, eyes, mouth, cheeks | where: inside the mask, and in parts of it |
| to identity, to input | cosine to the mean of the identity's photos, to the input person; by each network |
| retrieved | share whose nearest of identity, input person and 500 strangers is the identity |
| NME | movement of the 68 landmarks, percent of the distance between the eyes' centres |
| lip gap | change of the inner lips' distance over that between the eyes: mean, 95th percentile |
| gaze | change of the pupils' place between the corners of the eyes, in eye widths: mean, 95th percentile |
| ring | CIELAB distance of the new skin's mean colour to the ring of skin around it; input: its own |
| skin change | CIELAB distance of the new skin's mean colour to the input's; ab: without lightness |
| iris to identity, to input | distance of the irises' colour to the identity's, to the input's (irises.py) |
| sclera | CIELAB chroma of the whites of the eyes less the input's |
| gray | largest chroma of results of gray photos, levels of 255 |
| seam | train/evaluation/metrics.py |
| octaves | share of energy in each octave, finest first, over that of the identity's photos at equal size |
"""

import pathlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from facehub import image
from facehub.blending.alignment import align
from facehub.blending.filters import luma
from facehub.blending.masks import hull_mask
from facehub.detection.selection import select_faces
from facehub.errors import FaceHubError
from facehub.formats import photo_files
from facehub.geometry import invert, transform_points, warp
from facehub.swapper import Swapper
from facehub.types import Detections, Faces, Photos

from .. import losses
from . import colour, detail
from .expression_metrics import gaze, lip_gap
from .irises import iris_colour
from .metrics import across

AROUND = 0.35
"""How far the measured window reaches beyond the landmarks' box, in units of its longer side."""

EQUAL_PX = 256
"""Side of the crops on which octaves are compared: faces are 136 px wide in them."""

Embed = Callable[[Photos, Float[Tensor, "1 68 2"]], Float[Tensor, "1 k"]]
"""A photo and the landmarks of its face -> the face's vector."""

Mesh = Callable[[Photos, Float[Tensor, "1 68 2"]], Float[Tensor, "1 478 _"]]
"""A photo and the landmarks of its face -> MediaPipe's points in it."""


@dataclass(frozen=True, slots=True)
class Sitter:
    """A photo and its face."""

    name: str
    photo: UInt8[Tensor, "1 3 height width"]
    landmarks: Float[Tensor, "1 68 2"]


@dataclass(frozen=True, slots=True)
class Judge:
    """A face network and what it makes of the people that a result can be taken for."""

    embed: Embed
    identity: Float[Tensor, " k"]
    """Mean of the identity's photos."""
    strangers: Float[Tensor, "people k"]
    centred: bool
    """Whether cosines are taken from the strangers' mean, and retrieval by distance (dlib's), or plain
    (networks trained for cosines).
    """

    def __call__(self, result: Float[Tensor, "1 k"], photo: Float[Tensor, "1 k"]) -> dict[str, float]:
        centre = self.strangers.mean(0) if self.centred else torch.zeros_like(self.identity)
        if self.centred:
            near = [
                -(result - other).norm(dim=1).amin().item()
                for other in (self.identity[None], photo, self.strangers)
            ]
        else:
            near = [
                F.cosine_similarity(result, other).amax().item()
                for other in (self.identity[None], photo, self.strangers)
            ]
        return {
            "to_identity": F.cosine_similarity(result - centre, self.identity[None] - centre).item(),
            "to_input": F.cosine_similarity(result - centre, photo - centre).item(),
            "retrieved": float(near[0] > max(near[1:])),
        }


def sitters(
    folder: pathlib.Path,
    finder: Callable[[Photos], Detections],
    *,
    count: int,
    skip: Callable[[str], bool] = lambda _: False,
) -> Iterator[Sitter]:
    """The first photos of a folder by name, each with its largest face. PNGs beside a JPEG of the same name
    are its labels, and left out.
    """
    paths = photo_files(folder)
    jpegs = {p.with_suffix("") for p in paths if p.suffix.lower() in (".jpg", ".jpeg")}
    for path in paths:
        name = path.relative_to(folder).as_posix()
        if count <= 0:
            return
        if skip(name) or (path.suffix.lower() == ".png" and path.with_suffix("") in jpegs):
            continue
        try:
            photo = image.read(path).photo[None]
            found = select_faces(finder(photo), 1, "largest")
        except FaceHubError:
            continue
        count -= 1
        yield Sitter(name, photo, found.landmarks)


def window(landmarks: Float[Tensor, "1 68 2"], size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the photo around a face."""
    (left, top), (right, bottom) = landmarks[0].amin(0).tolist(), landmarks[0].amax(0).tolist()
    by = AROUND * max(right - left, bottom - top)
    return slice(max(0, int(top - by)), min(size[0], int(bottom + by) + 1)), slice(
        max(0, int(left - by)), min(size[1], int(right + by) + 1)
    )


def measure(
    swapper: Swapper,
    sitter: Sitter,
    judges: Mapping[str, Judge],
    mesh: Mesh | None,
    iris: Float[Tensor, "3"] | None = None,
) -> tuple[dict[str, float], UInt8[Tensor, "1 3 height width"]]:
    """All numbers of one photo, and its result. `iris`: the colour of the identity's."""
    photo, points = sitter.photo, sitter.landmarks
    swapped = swapper(photo, detections=Detections(points, torch.zeros(1, dtype=torch.long)))
    result, faces = swapped.blended, swapped.faces
    rows, columns = window(points, (photo.shape[2], photo.shape[3]))
    local = points - points.new_tensor([columns.start, rows.start])
    before, after, mask = (picture[:, :, rows, columns] for picture in (photo, result, swapped.mask))
    crop_px = torch.linalg.det(faces.crop_from_photo[:, :, :2]).abs().rsqrt()
    row = {"width_px": (points[0, 16] - points[0, 0]).norm().item(), "crop_px": crop_px.item()}
    for name, region in detail.regions(local, mask > 127).items():
        row[f"detail_1px_{name}"] = detail.detail(after, before, region, torch.ones(1)).item()
        row[f"detail_crop_{name}"] = detail.detail(after, before, region, crop_px.clamp(min=1)).item()
    for name, judge in judges.items():
        numbers = judge(judge.embed(result, points), judge.embed(photo, points))
        row |= {f"{name}_{key}": value for key, value in numbers.items()}
    found = swapper.finder(result)
    if len(found.photo):
        nearest = (found.landmarks.mean(1) - points.mean(1)).norm(dim=1).argmin()
        row["nme_percent"] = losses.landmarks(found.landmarks[nearest][None], points).item() * 100
    if mesh:
        was, now = mesh(photo, points), mesh(result, points)
        row["lip_gap"] = (lip_gap(now) - lip_gap(was)).abs().item()
        row["gaze"] = (gaze(now) - gaze(was)).abs().max().item()
        made, theirs = iris_colour(result, now), iris_colour(photo, was)
        row["iris_to_input"] = (made - theirs).norm().item()
        if iris is not None:
            row["iris_to_identity"] = (made - iris).norm().item()
    row |= colours(photo, result, faces)
    row["sclera"] = (colour.sclera_chroma(after, local) - colour.sclera_chroma(before, local)).item()
    steps, pairs = across(after, before, mask > 0)
    row["seam"] = (steps / pairs.clamp(min=1)).item()
    return row, result


def colours(photo: Photos, result: Photos, faces: Faces) -> dict[str, float]:
    """Distances of the new skin, and of the input's, to the ring; in the crop's frame."""
    size = faces.crop.shape[-1]
    at = transform_points(faces.crop_from_photo, faces.landmarks)
    skin, ring = colour.skin(faces.mask, at), colour.ring(faces.mask, faces.colour_source)
    if not (ring.any() and skin.any()):
        return {}
    crop = warp(result, faces.photo, invert(faces.crop_from_photo), (size, size))
    around = colour.mean_colour(faces.crop, ring)
    ours, theirs = colour.mean_colour(crop, skin), colour.mean_colour(faces.crop, skin)
    return {
        "skin_L": theirs[0, 0].item(),
        "ring": (ours - around).norm().item(),
        "ring_input": (theirs - around).norm().item(),
        "ring_ab": (ours - around)[:, 1:].norm().item(),
        "ring_ab_input": (theirs - around)[:, 1:].norm().item(),
        "skin_change": (ours - theirs).norm().item(),
        "skin_change_ab": (ours - theirs)[:, 1:].norm().item(),
    }


def grayed(photo: Photos) -> Photos:
    """The photo's luma in all three colours."""
    return luma(photo.float()).round().to(torch.uint8).expand(-1, 3, -1, -1).contiguous()


def wide_enough(sitter: Sitter) -> bool:
    """Whether the photo holds what a crop of `EQUAL_PX` can show: a jaw of 0.53 of its side."""
    return (sitter.landmarks[0, 16] - sitter.landmarks[0, 0]).norm().item() >= 0.53 * EQUAL_PX


def octave_shares(photo: Photos, landmarks: Float[Tensor, "1 68 2"]) -> Float[Tensor, "1 octaves"]:
    """Of the face in a crop of `EQUAL_PX`, so that faces of all sizes compare."""
    faces = align(photo, landmarks, torch.zeros(1, dtype=torch.long), size=EQUAL_PX)
    inside = hull_mask(faces.crop, transform_points(faces.crop_from_photo, landmarks)) > 0.99
    return detail.octaves((faces.crop * 255).round().to(torch.uint8), inside)


def summary(rows: list[dict[str, float]]) -> dict[str, float]:
    """Means over the photos that have a number; changes also by their 95th percentile."""
    made = {"photos": float(len(rows))}
    for key in dict.fromkeys(key for row in rows for key in row):
        values = torch.tensor([row[key] for row in rows if key in row and row[key] == row[key]])
        if len(values):
            made[key] = values.mean().item()
            if key in ("lip_gap", "gaze", "ring", "ring_ab", "nme_percent"):
                made[f"{key}_p95"] = values.quantile(0.95).item()
    return made
