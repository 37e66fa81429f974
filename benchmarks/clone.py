"""`python -m benchmarks.clone [--json FILE]`: our Poisson solve, OpenCV's seamlessClone and PyPI's fpie
(where installed), in one run.

They do not do the same: OpenCV composes gradients over the mask's whole rectangle, so only its time is a
yardstick. Times are the least of all runs, because other work on the machine only adds to them.
The error is ours, against a sparse direct solve in double precision.
"""

import itertools
import time
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import torch
from scipy.sparse import diags_array
from scipy.sparse.linalg import spsolve

from benchmarks.machine import begin, flags, milliseconds, table, write
from facehub.blending.poisson import clone

SIZES, BATCHES = (128, 256, 512), (1, 16)

WHOLE = (0.85, 0.96)
"""Width and height of a mask that fills its rectangle as `place` makes it, in units of the rectangle."""

SMALL = (124 / 256, 168 / 256)
"""The same for a mask that fills a third of its rectangle, as beside a larger face of a batch."""


def patch(
    size: int, seed: int, share: tuple[float, float] = WHOLE
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two textured pictures and a face-shaped mask."""
    random = torch.Generator().manual_seed(seed)
    noise = [torch.rand(2, 3, n, n, generator=random) for n in (3, 9, 40)]
    pictures = torch.stack(
        [torch.nn.functional.interpolate(n, size=(size, size), mode="bicubic") for n in noise]
    ).mean(0)
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    mask = ((1 - (x / share[0]) ** 2 - (y / share[1]) ** 2) * 10).clamp(0, 1)[None, None]
    return pictures[:1], pictures[1:], mask


def exact(source: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
    """The direct solution: the Laplacian on the whole rectangle, with the rows outside the mask replaced by
    the target."""
    size = mask.shape[-1]
    inside = (mask[0, 0] > 0).numpy().ravel().astype(float)
    count = size * size
    right = np.ones(count - 1)
    right[size - 1 :: size] = 0
    below = -np.ones(count - size)
    diagonals, offsets = [4 * np.ones(count), -right, -right, below, below], [0, 1, -1, size, -size]
    laplacian = diags_array(diagonals, offsets=offsets)  # pyright: ignore[reportArgumentType]
    matrix = (diags_array(inside) @ laplacian + diags_array(1 - inside)).tocsc()
    s, t = (p[0].double().numpy().reshape(3, -1).T for p in (source, target))
    return spsolve(matrix, inside[:, None] * (laplacian @ s) + (1 - inside)[:, None] * t).T.reshape(
        3, size, size
    )


def opencv(source: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> Callable[[], object]:
    s, t = (
        (p[0].permute(1, 2, 0).clamp(0, 1).numpy() * 255).round().astype(np.uint8) for p in (source, target)
    )
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
    s, t = (
        (p[0].permute(1, 2, 0).clamp(0, 1).numpy() * 255).round().astype(np.uint8) for p in (source, target)
    )
    m = ((mask[0, 0] > 0).numpy() * 255).astype(np.uint8)

    def work():
        processor = GridProcessor("max", "numpy", 1, 100, 1, 8, 8)
        processor.reset(s, m, t, (0, 0), (0, 0))
        processor.sync()
        processor.step(5000)

    return work


def main() -> None:
    arguments = flags("benchmarks.clone", __doc__, repeats=30).parse_args()
    machine = begin(arguments)
    rows = []
    for size, share in itertools.product(SIZES, (WHOLE, SMALL)):
        source, target, mask = patch(size, 0, share)
        solution = exact(source, target, mask)
        for batch in BATCHES:
            stacked = [t.repeat(batch, 1, 1, 1) for t in (source, target, mask)]
            error = float(np.abs(clone(*stacked).result[0].numpy() - solution).max() * 255)
            taken = milliseconds(
                {"ours": partial(clone, *stacked), "opencv": opencv(source, target, mask)},
                arguments.repeats,
                typical=min,
            )
            ours, theirs = taken["ours"] / batch, taken["opencv"]
            rows.append(
                {
                    "size": size,
                    "mask": f"{share[0] * size:.0f} x {share[1] * size:.0f}",
                    "batch": batch,
                    "ours_ms": ours,
                    "opencv_ms": theirs,
                    "ratio": theirs / ours,
                    "error_levels": error,
                }
            )
    header = [
        "size",
        "mask, px",
        "batch",
        "ours, ms a face",
        "cv2.seamlessClone, ms a face",
        "ratio",
        "our largest error, levels of 255",
    ]
    table(header, [list(row.values()) for row in rows])
    work = fpie(*patch(SIZES[0], 0))
    if work is None:
        print("fpie is not installed: `pip install fpie` to have it in the table.")
    else:
        begun = time.perf_counter()
        work()
        print(
            f"fpie (grid solver, numpy backend, 5000 Jacobi steps), {SIZES[0]} px: "
            f"{(time.perf_counter() - begun) * 1e3:.0f} ms"
        )
    write(arguments, machine, {"rows": rows})


if __name__ == "__main__":
    main()
