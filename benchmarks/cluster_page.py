"""`python -m benchmarks.cluster_page [--visitors 4] [--seconds 20]`: the page that swaps by itself, and with
replicas on Ray (FACEHUB_CLUSTER, facehub[cluster]).

Each way starts the page as it is, lets visitors swap and download for a while, each of whom checks that the
answer is their own (benchmarks/load.py), and prints swaps a second and how long an answer took. What is
loaded once is loaded before.
"""

import pathlib
import statistics
import tempfile
import time
from collections.abc import Mapping

from PIL import Image

from benchmarks.load import ROOT, Tally, page, visit
from benchmarks.machine import begin, flags, table, write
from benchmarks.visitor import crowd
from facehub.cluster import AUTO, connected

PHOTO = ROOT / "demo" / "examples" / "astronaut.png"


def rate(settings: Mapping[str, str], visitors: int, seconds: float, identity: str) -> dict[str, float]:
    """What the visitors of a page with these settings saw. Raises SystemExit where one was not served."""
    face = Image.open(PHOTO).convert("RGB")
    with tempfile.TemporaryDirectory(prefix="cluster-page-") as place:
        temporary, log = pathlib.Path(place) / "tmp", pathlib.Path(place) / "log"
        temporary.mkdir()

        def come(url: str, lasting: float) -> tuple[Tally, float]:
            tally, begun = Tally(), time.monotonic()
            crowd(
                [lambda n=n: visit(url, n, [identity], face, begun + lasting, tally) for n in range(visitors)]
            )
            if tally.lost or tally.mixed:
                raise SystemExit(f"Not served: {tally.lost[:3]}, {tally.mixed} mixed up.")
            return tally, time.monotonic() - begun

        with page(temporary, log, settings) as (_, url):
            come(url, 0)
            tally, lasted = come(url, seconds)
    spent = sorted(tally.seconds)
    return {
        "per_second": len(spent) / lasted,
        "p50_s": statistics.median(spent),
        "p95_s": spent[int(0.95 * (len(spent) - 1))],
        "swaps": len(spent),
    }


def main() -> None:
    parser = flags("benchmarks.cluster_page", __doc__, repeats=1)
    parser.add_argument("--visitors", type=int, default=4, help="at once (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each way (default: %(default)s)")
    parser.add_argument("--replicas", default="2", help="as FACEHUB_REPLICAS (default: %(default)s)")
    parser.add_argument("--identity", default="tom_cruise", help="default: %(default)s")
    parser.add_argument("--cluster", default=AUTO, metavar="auto|HOST:PORT")
    arguments = parser.parse_args()
    machine = begin(arguments)
    asked = arguments.visitors, arguments.seconds, arguments.identity
    alone = rate({}, *asked)
    with connected(arguments.cluster) as ray:
        address = ray.get_runtime_context().gcs_address
        spread = rate({"FACEHUB_CLUSTER": address, "FACEHUB_REPLICAS": arguments.replicas}, *asked)
    table(
        [f"the page, {arguments.visitors} visitors at once", "swaps a second", "p50, s", "p95, s", "swaps"],
        [["by itself", *alone.values()], [f"{arguments.replicas} replicas on Ray", *spread.values()]],
    )
    print(f"\nWith replicas {spread['per_second'] / alone['per_second']:.2f} times as many.")
    write(arguments, machine, {"alone": alone, "replicas": spread})


if __name__ == "__main__":
    main()
