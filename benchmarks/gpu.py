"""`python -m benchmarks.gpu [--json FILE]`: how fast a CUDA device finds landmarks, paints, clones, and does
all of a swap after the search.

Random weights and trees: only the time is looked at. The roofline is a product of two large matrices in the
same precision and run. `--device cpu` with a small `--batch` tries the program itself.
"""

import functools
from collections.abc import Callable

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.clone import patch
from benchmarks.machine import begin, flags, milliseconds, table, write
from facehub.blending.alignment import reference_landmarks
from facehub.blending.poisson import clone
from facehub.detection.shape_predictor import ShapePredictor, UprightBoxes
from facehub.networks.folded import FoldedGenerator
from facehub.networks.generator import Generator
from facehub.swapper import Swapper
from facehub.types import Detections

SQUARE = {"cuda": 8192, "cpu": 128}
"""Side of the matrices whose product is the roofline."""


def graphed(work: Callable[[], object]) -> Callable[[], object]:
    """The same work as a CUDA graph: one launch for all of it."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            work()
    stream.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def roofline(device: str, precision: torch.dtype, repeats: int) -> float:
    """Operations a second of the largest plain product."""
    side = SQUARE[device]
    a, b = torch.randn(2, side, side, device=device).to(precision)
    return 2 * side**3 / milliseconds({"product": lambda: a @ b}, repeats, device=device)["product"] * 1e3


def operations(work: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def trees(cascades: int = 15, count: int = 500, splits: int = 15, pixels: int = 500) -> ShapePredictor:
    """Of the size of dlib's predictor, which machines with a GPU may lack."""
    random = np.random.default_rng(0)
    tables = {
        "mean": reference_landmarks(1).numpy() + 0.5,
        "anchor": random.integers(68, size=(cascades, pixels)),
        "offset": random.normal(scale=0.1, size=(cascades, pixels, 2)).astype(np.float32),
        "first": random.integers(pixels, size=(cascades, count * splits)),
        "second": random.integers(pixels, size=(cascades, count * splits)),
        "limit": random.normal(scale=30, size=(cascades, count * splits)).astype(np.float32),
        "leaf": random.normal(scale=1e-4, size=(cascades, count * (splits + 1), 136)).astype(np.float32),
    }
    return ShapePredictor(tables, count)


def faces(batch: int, side: int = 200) -> tuple[torch.Tensor, Detections, UprightBoxes]:
    """Photos of 512 px, in each a place for one face of so many pixels, by its landmarks and by its box."""
    photos = torch.randint(256, (batch, 3, 64, 64), generator=torch.Generator().manual_seed(0)).float()
    photos = torch.nn.functional.interpolate(photos, size=(512, 512), mode="bilinear").byte()
    corner = torch.arange(batch) % 64 + 100
    each, box = torch.arange(batch), torch.stack([corner, corner, corner + side, corner + side], 1)
    boxes = UprightBoxes(
        photo=each,
        turns=torch.zeros_like(each),
        box=box,
        surroundings=(box + torch.tensor([-1, -1, 1, 1]) * (side // 2)).clamp(0, 511),
    )
    return photos, Detections(landmarks=reference_landmarks(side) + corner[:, None, None], photo=each), boxes


@torch.inference_mode()
def main() -> None:
    parser = flags("benchmarks.gpu", __doc__, repeats=20)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument(
        "--compile", action="store_true", help="also torch.compile, which takes a minute to begin with"
    )
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit(
            "There is no CUDA device here: run it where there is one, "
            "or try the program with --device cpu --batch 2."
        )
    machine, device, size, batch = (
        begin(arguments, arguments.device),
        arguments.device,
        arguments.size,
        arguments.batch,
    )
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True

    generator, crop = Generator(size).to(device).eval(), torch.rand(batch, 3, size, size, device=device)
    window = (size // 4, size * 15 // 16, size // 5, size * 4 // 5)
    served = {
        str(p).removeprefix("torch."): FoldedGenerator(generator, p).eval()
        for p in (torch.float32, torch.float16, torch.bfloat16)
    }
    works: dict[str, tuple[Callable[[], object], torch.dtype]] = {
        "plain, float32": (functools.partial(generator, crop), torch.float32)
    }
    for name, network in served.items():
        works[f"served, {name}"] = (functools.partial(network, crop), network.precision)
        works[f"served, {name}, a face's window"] = (
            functools.partial(network, crop, window),
            network.precision,
        )
    best = served["float16"]
    if device == "cuda":
        works["served, float16, CUDA graph"] = (graphed(functools.partial(best, crop)), torch.float16)
    if arguments.compile:
        works["served, float16, torch.compile"] = (
            functools.partial(torch.compile(best), crop),
            torch.float16,
        )
    peaks = {
        precision: roofline(device, precision, arguments.repeats)
        for precision in {p for _, p in works.values()}
    }
    rows = []
    for name, (work, precision) in works.items():
        ms = milliseconds({name: work}, arguments.repeats, device=device)[name] / batch
        counted = (
            operations(functools.partial(best, crop))
            if "graph" in name or "compile" in name
            else operations(work)
        )
        rows.append(
            {
                "network": name,
                "ms_a_face": ms,
                "faces_s": 1e3 / ms,
                "roofline_share": counted / batch / ms * 1e3 / peaks[precision],
            }
        )
    header = [f"network, {size} px, batch {batch}", "ms a face", "faces a second", "share of the roofline"]
    table(header, [list(row.values()) for row in rows])

    source, target, mask = (t.to(device).repeat(batch, 1, 1, 1) for t in patch(size, 0))
    cloned = (
        milliseconds({"clone": lambda: clone(source, target, mask)}, arguments.repeats, device=device)[
            "clone"
        ]
        / batch
    )
    photos, found, boxes = faces(batch)
    photos, boxes = photos.to(device), UprightBoxes(*(values.to(device) for values in boxes))
    found, predictor = Detections(found.landmarks.to(device), found.photo.to(device)), trees().to(device)
    swapper = Swapper(generator, finder=lambda _: found, device=device)
    taken = {
        f"clone, patches of {size} px": cloned,
        "landmarks by dlib's trees": milliseconds(
            {"": lambda: predictor(photos, boxes)}, arguments.repeats, device=device
        )[""]
        / batch,
        "align, mask, network, place, clone, paste": milliseconds(
            {"": lambda: swapper(photos)}, arguments.repeats, device=device
        )[""]
        / batch,
    }
    table(
        [f"batch {batch}, one face in each photo of 512 px", "ms a face", "faces a second"],
        [[name, ms, 1e3 / ms] for name, ms in taken.items()],
    )
    write(arguments, machine, {"size": size, "batch": batch, "network": rows, "ms_a_face": taken})


if __name__ == "__main__":
    main()
