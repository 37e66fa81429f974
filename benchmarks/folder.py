"""`python -m benchmarks.folder [--json FILE]`: a folder of photos, one after another and with workers, from
files to marked files. Photos a second.

The photos are the examples that ship, repeated; the network, the marks and the files written are the same
both ways.
"""

import pathlib
import tempfile
import time
from collections.abc import Callable

from benchmarks.machine import begin, flags, table, write
from facehub import image, registry
from facehub.batch import Job, Settings, swap_all
from facehub.swapper import Swapper

EXAMPLES = pathlib.Path(__file__).parent.parent / "demo" / "examples"


def main() -> None:
    parser = flags("benchmarks.folder", __doc__, repeats=3)
    parser.add_argument("--photos", type=int, default=12, help="default: %(default)s")
    parser.add_argument("--identity", default="tom_cruise", help="default: %(default)s")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    machine, identity = begin(arguments, arguments.device), registry.load(arguments.identity)
    swapper = Swapper(identity.generator(), device=arguments.device)
    files = sorted(p for p in EXAMPLES.iterdir() if p.suffix in (".png", ".jpg"))
    with tempfile.TemporaryDirectory() as folder:
        jobs = [
            Job(files[i % len(files)], {"out": pathlib.Path(folder) / f"{i}.png"})
            for i in range(arguments.photos)
        ]

        def in_turn() -> None:
            for job in jobs:
                picture = image.read(job.photo)
                image.write(
                    job.outputs["out"],
                    swapper(picture.photo[None]).blended[0].cpu(),
                    origin=identity.origin(picture.file),
                )

        def with_workers(workers: int, batch: int) -> Callable[[], object]:
            return lambda: list(swap_all(swapper, identity, jobs, Settings(), workers=workers, batch=batch))

        ways = {"one after another": in_turn} | {
            f"{w} workers, batch {b}": with_workers(w, b) for w, b in ((1, 1), (2, 1), (2, 4))
        }
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(arguments.repeats + 1):
            for name, work in ways.items():
                begun = time.perf_counter()
                work()
                taken[name] += [time.perf_counter() - begun] * bool(turn)
    rate = {name: len(jobs) / sorted(seconds)[len(seconds) // 2] for name, seconds in taken.items()}
    table(
        ["a folder", "photos a second", "of one after another"],
        [[name, each, each / rate["one after another"]] for name, each in rate.items()],
    )
    write(arguments, machine, {"photos": len(jobs), "photos_s": rate})


if __name__ == "__main__":
    main()
