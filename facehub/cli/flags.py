"""Flags that several commands share, and how their values are read."""

import argparse
import os
from typing import TYPE_CHECKING

from ..choices import MASKERS
from ..errors import BadSetting

if TYPE_CHECKING:
    from ..detection.selection import FaceSelection

IDENTITY_HELP = "a name that `identities` lists, a folder, or user/name[@revision] that was pulled"

MASKER_HELP = (
    "what the new face covers: learned, without what is in front of the face (default), "
    "or all within the outline of the landmarks"
)


def add_device(flags: argparse.ArgumentParser) -> None:
    flags.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def add_finder(flags: argparse.ArgumentParser) -> None:
    flags.add_argument(
        "--finder",
        default=os.environ.get("FACEHUB_FINDER", "yunet"),
        metavar="NAME",
        help="the face detector: yunet, or the slower dlib (default: FACEHUB_FINDER, else yunet)",
    )


def add_masker(flags: argparse.ArgumentParser) -> None:
    flags.add_argument("--masker", choices=MASKERS, default=MASKERS[0], help=MASKER_HELP)


def add_strength(flags: argparse.ArgumentParser) -> None:
    flags.add_argument(
        "--strength",
        type=strength,
        default=1.0,
        metavar="S",
        help="from 0, the input, to 1, the full swap (default)",
    )


def add_detail(flags: argparse.ArgumentParser) -> None:
    flags.add_argument(
        "--detail",
        type=strength,
        default=1.0,
        metavar="D",
        help="how much of the photo's own detail returns to the skin of large faces: 0 to 1 (default)",
    )


def add_label(flags: argparse.ArgumentParser) -> None:
    """The visible mark: on by default, as on the page; the operator's FACEHUB_LABEL=off turns both off."""
    flags.add_argument(
        "--label",
        action=argparse.BooleanOptionalAction,
        default=os.environ.get("FACEHUB_LABEL", "on") != "off",
        help='a small visible "AI" mark in the corner '
        "(default: on, as on the page; FACEHUB_LABEL=off turns both off)",
    )


def selection(text: str) -> "FaceSelection":
    """all, largest, or the number of a face."""
    if text in ("all", "largest"):
        return text
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f'"{text}" is no choice: use all, largest or a number from 0')


def selection_or_plan(text: str) -> "FaceSelection | dict[int, str]":
    """A selection, or the identity of each face by its number: 0=tom_cruise,2=will_smith."""
    if "=" not in text:
        return selection(text)
    plan: dict[int, str] = {}
    for part in text.split(","):
        number, _, name = (word.strip() for word in part.partition("="))
        if not number.isdecimal() or not name:
            raise argparse.ArgumentTypeError(
                f'"{part}" is no NUMBER=IDENTITY: write them like 0=tom_cruise,2=will_smith'
            )
        if int(number) in plan:
            raise argparse.ArgumentTypeError(f"face {number} has two identities: give it one")
        plan[int(number)] = name
    return plan


def strength(text: str) -> float:
    """A number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f'"{text}" is no number from 0 to 1')
    return value


def count(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'"{text}" is no number from 1')
    return int(text)


def choose_device(name: str) -> str:
    """The device that --device names; "auto" is CUDA if there is a CUDA device. Raises BadSetting."""
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise BadSetting("There is no CUDA device here: use --device cpu.")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
