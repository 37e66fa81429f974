"""`python -m benchmarks.pipeline [--json FILE]`: where the time of a photo goes, beside the usual script, and what 12 megapixels cost.

Everything is warm. The photos are the astronaut of 512 px, the same enlarged to 12 megapixels, and the same in a larger scene.
"""

import argparse
import pathlib
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from benchmarks.machine import begin, flags, milliseconds, table, write
from benchmarks.usual import UsualScript
from facehub import hub, image
from facehub.alignment import align
from facehub.faces import Finder
from facehub.geometry import move
from facehub.identity import Identity
from facehub.provenance import Marks
from facehub.swap import Clock, Swapper
from facehub.types import Region

PHOTO = pathlib.Path(__file__).parent.parent / "demo" / "examples" / "astronaut.png"


def enlarged(photo: torch.Tensor, height: int, width: int) -> torch.Tensor:
    bigger = torch.nn.functional.interpolate(photo[None].float(), (height, width), mode="bicubic")
    return bigger[0].round().clamp(0, 255).byte()


def photos() -> dict[str, torch.Tensor]:
    """By name: RGB bytes."""
    small = image.read(PHOTO).photo
    scene = small[:, :1, :1].expand(3, 3000, 4000).clone()
    scene[:, 200:2700, 700:3200] = enlarged(small, 2500, 2500)
    return {"512 px": small, "12 Mpx, face 560 px": scene, "12 Mpx, face 860 px": enlarged(small[:, :384], 3000, 4000)}


def stages(swapper: Swapper, identity: Identity, photo: torch.Tensor, repeats: int) -> dict[str, float]:
    """Milliseconds of each stage of ours, from file to file."""
    file, finder, device = image.encode(photo, generated=False), Finder(), swapper.device.type
    pixels = photo.permute(1, 2, 0).numpy()
    faces = finder.search(pixels)
    on_device, found = photo[None].to(device), finder(photo[None])
    found = type(found)(found.landmarks.to(device), found.photo.to(device))
    size = swapper.generator.size
    aligned = align(on_device, found.landmarks, found.photo, size=size)
    points = move(aligned.crop_from_photo, found.landmarks)
    works: dict[str, Callable[[], object]] = {
        "decode": partial(image.read, file),
        "find": partial(finder.search, pixels),
        "landmarks": lambda: [finder.predict(pixels, box) for box in faces],
        "align": partial(align, on_device, found.landmarks, found.photo, size=size, masker=unmasked),
        "mask": partial(swapper.masker, aligned.crop, points),
    }
    taken = milliseconds(works, repeats, device=device)
    runs = [swapper(on_device, found=found).seconds for _ in range(repeats + 1)][1:]
    taken |= {stage: float(np.median([run[stage] for run in runs]) * 1e3) for stage in ("network", "place", "clone", "paste")}
    blended, origin = swapper(on_device, found=found).blended[0].cpu(), identity.origin(file)
    ways = {
        "file": partial(image.encode, blended, generated=False),
        "watermark": partial(image.marked, blended, None, Marks(), 1),
        "marked": partial(image.encode, blended, marks=Marks(manifest=False)),
        "signed": partial(image.encode, blended, origin=origin),
    }
    written = milliseconds(ways, max(3, repeats // 3), device=device)
    encode = written["marked"] - written["watermark"]
    return taken | {"watermark": written["watermark"], "encode": encode, "sign": written["signed"] - written["marked"]}


def unmasked(crop: torch.Tensor, landmarks: torch.Tensor) -> Region:
    """In place of a mask, so that what aligning costs is told without it."""
    return Region(mask=crop[:, :1], hold=crop[:, :1], notes=("",) * len(crop))


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
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="ours runs there; the usual script knows only the CPU")
    results = measured(arguments := parser.parse_args(), machine := begin(arguments, arguments.device))
    write(arguments, machine, results)


def measured(arguments: argparse.Namespace, machine: dict) -> dict:
    identity = hub.load(arguments.identity)
    swapper = Swapper(identity.generator(), device=arguments.device)
    script = UsualScript(identity.generator())
    small, *large = photos().items()
    pixels = np.ascontiguousarray(small[1].permute(1, 2, 0).numpy())

    ours, usual = stages(swapper, identity, small[1], arguments.repeats), usual_stages(script, pixels, arguments.repeats)
    table(["stage, ms", "ours", "the usual script"], [[stage, ms, usual.get(stage, "")] for stage, ms in ours.items()])

    sides = {"ours": lambda: swapper(small[1][None]), "usual": lambda: script(pixels)}
    whole = milliseconds(sides, arguments.repeats, device=arguments.device)
    ratio = whole["usual"] / whole["ours"]
    table(["512 px, one face, photo to photo", "ms"], [["ours", whole["ours"]], ["the usual script", whole["usual"]], ["ratio", ratio]])

    every = {name: partial(swapper, photo[None]) for name, photo in (small, *large)}
    sizes = milliseconds(every, arguments.repeats, device=arguments.device)
    table(["decoded photo to result", "ms", "of the 512 px photo's"], [[name, ms, ms / sizes[small[0]]] for name, ms in sizes.items()])
    return {"stages": ours, "usual_stages": usual, "whole": whole | {"ratio": ratio}, "sizes": sizes}


if __name__ == "__main__":
    main()
