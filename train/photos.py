"""`python -m train.photos PHOTOS --report FOLDER`: which photos of a folder teach, and why the others do
not."""

import argparse
import pathlib

from facehub.choices import MIN_TRAINING_FACE_PX
from facehub.errors import FaceHubError, NoFace
from facehub.training_progress import Progress, ProgressCallback

from .config import Config
from .data.filtering import check_one_person, filter_photos
from .data.gallery import gather_person
from .data.report import write
from .flags import add_cache_flag
from .progress import add_progress_flag, count_photos, printer


def parser() -> argparse.ArgumentParser:
    """The flags of `python -m train.photos`."""
    what = "Which photos of a folder would teach an identity, and why not the others."
    flags = argparse.ArgumentParser(prog="python -m train.photos", description=what)
    flags.add_argument("photos", type=pathlib.Path, help="a folder of photos of one person, 40 or more")
    flags.add_argument(
        "--report",
        type=pathlib.Path,
        required=True,
        help="the folder for photos.json and the contact sheet photos.webp",
    )
    flags.add_argument(
        "--size", type=int, default=Config().size, help="side of the crops in pixels (default: %(default)s)"
    )
    add_cache_flag(flags)
    add_progress_flag(flags)
    return flags


def main() -> int:
    """Run the command; the exit code."""
    arguments = parser().parse_args()
    report = printer(arguments.progress)
    try:
        inspect(arguments.photos, arguments.report, arguments.size, arguments.cache, report)
    except NoFace:
        wanted = f"give photos in which the face is upright and at least {MIN_TRAINING_FACE_PX} pixels wide."
        report(Progress(error=f"No photo shows a face: {wanted}"))
        return 1
    except FaceHubError as problem:
        report(Progress(error=str(problem)))
        return 1
    except KeyboardInterrupt:
        report(Progress(error="Stopped; nothing was written."))
        return 1
    return 0


def inspect(
    photos: pathlib.Path, folder: pathlib.Path, size: int, cache: pathlib.Path, report: ProgressCallback
) -> None:
    """Find and judge the faces of all photos, and write the report. Raises what `gather_person` does."""
    gallery, missing = gather_person(photos, size=size, cache=cache, heard=count_photos(report))
    left_out = missing | filter_photos(gallery)
    check_one_person(photos, gallery, left_out)
    for sentence in write(folder, photos, gallery, left_out):
        report(Progress(message=sentence))
    count = len(set(gallery.names) | set(missing))
    report(Progress(photos=count, kept=count - len(left_out)))
    numbers = folder / "photos.json"
    report(Progress(message=f"Look at {folder / 'photos.webp'}; {numbers} has the numbers."))


if __name__ == "__main__":
    raise SystemExit(main())
