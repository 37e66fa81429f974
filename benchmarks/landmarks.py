"""`python -m benchmarks.landmarks PHOTOS [--photos N] [--json FILE]`: dlib's predictor and its trees as
tables, on the same boxes, in one run.

How far their landmarks are from each other in percent of the distance between the eyes, and milliseconds a
face alone and in a batch.
"""

import functools
import pathlib
import random

from benchmarks.machine import begin, flags, milliseconds, table, write
from facehub import image
from facehub.detection.finder import Finder, finder_by_name
from facehub.errors import FaceHubError
from facehub.formats import photo_files
from facehub.types import Detections

SEED, BATCHES = 7, (1, 16)


def apart(ours: Detections, dlibs: Detections) -> list[float]:
    """Percent for each face."""
    eyes = (dlibs.landmarks[:, 36:42].mean(1) - dlibs.landmarks[:, 42:48].mean(1)).norm(dim=1)
    return ((ours.landmarks.cpu() - dlibs.landmarks).norm(dim=2).mean(1) / eyes * 100).tolist()


def main() -> None:
    parser = flags("benchmarks.landmarks", __doc__, repeats=9)
    parser.add_argument("folder", type=pathlib.Path, help="photos, in folders or not")
    parser.add_argument("--photos", type=int, default=500, help="default: %(default)s")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="for the tables")
    arguments = parser.parse_args()
    machine, device = begin(arguments, arguments.device), arguments.device
    files = photo_files(arguments.folder)
    random.Random(SEED).shuffle(files)
    usual = finder_by_name()
    dlibs, tables = Finder(batched=False), Finder(batched=True)
    errors: list[float] = []
    for file in files[: arguments.photos]:
        try:
            photos = image.read(file).photo[None]
        except FaceHubError:
            continue
        seen = usual.detect(photos)
        errors += apart(tables.landmarks(photos.to(device), seen), dlibs.landmarks(photos, seen))
    exact, mean = sum(error == 0 for error in errors) / len(errors) * 100, sum(errors) / len(errors)
    table(
        ["faces", "mean, %", "largest, %", "no pixel apart, % of the faces"],
        [[len(errors), mean, max(errors), exact]],
    )
    photo = image.read(pathlib.Path(__file__).parent.parent / "demo" / "examples" / "astronaut.png").photo
    rows = []
    for batch in BATCHES:
        stack = photo[None].expand(batch, -1, -1, -1).contiguous()
        seen = usual.detect(stack)
        works = {
            "dlib": functools.partial(dlibs.landmarks, stack, seen),
            "tables": functools.partial(tables.landmarks, stack.to(device), seen),
        }
        taken = milliseconds(works, arguments.repeats, device=device)
        rows.append([batch, *(taken[name] / batch for name in works)])
    table(["batch", "dlib, ms a face", "tables, ms a face"], rows)
    write(
        arguments,
        machine,
        {"faces": len(errors), "mean": mean, "largest": max(errors), "exact": exact, "speed": rows},
    )


if __name__ == "__main__":
    main()
