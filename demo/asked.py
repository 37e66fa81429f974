"""What callers send, held against what the handlers want: the `preprocess` of the page's inputs, each of which answers in a sentence.

gradio's own would meet a value that is not on offer in its words and with a traceback in the log. Whoever adds an input gives it one of these;
`page.Page` refuses beforehand what no input takes (addresses, paths of this machine, groups).
"""

from collections.abc import Callable, Sequence
from typing import Any

from gradio.data_classes import FileData, ImageData, ListFiles

from facehub.errors import BadSetting

from .sentences import in_a_sentence

Preprocess = Callable[..., Any]
"""Takes what a caller sent, and gives what the handler gets."""

MOST_LETTERS = 2000
"""In a text, where nothing else is said."""


def number(name: str, low: int, high: int, meaning: str) -> Preprocess:
    """A number in [low, high]; `meaning` says what the ends mean."""

    @in_a_sentence
    def asked(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise BadSetting(f"{name} is {shown(value)}, but must be a number {meaning}.")
        return float(value)

    return asked


def text(name: str, most: int = MOST_LETTERS) -> Preprocess:
    """A text of at most `most` letters; nothing counts as an empty one."""

    @in_a_sentence
    def asked(value: object) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise BadSetting(f"{name} is {shown(value)}, but must be a text.")
        if len(value) > most:
            raise BadSetting(f"{name} has {len(value):,} letters, but at most {most:,} are taken: shorten it.")
        return value

    return asked


def texts(name: str, most: int) -> Preprocess:
    """A list of at most `most` short texts; nothing counts as an empty one."""
    one = text(name, 300)

    @in_a_sentence
    def asked(value: object) -> list[str]:
        if not isinstance(value, (list, type(None))):
            raise BadSetting(f"{name} is {shown(value)}, but must be a list of texts.")
        if len(value or ()) > most:
            raise BadSetting(f"{name} has {len(value or ())} entries, but at most {most} are taken: choose fewer.")
        return [one(part) for part in value or ()]

    return asked


def choice(name: str, options: Sequence[str]) -> Preprocess:
    """One of a few words."""

    @in_a_sentence
    def asked(value: object) -> str:
        if not isinstance(value, str) or value not in options:
            raise BadSetting(f"{name} is {shown(value)}, but must be one of {', '.join(options)}.")
        return value

    return asked


def which_faces(payload: object) -> str:
    """All faces, the largest, or one by its number: a word or a number, which `handlers.chosen` reads."""
    if isinstance(payload, int) and not isinstance(payload, bool):
        return str(payload)[:20]
    return text("Faces", 40)("all" if payload is None else payload)


def flag(name: str) -> Preprocess:
    """Yes or no; nothing counts as yes, which is the default of the only box there is."""

    @in_a_sentence
    def asked(value: object) -> bool:
        if not isinstance(value, (bool, type(None))):
            raise BadSetting(f"{name} is {shown(value)}, but must be true or false.")
        return value is not False

    return asked


def place(name: str, count: int) -> Preprocess:
    """The place of one of `count` things, from 0."""

    @in_a_sentence
    def asked(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < count:
            raise BadSetting(f"{name} {shown(value)} was asked for, but they are numbered from 0 to {count - 1}.")
        return value

    return asked


def file(payload: FileData | ImageData | ListFiles | None) -> str | None:
    """The path of an upload as it came: gr.Image would decode it, say in its own words what is wrong, and write it anew without its marks."""
    if isinstance(payload, ListFiles):
        payload = next(iter(payload.root), None)
    return payload.path if payload else None


def files(payload: ListFiles | FileData | None) -> list[str]:
    """The same for several: gr.File would leave an empty file behind for each, and training has a sentence for each photo that is none."""
    return [one.path for one in (payload.root if isinstance(payload, ListFiles) else filter(None, [payload]))]


def shown(value: object) -> str:
    """A value as a sentence can quote it."""
    if isinstance(value, (dict, list)):
        return "a group of values"
    if value is None:
        return "nothing"
    return f'"{value[:60]}"' if isinstance(value, str) else str(value)[:60]
