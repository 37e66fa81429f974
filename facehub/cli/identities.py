"""`facehub identities`: list the identities that are installed."""

import argparse
import json
from typing import Any

from .terminal import print_problem


def add_to(commands: Any) -> None:
    """Add the command to what argparse's add_subparsers returned."""
    listing = commands.add_parser("identities", help="list the installed identities")
    listing.add_argument("--json", action="store_true", help="print one JSON object per identity")


def list_identities(arguments: argparse.Namespace) -> int:
    """Print what ships, what FACEHUB_IDENTITIES names and what was pulled; broken ones go to stderr."""
    from .. import registry
    from ..hub import api

    found, problems = registry.scan()
    for identity in [*found, *api.Hub().pulled()]:
        record = {
            "name": identity.handle,
            "title": identity.title,
            "size": identity.size,
            "basis": identity.consent["basis"],
        }
        if arguments.json:
            print(json.dumps(record | {"folder": str(identity.folder), "metrics": identity.metrics}))
        else:
            short = f"{identity.repo}@{identity.revision[:7]}" if identity.repo else identity.name
            print(f"{short:40} {record['title']:32} {record['size']} px  {record['basis']}")
    for problem in problems:
        print_problem(problem)
    return 1 if problems else 0
