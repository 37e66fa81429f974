"""`python -m benchmarks.watermark_outputs PHOTOS`: marks of swapped photos after handling, and when copied.

Swaps the faces of some photos, marks the results as `image.encode` does, and prints for each handling of
watermark_attacks.py how many messages are read, by the watermark alone, and what is said of their picture.
Then a part of each result's change is laid on all the other photos: how often that is told. The command takes
one thread where `OMP_NUM_THREADS=1` is set; 20 photos of 720 px take half an hour of computing.
"""

import argparse
import json
import math
import pathlib
import random
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks.machine import here, table
from benchmarks.watermark import SEED, flat_psnr
from benchmarks.watermark_attacks import ATTACKS, attacked
from facehub import image
from facehub.errors import NoFace
from facehub.formats import photo_files
from facehub.identity.folder import read
from facehub.marks.origin import VERSION
from facehub.marks.watermark import Payload, embed
from facehub.marks.watermark_detector import WatermarkDetection, detect
from facehub.swapper import Swapper

KINDS = ("fits", "another picture", "cannot be told", "not read", "another message")
"""What can be said of a marked picture."""


@dataclass(frozen=True, slots=True)
class Output:
    """A swapped photo, before and after it was marked."""

    name: str
    plain: Tensor
    marked: Tensor
    payload: Payload
    face_px: float
    """Width of the smallest face."""


def outputs(files: Sequence[pathlib.Path], identity: pathlib.Path, count: int) -> list[Output]:
    """The first so many photos that show a face, swapped and marked."""
    swapper, made, numbers = Swapper(read(identity).generator()), list[Output](), random.Random(SEED)
    for file in files:
        if len(made) == count:
            break
        try:
            swapped = swapper(image.read(file).photo[None])
        except NoFace:
            continue
        payload = Payload(VERSION, numbers.getrandbits(32))
        jaw = swapped.faces.landmarks[:, [0, 16]]
        face_px = float((jaw[:, 0] - jaw[:, 1]).norm(dim=1).min())
        plain = swapped.blended.clone()
        made.append(Output(file.name, plain[0], embed(plain, [payload])[0], payload, face_px))
    return made


def said(found: WatermarkDetection, payload: Payload) -> str:
    """One of KINDS."""
    if found.payload is None:
        return "not read"
    if found.payload != payload:
        return "another message"
    return {True: "fits", False: "another picture", None: "cannot be told"}[found.fits]


def handled(made: Sequence[Output], attack: str) -> tuple[Counter[str], float]:
    """What is said of all outputs after a handling, and the median of the seconds that it takes."""
    seen, seconds = Counter[str](), list[float]()
    for number, one in enumerate(made):
        photo = attacked(_array(one.marked), attack, random.Random(f"{attack} {number}"))
        photo = torch.from_numpy(np.ascontiguousarray(photo)).permute(2, 0, 1)
        begun = time.process_time()
        seen[said(detect(photo), one.payload)] += 1
        seconds.append(time.process_time() - begun)
    return seen, statistics.median(seconds)


def copied(made: Sequence[Output], share: float) -> Counter[str]:
    """What is said of each output with a share of the change that marks another one."""
    seen = Counter[str]()
    for one in made:
        change = share * (one.marked.float() - one.plain.float())
        for other in made:
            if other is not one and other.plain.shape == change.shape:
                fake = (other.plain + change).round().clamp(0, 255).to(torch.uint8)
                seen[said(detect(fake, handled=False), one.payload)] += 1
    return seen


def main() -> None:
    flags = argparse.ArgumentParser(prog="python -m benchmarks.watermark_outputs", description=__doc__)
    flags.add_argument("folder", type=pathlib.Path, help="photos, in folders or not")
    flags.add_argument("--identity", type=pathlib.Path, default=pathlib.Path("demo/identities/tom_cruise"))
    flags.add_argument("--photos", type=int, default=20, help="to swap (default: %(default)s)")
    flags.add_argument("--attack", action="append", choices=ATTACKS, help="only this one; may be repeated")
    flags.add_argument(
        "--copies",
        type=float,
        nargs="*",
        default=[0.5],
        help="shares of a change that are laid on other photos (default: 0.5; none: leave it out)",
    )
    flags.add_argument("--json", type=pathlib.Path, help="also write the numbers here")
    arguments = flags.parse_args()
    files = photo_files(arguments.folder)
    random.Random(SEED).shuffle(files)
    machine, made = here(), outputs(files, arguments.identity, arguments.photos)
    sizes = sorted({max(one.plain.shape[1:]) for one in made})
    faces = sorted(one.face_px for one in made)
    flat = [
        value for one in made if not math.isnan(value := flat_psnr(_array(one.plain), _array(one.marked)))
    ]
    print(f"{len(made)} outputs of {sizes} px; faces {faces[0]:.0f} to {faces[-1]:.0f} px wide")
    print(f"PSNR of flat places: {statistics.mean(flat):.1f} dB on average, {min(flat):.1f} at least")
    rows: dict[str, Counter[str]] = {}
    for attack in arguments.attack or ATTACKS:
        rows[ATTACKS[attack]], seconds = handled(made, attack)
        print(f"{ATTACKS[attack]}: {dict(rows[ATTACKS[attack]])}, {seconds:.2f} s", flush=True)
    for share in arguments.copies:
        rows[f"{share:g} of the change, on others"] = copied(made, share)
    table(("", *KINDS), [(title, *(row[kind] for kind in KINDS)) for title, row in rows.items()])
    if arguments.json:
        record = {
            "machine": machine,
            "outputs": len(made),
            "flat_psnr": flat,
            "faces_px": faces,
            "rows": rows,
        }
        arguments.json.write_text(json.dumps(record, indent=1) + "\n")


def _array(photo: Tensor) -> np.ndarray:
    return np.ascontiguousarray(photo.permute(1, 2, 0).numpy())


if __name__ == "__main__":
    main()
