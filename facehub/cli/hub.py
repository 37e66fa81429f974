"""The commands for a hub: search, look, pull and push.

Tokens come from HF_TOKEN or `hf auth login`, never from the command line. What a hub says is printed through
`one_line`.
"""

import argparse
import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

from ..text import one_line
from .terminal import ProgressLine

if TYPE_CHECKING:
    from ..hub.api import Hub, Progress

Commands = Any
"""What argparse's add_subparsers returns; it has no public name."""

MAX_SHOWN = 1000
"""Longest text of a hub that is printed, in characters."""


def add_to(commands: Commands) -> None:
    """Add the four commands to a parser."""
    search = commands.add_parser("search", help="find identities on the hub")
    search.add_argument("text", nargs="?", default="", help="part of a repository's name")
    search.add_argument(
        "--tag",
        action="append",
        default=[],
        help="also this tag, consent-self or 128px, say; may be repeated",
    )
    search.add_argument("--author", default="", help="whose repositories")
    search.add_argument(
        "--sort", choices=("downloads", "likes", "last_modified", "trending_score"), default="downloads"
    )
    search.add_argument("--limit", type=int, default=30, help="show at most this many (default: %(default)s)")
    look = commands.add_parser("look", help="show what a repository says of its identity, without pulling it")
    look.add_argument("name", metavar="USER/NAME[@REVISION]")
    pull = commands.add_parser(
        "pull", help="fetch an identity from the hub, once; it is pinned to its commit"
    )
    pull.add_argument("name", metavar="USER/NAME[@REVISION]")
    pull.add_argument(
        "--update", action="store_true", help="resolve the revision again, and fetch its commit"
    )
    push = commands.add_parser("push", help="publish an identity's folder, in one commit")
    push.add_argument("folder", help="an identity's folder")
    push.add_argument("name", metavar="USER/NAME")
    closing(push)
    push.add_argument("--create-pr", action="store_true", help="propose the change instead of making it")
    for command in (search, look, pull, push):
        command.add_argument("--endpoint", default="", help="another hub than HF_ENDPOINT says")
        command.add_argument("--json", action="store_true", help="print one JSON object per line")


def closing(flags: argparse.ArgumentParser) -> None:
    """Add the flags that narrow who may read the repository; training has them too."""
    flags.add_argument("--private", action="store_true", help="only you can read the repository")
    flags.add_argument("--gated", action="store_true", help="you grant access to the repository one by one")


def search(arguments: argparse.Namespace) -> int:
    found = hub(arguments).search(
        arguments.text,
        tags=arguments.tag,
        author=arguments.author,
        sort=arguments.sort,
        limit=arguments.limit,
    )
    for record in found:
        if arguments.json:
            print(json.dumps(dataclasses.asdict(record)))
        else:
            size = f"{record.bytes / 1e6:.1f} MB" if record.bytes else ""
            closed = "private" if record.private else "gated" if record.gated else ""
            numbers = f"{record.size_px or '?'} px  {size:>8}  {record.downloads:>6} downloads"
            basis = record.basis or "no basis given"
            print(f"{record.repo:40} {record.title:32} {numbers}  {basis} {closed}".rstrip())
    if not found:
        print("Nothing was found: search for less.", file=sys.stderr)
    return 0


def look(arguments: argparse.Namespace) -> int:
    found = hub(arguments).details(arguments.name)
    if arguments.json:
        print(json.dumps(dataclasses.asdict(found)))
        return 0
    record = found.entry
    print(f"{record.title}\n{record.repo}@{record.revision}")
    print(f"{(record.bytes or 0) / 1e6:.1f} MB in {len(found.files)} files, {record.downloads} downloads")
    for key, value in (found.consent or {"basis": record.basis}).items():
        print(f"{key:10} {one_line(value, MAX_SHOWN)}")
    for key, value in record.metrics.items():
        print(f"{value:10.3g} {one_line(key, MAX_SHOWN)}")
    if found.closed:
        print(one_line(found.closed, MAX_SHOWN))
    return 0


def pull(arguments: argparse.Namespace) -> int:
    with ProgressLine() as line:
        identity = hub(arguments).pull(
            arguments.name, update=arguments.update, progress=show_bytes(line, "Fetched")
        )
    if arguments.json:
        print(json.dumps({"name": identity.handle, "title": identity.title, "folder": str(identity.folder)}))
    else:
        print(f"{identity.title} is here, at {identity.revision[:12]}.")
        print(f"Try it: python -m facehub swap photo.jpg --identity {arguments.name} --out result.png")
    return 0


def push(arguments: argparse.Namespace) -> int:
    choices = {"private": arguments.private, "gated": arguments.gated, "create_pr": arguments.create_pr}
    with ProgressLine() as line:
        pushed = hub(arguments).push(
            arguments.folder, arguments.name, progress=show_bytes(line, "Sent"), **choices
        )
    if arguments.json:
        print(json.dumps(dataclasses.asdict(pushed)))
    elif pushed.unchanged:
        print(f"{pushed.url} holds just this already, at {pushed.commit[:12]}.")
    else:
        print(
            f"Proposed: {pushed.pr_url}"
            if pushed.pr_url
            else f"Published: {pushed.url}, at {pushed.commit[:12]}."
        )
    return 0


COMMANDS = {"search": search, "look": look, "pull": pull, "push": push}


def hub(arguments: argparse.Namespace) -> "Hub":
    from ..hub.api import Hub, disable_progress_bars

    disable_progress_bars()
    return Hub(arguments.endpoint)


def show_bytes(line: ProgressLine, done_word: str) -> "Progress":
    """Shows how many bytes of a transfer are done."""
    return lambda done, total: line.show(f"{done_word} {done / 1e6:.1f} of {total / 1e6:.1f} MB")
