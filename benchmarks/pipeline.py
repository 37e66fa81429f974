"""`python -m benchmarks.pipeline [--json FILE]`: where the time of a photo goes, beside the usual script, and
what 12 megapixels cost.

Everything is warm. The photos are the astronaut of 512 px, the same enlarged to 12 megapixels, and the same
in a larger scene.
"""

import argparse
import pathlib
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from benchmarks.baseline import UsualScript
from benchmarks.machine import begin, flags, milliseconds, table, write
from facehub import image, registry
from facehub.blending.alignment import align
from facehub.detection.finder import Finder, finder_by_name
from facehub.geometry import transform_points
from facehub.identity.folder import Identity
from facehub.marks.origin import Marks
from facehub.swapper import Clock, Swapper
from facehub.types import FaceMask

PHOTO = pathlib.Path(__file__).parent.parent / "demo" / "examples" / "astronaut.png"


def enlarged(photo: torch.Tensor, height: int, width: int) -> torch.Tensor:
    bigger = torch.nn.functional.interpolate(photo[None].float(), (height, width), mode="bicubic")
    return bigger[0].round().clamp(0, 255).byte()


def photos() -> dict[str, torch.Tensor]:
    """By name: RGB bytes."""
    small = image.read(PHOTO).photo
    scene = small[:, :1, :1].expand(3, 3000, 4000).clone()
    scene[:, 200:2700, 700:3200] = enlarged(small, 2500, 2500)
    return {
        "512 px": small,
        "12 Mpx, face 560 px": scene,
        "12 Mpx, face 860 px": enlarged(small[:, :384], 3000, 4000),
    }


def stages(swapper: Swapper, identity: Identity, photo: torch.Tensor, repeats: int) -> dict[str, float]:
    """Milliseconds of each stage of ours, from file to file."""
    file, device = image.encode(photo, generated=False), swapper.device.type
    pixels = photo.permute(1, 2, 0).numpy()
    search = swapper.finder
    assert isinstance(search, Finder)
    faces = search.boxes(pixels)
    on_device, found = photo[None].to(device), search(photo[None])
    found = type(found)(found.landmarks.to(device), found.photo.to(device))
    size = swapper.generator.size
    aligned = align(on_device, found.landmarks, found.photo, size=size)
    points = transform_points(aligned.crop_from_photo, found.landmarks)
    works: dict[str, Callable[[], object]] = {
        "decode": partial(image.read, file),
        "find": partial(search.boxes, pixels),
        "landmarks": lambda: [search.predict(pixels, box) for box in faces],
        "align": partial(align, on_device, found.landmarks, found.photo, size=size, masker=unmasked),
        "mask": partial(swapper.masker, aligned.crop, points),
    }
    taken = milliseconds(works, repeats, device=device)
    runs = [swapper(on_device, detections=found).seconds for _ in range(repeats + 1)][1:]
    taken |= {
        stage: float(np.median([run[stage] for run in runs]) * 1e3)
        for stage in ("network", "place", "clone", "detail", "paste")
    }
    blended, origin = swapper(on_device, detections=found).blended[0].cpu(), identity.origin(file)
    ways = {
        "file": partial(image.encode, blended, generated=False),
        "watermark": partial(image.with_marks, blended, None, Marks(), 1),
        "marked": partial(image.encode, blended, marks=Marks(manifest=False)),
        "signed": partial(image.encode, blended, origin=origin),
    }
    written = milliseconds(ways, max(3, repeats // 3), device=device)
    encode = written["marked"] - written["watermark"]
    return taken | {
        "watermark": written["watermark"],
        "encode": encode,
        "sign": written["signed"] - written["marked"],
    }


def unmasked(crop: torch.Tensor, landmarks: torch.Tensor) -> FaceMask:
    """In place of a mask, so that what aligning costs is told without it."""
    return FaceMask(mask=crop[:, :1], colour_source=crop[:, :1], notes=("",) * len(crop))


def usual_stages(script: UsualScript, photo: np.ndarray, repeats: int) -> dict[str, float]:
    runs = []
    for _ in range(repeats + 1):
        clock = Clock(torch.device("cpu"))
        script(photo, clock.lap)
        runs.append(clock.seconds)
    return {stage: float(np.median([run[stage] for run in runs[1:]]) * 1e3) for stage in runs[0]}


def main() -> None:
    parser = flags("benchmarks.pipeline", __doc__, repeats=15)
    parser.add_argument("--identity", default="tom_cruise", help="default: %(default)s")
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default="cpu",
        help="ours runs there; the usual script knows only the CPU",
    )
    arguments = parser.parse_args()
    machine = begin(arguments, arguments.device)
    write(arguments, machine, measured(arguments))


def measured(arguments: argparse.Namespace) -> dict:
    identity, device, repeats = registry.load(arguments.identity), arguments.device, arguments.repeats
    ways = {"ours": "yunet", "ours, dlib": "dlib"}
    swappers = {
        way: Swapper(identity.generator(), finder=finder_by_name(name), device=device)
        for way, name in ways.items()
    }
    script = UsualScript(identity.generator())
    small, *large = photos().items()
    pixels = np.ascontiguousarray(small[1].permute(1, 2, 0).numpy())

    by_stage = {name: stages(swapper, identity, small[1], repeats) for name, swapper in swappers.items()}
    by_stage["the usual script"] = usual_stages(script, pixels, repeats)
    table(
        ["stage, ms", *by_stage],
        [[stage, *(times.get(stage, "") for times in by_stage.values())] for stage in by_stage["ours"]],
    )

    sides: dict[str, Callable[[], object]] = {
        name: partial(swapper, small[1][None]) for name, swapper in swappers.items()
    }
    whole = milliseconds(sides | {"the usual script": lambda: script(pixels)}, repeats, device=device)
    usual = whole["the usual script"]
    table(
        ["512 px, one face, decoded photo to result", "ms", "times as fast"],
        [[name, ms, usual / ms] for name, ms in whole.items()],
    )

    sizes = {name: median_stages(swappers["ours"], photo, repeats) for name, photo in (small, *large)}
    rows = [[stage, *(times[stage] for times in sizes.values())] for stage in sizes[small[0]]]
    totals = [sum(times.values()) for times in sizes.values()]
    table(
        ["stage, ms", *sizes],
        [*rows, ["all", *totals], ["of the first", *(total / totals[0] for total in totals)]],
    )
    return {"stages": by_stage, "whole": whole, "sizes": sizes}


def median_stages(swapper: Swapper, photo: torch.Tensor, repeats: int) -> dict[str, float]:
    """Milliseconds, as the swap itself tells."""
    runs = [swapper(photo[None]).seconds for _ in range(repeats + 1)][1:]
    return {stage: float(np.median([run[stage] for run in runs]) * 1e3) for stage in runs[0]}


if __name__ == "__main__":
    main()
