"""The command line: `python -m facehub COMMAND ...`, or `facehub COMMAND ...` once the package is installed.

Photos and videos: `swap`, `sheet`, `mask`, `video`, `check`; identities: `identities`, `train`, `train-many`,
and on a hub `search`, `look`, `pull`, `push`. `doctor` says what is set up.

Exit codes: 0 all done; 1 something failed, a sentence each on stderr; 2 wrong use; 3 from `check`: no marks.
"""

import argparse
import os
import sys

from . import memory
from .cli import check, doctor, hub, identities, mask, photos, sheet, train, video
from .cli.terminal import print_problem
from .errors import FaceHubError
from .marks.origin import VERSION

COMMANDS = {
    "swap": photos.swap_photos,
    "sheet": sheet.make_sheet,
    "mask": mask.mask_photo,
    "video": video.swap_film,
    "check": check.check_file,
    "identities": identities.list_identities,
    "doctor": doctor.examine,
    **hub.COMMANDS,
}
"""Command -> function of the parsed arguments; returns the exit code. Each imports what it needs."""


def parser() -> argparse.ArgumentParser:
    called = os.path.basename(sys.argv[0])
    flags = argparse.ArgumentParser(
        prog="facehub" if called.startswith("facehub") else "python -m facehub",
        description="Give the faces in photos another identity.",
    )
    flags.add_argument("--version", action="version", version=f"facehub {VERSION}")
    commands = flags.add_subparsers(dest="command", required=True)
    for family in (photos, sheet, mask, identities, train, hub, video, check, doctor):
        family.add_to(commands)
    return flags


def main() -> int:
    memory.enable_huge_pages()
    try:
        if sys.argv[1:] and sys.argv[1] in train.MODULES:
            return train.run_training(sys.argv[1], sys.argv[2:])
        arguments = parser().parse_args()
        return COMMANDS[arguments.command](arguments)
    except FaceHubError as problem:
        print_problem(problem)
    except KeyboardInterrupt:
        print("Stopped. What was already written is whole.", file=sys.stderr)
    except BrokenPipeError:
        sys.stderr.close()
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
