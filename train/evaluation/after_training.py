"""Measure an identity as its training ends, with what is at hand: dlib, which is in no loss, and people of
whom nothing was learned. `python -m train.evaluate` measures more, with more people and more estimators."""

from collections.abc import Sequence

import numpy as np
import torch

from facehub.detection.finder import finder_by_name
from facehub.networks.generator import FaceGenerator
from facehub.swapper import Swapper
from facehub.training_progress import Progress, ProgressCallback

from ..data.portraits import Portrait, evenly
from . import large
from .photos import card_row, dlib_embedding, one_each

MAX_HELD_OUT, MAX_STRANGERS, MAX_OWN = 40, 200, 40
"""Faces that are swapped, people among whom results must be retrieved, and photos of the identity."""


def measure_identity(
    generator: FaceGenerator,
    own: Sequence[Portrait],
    strangers: Sequence[Portrait],
    held_out: Sequence[Portrait],
    report: ProgressCallback,
) -> dict:
    """metrics.json: the finished swap on `held_out`, likeness and landmarks by dlib (large.py). Raises
    FaceHubError where dlib is missing."""
    embed = dlib_embedding()
    skip = one_each(lambda _: True)
    people = evenly([face for face in strangers if not skip(face.name)], MAX_STRANGERS)
    judge = large.Judge(
        embed,
        torch.cat([_embedded(embed, face) for face in evenly(own, MAX_OWN)]).mean(0),
        torch.cat([_embedded(embed, face) for face in people]),
        centred=True,
    )
    swapper, rows = Swapper(generator, finder=finder_by_name()), []
    for face in evenly(held_out, MAX_HELD_OUT):
        row, _ = large.measure(swapper, _sitter(face), {"dlib": judge}, None)
        rows.append(row)
    made = card_row(large.summary(rows))
    report(
        Progress(
            message=f"Measured on {len(rows)} photos of people whom training never saw: likeness "
            f"{made['to_identity']:.2f}, left of the input {made['to_input']:.2f}, recognised among "
            f"{len(people)} strangers {made['retrieved']:.0%}."
        )
    )
    return {
        "faces": len(rows),
        "note": f"The finished swap, blended, on {len(rows)} photos of people whom training never saw. "
        f"Retrieved among {len(people)} strangers. dlib measures; it is in no loss.",
        "estimators": {"likeness, landmarks": "dlib"},
        "table": {"blended": made},
    }


def _sitter(face: Portrait) -> large.Sitter:
    at = face.photo_from_unit
    points = face.landmarks @ at[:, :2].T + at[:, 2]
    photo = torch.from_numpy(face.read()).permute(2, 0, 1)[None]
    return large.Sitter(face.name, photo, torch.from_numpy(points.astype(np.float32))[None])


def _embedded(embed: large.Embed, face: Portrait) -> torch.Tensor:
    sitter = _sitter(face)
    return embed(sitter.photo, sitter.landmarks)
