"""`python -m benchmarks.cluster [--json FILE]`: a folder of photos in one process with all its threads, and
on a Ray cluster of one worker a core (facehub[cluster]), from files to marked files.

Each way swaps a number of photos and then three times as many: the difference is its rate, the rest its start
(for the cluster: Ray, the workers' processes and their networks). Two ways take turns.
"""

import functools
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator

from benchmarks.folder import EXAMPLES
from benchmarks.machine import begin, flags, table, write
from facehub import registry
from facehub.batch import Job, Settings, swap_all
from facehub.cli.photos import load_swapper
from facehub.cluster import AUTO, connected, swap_all_on_cluster


def main() -> None:
    parser = flags("benchmarks.cluster", __doc__, repeats=2)
    parser.add_argument("--photos", type=int, default=16, help="of the short run (default: %(default)s)")
    parser.add_argument("--identity", default="tom_cruise", help="default: %(default)s")
    parser.add_argument("--cluster", default=AUTO, metavar="auto|HOST:PORT")
    arguments = parser.parse_args()
    machine, identity = begin(arguments), registry.load(arguments.identity)
    load = functools.partial(
        load_swapper, arguments.identity, finder="yunet", masker="learned", detail=1.0, device="cpu"
    )
    files = sorted(p for p in EXAMPLES.iterdir() if p.suffix in (".png", ".jpg"))
    with tempfile.TemporaryDirectory() as folder:

        def jobs(count: int) -> list[Job]:
            return [
                Job(files[i % len(files)], {"out": pathlib.Path(folder) / f"{i}.png"}) for i in range(count)
            ]

        def alone(work: list[Job]) -> Iterator[dict]:
            return swap_all(*load(), work, Settings())

        def on_cluster(work: list[Job]) -> Iterator[dict]:
            return swap_all_on_cluster(arguments.cluster, load, identity, work, Settings(), device="cpu")

        ways = {f"one process, {arguments.threads} threads": alone, "a worker a core": on_cluster}
        short: dict[str, list[float]] = {name: [] for name in ways}
        long: dict[str, list[float]] = {name: [] for name in ways}
        begun = time.perf_counter()
        with connected(arguments.cluster) as ray:
            started = time.perf_counter() - begun
            cores = int(ray.cluster_resources()["CPU"])
            for _ in range(arguments.repeats):
                for name, way in ways.items():
                    short[name].append(_seconds(way, jobs(arguments.photos)))
                    long[name].append(_seconds(way, jobs(3 * arguments.photos)))
    spread = {name: min(long[name]) - min(short[name]) for name in ways}
    rates = {name: 2 * arguments.photos / seconds for name, seconds in spread.items()}
    starts = {name: max(0.0, min(short[name]) - arguments.photos / rates[name]) for name in ways}
    table(
        ["a folder", "photos a second", "seconds to start"],
        [[name, rates[name], starts[name]] for name in ways],
    )
    alone_s, cluster_s = rates.values()
    print(
        f"\nCluster: {cores} workers, {cluster_s / alone_s:.2f} times one process; "
        f"Ray itself took {started:.1f} s to start. This machine has {os.cpu_count()} cores."
    )
    write(
        arguments, machine, {"photos_s": rates, "start_s": starts, "ray_start_s": started, "workers": cores}
    )


def _seconds(way: Callable[[list[Job]], Iterator[dict]], work: list[Job]) -> float:
    begun = time.perf_counter()
    failed = [record["error"] for record in way(work) if "error" in record]
    assert not failed, failed
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
