"""`python -m train.make_people LONDON --estimators FOLDER`: the photos of other people that ship, made anew.

LONDON holds the Face Research Lab London Set's photos as NNN_03.jpg (neutral) and NNN_08.jpg (smiling); the
estimators' folder holds face_landmarker.task. Each photo is cut around the face and written straight and
turned to both sides (evaluation/yaw.py).
"""

import argparse
import pathlib
import sys

import cv2
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from facehub import image
from facehub.blending.alignment import align
from facehub.detection.finder import Finder
from facehub.errors import BadPhoto, FaceHubError
from facehub.files import write_atomic
from facehub.geometry import invert

from .data.people import HELD_OUT, LEARNED, PEOPLE, write_list
from .evaluation.yaw import turned
from .networks.estimators import Expression

EXPRESSIONS = {"03": "neutral", "08": "smiling"}
"""What the end of a photo's name means."""

ANGLES_DEG = (-32, -16, 0, 16, 32)
"""To the picture's left and right; further turned, the far cheek is drawn from too few pixels."""

EXAMPLES = ("009", "012", "025", "030", "036", "037")
"""People who are in the page's examples: nothing is learned from them."""

MARGIN = 1.1
"""Side of what is cut out, in sides of the aligned crop: pairs move the crop a little."""

QUALITY = 80
"""Of the WebP files: 11 kB each."""

SIDE_PX = 400
"""Side of the photos that ship: the jaw is then 182 px wide."""

Photo = UInt8[Tensor, "3 height width"]
Box = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels."""


def around(photo: Photo, finder: Finder) -> tuple[Box, Float[Tensor, "1 68 2"]]:
    """The square to cut out around the largest face, and its landmarks. Raises BadPhoto when there is no
    face."""
    found = finder(photo[None])
    if not len(found.photo):
        raise BadPhoto("No face was found: take another photo.")
    face = align(photo[None], found.landmarks[:1], found.photo[:1], size=128)
    photo_from_crop = invert(face.crop_from_photo)[0]
    x, y = (photo_from_crop @ torch.tensor([63.5, 63.5, 1.0])).tolist()
    half = 64 * float(photo_from_crop[:, 0].norm()) * MARGIN
    return (round(x - half), round(y - half), round(x + half), round(y + half)), found.landmarks[:1]


def cut(photo: Photo, box: Box) -> UInt8[Tensor, "3 side side"]:
    """The square at `SIDE_PX`; beyond the photo's edge its last pixels go on."""
    (left, top, right, bottom), (height, width) = box, photo.shape[-2:]
    beyond = (max(0, -left), max(0, right - width), max(0, -top), max(0, bottom - height))
    inside = photo[:, max(0, top) : bottom, max(0, left) : right].float()
    square = F.pad(inside[None], beyond, mode="replicate")
    small = F.interpolate(square, (SIDE_PX, SIDE_PX), mode="bicubic", antialias=True)
    return small[0].round().clamp(0, 255).to(torch.uint8)


def webp(photo: Photo) -> bytes:
    """Smaller than facehub.image makes it: hundreds of photos travel with the package."""
    pixels = cv2.cvtColor(photo.permute(1, 2, 0).numpy(), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])[1].tobytes()


def make(london: pathlib.Path, landmarker: Expression, out: pathlib.Path) -> int:
    """Write all photos below `out` that are not there yet; how many there are."""
    count, finder = 0, Finder(turn=False)
    for file in sorted(london.glob("*_0[38].jpg")):
        person, code = file.stem.split("_")
        folder = out / (HELD_OUT if person in EXAMPLES else LEARNED) / person
        names = {angle: EXPRESSIONS[code] + (f"{angle:+d}" if angle else "") for angle in ANGLES_DEG}
        files = {angle: folder / f"{name}.webp" for angle, name in names.items()}
        if not all(made.is_file() for made in files.values()):
            photo = image.read(file).photo
            box, landmarks = around(photo, finder)
            points = landmarker.mesh(photo[None], landmarks)[0]
            for angle, made in files.items():
                seen = turned(photo, points, angle, stride_px=8) if angle else photo
                write_atomic(made, webp(cut(seen, box)))
        count += len(files)
    write_list(out)
    return count


def main() -> int:
    flags = argparse.ArgumentParser(
        prog="python -m train.make_people",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flags.add_argument("london", type=pathlib.Path, help="folder with the London Set's photos")
    flags.add_argument(
        "--estimators", type=pathlib.Path, required=True, help="folder with face_landmarker.task"
    )
    flags.add_argument("--out", type=pathlib.Path, default=PEOPLE, help="(default: the package's folder)")
    arguments = flags.parse_args()
    try:
        landmarker = Expression(arguments.estimators / "face_landmarker.task")
        count = make(arguments.london, landmarker, arguments.out)
    except (FaceHubError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    size = sum(file.stat().st_size for file in arguments.out.rglob("*.webp"))
    print(f"{count} photos, {size / 1e6:.1f} MB in {arguments.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
