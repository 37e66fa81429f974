"""Which photos a command reads, and where their results go."""

import glob
import pathlib
from collections import Counter
from collections.abc import Mapping, Sequence

from ..errors import BadSetting
from ..formats import READ_SUFFIXES


def expand_photos(paths: Sequence[pathlib.Path]) -> list[pathlib.Path]:
    """The photos that the paths name. Folders and patterns stand for the pictures in them, by name."""
    photos = []
    for path in paths:
        found = [path]
        if path.is_dir():
            found = sorted(p for p in path.iterdir() if p.suffix.lower() in READ_SUFFIXES)
        elif not path.exists() and glob.has_magic(str(path)):
            matches = map(pathlib.Path, glob.glob(str(path), recursive=True))
            found = sorted(p for p in matches if p.suffix.lower() in READ_SUFFIXES)
        if not found:
            raise BadSetting(f"{path} holds no pictures: name picture files, or a folder of them.")
        photos += found
    return photos


def output_paths(photos: Sequence[pathlib.Path], target: str) -> list[pathlib.Path]:
    """One path per photo: `target` itself for a single photo, else PNGs in the folder `target` (created).

    Photos with the same stem keep their suffix in the name.
    """
    path = pathlib.Path(target)
    is_folder = path.is_dir() or target.endswith(("/", "\\"))
    if len(photos) == 1 and not is_folder:
        return [path]
    if path.suffix and not is_folder:
        raise BadSetting(f"{target} is one file, but there are {len(photos)} photos: give a folder.")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise BadSetting(
            f"The folder {target} cannot be made ({problem.strerror}): choose another."
        ) from problem
    stems = Counter(photo.stem for photo in photos)
    return [path / f"{photo.stem if stems[photo.stem] == 1 else photo.name}.png" for photo in photos]


def check_paths(
    photos: Sequence[pathlib.Path],
    outputs: Mapping[str, Sequence[pathlib.Path]],
    reports: Sequence[pathlib.Path],
) -> None:
    """Raise BadSetting where two results go to one file, or a result replaces a photo."""
    results = [path for paths in outputs.values() for path in paths] + list(reports)
    if len(set(results)) < len(results):
        raise BadSetting(
            "Two results would go to the same file: give --out, --raw and --mask different folders, "
            "and photos different names."
        )
    if overwritten := {p.resolve() for p in photos} & {p.resolve() for p in results}:
        raise BadSetting(
            f"{overwritten.pop().name} would be overwritten by its own result: choose another --out."
        )
