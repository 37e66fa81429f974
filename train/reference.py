"""The reference face: `python -m train.reference PHOTOS` writes facehub/reference.json.

The landmarks of frontal faces are brought together by generalised Procrustes analysis (Gower 1975:
similarity fits to the mean until the mean rests), the mean is made symmetric, and placed in the unit square
so that eyes, nose tip, mouth and chin lie nearest to where the paper's Figure 2 has them. Departure: the
face is centred at x = 0.5 (the figure has about 0.525), so that a crop's mirror image is a crop.
"""

import argparse
import json
import pathlib

import torch
from jaxtyping import Float
from torch import Tensor

from facehub import image
from facehub.detection.finder import Finder
from facehub.formats import READ_SUFFIXES

from .data.gallery import MIRROR

ANCHORS = {"eyes": 0.4925, "nose tip": 0.625, "mouth": 0.75, "chin": 0.935}
"""Heights in units of the crop, read off the paper's Figure 2."""

EYE_DISTANCE = 0.22
"""Between the eye centres, in units of the crop, from the same figure."""


def symmetric_mean(landmarks: Float[Tensor, "faces 68 2"], *, rounds: int = 20) -> Float[Tensor, "68 2"]:
    """Generalised Procrustes mean of the faces and their mirror images: centred on 0, unit norm, upright."""
    mirrored = landmarks[:, MIRROR] * landmarks.new_tensor([-1, 1])
    shapes = torch.cat([landmarks, mirrored])
    shapes = shapes - shapes.mean(1, keepdim=True)
    shapes = shapes / torch.linalg.matrix_norm(shapes)[:, None, None]
    mean = shapes.mean(0)
    for _ in range(rounds):
        u, _, vh = torch.linalg.svd(shapes.mT @ mean)
        mean = (shapes @ (u @ vh)).mean(0)
        mean = mean / torch.linalg.matrix_norm(mean)
    return (mean + mean[MIRROR] * mean.new_tensor([-1, 1])) / 2


def placed(mean: Float[Tensor, "68 2"]) -> Float[Tensor, "68 2"]:
    """The mean in units of the crop: eye distance as in the paper, heights by least squares to the anchors,
    centred at x = 0.5."""
    eyes = (mean[36:42].mean(0), mean[42:48].mean(0))
    scaled = mean * (EYE_DISTANCE / (eyes[1] - eyes[0]).norm())
    heights = torch.stack(
        [
            scaled[36:48, 1].mean(),
            scaled[33, 1] * 0.5 + scaled[30, 1] * 0.5,
            scaled[48:68, 1].mean(),
            scaled[8, 1],
        ]
    )
    shift = (heights.new_tensor(list(ANCHORS.values())) - heights).mean()
    return torch.stack([scaled[:, 0] - scaled[:, 0].mean() + 0.5, scaled[:, 1] + shift], dim=1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m train.reference", description=__doc__)
    parser.add_argument("photos", type=pathlib.Path, help="a folder of frontal photos, one face each")
    parser.add_argument("--pattern", default="*", help="which of them, by name (default: all)")
    parser.add_argument("--origin", required=True, help="where the photos come from, kept in the file")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("facehub/reference.json"))
    arguments = parser.parse_args()
    finder = Finder(turn=False)
    paths = sorted(p for p in arguments.photos.glob(arguments.pattern) if p.suffix.lower() in READ_SUFFIXES)
    faces = [finder(image.read(path).photo[None]).landmarks[:1] for path in paths]
    reference = placed(symmetric_mean(torch.cat(faces).double()))
    record = {
        "what": "68 landmarks of the frontal reference face, (x, y) in units of the crop, x right, y down",
        "origin": arguments.origin,
        "faces": len(faces),
        "command": (
            f"python -m train.reference PHOTOS --pattern '{arguments.pattern}' --origin '{arguments.origin}'"
        ),
        "landmarks": [[round(v, 5) for v in point] for point in reference.tolist()],
    }
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")
    print(f"{arguments.out}: mean of {len(faces)} faces")


if __name__ == "__main__":
    main()
