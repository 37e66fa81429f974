"""The command line's swaps: `swap` for photos and folders of them, `sheet` for one photo and many identities, `mask`."""

import argparse
import glob
import json
import os
import pathlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .errors import BadSetting, FaceHubError

if TYPE_CHECKING:
    from .swap import Which

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"}

MASKERS = ("learned", "landmarks")
MASKER = "what is this face: learned, without what lies before it (default), or the outline of its landmarks"

SAVE_SECONDS = 5.0
"""How long a report may be behind: what is done between is done again after a power cut."""


def add_to(commands: Any) -> None:
    """Adds the three commands to what argparse's add_subparsers returned, whose type has no public name."""
    swap = commands.add_parser("swap", help="swap the faces in photos")
    swap.add_argument("photos", nargs="+", type=pathlib.Path, metavar="PHOTO", help="picture files, folders of them, or patterns")
    swap.add_argument("--identity", required=True, metavar="NAME", help="see `identities`; or a folder, or user/name[@revision] that was pulled")
    swap.add_argument("--out", required=True, metavar="FILE_OR_FOLDER", help="a folder gets one PNG a photo, under the photo's name")
    swap.add_argument("--raw", metavar="FILE_OR_FOLDER", help="also write the network's output as it is, before cloning")
    swap.add_argument("--mask", metavar="FILE_OR_FOLDER", help="also write where the photo changed (255 = new face)")
    swap.add_argument("--faces", type=which, default="all", metavar="all|largest|N", help="which faces (default: all); 0 is the largest")
    swap.add_argument("--strength", type=strength, default=1.0, metavar="S", help="from 0, the input, to 1, the full swap (default)")
    swap.add_argument("--masker", choices=MASKERS, default=MASKERS[0], help=MASKER)
    swap.add_argument("--label", action="store_true", help='also put a small "AI" mark into the corner, for people to see')
    swap.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    swap.add_argument("--report", metavar="FILE", help="write a JSON record of each photo; what it held before as done, and still is so, is skipped")
    swap.add_argument("--workers", type=number, default=2, metavar="N", help="files read, and files written, at a time (default: %(default)s)")
    swap.add_argument("--batch", type=number, metavar="N", help="photos a network call (default: 1, on CUDA 8)")
    swap.add_argument("--json", action="store_true", help="print one JSON object a photo")
    for_detector(swap)
    sheet = commands.add_parser("sheet", help="one photo with each identity, side by side")
    sheet.add_argument("photo", type=pathlib.Path, metavar="PHOTO")
    sheet.add_argument("--out", required=True, metavar="FILE", help="the contact sheet: the photo first, then row by row as listed")
    sheet.add_argument("--identity", action="append", metavar="NAME", help="only this one; may be repeated (default: all that are at hand)")
    sheet.add_argument("--side", type=number, default=256, metavar="PX", help="of each picture (default: %(default)s)")
    sheet.add_argument("--columns", type=number, default=4, metavar="N", help="default: %(default)s")
    sheet.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    for_detector(sheet)
    mask = commands.add_parser("mask", help="show where a swap would change a photo")
    mask.add_argument("photo", type=pathlib.Path, metavar="PHOTO")
    mask.add_argument("--out", required=True, metavar="FILE", help="the mask at the photo's size, 255 = new face")
    mask.add_argument("--labels", metavar="FILE", help="also the parts of the central head: red hair, green skin, blue the rest")
    mask.add_argument("--masker", choices=MASKERS, default=MASKERS[0], help=MASKER)
    for_detector(mask)


def for_detector(flags: argparse.ArgumentParser) -> None:
    known = "what looks for faces: yunet, or the slower dlib (default: what FACEHUB_FINDER names, else yunet)"
    flags.add_argument("--finder", default=os.environ.get("FACEHUB_FINDER", "yunet"), metavar="NAME", help=known)


