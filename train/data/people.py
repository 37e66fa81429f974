"""The other people that training ships: 40 adults of the Face Research Lab London Set, neutral and smiling,
each also turned to both sides (train/people/CREDITS.md).

Six of them are never learned from: their faces are the preview of a training, and the examples of the page.
"""

import hashlib
import json
import pathlib

from facehub.errors import BadSetting

PEOPLE = pathlib.Path(__file__).parents[1] / "people"
"""The folder: learned/PERSON/*.webp, held_out/PERSON/*.webp, people.json, CREDITS.md."""

LEARNED, HELD_OUT = "learned", "held_out"
"""Its two halves."""

LIST = "people.json"
"""Path below the folder -> SHA-256 of each photo."""


def sha256(file: pathlib.Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def write_list(folder: pathlib.Path) -> None:
    """Write people.json for the photos that are there."""
    photos = sorted(folder.glob("*/*/*.webp"))
    sums = {photo.relative_to(folder).as_posix(): sha256(photo) for photo in photos}
    (folder / LIST).write_text(json.dumps(sums, indent=0) + "\n")


def check_people(folder: pathlib.Path = PEOPLE) -> pathlib.Path:
    """The folder. Raises BadSetting where a photo of it is missing or was changed."""
    what = "The photos of other people that come with facehub"
    again = "install facehub again, or give photos of your own with --content."
    try:
        sums: dict[str, str] = json.loads((folder / LIST).read_text())
        broken = [name for name, wanted in sums.items() if sha256(folder / name) != wanted]
    except FileNotFoundError as problem:
        raise BadSetting(f"{what} lack {pathlib.Path(problem.filename).name}: {again}") from problem
    except (OSError, ValueError, AttributeError) as problem:
        raise BadSetting(f"{what} cannot be read ({problem}): {again}") from problem
    if broken:
        raise BadSetting(f"{what} are damaged ({len(broken)} of {len(sums)}, first {broken[0]}): {again}")
    return folder
