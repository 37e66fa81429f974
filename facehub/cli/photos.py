"""`facehub swap`: swap the faces in photos and folders of photos."""

import argparse
import functools
import json
import pathlib
import sys
import time
from typing import TYPE_CHECKING, Any

from . import flags
from .paths import check_paths, expand_photos, output_paths
from .report import BatchReport, format_progress, format_record
from .terminal import ProgressLine

if TYPE_CHECKING:
    from ..face_plan import PlannedIdentities, PlanSwapper
    from ..identity.folder import Identity
    from ..swapper import Swapper


def add_to(commands: Any) -> None:
    """Add the command to what argparse's add_subparsers returned, whose type has no public name."""
    swap = commands.add_parser("swap", help="swap the faces in photos")
    swap.add_argument(
        "photos",
        nargs="+",
        type=pathlib.Path,
        metavar="PHOTO",
        help="picture files, folders of them, or patterns",
    )
    swap.add_argument("--identity", metavar="NAME", help=flags.IDENTITY_HELP)
    swap.add_argument(
        "--out",
        required=True,
        metavar="FILE_OR_FOLDER",
        help="a folder gets one PNG per photo, under the photo's name",
    )
    swap.add_argument(
        "--raw", metavar="FILE_OR_FOLDER", help="also write the network's output unchanged, before cloning"
    )
    swap.add_argument(
        "--mask", metavar="FILE_OR_FOLDER", help="also write where the photo changed (255 = new face)"
    )
    swap.add_argument(
        "--faces",
        type=flags.selection_or_plan,
        default="all",
        metavar="all|largest|N|N=NAME,...",
        help="which faces (default: all); 0 is the largest. "
        "0=tom_cruise,2=will_smith gives each face its own identity",
    )
    flags.add_strength(swap)
    flags.add_detail(swap)
    flags.add_masker(swap)
    flags.add_label(swap)
    flags.add_device(swap)
    swap.add_argument(
        "--report",
        metavar="FILE",
        help="write a JSON record of each photo; a photo whose record there is still valid is skipped",
    )
    swap.add_argument(
        "--workers",
        type=flags.count,
        default=2,
        metavar="N",
        help="files read, and files written, at a time (default: %(default)s)",
    )
    swap.add_argument(
        "--batch", type=flags.count, metavar="N", help="photos per network call (default: 1, on CUDA 8)"
    )
    swap.add_argument(
        "--cluster",
        metavar="auto|HOST:PORT",
        help="on all cores or GPUs of a Ray cluster, at this address; auto: the one that runs here, else "
        "one on this machine alone (needs facehub[cluster]; docs/scale.md)",
    )
    swap.add_argument("--json", action="store_true", help="print one JSON object per photo")
    flags.add_finder(swap)
    swap.set_defaults(refuse=swap.error)


def swap_photos(arguments: argparse.Namespace) -> int:
    """Swap each photo. One that fails has its sentence on stderr and does not stop the others."""
    from ..batch import PLAN, Job, Settings, swap_all

    plan = _plan(arguments.faces)
    if (plan is None) == (arguments.identity is None):
        arguments.refuse("name one --identity for all faces, or one for each face: --faces 0=NAME,1=NAME")
    photos = expand_photos(arguments.photos)
    targets = {kind: getattr(arguments, kind) for kind in ("out", "raw", "mask")}
    outputs = {kind: output_paths(photos, target) for kind, target in targets.items() if target}
    report = BatchReport(arguments.report)
    check_paths(photos, outputs, report.files)
    jobs = [Job(photo, {kind: paths[i] for kind, paths in outputs.items()}) for i, photo in enumerate(photos)]
    settings = Settings(
        faces=PLAN if plan else arguments.faces,
        strength=arguments.strength,
        detail=arguments.detail,
        masker=arguments.masker,
        label=arguments.label,
    )
    load = functools.partial(
        load_swapper,
        plan or arguments.identity,
        finder=arguments.finder,
        masker=arguments.masker,
        detail=arguments.detail,
        device=arguments.device,
    )
    options: dict[str, Any] = {"earlier": report.earlier, "workers": arguments.workers}
    if arguments.cluster:
        from ..cluster import swap_all_on_cluster

        identity = load_identity(plan or arguments.identity)
        on_cluster = options | {"device": arguments.device, "batch": arguments.batch}
        records = swap_all_on_cluster(arguments.cluster, load, identity, jobs, settings, **on_cluster)
    else:
        batch = arguments.batch or (8 if flags.choose_device(arguments.device) == "cuda" else 1)
        records = swap_all(*load(), jobs, settings, batch=batch, **options)
    started, failures = time.monotonic(), 0
    try:
        with ProgressLine() as line:
            for done, record in enumerate(records, start=1):
                report.add(record)
                failures += "error" in record
                line.erase()
                _print_record(record, as_json=arguments.json)
                if done < len(jobs):
                    line.show(format_progress(done, len(jobs), failures, time.monotonic() - started))
    finally:
        report.save()
    return 1 if failures else 0


def _plan(faces: object) -> dict[int, str] | None:
    """The identity of each face, if --faces gave one."""
    return faces if isinstance(faces, dict) else None


def load_identity(names: str | dict[int, str]) -> "Identity | PlannedIdentities":
    """What records and marks name as the identity: of one name, or of a plan. Loads no network."""
    from .. import registry
    from ..face_plan import PlannedIdentities

    if isinstance(names, str):
        return registry.load(names)
    return PlannedIdentities({number: registry.load(name) for number, name in names.items()})


def load_swapper(
    names: str | dict[int, str], *, finder: str, masker: str, detail: float, device: str
) -> "tuple[Swapper | PlanSwapper, Identity | PlannedIdentities]":
    """What swaps the photos, and the identity of `load_identity`. `device` is a choice of --device."""
    from .. import registry
    from ..blending.masks import masker_by_name
    from ..detection.finder import finder_by_name
    from ..face_plan import PlanSwapper
    from ..swapper import Swapper

    device = flags.choose_device(device)
    options: dict[str, Any] = {
        "finder": finder_by_name(finder),
        "masker": masker_by_name(masker, device),
        "detail": detail,
        "device": device,
    }

    def swapper(name: str) -> Swapper:
        return Swapper(registry.load(name).generator(device), **options)

    if isinstance(names, str):
        return swapper(names), load_identity(names)
    swappers = {name: swapper(name) for name in dict.fromkeys(names.values())}
    return PlanSwapper({number: swappers[name] for number, name in names.items()}), load_identity(names)


def _print_record(record: dict, *, as_json: bool) -> None:
    if "error" in record:
        print(record["error"], file=sys.stderr)
    if as_json:
        print(json.dumps(record), flush=True)
    elif "error" not in record:
        print(format_record(record), flush=True)