def which(text: str) -> "Which":
    if text in ("all", "largest"):
        return text  # pyright: ignore[reportReturnType]
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f'"{text}" is no choice: use all, largest or a number from 0')


def strength(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f'"{text}" is no number from 0 to 1')
    return value


def number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'"{text}" is no number from 1')
    return int(text)


def swap_photos(arguments: argparse.Namespace) -> int:
    """Each photo by itself: a bad one is told of and does not stop the rest."""
    from . import hub
    from .batch import Job, Settings, swap_all
    from .faces import finder
    from .masking import masker
    from .swap import Swapper

    photos = expanded(arguments.photos)
    outputs = {kind: destinations(photos, getattr(arguments, kind)) for kind in ("out", "raw", "mask") if getattr(arguments, kind)}
    report = Report(arguments.report)
    everything = [path for paths in outputs.values() for path in paths] + report.files
    if len(set(everything)) < len(everything):
        raise BadSetting("Two results would go to the same file: give --out, --raw and --mask different folders, and photos different names.")
    if overwritten := {p.resolve() for p in photos} & {p.resolve() for p in everything}:
        raise BadSetting(f"{overwritten.pop().name} would be overwritten by its own result: choose another --out.")
    identity = hub.load(arguments.identity)
    device = chosen_device(arguments.device)
    swapper = Swapper(identity.generator(device), finder=finder(arguments.finder), masker=masker(arguments.masker, device), device=device)
    jobs = [Job(photo, {kind: paths[index] for kind, paths in outputs.items()}) for index, photo in enumerate(photos)]
    settings = Settings(faces=arguments.faces, strength=arguments.strength, masker=arguments.masker, label=arguments.label)
    batch = arguments.batch or (8 if device == "cuda" else 1)
    records = swap_all(swapper, identity, jobs, settings, earlier=report.earlier, workers=arguments.workers, batch=batch)
    begun, failures = time.monotonic(), 0
    try:
        for done, record in enumerate(records, start=1):
            report.add(record)
            if "error" in record:
                failures += 1
                print(record["error"], file=sys.stderr)
            if arguments.json:
                print(json.dumps(record), flush=True)
            elif "error" not in record:
                print(told(record), flush=True)
            progress(done, len(jobs), failures, time.monotonic() - begun)
    finally:
        report.save()
    return 1 if failures else 0


