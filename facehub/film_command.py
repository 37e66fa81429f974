"""The command line's way with films: `python -m facehub video IN --identity NAME --out OUT`."""

import argparse
import json
import pathlib
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .filming import Progress


def add_to(commands: Any) -> None:
    """Adds the command to the parser's."""
    video = commands.add_parser("video", help="swap the faces in a video")
    video.add_argument("video", type=pathlib.Path, metavar="VIDEO", help="MP4, MOV, MKV, WebM, AVI, TS, GIF ...")
    video.add_argument("--identity", required=True, metavar="NAME", help="see `identities`; or a folder, or user/name[@revision] that was pulled")
    video.add_argument("--out", required=True, type=pathlib.Path, metavar="FILE", help=".mp4, .m4v, .mov or .mkv; sound is copied as it is")
    video.add_argument("--faces", choices=("all", "largest"), default="all", help="largest stays with one face as long as it is there (default: all)")
    video.add_argument("--strength", type=float, default=1.0, metavar="S", help="from 0, the input, to 1, the full swap (default)")
    video.add_argument("--label", action="store_true", help='also put a small "AI" mark into the corner, for people to see')
    video.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    video.add_argument("--json", action="store_true", help="print one JSON object")


def film_one(arguments: argparse.Namespace, device: str) -> int:
    """Swaps one film; progress goes to a terminal, notes to stderr."""
    from . import hub
    from .filming import checked, film
    from .provenance import Marks
    from .swap import Swapper
    from .video import Reader

    checked(arguments.out, arguments.video, arguments.faces, arguments.strength)
    with Reader(arguments.video) as source:
        identity = hub.load(arguments.identity)
        filmed = film(
            Swapper(identity.generator(device), device=device),
            source,
            arguments.out,
            faces=arguments.faces,
            strength=arguments.strength,
            marks=Marks(label=arguments.label),
            origin=identity.origin(),
            progress=shown(sys.stderr.isatty()),
        )
    for note in filmed.notes:
        print(note, file=sys.stderr)
    if arguments.json:
        record = {"video": str(arguments.video), "identity": identity.handle} | asdict(filmed) | {"path": str(filmed.path)}
        print(json.dumps(record))
    else:
        pace = filmed.frames / max(filmed.seconds, 1e-9)
        counts = f"{filmed.frames} frames, {filmed.swapped} of them with a face, {filmed.faces} face(s) followed"
        print(f"{arguments.video} -> {filmed.path}: {counts}, {filmed.seconds:.1f} s, {pace:.1f} frames a second")
    return 0


def shown(terminal: bool) -> "Callable[[Progress], None]":
    """One line on a terminal that is written over; nothing elsewhere."""

    def show(at: "Progress") -> None:
        of = f" of about {at.total}" if at.total else ""
        left = f", {about(at.left_s)} left" if at.left_s is not None else ""
        print(f"\r\033[K{at.frames}{of} frames{left}", end="\n" if at.frames == at.total else "", file=sys.stderr, flush=True)

    return show if terminal else lambda _: None


def about(seconds: float) -> str:
    """A time as a clock shows it: 0:42, 12:05, 1:03:20."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
