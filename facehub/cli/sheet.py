"""`facehub sheet`: one photo with each identity, side by side."""

import argparse
import pathlib
from typing import Any

from ..errors import BadSetting, FaceHubError
from . import flags
from .terminal import print_problem


def add_to(commands: Any) -> None:
    """Add the command to what argparse's add_subparsers returned."""
    sheet = commands.add_parser("sheet", help="one photo with each identity, side by side")
    sheet.add_argument("photo", type=pathlib.Path, metavar="PHOTO")
    sheet.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help="the contact sheet: the photo first, then row by row as listed",
    )
    sheet.add_argument(
        "--identity",
        action="append",
        metavar="NAME",
        help="only this one; may be repeated (default: all that `identities` lists)",
    )
    sheet.add_argument(
        "--side", type=flags.count, default=256, metavar="PX", help="of each picture (default: %(default)s)"
    )
    sheet.add_argument("--columns", type=flags.count, default=4, metavar="N", help="default: %(default)s")
    flags.add_label(sheet)
    flags.add_device(sheet)
    flags.add_finder(sheet)


def make_sheet(arguments: argparse.Namespace) -> int:
    """Swap one photo with each identity. An identity that cannot be loaded is left out."""
    from .. import image, registry
    from ..detection.finder import finder_by_name
    from ..hub import api
    from ..marks.origin import Marks, Origin
    from ..sheets import comparison_sheet

    names = arguments.identity or [
        identity.handle for identity in [*registry.identities(), *api.Hub().pulled()]
    ]
    if not names:
        raise BadSetting("No identity is installed: pull or train one first.")
    picture, device = image.read(arguments.photo), flags.choose_device(arguments.device)
    failures, loaded = 0, []
    for name in names:
        try:
            identity = registry.load(name)
            loaded.append((identity, identity.generator(device)))
        except FaceHubError as problem:
            failures += 1
            print_problem(problem)
    if not loaded:
        return 1
    pixels = comparison_sheet(
        picture.photo,
        {identity.title: generator for identity, generator in loaded},
        finder_by_name(arguments.finder),
        side=arguments.side,
        columns=arguments.columns,
        device=device,
    )
    handles = ", ".join(identity.handle for identity, _ in loaded)
    bases = ", ".join(sorted({identity.consent["basis"] for identity, _ in loaded}))
    origin = Origin(picture.file, identity=handles, basis=bases)
    image.write(arguments.out, pixels, origin=origin, marks=Marks(label=arguments.label))
    print(f"{arguments.photo} -> {arguments.out}: the photo, then {handles}")
    return 1 if failures else 0
