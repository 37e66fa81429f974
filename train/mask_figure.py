"""`python -m train.mask_figure IDENTITY CASE=PHOTO ... --out FILE`: swaps under the landmark mask and under
the learned one, a column a case.

Rows: the photo, both masks over it, both swaps. A case is any name; glasses, hand, mask, hat, "side light"
and profile are drawn onto a photo, for where no openly licensed photo shows one. Profiles need --estimators
(evaluation/yaw.py).
"""

import argparse
import pathlib
import sys

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from facehub import image, registry
from facehub.blending.masks import SegmentationMasker, hull_masker
from facehub.detection.finder import Finder
from facehub.detection.selection import select_faces
from facehub.errors import BadSetting, FaceHubError
from facehub.networks.segmentation import FACE
from facehub.sheets import face_crop, make_grid, with_titles
from facehub.swapper import Swapper

from .data.occluders import RandomSource, capsule, glasses, hand, mouth_mask
from .evaluation.paper_figures import relit
from .evaluation.yaw import turned
from .flags import add_estimators_flag
from .networks import estimators

SIDE = 176
"""Side of a picture in the figure, px."""

TINT = torch.tensor([255, 60, 160], dtype=torch.float32)[:, None, None]
"""What masks are shown in."""

YAW_DEG, MASK_SEED = 40.0, 1

Photo = UInt8[Tensor, "3 height width"]
Points = Float[Tensor, "1 68 2"]


def add_hand(photo: Photo, points: Points) -> Photo:
    """A hand before the mouth and a cheek, of the face's own skin."""
    eyes = (points[0, 36:42].mean(0) - points[0, 42:48].mean(0)).norm().item()
    side = round(eyes / 0.22)  # of the crop, in pixels of the photo
    left, top = (points[0, 30] - side * torch.tensor([0.5, 0.625])).round().long().tolist()
    places = (points[0, [66, 54, 8, 36, 45, 27]] - torch.tensor([left, top])).round().long().tolist()
    for seed in range(1000):  # one that covers the lips and no eye
        distance = hand(RandomSource(1, torch.Generator().manual_seed(seed)), side)[0]
        if [bool(distance[0, y, x] > 0) for x, y in places] == [True, True, True, False, False, False]:
            break
    window = (slice(None), slice(max(top, 0), top + side), slice(max(left, 0), left + side))
    there = photo[window].float()
    distance = distance[:, max(-top, 0) :, max(-left, 0) :][:, : there.shape[1], : there.shape[2]]
    x, y = points[0, 29].round().long().tolist()
    skin = photo[:, y - 4 : y + 5, x - 4 : x + 5].float().mean((1, 2))[:, None, None]
    paint = skin * (0.62 + 0.4 * (distance.clamp(0, 0.04 * side) / (0.04 * side)).sqrt())
    result, alpha = photo.clone(), (distance / 2 + 0.5).clamp(0, 1)
    result[window] = (there * (1 - alpha) + paint * alpha).round().clamp(0, 255).to(torch.uint8)
    return result


def spectacled(photo: Photo, points: Points) -> Photo:
    """Clear glasses with a dark frame."""
    allowed = torch.ones(1, 1, *photo.shape[1:], dtype=torch.uint8)
    seed = next(seed for seed in range(1000) if unchanged(seed, photo, points))
    seen, _ = glasses(
        photo[None].float() / 255, allowed, points, RandomSource(1, torch.Generator().manual_seed(seed))
    )
    return (seen[0] * 255).round().to(torch.uint8)


def unchanged(seed: int, photo: Photo, points: Points) -> bool:
    """Whether the glasses of this seed let the eyes be seen and have a frame that is dark and broad."""
    small, scale = photo[:, ::4, ::4].float()[None] / 255, 0.25
    allowed = torch.ones(1, 1, *small.shape[2:], dtype=torch.uint8)
    seen, label = glasses(
        small, allowed, points * scale, RandomSource(1, torch.Generator().manual_seed(seed))
    )
    x, y = (points[0, 36:42].mean(0) * scale).round().long().tolist()
    return bool(label[0, 0, y, x] == 1 << FACE and (seen - small < -0.3).float().mean() > 0.012)


