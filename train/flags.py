"""The flags of `python -m train`, and those that several commands of training take."""

import argparse
import dataclasses
import pathlib
from collections.abc import Sequence
from typing import TypeVar

import torch

from facehub.cli.hub import closing

from .config import Config, PairConfig
from .progress import add_progress_flag

Settings = TypeVar("Settings")

CONTENT_HELP = "a folder tree of other people's photos, or hub:user/dataset[@revision]; may be repeated"
"""What `--content` takes."""

WAYS = ("short", "paper")
"""The short way learns from pairs with the person's own photos; the paper's from its losses."""

WHAT = {
    "short": """A folder of photos of one person -> an identity that swaps, in minutes.

Nothing else is needed: other people's photos ship, and other people's networks are fetched once. Without
--name and --consent the identity named by --start learns on. Stopped at any moment and started again with the
same arguments it goes on where it was. `python -m train --way paper --help` lists the flags of the paper's
way, which takes hours and photos of thousands of other people.
""",
    "paper": """A folder of photos of one person -> an identity that swaps, by the losses of the paper.

Stopped at any moment and started again with the same arguments it goes on where it was. Several GPUs:
torchrun --nproc-per-node=N -m train --way paper ...
""",
}


def way_in(arguments: Sequence[str]) -> str:
    """The way that a command line names."""
    flags = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_way_flag(flags)
    return flags.parse_known_args(arguments)[0].way


def add_way_flag(flags: argparse.ArgumentParser) -> None:
    """Add `--way`."""
    flags.add_argument(
        "--way",
        choices=WAYS,
        default=WAYS[0],
        help="short: minutes, from pairs with the person's photos; paper: hours (default: %(default)s)",
    )


