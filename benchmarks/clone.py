"""`python -m benchmarks.clone [--json FILE]`: our Poisson solve, OpenCV's seamlessClone and PyPI's fpie (where installed), in one run.

They do not do the same: OpenCV composes gradients over the whole rectangle, so only its time is a yardstick. The error is ours, against a sparse
direct solve in double precision.
"""

import argparse
import json
import pathlib
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import torch
from scipy.sparse import diags_array
from scipy.sparse.linalg import spsolve

from facehub.poisson import clone

SIZES, BATCHES, REPEATS = (128, 256, 512), (1, 16), 9


def patch(size: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two textured pictures and a face-shaped mask that fills most of the rectangle, as `place` makes it."""
    random = torch.Generator().manual_seed(seed)
    noise = [torch.rand(2, 3, n, n, generator=random) for n in (3, 9, 40)]
    pictures = torch.stack([torch.nn.functional.interpolate(n, size=(size, size), mode="bicubic") for n in noise]).mean(0)
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    mask = ((1 - (x / 0.85) ** 2 - (y / 0.96) ** 2) * 10).clamp(0, 1)[None, None]
    return pictures[:1], pictures[1:], mask


def exact(source: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
    """The direct solution: the Laplacian on the whole rectangle, with the rows outside the mask replaced by the target."""
    size = mask.shape[-1]
    inside = (mask[0, 0] > 0).numpy().ravel().astype(float)
    count = size * size
    right = np.ones(count - 1)
    right[size - 1 :: size] = 0
    below = -np.ones(count - size)
    laplacian = diags_array([4 * np.ones(count), -right, -right, below, below], offsets=[0, 1, -1, size, -size])  # pyright: ignore[reportArgumentType]
    matrix = (diags_array(inside) @ laplacian + diags_array(1 - inside)).tocsc()
    s, t = (p[0].double().numpy().reshape(3, -1).T for p in (source, target))
    return spsolve(matrix, inside[:, None] * (laplacian @ s) + (1 - inside)[:, None] * t).T.reshape(3, size, size)


def milliseconds(work: Callable[[], object]) -> float:
    """Median of some runs after one to warm up."""
    work()
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(times)


def opencv(source: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> Callable[[], object]:
    s, t = ((p[0].permute(1, 2, 0).clamp(0, 1).numpy() * 255).round().astype(np.uint8) for p in (source, target))
    m = ((mask[0, 0] > 0).numpy() * 255).astype(np.uint8)
    rows, columns = np.nonzero(m)
    centre = (int(columns.min() + columns.max() + 1) // 2, int(rows.min() + rows.max() + 1) // 2)
    return lambda: cv2.seamlessClone(s, t, m.copy(), centre, cv2.NORMAL_CLONE)


def fpie(source: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> Callable[[], object] | None:
    """Its grid solver with the iterations its own example uses; None where it is not installed."""
    try:
        from fpie.process import GridProcessor  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    s, t = ((p[0].permute(1, 2, 0).clamp(0, 1).numpy() * 255).round().astype(np.uint8) for p in (source, target))
    m = ((mask[0, 0] > 0).numpy() * 255).astype(np.uint8)

    def work():
        processor = GridProcessor("max", "numpy", 1, 100, 1, 8, 8)
        processor.reset(s, m, t, (0, 0), (0, 0))
        processor.sync()
        processor.step(5000)

    return work


def main() -> None:
    flags = argparse.ArgumentParser(prog="python -m benchmarks.clone", description=__doc__)
    flags.add_argument("--json", type=pathlib.Path, help="also write the rows here")
    flags.add_argument("--threads", type=int, default=2)
    arguments = flags.parse_args()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(arguments.threads)
    print(f"{platform.machine()} CPU, {arguments.threads} threads, torch {torch.__version__}, OpenCV {cv2.__version__}, medians of {REPEATS}")
    print("size  batch   ours ms/face   OpenCV ms/face   OpenCV / ours   ours: largest error in levels of 255")
    rows = []
    for size in SIZES:
        source, target, mask = patch(size, 0)
        error = float(np.abs(clone(source, target, mask).result[0].numpy() - exact(source, target, mask)).max() * 255)
        for batch in BATCHES:
            stacked = [t.repeat(batch, 1, 1, 1) for t in (source, target, mask)]
            ours, theirs = milliseconds(partial(clone, *stacked)) / batch, milliseconds(opencv(source, target, mask))
            rows.append({"size": size, "batch": batch, "ours_ms": ours, "opencv_ms": theirs, "ratio": theirs / ours, "error_levels": error})
            print(f"{size:4}  {batch:5}   {ours:12.2f}   {theirs:14.2f}   {theirs / ours:13.2f}   {error:.2f}")
    work = fpie(*patch(SIZES[0], 0))
    if work is None:
        print("fpie is not installed: `pip install fpie` to have it in the table.")
    else:
        begun = time.perf_counter()
        work()
        print(f"fpie (grid solver, numpy backend, 5000 Jacobi steps), {SIZES[0]} px: {(time.perf_counter() - begun) * 1e3:.0f} ms")
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": platform.machine(), "threads": arguments.threads, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
