"""The paper's Figures 5 to 10 as functions of photos and swappers; the command is train/figures.py."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from facehub.blending.alignment import align, reference_landmarks
from facehub.detection.finder import Finder
from facehub.detection.selection import select_faces
from facehub.geometry import fit_affine, transform_points
from facehub.sheets import before_after_row, face_crop, make_grid, with_titles
from facehub.swapper import Swapper
from facehub.types import Crops

from .. import lighting, losses
from ..config import Config
from ..data.face_box import boxed
from ..data.gallery import Gallery
from ..networks.vgg import VGG19
from ..pixel_optimisation import PixelPainter
from ..style_bank import StyleBank
from .yaw import turned

SIDE = 192
"""Side of a picture in a figure, px."""


Photo = UInt8[Tensor, "3 height width"]


Sheet = UInt8[Tensor, "3 tall wide"]


def swaps(swapper: Swapper, photos: list[Photo], *, pairs: int = 2) -> Sheet:
    """Figure 5: a row a photo, `pairs` photos side by side."""
    rows = [before_after_row(photo, swapper(photo[None], faces="largest"), side=256) for photo in photos]
    rows += [torch.full_like(rows[0], 255)] * (-len(rows) % pairs)
    return with_titles(
        make_grid(torch.cat(rows), columns=3 * pairs), ["input", "raw output", "result"] * pairs
    )


def relit(photo: Photo, landmarks: Float[Tensor, "1 68 2"], *, dark: float = 0.25) -> Photo:
    """The photo with light from its left: full at the face's left edge, `dark` of it at the right."""
    left, right = landmarks[0, :, 0].min().item(), landmarks[0, :, 0].max().item()
    across = ((torch.arange(photo.shape[-1]) - left) / (right - left)).clamp(0, 1)
    return (photo.float() * (1 - (1 - dark) * across)).round().to(torch.uint8)


def light(with_loss: Swapper, without: Swapper, photos: list[Photo]) -> tuple[Sheet, dict[str, float]]:
    """Figure 6, and the mean of equation 6 between input and raw output for both."""
    network, rows, distance = lighting.read(), [], {"with": [], "without": []}
    for photo in photos:
        found = select_faces(with_loss.finder(photo[None]), 1, "largest")
        for picture in (photo, relit(photo, found.landmarks)):
            swapped = {
                name: s(picture[None], detections=found)
                for name, s in (("with", with_loss), ("without", without))
            }
            rows.append(
                face_crop(
                    torch.stack([picture, *(s.blended[0] for s in swapped.values())]),
                    found.landmarks,
                    side=SIDE,
                )
            )
            for name, s in swapped.items():
                distance[name].append(
                    losses.light(network(boxed(s.output)), network(boxed(s.faces.crop))).item()
                )
    sheet = with_titles(make_grid(torch.cat(rows), columns=6), ["input", "with light loss", "without"] * 2)
    return sheet, {name: sum(values) / len(values) for name, values in distance.items()}


def weight(
    photos: list[Photo], bank: StyleBank, network: VGG19, alphas: list[float], *, size: int, steps: int
) -> Sheet:
    """Figure 7: a row a photo, a column a style weight."""
    rows = []
    for photo in photos:
        found = select_faces(Finder()(photo[None]), 1, "largest")
        points = transform_points(
            fit_affine(found.landmarks, reference_landmarks(size)[None]), found.landmarks
        )
        made = [photo]
        for alpha in alphas:
            painter = PixelPainter(
                points, bank, network, Config(size=size, target_alpha=alpha, target_steps=steps)
            )
            made.append(Swapper(painter)(photo[None], detections=found).raw[0])
        rows.append(face_crop(torch.stack(made), found.landmarks, side=SIDE))
    return with_titles(
        make_grid(torch.cat(rows), columns=len(alphas) + 1),
        ["input", *(f"alpha {alpha:g}" for alpha in alphas)],
    )


class Nearest(nn.Module):
    """Stands where a generator stands in a swap, and hands out the style photo with the nearest pose: the
    paper's baseline."""

    def __init__(self, style: Gallery, landmarks: Float[Tensor, "n 68 2"]):
        """`landmarks` of the faces that will come, in crop pixels."""
        super().__init__()
        self.size, self.style, self.landmarks = style.crop.shape[-1], style.mirrored(), landmarks

    def forward(self, crop: Crops) -> Crops:
        return (
            self.style.crop[losses.nearest_poses(self.landmarks, self.style.landmarks, 1)[:, 0]].to(crop)
            / 255
        )


