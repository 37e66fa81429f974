"""`facehub video`: swap the faces in a video."""

import argparse
import contextlib
import json
import pathlib
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from . import flags
from .terminal import ProgressLine, clock

if TYPE_CHECKING:
    from ..identity.folder import Identity
    from ..swapper import Swapper
    from ..video.swap import Progress


def add_to(commands: Any) -> None:
    """Add the command to what argparse's add_subparsers returned."""
    video = commands.add_parser("video", help="swap the faces in a video")
    video.add_argument(
        "video", type=pathlib.Path, metavar="VIDEO", help="MP4, MOV, MKV, WebM, AVI, TS, GIF ..."
    )
    video.add_argument("--identity", required=True, metavar="NAME", help=flags.IDENTITY_HELP)
    video.add_argument(
        "--out",
        required=True,
        type=pathlib.Path,
        metavar="FILE",
        help=".mp4, .m4v, .mov or .mkv; sound is copied unchanged",
    )
    video.add_argument(
        "--faces",
        choices=("all", "largest"),
        default="all",
        help="largest stays with one face as long as it is there (default: all)",
    )
    flags.add_strength(video)
    flags.add_detail(video)
    flags.add_label(video)
    flags.add_device(video)
    video.add_argument(
        "--cluster",
        metavar="auto|HOST:PORT",
        help="on the workers of a Ray cluster, as for facehub swap (needs facehub[cluster]; docs/scale.md)",
    )
    video.add_argument("--json", action="store_true", help="print one JSON object")


def swap_film(arguments: argparse.Namespace) -> int:
    """Swap one film. Progress goes to a terminal, notes to stderr."""
    from .. import registry
    from ..marks.origin import Marks
    from ..video.reader import Reader
    from ..video.swap import check_arguments, swap_video

    check_arguments(arguments.out, arguments.video, arguments.faces, arguments.strength)
    with Reader(arguments.video) as source, contextlib.ExitStack() as held, ProgressLine() as line:
        identity = registry.load(arguments.identity)
        result = swap_video(
            _swapper(identity, arguments, held),
            source,
            arguments.out,
            faces=arguments.faces,
            strength=arguments.strength,
            marks=Marks(label=arguments.label),
            origin=identity.origin(),
            progress=lambda at: line.show(format_progress(at)),
        )
    for note in result.notes:
        print(note, file=sys.stderr)
    if arguments.json:
        names = {"video": str(arguments.video), "identity": identity.handle}
        print(json.dumps(names | asdict(result) | {"path": str(result.path)}))
        return 0
    pace = result.frames / max(result.seconds, 1e-9)
    counts = f"{result.frames} frames, {result.swapped} of them with a face, {result.faces} face(s) followed"
    print(f"{arguments.video} -> {result.path}: {counts}, {result.seconds:.1f} s, {pace:.1f} frames a second")
    return 0


def _swapper(identity: "Identity", arguments: argparse.Namespace, held: contextlib.ExitStack) -> "Swapper":
    """What swaps the frames: here, or on a cluster until `held` ends."""
    from ..swapper import Swapper

    if arguments.cluster:
        from ..serving import serving

        workers = held.enter_context(serving(arguments.cluster, device=arguments.device, batch=1))
        return workers.swapper(identity.generator(), detail=arguments.detail)
    device = flags.choose_device(arguments.device)
    return Swapper(identity.generator(device), detail=arguments.detail, device=device)


def format_progress(at: "Progress") -> str:
    """How far a film is, as a line."""
    total = f" of about {at.total}" if at.total else ""
    left = f", {clock(at.left_s)} left" if at.left_s is not None else ""
    return f"{at.frames}{total} frames{left}"