class Report:
    """A JSON file with each photo's record (batch.py) and how many were made, skipped and failed; what it held before is `earlier`."""

    def __init__(self, file: str | None):
        self.files = [pathlib.Path(file)] if file else []
        self.earlier, self._records, self._saved = self._read(), {}, time.monotonic()

    def add(self, record: dict) -> None:
        self._records[record["photo"]] = record
        if time.monotonic() - self._saved > SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Whole or not at all. Photos of earlier runs that this one did not come to stay in it."""
        self._saved, kept = time.monotonic(), self.earlier | self._records
        counts = Counter("failed" if "error" in r else "skipped" if "skipped" in r else "made" for r in self._records.values())
        for file in self.files:
            text = json.dumps({"counts": dict(counts), "photos": list(kept.values())}, indent=1) + "\n"
            try:
                with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=f".{file.name}.", delete=False, encoding="utf-8") as part:
                    part.write(text)
                os.replace(part.name, file)
            except OSError as problem:
                raise BadSetting(f"The report {file} cannot be written ({problem.strerror or problem}): choose another --report.") from problem

    def _read(self) -> dict[str, dict]:
        for file in filter(pathlib.Path.exists, self.files):
            try:
                photos = json.loads(file.read_text(encoding="utf-8"))["photos"]
                return {record["photo"]: record for record in photos if isinstance(record["photo"], str)}
            except (OSError, ValueError, KeyError, TypeError, RecursionError) as problem:
                raise BadSetting(f"{file} is no report of an earlier run: choose another --report, or delete it.") from problem
        return {}


def told(record: dict) -> str:
    arrow = f"{record['photo']} -> {record['outputs']['out']}"
    if "skipped" in record:
        return f"{arrow}: done before"
    sentence = f"{arrow}: {len(record['faces'])} face(s), {sum(record['seconds'].values()):.2f} s"
    return "\n  ".join([sentence, *(face["note"] for face in record["faces"] if face["note"])])


def progress(done: int, total: int, failures: int, seconds: float) -> None:
    """One line on a terminal that is written over; nothing elsewhere, or for one photo."""
    if total > 1 and sys.stderr.isatty():
        left = seconds / done * (total - done)
        spoken = f"{left:.0f} s" if left < 100 else f"{left / 60:.0f} min" if left < 6000 else f"{left / 3600:.1f} h"
        print(f"\r{done} of {total}, {failures} failed, {spoken} left   ", end="\n" if done == total else "", file=sys.stderr, flush=True)


def sheet(arguments: argparse.Namespace) -> int:
    """All identities on one photo, which is searched once; one that cannot be loaded is told of and left out."""
    from . import hub, image
    from .faces import finder
    from .provenance import Origin
    from .sheets import compared

    names = arguments.identity or [identity.handle for identity in [*hub.identities(), *hub.Hub().pulled()]]
    if not names:
        raise BadSetting("There are no identities at hand: pull or train one first.")
    picture, device, failures, loaded = image.read(arguments.photo), chosen_device(arguments.device), 0, []
    for name in names:
        try:
            identity = hub.load(name)
            loaded.append((identity, identity.generator(device)))
        except FaceHubError as problem:
            failures += 1
            print(problem, file=sys.stderr)
    if not loaded:
        return 1
    generators = {identity.title: generator for identity, generator in loaded}
    made = compared(picture.photo, generators, finder(arguments.finder), side=arguments.side, columns=arguments.columns, device=device)
    shown = [identity.handle for identity, _ in loaded]
    bases = sorted({identity.consent["basis"] for identity, _ in loaded})
    image.write(arguments.out, made, origin=Origin(picture.file, identity=", ".join(shown), basis=", ".join(bases)))
    print(f"{arguments.photo} -> {arguments.out}: the photo, then {', '.join(shown)}")
    return 1 if failures else 0


def mask(arguments: argparse.Namespace) -> int:
    from .masking import mask_photo

    return mask_photo(arguments)


COMMANDS = {"swap": swap_photos, "sheet": sheet, "mask": mask}


def expanded(paths: Sequence[pathlib.Path]) -> list[pathlib.Path]:
    """Files as they are; folders and patterns by the pictures in them, by name."""
    photos = []
    for path in paths:
        inside = [path]
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in PHOTO_SUFFIXES)
        elif not path.exists() and glob.has_magic(str(path)):
            inside = sorted(p for p in map(pathlib.Path, glob.glob(str(path), recursive=True)) if p.suffix.lower() in PHOTO_SUFFIXES)
        if not inside:
            raise BadSetting(f"{path} holds no pictures: name picture files, or a folder of them.")
        photos += inside
    return photos


def destinations(photos: list[pathlib.Path], target: str) -> list[pathlib.Path]:
    """One file, or a file a photo in a folder, which is made; photos that differ in their suffix alone keep it in the name."""
    path = pathlib.Path(target)
    if len(photos) == 1 and not path.is_dir() and not target.endswith(("/", "\\")):
        return [path]
    if path.suffix and not path.is_dir() and not target.endswith(("/", "\\")):
        raise BadSetting(f"{target} is one file, but there are {len(photos)} photos: give a folder.")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise BadSetting(f"The folder {target} cannot be made ({problem.strerror}): choose another.") from problem
    stems = Counter(photo.stem for photo in photos)
    return [path / f"{photo.stem if stems[photo.stem] == 1 else photo.name}.png" for photo in photos]


def chosen_device(name: str) -> str:
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise BadSetting("There is no CUDA device here: use --device cpu.")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
