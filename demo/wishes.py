"""What visitors and the operator ask for, in words, as the pipeline takes it."""

import math
from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from facehub.alignment import Masker
from facehub.errors import BadSetting
from facehub.masks import outlined
from facehub.provenance import Marks
from facehub.swap import Which
from facehub.swapping import MASKERS

LABELLED = Marks(label=True)
"""All marks, the visible one too: what a page puts on unless its operator wants otherwise."""


def chosen(faces: str) -> Which:
    """What was asked for, as a Swapper takes it: a word or a number from 0."""
    if faces == "all" or faces == "largest":
        return faces
    if faces.isdecimal() and len(faces) < 4:
        return int(faces)
    raise BadSetting(f'Faces "{faces}" is no choice: use "all", "largest" or a number, where 0 is the largest face.')


def masker_for(name: str) -> Masker | None:
    """What decides how much of a face is swapped; None for the pipeline's own, which has learned it."""
    if name not in MASKERS:
        raise BadSetting(f'Mask "{name[:60]}" is no choice: use {" or ".join(MASKERS)}.')
    return outlined if name == "landmarks" else None


def clicked(names: Sequence[str], event: gr.SelectData) -> str:
    """The name behind a card. Raises BadSetting when a caller made the click up."""
    index = getattr(event, "index", None)
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(names):
        raise BadSetting("This card is not there any more: choose another one.")
    return names[index]


def stem(file: Path) -> str:
    """An upload's name without suffix, short enough for what is made of it."""
    return file.stem.encode()[:80].decode(errors="ignore")


def label_setting(word: str) -> dict:
    """What the operator's word for the visible mark (on, choice or off) means to `Handlers`. Another word ends the program with a sentence."""
    if word not in ("on", "choice", "off"):
        raise SystemExit(f'FACEHUB_LABEL is "{word}": set it to on, choice (each visitor decides) or off.')
    return {"marks": Marks(label=word != "off"), "label_optional": word == "choice"}


def seconds_setting(text: str) -> float:
    """The operator's limit for the length of videos. What is no number above 0 ends the program with a sentence."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise SystemExit(f'FACEHUB_VIDEO_SECONDS is "{text}": set it to the seconds of the longest video that is taken, 60 say.')
    return seconds
