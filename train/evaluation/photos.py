"""Prepare the measures of whole photos: the identity, the strangers, and the photos to swap."""

import pathlib
from collections.abc import Callable, Iterator

import torch

from facehub.detection.finder import finder_by_name
from facehub.detection.recogniser import Recogniser
from facehub.errors import BadSetting
from facehub.networks.generator import FaceGenerator
from facehub.swapper import Swapper
from facehub.types import Detections, Photos

from ..data.dataset import held_out, style_photos
from ..networks import mobilefacenet
from ..networks.estimators import Expression
from . import large
from .irises import iris_colour

LARGE, HELD_OUT = "large", "held out"
"""Names of the two sets of photos."""

STRANGERS = 500
"""People among whom a result must be retrieved."""

GRAY = 10
"""Photos whose gray copies are swapped too."""

SAME_PERSON = 0.6
"""dlib's threshold: a photo of the identity counts if its largest face is nearer to the mean than this."""


def evaluate_photos(
    generator: FaceGenerator,
    folder: pathlib.Path,
    *,
    photos: pathlib.Path,
    content: pathlib.Path,
    estimators: pathlib.Path,
    cache: pathlib.Path,
    count: int = 100,
    held_out_count: int = 200,
    detail: float = 1.0,
) -> dict[str, dict]:
    """Measure (large.py) the first `count` photos of `folder` and `held_out_count` people of `content`.

    `photos`: the identity's own, as for training. Raises BadSetting when `estimators` lacks a file.
    """
    mesh = Expression(_file(estimators, "face_landmarker.task")).mesh
    embeds = {
        "dlib": dlib_embedding(),
        "mobilefacenet": mobilefacenet.MobileFaceNet(_file(estimators, mobilefacenet.FILE)),
    }
    swapper = Swapper(generator, finder=finder_by_name(), detail=detail)
    style, _ = style_photos(photos, size=generator.size, cache=cache)
    own = list(
        large.sitters(photos, swapper.finder, count=len(style), skip=lambda name: name not in style.names)
    )
    mean, is_own = style.embedding.mean(0), embeds["dlib"]
    own = [s for s in own if (is_own(s.photo, s.landmarks)[0] - mean).norm() < SAME_PERSON]
    strangers = list(
        large.sitters(content, swapper.finder, count=STRANGERS, skip=one_each(lambda n: not held_out(n)))
    )
    judges = {
        name: large.Judge(
            embed,
            torch.cat([embed(s.photo, s.landmarks) for s in own]).mean(0),
            torch.cat([embed(s.photo, s.landmarks) for s in strangers]),
            centred=name == "dlib",
        )
        for name, embed in embeds.items()
    }
    shares = torch.cat(
        [large.octave_shares(s.photo, s.landmarks) for s in own if large.wide_enough(s)]
        or [torch.empty(0, 5)]
    )
    irises = torch.stack([iris_colour(s.photo, mesh(s.photo, s.landmarks)) for s in own])
    iris = irises.nanmedian(0).values
    chosen = large.sitters(folder, swapper.finder, count=count)
    people = large.sitters(content, swapper.finder, count=held_out_count, skip=one_each(held_out))
    return {
        LARGE: _measured(swapper, chosen, judges, mesh, shares, iris),
        HELD_OUT: _measured(swapper, people, judges, mesh, shares, iris),
    }


def card_metrics(found: dict[str, dict]) -> dict:
    """What goes into an identity's metrics.json and card: the large photos as `blended`, from which its
    quality is read, and the held-out ones beside them."""
    large_row, held_out_row = (card_row(found[name]) for name in (LARGE, HELD_OUT))
    photos = f"{large_row['photos']:.0f} photos with faces about {large_row['width_px']:.0f} px wide"
    others = f"{held_out_row['photos']:.0f} photos of people whom training never saw"
    return {
        "faces": int(large_row["photos"]),
        "note": f"The finished swap, blended: {photos}; held out: {others}. Retrieved among {STRANGERS} "
        "strangers. Nothing that measures is in a loss.",
        "estimators": {
            "likeness, landmarks": "dlib",
            "mobilefacenet": mobilefacenet.FILE,
            "lip_gap, gaze": "MediaPipe's Face Landmarker",
        },
        "table": {"blended": large_row, "blended, held out": held_out_row},
    }


def card_row(measures: dict) -> dict[str, float]:
    """Four digits each, dlib's measures by their plain names, a number for each octave."""
    octaves = {f"octave_{i}": share for i, share in enumerate(measures.get("octaves", ()), 1)}
    numbers = {key.removeprefix("dlib_"): value for key, value in measures.items() if key != "octaves"}
    return {key: round(value, 4) for key, value in (numbers | octaves).items()}


def one_each(wanted: Callable[[str], bool]) -> Callable[[str], bool]:
    """What to skip, so that the first wanted photo of each folder stays. A photo in no folder is a person."""
    seen: set[str] = set()

    def skip(name: str) -> bool:
        person = name.rpartition("/")[0] or name
        if not wanted(name) or person in seen:
            return True
        seen.add(person)
        return False

    return skip


def _measured(swapper: Swapper, chosen: Iterator[large.Sitter], judges, mesh, shares, iris) -> dict:
    rows, octaves, gray = [], [], []
    for sitter in chosen:
        row, result = large.measure(swapper, sitter, judges, mesh, iris)
        rows.append(row)
        if large.wide_enough(sitter):
            octaves.append(large.octave_shares(result, sitter.landmarks))
        if len(gray) < GRAY:
            known = Detections(sitter.landmarks, torch.zeros(1, dtype=torch.long))
            gray.append(
                large.colour.largest_chroma(swapper(large.grayed(sitter.photo), detections=known).blended)
            )
    if not rows:
        raise BadSetting("None of the photos to measure shows a face: name another folder.")
    made = large.summary(rows) | {"gray": torch.cat(gray).max().item()}
    if octaves and len(shares):
        made |= {"octaves": (torch.cat(octaves).mean(0) / shares.mean(0)).tolist()}
    return made


def dlib_embedding() -> large.Embed:
    recognise = Recogniser()

    def embed(photo: Photos, landmarks):
        return recognise(photo, Detections(landmarks, torch.zeros(1, dtype=torch.long)))

    return embed


def _file(folder: pathlib.Path, name: str) -> pathlib.Path:
    if not (folder / name).exists():
        raise BadSetting(f"{folder} holds no {name}: whole photos are measured with it (train/networks).")
    return folder / name


def table(metrics: dict[str, dict]) -> str:
    """Markdown: a row per measure, a column per set of photos."""
    keys = dict.fromkeys(key for column in metrics.values() for key in column)
    lines = [["", *metrics], ["---"] * (len(metrics) + 1)]
    lines += [
        [key.replace("_", " "), *(_shown(column.get(key)) for column in metrics.values())] for key in keys
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _shown(value) -> str:
    if isinstance(value, list):
        return ", ".join(f"{part:.2f}" for part in value)
    return "" if value is None else f"{value:.3g}"
