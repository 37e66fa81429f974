"""What visitors and the operator ask for, in words, as the pipeline takes it."""

import contextlib
import math
from collections.abc import Mapping

from facehub.marks.origin import Marks
from facehub.serving import Workers, serving

LABELLED = Marks(label=True)
"""All marks, the visible one too: what a page puts on unless its operator wants otherwise."""


def label_setting(word: str) -> dict:
    """What the operator's word for the visible mark (on, choice or off) means to `Handlers`. Another word
    ends the program with a sentence."""
    if word not in ("on", "choice", "off"):
        raise SystemExit(f'FACEHUB_LABEL is "{word}": set it to on, choice (each visitor decides) or off.')
    return {"marks": Marks(label=word != "off"), "label_optional": word == "choice"}


def seconds_setting(text: str) -> float:
    """The operator's limit for the length of videos. What is no number above 0 ends the program with a
    sentence."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise SystemExit(
            f'FACEHUB_VIDEO_SECONDS is "{text}": set it to the seconds of the longest video that is '
            "taken, 60 say."
        )
    return seconds


def cluster_setting(
    environment: Mapping[str, str], finder: str, until: contextlib.ExitStack
) -> Workers | None:
    """The replicas on the operator's cluster, which end with `until`; None without one. Raises BadSetting."""
    address = environment.get("FACEHUB_CLUSTER", "")
    if not address:
        return None
    replicas = environment.get("FACEHUB_REPLICAS", "")
    return until.enter_context(serving(address, replicas=replicas, finder=finder, option="FACEHUB_CLUSTER="))
