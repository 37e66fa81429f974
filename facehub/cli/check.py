"""`facehub check`: whether a picture or video says that it was generated."""

import argparse
import json
import pathlib
from typing import Any


def add_to(commands: Any) -> None:
    """Add the command to what argparse's add_subparsers returned."""
    check = commands.add_parser("check", help="whether a picture or video says that it was generated")
    check.add_argument("file", type=pathlib.Path, metavar="FILE")
    check.add_argument("--json", action="store_true", help="print one JSON object")


def check_file(arguments: argparse.Namespace) -> int:
    """Print what the file's marks say. Exit code 3: it has none."""
    from ..checker import check

    report = check(arguments.file)
    print(json.dumps(report.record()) if arguments.json else report.to_text())
    return 0 if report.marked else 3
