"""The command line: `python -m facehub swap PHOTO... --identity NAME --out RESULT`, `video`, `identities`, `check`; `search`, `look`, `pull`, `push`.

Exit codes: 0 all done; 2 wrong use; 1 something could not be done, told in one sentence each on stderr; 3 from `check`: the file is not marked.
"""

import argparse
import json
import pathlib
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import film_command, sharing
from .errors import BadSetting, FaceHubError

if TYPE_CHECKING:
    from .identity import Identity
    from .swap import Swapper, Which
    from .types import Swapped

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"}


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(prog="python -m facehub", description="Give the faces in photos another identity.")
    commands = flags.add_subparsers(dest="command", required=True)
    swap = commands.add_parser("swap", help="swap the faces in photos")
    swap.add_argument("photos", nargs="+", type=pathlib.Path, metavar="PHOTO", help="picture files, or folders of them")
    swap.add_argument("--identity", required=True, metavar="NAME", help="see `identities`; or a folder, or user/name[@revision] that was pulled")
    swap.add_argument("--out", required=True, metavar="FILE_OR_FOLDER", help="a folder gets one PNG a photo, under the photo's name")
    swap.add_argument("--raw", metavar="FILE_OR_FOLDER", help="also write the network's output as it is, before cloning")
    swap.add_argument("--mask", metavar="FILE_OR_FOLDER", help="also write where the photo changed (255 = new face)")
    swap.add_argument("--faces", type=which, default="all", metavar="all|largest|N", help="which faces (default: all); 0 is the largest")
    swap.add_argument("--strength", type=strength, default=1.0, metavar="S", help="from 0, the input, to 1, the full swap (default)")
    swap.add_argument("--label", action="store_true", help='also put a small "AI" mark into the corner, for people to see')
    swap.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    swap.add_argument("--json", action="store_true", help="print one JSON object a photo")
    listing = commands.add_parser("identities", help="list the identities at hand")
    listing.add_argument("--json", action="store_true", help="print one JSON object an identity")
    sharing.add_to(commands)
    film_command.add_to(commands)
    check = commands.add_parser("check", help="look whether a picture or video says that it was generated")
    check.add_argument("file", type=pathlib.Path, metavar="FILE")
    check.add_argument("--json", action="store_true", help="print one JSON object")
    return flags


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


def swap_photos(arguments: argparse.Namespace) -> int:
    """Each photo by itself: a bad one is told of and does not stop the rest."""
    from . import hub
    from .swap import Swapper

    photos = expanded(arguments.photos)
    outputs = {kind: destinations(photos, getattr(arguments, kind)) for kind in ("out", "raw", "mask") if getattr(arguments, kind)}
    everything = [path for paths in outputs.values() for path in paths]
    if len(set(everything)) < len(everything):
        raise BadSetting("Two results would go to the same file: give --out, --raw and --mask different folders, and photos different names.")
    if overwritten := {p.resolve() for p in photos} & {p.resolve() for p in everything}:
        raise BadSetting(f"{overwritten.pop().name} would be overwritten by its own result: choose another --out.")
    identity = hub.load(arguments.identity)
    device = chosen_device(arguments.device)
    swapper = Swapper(identity.generator(device), device=device)
    failures = 0
    record: dict
    for index, path in enumerate(photos):
        files = {kind: paths[index] for kind, paths in outputs.items()}
        try:
            record = {"photo": str(path), "identity": identity.handle} | swap_one(swapper, identity, path, files, arguments)
            sentence = f"{path} -> {files['out']}: {len(record['faces'])} face(s), {sum(record['seconds'].values()):.2f} s"
        except FaceHubError as problem:
            failures += 1
            record, sentence = {"photo": str(path), "identity": identity.name, "error": str(problem)}, None
            print(f"{path}: {problem}" if path.name not in str(problem) else problem, file=sys.stderr)
        if arguments.json:
            print(json.dumps(record), flush=True)
        elif sentence:
            print(sentence, flush=True)
    return 1 if failures else 0


def swap_one(
    swapper: "Swapper", identity: "Identity", path: pathlib.Path, files: dict[str, pathlib.Path], arguments: argparse.Namespace
) -> dict:
    from . import image
    from .provenance import Marks

    picture = image.read(path)
    swapped = swapper(picture.photo[None], faces=arguments.faces, strength=arguments.strength)
    origin, marks = identity.origin(picture.file), Marks(label=arguments.label)
    for kind, result in (("out", swapped.blended), ("raw", swapped.raw)):
        if kind in files:
            image.write(files[kind], result[0], alpha=picture.alpha, origin=origin, marks=marks)
    if "mask" in files:
        image.write(files["mask"], swapped.mask[0], generated=False)  # no picture of anybody, and exact
    return described(swapped) | {"outputs": {kind: str(file) for kind, file in files.items()}}


def described(swapped: "Swapped") -> dict:
    """Faces, residuals and seconds as plain numbers."""
    from .faces import box

    rows = zip(box(swapped.faces.landmarks).tolist(), swapped.faces.landmarks.tolist(), swapped.residual.tolist(), strict=True)
    faces = [{"box": [round(v, 1) for v in corners], "landmarks": points, "residual": residual} for corners, points, residual in rows]
    return {"faces": faces, "residual": max(swapped.residual.tolist()), "seconds": {k: round(v, 5) for k, v in swapped.seconds.items()}}


def expanded(paths: Sequence[pathlib.Path]) -> list[pathlib.Path]:
    """Files as they are; folders by the pictures in them, by name."""
    photos = []
    for path in paths:
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in PHOTO_SUFFIXES) if path.is_dir() else [path]
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


def list_identities(arguments: argparse.Namespace) -> int:
    from . import hub

    for identity in [*hub.identities(), *hub.Hub().pulled()]:
        record = {"name": identity.handle, "title": identity.title, "size": identity.size, "basis": identity.consent["basis"]}
        if arguments.json:
            print(json.dumps(record | {"folder": str(identity.folder), "metrics": identity.metrics}))
        else:
            short = f"{identity.repo}@{identity.revision[:7]}" if identity.repo else identity.name
            print(f"{short:40} {record['title']:32} {record['size']} px  {record['basis']}")
    problems = hub.broken()
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def check_file(arguments: argparse.Namespace) -> int:
    from .checker import check

    report = check(arguments.file)
    print(json.dumps(report.record()) if arguments.json else report.told())
    return 0 if report.marked else 3


def swap_video(arguments: argparse.Namespace) -> int:
    return film_command.film_one(arguments, chosen_device(arguments.device))


def main() -> int:
    arguments = parser().parse_args()
    try:
        commands = {"swap": swap_photos, "video": swap_video, "identities": list_identities, "check": check_file, **sharing.COMMANDS}
        return commands[arguments.command](arguments)
    except FaceHubError as problem:
        print(problem, file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped. What was already written is whole.", file=sys.stderr)
    except BrokenPipeError:
        sys.stderr.close()
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