def baseline(swapper: Swapper, style: Gallery, photos: list[Photo]) -> Sheet:
    """Figure 8."""
    rows = []
    for photo in photos:
        found = select_faces(swapper.finder(photo[None]), 1, "largest")
        points = align(photo[None], found.landmarks, found.photo, size=style.crop.shape[-1])
        other = Swapper(Nearest(style, transform_points(points.crop_from_photo, found.landmarks)))
        ours, theirs = swapper(photo[None], detections=found), other(photo[None], detections=found)
        rows.append(
            face_crop(torch.stack([photo, ours.blended[0], theirs.blended[0]]), found.landmarks, side=SIDE)
        )
    return with_titles(make_grid(torch.cat(rows), columns=6), ["input", "swap", "nearest style photo"] * 2)


def profile(
    swapper: Swapper, mesh: Callable[[Tensor, Tensor], Tensor], photos: list[Photo], angles: list[float]
) -> Sheet:
    """Figure 9: photos turned by each angle in degrees, above their swaps. `mesh` is
    estimators.Expression's."""
    rows = []
    for photo in photos:
        found = select_faces(swapper.finder(photo[None]), 1, "largest")
        points = mesh(photo[None], found.landmarks)[0]
        cases = torch.stack([turned(photo, points, angle) for angle in angles])
        seen = [(case[None], swapper.finder(case[None])) for case in cases]
        swapped = [
            swapper(case, faces="largest", detections=faces).blended if len(faces.photo) else case
            for case, faces in seen
        ]
        rows += [
            face_crop(cases, found.landmarks, side=SIDE),
            face_crop(torch.cat(swapped), found.landmarks, side=SIDE),
        ]
    return with_titles(
        make_grid(torch.cat(rows), columns=len(angles)), [f"{angle:g} degrees" for angle in angles]
    )


def by_yaw(yaw: Float[Tensor, " n"], edges: list[float]) -> dict[str, Tensor]:
    """Name of each bin of |yaw| in degrees -> indices of its faces."""
    bins = zip([0.0, *edges], [*edges, float("inf")], strict=True)
    return {
        f"{low:g} to {high:g}": ((yaw.abs() >= low) & (yaw.abs() < high)).nonzero()[:, 0]
        for low, high in bins
    }


def hard_inputs(photo: Photo, landmarks: Float[Tensor, "1 68 2"]) -> dict[str, Photo]:
    """Hard inputs made from an easy one: name -> photo."""
    (mouth_x, mouth_y), (left_x, left_y), (right_x, _) = (
        landmarks[0, i].mean(0).tolist() for i in (range(48, 68), range(36, 42), range(42, 48))
    )
    eyes = right_x - left_x
    y, x = torch.meshgrid(torch.arange(photo.shape[1]), torch.arange(photo.shape[2]), indexing="ij")
    hand, glasses = photo.clone(), photo.clone()
    covered = ((x - mouth_x) / eyes) ** 2 + ((y - mouth_y - 0.3 * eyes) / (0.55 * eyes)) ** 2 < 0.5
    hand[:, covered] = torch.tensor([[205], [160], [135]], dtype=torch.uint8)
    bar = ((y - left_y).abs() < 0.05 * eyes) & (x > left_x) & (x < right_x)
    for middle in (left_x, right_x):
        bar |= ((x - middle) / (0.42 * eyes)) ** 2 + ((y - left_y) / (0.32 * eyes)) ** 2 < 1
    glasses[:, bar] = 20
    blurred = F.avg_pool2d(
        photo[None].float(), k := 2 * round(eyes / 8) + 1, 1, k // 2, count_include_pad=False
    )[0]
    return {
        "easy": photo,
        "in front of the mouth": hand,
        "sunglasses": glasses,
        "light from the side": relit(photo, landmarks, dark=0.05),
        "blurred": blurred.round().to(torch.uint8),
        "dark": (photo.float() * 0.08).round().to(torch.uint8),
    }


def failures(swapper: Swapper, photos: list[Photo]) -> Sheet:
    """Figure 10: inputs above results. Landmarks are those of the easy photo, so that the network is judged
    and not the finder."""
    rows, names = [], []
    for photo in photos:
        found = select_faces(swapper.finder(photo[None]), 1, "largest")
        cases = hard_inputs(photo, found.landmarks)
        names = list(cases)
        rows.append(face_crop(torch.stack(list(cases.values())), found.landmarks, side=SIDE))
        rows.append(
            face_crop(
                torch.cat([swapper(case[None], detections=found).blended for case in cases.values()]),
                found.landmarks,
                side=SIDE,
            )
        )
    return with_titles(make_grid(torch.cat(rows), columns=len(names)), names)