def parser(way: str) -> argparse.ArgumentParser:
    """The flags of one way: one for each setting of config.py, besides the folders."""
    flags = argparse.ArgumentParser(
        prog="python -m train", description=WHAT[way], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    path, paper = pathlib.Path, way == "paper"
    flags.add_argument("photos", type=path, help="a folder of photos of one person, 40 or more")
    add_way_flag(flags)
    flags.add_argument("--name", required=paper, help="the person's name as shown")
    flags.add_argument(
        "--consent",
        type=path,
        required=paper,
        help="the consent record (JSON: basis, whose, scope, date, contact, licence)",
    )
    flags.add_argument(
        "--out",
        type=path,
        required=paper,
        help="the identity's folder; its last part is the identity's short name"
        + ("" if paper else " (default: one named after the person)"),
    )
    if paper:
        _add_paper_flags(flags)
    else:
        _add_short_flags(flags)
    flags.set_defaults(datasets=[])
    add_sample_flags(flags)
    add_vgg19_flags(flags)
    flags.add_argument(
        "--push", metavar="USER/NAME", help="publish the identity there once it is saved (docs/hub.md)"
    )
    closing(flags)
    add_runs_flag(flags)
    add_cache_flag(flags)
    add_progress_flag(flags)
    add_device_flag(flags)
    add_config_flags(flags, Config if paper else PairConfig)
    return flags


def _add_short_flags(flags: argparse.ArgumentParser) -> None:
    """Add what only the short way takes."""
    path = pathlib.Path
    flags.add_argument(
        "--content",
        "--strangers",
        type=path,
        action="append",
        default=[],
        help=f"{CONTENT_HELP} (default: 34 people who ship)",
    )
    flags.add_argument(
        "--start", help="the identity to go on from, name or folder (default: tom_cruise, which ships)"
    )
    flags.add_argument("--sface", type=path, help="SFace's ONNX file (default: fetched once from the hub)")
    flags.add_argument(
        "--offline", action="store_true", help="fetch nothing; say what is missing and where to put it"
    )
    flags.add_argument(
        "--until",
        choices=("end", "good"),
        default="end",
        help="good: end when held-out faces have stopped getting better (default: after --steps)",
    )
    flags.add_argument(
        "--least-px",
        type=int,
        default=100,
        help="narrowest face of a photo that is a target, as far as there are enough (default: %(default)s)",
    )


def _add_paper_flags(flags: argparse.ArgumentParser) -> None:
    """Add what only the paper's way takes."""
    flags.add_argument(
        "--content",
        type=pathlib.Path,
        action="append",
        required=True,
        help=CONTENT_HELP,
    )
    flags.add_argument(
        "--sface",
        type=pathlib.Path,
        help="SFace's ONNX file for the identity loss; without it that loss is left out",
    )
    flags.add_argument(
        "--start",
        help=(
            "an identity, name or folder: of this size, to learn on; of half of it, to get a branch and "
            "stay as it is"
        ),
    )
    add_estimators_flag(flags)
    add_upper_flag(flags)
    add_ours_flag(flags)


def add_vgg19_flags(flags: argparse.ArgumentParser) -> None:
    """Add `--vgg19` and `--vgg19-scales`, which networks/vgg.py reads."""
    flags.add_argument(
        "--vgg19",
        type=pathlib.Path,
        help="VGG-19 weights (safetensors, torchvision's names); downloaded when not given",
    )
    flags.add_argument(
        "--vgg19-scales",
        type=pathlib.Path,
        help="their channel scales (safetensors); measured when not given",
    )


def add_estimators_flag(flags: argparse.ArgumentParser) -> None:
    """Add `--estimators`, the folder that networks/estimators.py reads."""
    flags.add_argument(
        "--estimators",
        type=pathlib.Path,
        help="folder with the networks that measure pose and expression (train/networks/estimators.py)",
    )


def add_upper_flag(flags: argparse.ArgumentParser) -> None:
    """Add `--upper`, the number of faces that are optimised for the upper mark."""
    flags.add_argument(
        "--upper",
        type=int,
        default=48,
        help="faces whose pixels are optimised, the upper mark; 0: none (default: %(default)s)",
    )


def add_ours_flag(flags: argparse.ArgumentParser) -> None:
    """Add `--ours`, photos of further identities in the retrieval gallery."""
    flags.add_argument(
        "--ours",
        type=pathlib.Path,
        action="append",
        default=[],
        help="photos of another of our identities, for ID retrieval; may be repeated",
    )


def add_sample_flags(flags: argparse.ArgumentParser) -> None:
    """Add `--sample` and `--credits`, for the card."""
    flags.add_argument(
        "--sample",
        type=pathlib.Path,
        action="append",
        default=[],
        help="a photo whose swap is shown in the card; may be repeated",
    )
    flags.add_argument("--credits", default="", help="whose photos the samples show")


def add_runs_flag(flags: argparse.ArgumentParser) -> None:
    """Add `--runs`."""
    flags.add_argument(
        "--runs",
        type=pathlib.Path,
        default=pathlib.Path(".runs"),
        help="where unfinished runs are kept (default: %(default)s)",
    )


def add_cache_flag(flags: argparse.ArgumentParser) -> None:
    """Add `--cache`, the folder that data/gallery.py fills."""
    flags.add_argument(
        "--cache",
        type=pathlib.Path,
        default=pathlib.Path(".cache"),
        help="where aligned faces are kept (default: %(default)s)",
    )


def add_device_flag(flags: argparse.ArgumentParser) -> None:
    """Add `--device`."""
    flags.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")


def add_config_flags(flags: argparse.ArgumentParser, settings: type) -> None:
    """Add one flag for each field of a dataclass of settings."""
    for field in dataclasses.fields(settings):
        flags.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=type(field.default),
            default=field.default,
            help=f"default {field.default}",
        )


def config_from(arguments: argparse.Namespace, settings: type[Settings]) -> Settings:
    """The settings that these flags were given."""
    names = [field.name for field in dataclasses.fields(settings)]  # pyright: ignore[reportArgumentType]
    return settings(**{name: getattr(arguments, name) for name in names})
