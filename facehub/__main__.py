"""The command line: `python -m facehub swap PHOTO... --identity NAME --out RESULT`, `sheet`, `mask`, `video`, `identities`, `check`; for a hub
`search`, `look`, `pull` and `push`.

Exit codes: 0 all done; 2 wrong use; 1 something could not be done, told in one sentence each on stderr; 3 from `check`: the file is not marked.
"""

import argparse
import json
import pathlib
import sys

from . import film_command, memory, sharing, swapping
from .errors import FaceHubError


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(prog="python -m facehub", description="Give the faces in photos another identity.")
    commands = flags.add_subparsers(dest="command", required=True)
    swapping.add_to(commands)
    listing = commands.add_parser("identities", help="list the identities at hand")
    listing.add_argument("--json", action="store_true", help="print one JSON object an identity")
    sharing.add_to(commands)
    film_command.add_to(commands)
    check = commands.add_parser("check", help="look whether a picture or video says that it was generated")
    check.add_argument("file", type=pathlib.Path, metavar="FILE")
    check.add_argument("--json", action="store_true", help="print one JSON object")
    return flags


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
    return film_command.film_one(arguments, swapping.chosen_device(arguments.device))


def main() -> int:
    arguments = parser().parse_args()
    memory.in_huge_pages()
    try:
        commands = {"video": swap_video, "identities": list_identities, "check": check_file, **swapping.COMMANDS, **sharing.COMMANDS}
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