def add_face_mask(photo: Photo, points: Points) -> Photo:
    """A mask over mouth and nose."""
    allowed = torch.ones(1, 1, *photo.shape[1:], dtype=torch.uint8)
    seen, _ = mouth_mask(
        photo[None].float() / 255, allowed, points, RandomSource(1, torch.Generator().manual_seed(MASK_SEED))
    )
    return (seen[0] * 255).round().to(torch.uint8)


def add_hat(photo: Photo, points: Points) -> Photo:
    """A cap with its peak over the brows."""
    _, height, width = photo.shape
    side = max(height, width)
    brow, eyes = points[0, 17:27].mean(0), (points[0, 36:42].mean(0) - points[0, 42:48].mean(0)).norm().item()
    at = brow - torch.tensor([0.0, 0.45 * eyes])
    peak = capsule(
        (at - torch.tensor([1.15 * eyes, 0.0]))[None],
        (at + torch.tensor([1.15 * eyes, 0.0]))[None],
        torch.tensor([0.22 * eyes]),
        side,
    )
    crown = capsule(
        (at - torch.tensor([0.25 * eyes, 0.75 * eyes]))[None],
        (at + torch.tensor([0.25 * eyes, -0.75 * eyes]))[None],
        torch.tensor([1.2 * eyes]),
        side,
    )
    y = torch.arange(side)[:, None]
    crown = torch.where(y < at[1], crown, -1.0)
    result = photo.float()
    for distance, colour in ((crown, (38, 58, 110)), (peak, (24, 36, 72))):
        distance = distance[0, :, :height, :width]
        shade = 0.75 + 0.25 * (distance.clamp(0, 0.3 * eyes) / (0.3 * eyes))
        alpha = (distance / 2 + 0.5).clamp(0, 1)
        result = result * (1 - alpha) + torch.tensor(colour)[:, None, None] * shade * alpha
    return result.round().clamp(0, 255).to(torch.uint8)


def figure(identity: str, cases: list[tuple[str, Photo]], mesh=None) -> UInt8[Tensor, "3 tall wide"]:
    """The sheet. Landmarks are found on the photo as it is shown, so that each case is a whole swap."""
    generator, finder = registry.load(identity).generator(), Finder()
    columns = []
    for name, photo in cases:
        found = select_faces(finder(photo[None]), 1, "largest")
        shown = drawn(name, photo, found.landmarks, mesh)
        seen = finder(shown[None])
        found = select_faces(seen, 1, "largest") if len(seen.photo) else found
        swapped = [
            Swapper(generator, finder=finder, masker=masker)(shown[None], detections=found)
            for masker in (hull_masker, SegmentationMasker())
        ]
        over = [shown.float().lerp(TINT, 0.55 * one.mask[0] / 255).round().to(torch.uint8) for one in swapped]
        columns.append(
            face_crop(
                torch.stack([shown, *over, *(one.blended[0] for one in swapped)]), found.landmarks, side=SIDE
            )
        )
    sheet = torch.stack(columns, dim=1).flatten(0, 1)
    return with_titles(make_grid(sheet, columns=len(cases)), [name for name, _ in cases])


def drawn(name: str, photo: Photo, points: Points, mesh) -> Photo:
    if name == "glasses":
        return spectacled(photo, points)
    if name == "hand":
        return add_hand(photo, points)
    if name == "mask":
        return add_face_mask(photo, points)
    if name == "hat":
        return add_hat(photo, points)
    if name == "side light":
        return relit(photo, points, dark=0.05)
    if name == "profile":
        if mesh is None:
            raise BadSetting(
                "Faces are turned by Face Landmarker's points: give --estimators, a folder with its file "
                "(train/networks/estimators.py)."
            )
        return turned(photo, mesh(photo[None], points)[0], YAW_DEG)
    return photo


def main() -> int:
    flags = argparse.ArgumentParser(
        prog="python -m train.mask_figure",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flags.add_argument("identity", help="name or folder")
    flags.add_argument("cases", nargs="+", metavar="CASE=PHOTO")
    flags.add_argument("--out", type=pathlib.Path, required=True)
    add_estimators_flag(flags)
    arguments = flags.parse_args()
    try:
        found = estimators.read(arguments.estimators).get("expression") if arguments.estimators else None
        mesh = found.mesh if isinstance(found, estimators.Expression) else None
        pairs = [case.partition("=")[::2] for case in arguments.cases]
        image.write(
            arguments.out,
            figure(arguments.identity, [(name, image.read(path).photo) for name, path in pairs], mesh),
        )
    except FaceHubError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
