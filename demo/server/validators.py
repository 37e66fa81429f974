"""Validators: the `preprocess` of the page's inputs, which give the handler's value or raise an error with
a sentence.

gradio's own would refuse a value in its words and with a traceback in the log. Every input needs one of
these, or the page does not build (`blocks.GuardedBlocks`), which also rejects what no input takes:
addresses, paths of this machine, groups.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData, ImageData, ListFiles

from facehub.blending.masks import Masker, hull_masker
from facehub.choices import MASKERS
from facehub.detection.selection import FaceSelection
from facehub.errors import BadSetting

from .errors import as_user_error

Preprocess = Callable[..., Any]
"""From what a caller sent to what the handler gets."""

MAX_CHARACTERS = 2000
"""Of a text, by default."""


def number(name: str, low: int, high: int, meaning: str) -> Preprocess:
    """A number in [low, high]; `meaning` describes the range."""

    @as_user_error
    def validate(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise BadSetting(f"{name} is {quote(value)}, but must be a number {meaning}.")
        return float(value)

    return validate


def text(name: str, max_characters: int = MAX_CHARACTERS) -> Preprocess:
    """A text of at most `max_characters`; None is an empty one."""

    @as_user_error
    def validate(value: object) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise BadSetting(f"{name} is {quote(value)}, but must be a text.")
        if len(value) > max_characters:
            raise BadSetting(
                f"{name} has {len(value):,} letters, but at most {max_characters:,} are taken: shorten it."
            )
        return value

    return validate


def texts(name: str, max_entries: int) -> Preprocess:
    """A list of at most `max_entries` short texts; None is an empty one."""
    one = text(name, 300)

    @as_user_error
    def validate(value: object) -> list[str]:
        if not isinstance(value, (list, type(None))):
            raise BadSetting(f"{name} is {quote(value)}, but must be a list of texts.")
        if len(value or ()) > max_entries:
            raise BadSetting(
                f"{name} has {len(value or ())} entries, but at most {max_entries} are taken: choose fewer."
            )
        return [one(part) for part in value or ()]

    return validate


def choice(name: str, options: Sequence[str]) -> Preprocess:
    """One of a few words."""

    @as_user_error
    def validate(value: object) -> str:
        if not isinstance(value, str) or value not in options:
            raise BadSetting(f"{name} is {quote(value)}, but must be one of {', '.join(options)}.")
        return value

    return validate


def faces(payload: object) -> str:
    """Which faces, as a text: a word, a number, or numbers with identities of their own."""
    if isinstance(payload, int) and not isinstance(payload, bool):
        return str(payload)[:20]
    return text("Faces")("all" if payload is None else payload)


def boolean(name: str) -> Preprocess:
    """True or false; None is true, the default of the page's boxes."""

    @as_user_error
    def validate(value: object) -> bool:
        if not isinstance(value, (bool, type(None))):
            raise BadSetting(f"{name} is {quote(value)}, but must be true or false.")
        return value is not False

    return validate


def index(name: str, count: int) -> Preprocess:
    """The index of one of `count` things, from 0."""

    @as_user_error
    def validate(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < count:
            raise BadSetting(
                f"{name} {quote(value)} was asked for, but they are numbered from 0 to {count - 1}."
            )
        return value

    return validate


def file(payload: FileData | ImageData | ListFiles | None) -> str | None:
    """The path of an upload as it came: gr.Image would decode it, say in its own words what is wrong, and
    write it anew without its marks."""
    if isinstance(payload, ListFiles):
        payload = next(iter(payload.root), None)
    return payload.path if payload else None


def files(payload: ListFiles | FileData | None) -> list[str]:
    """The same for several: gr.File would leave an empty file behind for each, and training has a sentence
    for each photo that is none."""
    return [one.path for one in (payload.root if isinstance(payload, ListFiles) else filter(None, [payload]))]


def quote(value: object) -> str:
    """A value, short enough to be quoted in a sentence."""
    if isinstance(value, (dict, list)):
        return "a group of values"
    if value is None:
        return "nothing"
    return f'"{value[:60]}"' if isinstance(value, str) else str(value)[:60]


def parse_faces(faces: str) -> FaceSelection:
    """The selection for a Swapper: a word or a number from 0. Raises BadSetting."""
    if faces == "all" or faces == "largest":
        return faces
    if faces.isdecimal() and len(faces) < 4:
        return int(faces)
    raise BadSetting(
        f'Faces "{faces}" is no choice: use "all", "largest" or a number, where 0 is the largest face.'
    )


def masker_for(name: str) -> Masker | None:
    """The masker of a name; None for the pipeline's own, the segmentation. Raises BadSetting."""
    if name not in MASKERS:
        raise BadSetting(f'Mask "{name[:60]}" is no choice: use {" or ".join(MASKERS)}.')
    return hull_masker if name == "landmarks" else None


def clicked(names: Sequence[str], event: gr.SelectData) -> str:
    """The name behind a clicked card. Raises BadSetting when there is no such card."""
    index = getattr(event, "index", None)
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(names):
        raise BadSetting("This card is not there any more: choose another one.")
    return names[index]


def stem(file: Path) -> str:
    """An upload's name without suffix, short enough for the names of results."""
    return file.stem.encode()[:80].decode(errors="ignore")
