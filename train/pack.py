"""`python -m train.pack OUT --faces N FOLDER...`: aligned faces of photo folders as files small enough to
travel to a machine with a GPU.

There they stand in for the folders, and neither photos nor dlib are needed. The held-out people come along;
`--faces` says how many of the rest.
"""

import argparse
import pathlib
import sys

import torch

from facehub.errors import BadSetting, FaceHubError

from .data.dataset import held_out
from .data.gallery import Gallery, gather, gather_person, write
from .flags import add_cache_flag


def trimmed(gallery: Gallery, faces: int) -> Gallery:
    """All held-out people and the first `faces` of the others."""
    measured = torch.tensor([held_out(name) for name in gallery.names], dtype=torch.bool)
    learned = (~measured).cumsum(0) <= faces
    return gallery[measured | learned]


def main() -> int:
    flags = argparse.ArgumentParser(
        prog="python -m train.pack", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument(
        "out", type=pathlib.Path, help="a folder for the files, one a photo folder, named like it"
    )
    flags.add_argument("folders", nargs="+", type=pathlib.Path)
    flags.add_argument(
        "--person",
        action="store_true",
        help="each folder shows one person: keep that person's face of every photo",
    )
    flags.add_argument(
        "--faces",
        type=int,
        default=10**9,
        help="at most so many faces besides the held-out people's (default: all)",
    )
    flags.add_argument("--size", type=int, default=128, help="side of the crops, px (default: %(default)s)")
    add_cache_flag(flags)
    arguments = flags.parse_args()
    try:
        if arguments.faces < 1:
            raise BadSetting(f"--faces is {arguments.faces}, but at least 1 is needed.")
        for folder in arguments.folders:
            missing: dict[str, str] = {}
            if arguments.person:
                gallery, missing = gather_person(folder, size=arguments.size, cache=arguments.cache)
            else:
                gallery = trimmed(gather(folder, size=arguments.size, cache=arguments.cache), arguments.faces)
            file = arguments.out / f"{folder.name}.faces"
            write(file, gallery, missing)
            print(f"{file}: {len(gallery)} faces, {file.stat().st_size / 2**20:.1f} MiB")
    except FaceHubError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
