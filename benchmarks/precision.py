"""`python -m benchmarks.precision [--json FILE]`: networks in float32, in bfloat16 and, where the processor
has instructions for them, in 8-bit integers: in time and in the picture.

All sides take turns in one run. The picture's distance from float32's is told of all of it and of the swapped
faces' rectangles alone, in decibels of the levels' squared difference (PSNR); `inf` is no difference.
"""

import math
import pathlib
from functools import partial

import torch

from benchmarks.machine import begin, flags, milliseconds, table, write
from facehub import image, registry
from facehub.blending.alignment import align, visible_window
from facehub.detection.finder import Finder
from facehub.geometry import transform_points
from facehub.networks.precision import bf16_pays, int8_pays
from facehub.swapper import Swapper

PHOTOS = ("astronaut.png", "london_012_03.jpg")
CPU = torch.device("cpu")
SIDES = ("float32", "bfloat16") + (("int8",) if int8_pays(CPU) else ())
LEAST_DB = 45.0
"""Of a blended picture; below it the exit code is 1."""


def psnr(one: torch.Tensor, other: torch.Tensor, peak: float) -> float:
    error = float((one.double() - other.double()).square().mean())
    return 10 * math.log10(peak * peak / error) if error else math.inf


@torch.inference_mode()
def measured(name: str, file: pathlib.Path, repeats: int) -> dict[str, float | str]:
    photos = image.read(file).photo[None]
    swappers = {side: Swapper(registry.load(name).generator(), precision=side) for side in SIDES}
    found = Finder()(photos)
    size = swappers["float32"].generator.size
    faces = align(photos, found.landmarks, found.photo, size=size)
    points, window = transform_points(faces.crop_from_photo, found.landmarks), visible_window(faces)
    works = {}
    for side, swapper in swappers.items():
        works |= {
            f"network {side}": partial(swapper.generator, faces.crop, window),  # pyright: ignore[reportCallIssue]
            f"mask {side}": partial(swapper.masker, faces.crop, points),
            f"swap {side}": partial(swapper, photos, detections=found),
        }
    taken = milliseconds(works, repeats)
    exact = swappers["float32"](photos, detections=found)
    mask = swappers["float32"].masker(faces.crop, points).mask
    told: dict[str, float] = {}
    for side in SIDES[1:]:
        swapped = swappers[side](photos, detections=found)
        changed = ((exact.blended != photos) | (swapped.blended != photos)).any(1)[0]
        rows, columns = changed.any(1).nonzero(), changed.any(0).nonzero()
        inner = (
            one.blended[..., int(rows[0]) : int(rows[-1]) + 1, int(columns[0]) : int(columns[-1]) + 1]
            for one in (exact, swapped)
        )
        told |= {
            f"mask dB {side}": psnr(mask, swappers[side].masker(faces.crop, points).mask, peak=1.0),
            f"face dB {side}": psnr(*inner, peak=255.0),
            f"blended dB {side}": psnr(exact.blended, swapped.blended, 255.0),
            f"largest, levels {side}": float((exact.blended.int() - swapped.blended.int()).abs().max()),
        }
    return {"identity": name, "photo": file.stem, **taken, **told}


def main() -> int:
    parser = flags("benchmarks.precision", __doc__, repeats=9)
    parser.add_argument(
        "--identities", nargs="+", default=["tom_cruise", "will_smith", "serena_williams"], metavar="NAME"
    )
    arguments = parser.parse_args()
    machine, folder = begin(arguments), registry.SHIPPED.parent / "examples"
    print(f"instructions for bfloat16: {'yes' if bf16_pays(CPU) else 'no'}", flush=True)
    rows = [
        measured(name, folder / photo, arguments.repeats) for name in arguments.identities for photo in PHOTOS
    ]
    parts = ("network", "mask", "swap")
    table(
        ["identity", "photo", *(f"{part}, ms, {side}" for part in parts for side in SIDES)],
        [
            [r["identity"], r["photo"], *(r[f"{part} {side}"] for part in parts for side in SIDES)]
            for r in rows
        ],
    )
    head = [f"{part}, times as fast" for part in parts]
    told = ("mask dB", "face dB", "blended dB", "largest, levels")
    for side in SIDES[1:]:
        print(f"\n{side} beside float32:")
        ratios = [[float(r[f"{part} float32"]) / float(r[f"{part} {side}"]) for part in parts] for r in rows]
        table(
            ["identity", "photo", *head, *told],
            [
                [r["identity"], r["photo"], *ratio, *(r[f"{key} {side}"] for key in told)]
                for r, ratio in zip(rows, ratios, strict=True)
            ],
        )
    write(arguments, machine, {"rows": rows})
    return int(min(float(r[f"blended dB {side}"]) for r in rows for side in SIDES[1:]) < LEAST_DB)


if __name__ == "__main__":
    raise SystemExit(main())
