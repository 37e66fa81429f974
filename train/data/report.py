"""What became of each photo of an identity's folder: photos.json, a contact sheet to look at, and warnings
before an hour is spent on training.

    gallery, missing = gather_person(photos, size=128, cache=cache)
    left_out = missing | filter_photos(gallery)
    for sentence in write(folder, photos, gallery, left_out):
        print(sentence)
"""

import json
import pathlib
from collections import Counter

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from facehub import image
from facehub.errors import BadPhoto
from facehub.sheets import make_grid, resized

from .filtering import luminance
from .gallery import Gallery, write_atomic

FEW = 40
"""Photos from which a folder is large enough: each input is compared with the 16 nearest poses."""

STRAIGHT = 0.15
"""Turn up to which a face looks straight ahead. Studio photos have a deviation of 0.06 around 0, press
photos 0.24 to 0.38."""

OPEN = 0.1
"""Gap between the lips, in units of the mouth's width, from which a mouth is open."""

ONE_TURN, ONE_MOUTH = 0.8, 0.9
"""Share of the photos with one direction of looking, or one state of the mouth, from which a folder is
one-sided."""

LIGHT_SPREAD = 0.1
"""Least spread of the light: 0.08 for studio photos under one lamp, 0.14 to 0.2 for press photos."""

SIDE, TILE, LINE, COLUMNS, TEXT = 144, 196, 12, 10, 0.38
"""Of the contact sheet: a face's side, its tile's side and a line's height in pixels; tiles a row at least;
OpenCV's scale of the text."""

MOST_TILES = 2000
"""On one contact sheet. photos.json always has all photos."""

BLACK, RED = (0.1, 0.1, 0.1), (0.75, 0.1, 0.1)


def turn(landmarks: Float[Tensor, "faces 68 2"]) -> Float[Tensor, " faces"]:
    """Yaw as the nose tip's place between the two sides of the jaw: 0 straight ahead, towards 1 the
    picture's right, towards -1 its left."""
    left, right = (
        (landmarks[:, 30, 0] - landmarks[:, 1, 0]).abs(),
        (landmarks[:, 15, 0] - landmarks[:, 30, 0]).abs(),
    )
    return (left - right) / (left + right).clamp_min(1e-6)


def opening(landmarks: Float[Tensor, "faces 68 2"]) -> Float[Tensor, " faces"]:
    """Gap between the inner lips in units of the mouth's width."""
    gap = (landmarks[:, 61:64] - landmarks[:, [67, 66, 65]]).norm(dim=-1).mean(1)
    return gap / (landmarks[:, 60] - landmarks[:, 64]).norm(dim=-1).clamp_min(1e-6)


