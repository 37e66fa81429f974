"""`python -m benchmarks.gpu [--json FILE]`: how fast faces are painted and cloned on a CUDA device, and what share of its arithmetic that takes.

Random weights: only the time is looked at. The roofline is a product of two large matrices in the same precision and run. `--device cpu`
with a small `--batch` tries the program itself.
"""

import functools
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.clone import patch
from benchmarks.machine import begin, flags, milliseconds, table, write
from facehub.generators import Generator
from facehub.poisson import clone
from facehub.serving import Served

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


@torch.inference_mode()
def main() -> None:
    parser = flags("benchmarks.gpu", __doc__, repeats=20)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--compile", action="store_true", help="also torch.compile, which takes a minute to begin with")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("There is no CUDA device here: run it where there is one, or try the program with --device cpu --batch 2.")
    machine, device, size, batch = begin(arguments, arguments.device), arguments.device, arguments.size, arguments.batch
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True

    generator, crop = Generator(size).to(device).eval(), torch.rand(batch, 3, size, size, device=device)
    window = (size // 4, size * 15 // 16, size // 5, size * 4 // 5)
    served = {str(p).removeprefix("torch."): Served(generator, p).eval() for p in (torch.float32, torch.float16, torch.bfloat16)}
    works: dict[str, tuple[Callable[[], object], torch.dtype]] = {"plain, float32": (functools.partial(generator, crop), torch.float32)}
    for name, network in served.items():
        works[f"served, {name}"] = (functools.partial(network, crop), network.precision)
        works[f"served, {name}, a face's window"] = (functools.partial(network, crop, window), network.precision)
    best = served["float16"]
    if device == "cuda":
        works["served, float16, CUDA graph"] = (graphed(functools.partial(best, crop)), torch.float16)
    if arguments.compile:
        works["served, float16, torch.compile"] = (functools.partial(torch.compile(best), crop), torch.float16)
    peaks = {precision: roofline(device, precision, arguments.repeats) for precision in {p for _, p in works.values()}}
    rows = []
    for name, (work, precision) in works.items():
        ms = milliseconds({name: work}, arguments.repeats, device=device)[name] / batch
        counted = operations(functools.partial(best, crop)) if "graph" in name or "compile" in name else operations(work)
        rows.append({"network": name, "ms_a_face": ms, "faces_s": 1e3 / ms, "roofline_share": counted / batch / ms * 1e3 / peaks[precision]})
    header = [f"network, {size} px, batch {batch}", "ms a face", "faces a second", "share of the roofline"]
    table(header, [list(row.values()) for row in rows])

    source, target, mask = (t.to(device).repeat(batch, 1, 1, 1) for t in patch(size, 0))
    cloned = milliseconds({"clone": lambda: clone(source, target, mask)}, arguments.repeats, device=device)["clone"] / batch
    table([f"clone, {size} px, batch {batch}", "faces a second"], [[f"{cloned:.3f} ms a face", 1e3 / cloned]])
    write(arguments, machine, {"size": size, "batch": batch, "network": rows, "clone_ms_a_face": cloned})


if __name__ == "__main__":
    main()