def light(gallery: Gallery) -> Float[Tensor, "faces 2"]:
    """How much brighter the left half of the face's box is than the right one, and the upper than the
    lower: difference over sum, in [-1, 1]."""
    gray = luminance(gallery)
    height, width = (side // 2 for side in gray.shape[-2:])
    halves = [(gray[..., :width], gray[..., -width:]), (gray[..., :height, :], gray[..., -height:, :])]
    return torch.stack(
        [
            (a.mean((1, 2, 3)) - b.mean((1, 2, 3))) / (a + b.flip(-1)).mean((1, 2, 3)).clamp_min(1e-3)
            for a, b in halves
        ],
        dim=1,
    )


def warnings(kept: Gallery) -> list[str]:
    """One sentence for each thing that the photos lack; none where they will do."""
    total, sentences = len(kept), []
    if total < FEW:
        sentences.append(
            f"Only {total} of the photos can be used, but at least {FEW} are wanted: add photos."
        )
    if total < 2:
        return sentences
    turns, mouths = turn(kept.landmarks), opening(kept.landmarks)
    sides = {
        "look straight ahead: add photos in which the face is turned to either side": int(
            (turns.abs() <= STRAIGHT).sum()
        ),
        "are turned to the picture's left: add photos that look straight ahead or to the right": int(
            (turns < -STRAIGHT).sum()
        ),
        "are turned to the picture's right: add photos that look straight ahead or to the left": int(
            (turns > STRAIGHT).sum()
        ),
    }
    states = {
        "have an open mouth: add photos with a closed mouth": int((mouths > OPEN).sum()),
        "have a closed mouth: add photos in which the person smiles or speaks": int((mouths <= OPEN).sum()),
    }
    sentences += [
        f"{count} of {total} faces {what}." for what, count in sides.items() if count >= ONE_TURN * total
    ]
    sentences += [
        f"{count} of {total} faces {what}." for what, count in states.items() if count >= ONE_MOUTH * total
    ]
    if several := int((kept.found > 1).sum()):
        sentences.append(
            f"{several} of {total} photos show other people too, which only the paper's way can use: add "
            "photos of the person alone."
        )
    if light(kept).std(0).norm() < LIGHT_SPREAD:
        sentences.append(
            f"All {total} faces are lit alike: add photos with light from other sides, indoors and outdoors."
        )
    return sentences


def summary(gallery: Gallery, left_out: dict[str, str]) -> list[str]:
    """How many photos are kept, and how many are not for each reason, as sentences."""
    kept = [name for name in gallery.names if name not in left_out]
    total = len(kept) + len(left_out)
    counts = Counter(left_out.values()).most_common()
    return [f"{len(kept)} of {total} photos are kept."] + [
        f"Left out {count}: {reason}." for reason, count in counts
    ]


def write(
    folder: pathlib.Path, photos: pathlib.Path, gallery: Gallery, left_out: dict[str, str]
) -> list[str]:
    """Writes photos.json and photos.webp into `folder`, each whole or not at all, and returns summary and
    warnings as sentences.

    `photos` is where the gallery came from; `left_out` has a reason for each photo that is not kept, with
    or without a face. Raises BadSetting when `folder` cannot be written.
    """
    kept = gallery[torch.tensor([name not in left_out for name in gallery.names], dtype=torch.bool)]
    told = warnings(kept)
    record = {
        "kept": len(kept),
        "left_out": len(left_out),
        "warnings": told,
        "photos": _rows(gallery, left_out),
    }
    sheet = image.encode(_sheet(photos, gallery, left_out), format="WEBP", generated=False)
    write_atomic(folder / "photos.webp", sheet)
    write_atomic(
        folder / "photos.json",
        (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode(errors="replace"),
    )
    return [*summary(gallery, left_out), *(f"Warning: {sentence}" for sentence in told)]


def _rows(gallery: Gallery, left_out: dict[str, str]) -> list[dict]:
    """By name. Measures stand only where there is a face."""
    turns, mouths = turn(gallery.landmarks), opening(gallery.landmarks)
    rows = {
        name: {
            "faces": int(gallery.found[i]),
            "width_px": round(gallery.width_px[i].item(), 1),
            "turn": round(turns[i].item(), 3),
            "mouth": round(mouths[i].item(), 3),
        }
        for i, name in enumerate(gallery.names)
    }
    names = sorted({*rows, *left_out})
    return [
        {"name": name, "kept": name not in left_out, "reason": left_out.get(name)}
        | rows.get(name, {"faces": 0})
        for name in names
    ]


def _sheet(
    photos: pathlib.Path, gallery: Gallery, left_out: dict[str, str]
) -> UInt8[Tensor, "3 height width"]:
    """What is kept, then what is not, reason by reason."""
    index = {name: i for i, name in enumerate(gallery.names)}
    names = [name for name in gallery.names if name not in left_out] + sorted(
        left_out, key=lambda name: (left_out[name], name)
    )
    tiles = []
    for name in names[:MOST_TILES]:
        face = gallery.crop[index[name]] if name in index else _thumbnail(photos / name)
        tiles.append(_tile(resized(face[None], SIDE)[0], name, left_out.get(name, "")))
    return make_grid(torch.stack(tiles), columns=max(COLUMNS, int(len(tiles) ** 0.5)))


def _thumbnail(path: pathlib.Path) -> UInt8[Tensor, "3 side side"]:
    """The whole photo on a gray square; the square alone where the photo cannot be read."""
    try:
        photo = image.read(path).photo
    except BadPhoto:
        return torch.full((3, SIDE, SIDE), 200, dtype=torch.uint8)
    height, width = photo.shape[-2:]
    square = photo.new_full((3, max(height, width), max(height, width)), 200)
    top, left = (max(height, width) - height) // 2, (max(height, width) - width) // 2
    square[:, top : top + height, left : left + width] = photo
    return square


def _tile(face: UInt8[Tensor, "3 side side"], name: str, reason: str) -> UInt8[Tensor, "3 tile tile"]:
    tile = face.new_full((3, TILE, TILE), 255)
    left = (TILE - SIDE) // 2
    tile[:, :SIDE, left : left + SIDE] = face
    lines = [(line, BLACK) for line in _wrapped(name)[:1]] + [(line, RED) for line in _wrapped(reason)]
    for row, (line, colour) in enumerate(lines[: (TILE - SIDE) // LINE]):
        ink = torch.from_numpy(_ink(line, SIDE + (row + 1) * LINE - 2)).float() / 255
        colours = torch.tensor(colour)[:, None, None] * 255
        tile = (tile * (1 - ink) + colours * ink).round().to(torch.uint8)
    return tile


def _ink(line: str, bottom_px: int) -> np.ndarray:
    """(tile, tile) bytes, 255 where the line of text stands."""
    ink = np.zeros((TILE, TILE), np.uint8)
    return cv2.putText(ink, line, (4, bottom_px), cv2.FONT_HERSHEY_SIMPLEX, TEXT, 255, 1, cv2.LINE_AA)


def _wrapped(text: str) -> list[str]:
    """Lines that fit a tile: broken between words, and within those that are wider than a tile."""
    lines = [""]
    for word in text.encode(errors="replace").decode().split():
        joined = f"{lines[-1]} {word}".strip()
        if _fits(joined):
            lines[-1] = joined
            continue
        lines += [""] if lines[-1] else []
        for letter in word:
            lines += [] if _fits(lines[-1] + letter) else [""]
            lines[-1] += letter
    return lines if text else []


def _fits(line: str) -> bool:
    return cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, TEXT, 1)[0][0] <= TILE - 8
