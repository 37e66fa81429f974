"""Choices that are pictures: identities, examples and faces, as HTML controls with names and states for every
visitor.

Pictures are data URLs: no file is served for them, and none has to be deleted.
"""

import base64
import functools
import html
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import UInt8
from torch import Tensor

from facehub import image
from facehub.errors import BadPhoto
from facehub.geometry import resize
from facehub.identity.folder import Identity
from facehub.marks.origin import Marks

CARD_PX = 112
"""Side of each of the two pictures on an identity's card."""

EXAMPLE_PX = 72
"""Side of an example's picture."""

FACE_PX = 72
"""Side of a found face's picture."""

SHORT_BASIS = {
    "self": "Own face",
    "consented": "With consent",
    "synthetic": "Nobody’s face",
    "public-domain": "Public domain",
    "research": "Research only",
}
"""Meaning of each consent basis in a card's width; `html.BASIS` has the sentence."""

SEARCH_FROM = 9
"""Number of identities from which there is a search field."""


class Card(NamedTuple):
    """An identity as a card shows it."""

    name: str
    title: str
    facts: tuple[str, ...]
    """One line each; the first is the basis of use."""
    picture: str
    """A data URL: before and after, side by side."""


def quality(one: Identity) -> float:
    """How often two recognisers take the result for the person, from 0 to 1; 0 where it was not measured."""
    row = _measures(one)
    shares = [
        float(row[key]) for key in ("retrieved", "sface_retrieved") if type(row.get(key)) in (int, float)
    ]
    return sum(shares) / len(shares) if shares else 0.0


def rank(one: Identity) -> tuple[float, float]:
    """By what identities are ordered, the best last: how often they are recognised, to the whole percent that
    their card shows, and then how much nearer a result is to the person than to the photo."""
    row = _measures(one)
    numbers = [row.get(key) for key in ("to_identity", "to_input")]
    near, left = (float(value) if isinstance(value, int | float) else 0.0 for value in numbers)
    return round(quality(one), 2), near - left


def identity_card(one: Identity, samples: Sequence[str], index: int) -> Card:
    """The card of one identity. `index`: its place, so that neighbours show different samples."""
    facts = [SHORT_BASIS[one.consent["basis"]], f"{one.size}\u00a0px"]
    if measured := quality(one):
        facts.append(f"{measured:.0%} recognised")
    if one.repo:
        facts.append(one.repo)
    picture = sample_picture(samples[index % len(samples)]) if samples else ""
    return Card(one.name, one.title, tuple(facts), picture)


def identity_cards(options: Sequence[tuple[str, Card]], chosen: str, group: str) -> str:
    """A group of radio buttons, one card each. `options`: the value and the card. `group`: unique on the
    page."""
    search = _search([card.facts[0] for _, card in options]) if len(options) >= SEARCH_FROM else ""
    rows = "".join(
        f'<label class="card" data-basis="{card.facts[0]}">'
        f'<input type="radio" name="{group}" value="{html.escape(name, quote=True)}"'
        f"{' checked' if name == chosen else ''}>"
        f"{_image(card.picture, f'{card.title}: before and after')}"
        f"<b>{html.escape(card.title)}</b>"
        + "".join(f"<small>{html.escape(fact)}</small>" for fact in card.facts)
        + "</label>"
        for name, card in options
    )
    return (
        f'<fieldset class="cards"><legend>Identity</legend>{search}<div class="row">{rows}</div></fieldset>'
    )


def example_buttons(files: Sequence[Path]) -> str:
    """A button for each example photo."""
    rows = "".join(
        f'<button type="button" data-index="{index}" aria-label="Example photo {index + 1}">'
        f"{_image(thumbnail(str(file), EXAMPLE_PX), '')}</button>"
        for index, file in enumerate(files)
    )
    return f'<div class="examples" role="group" aria-label="Example photos">{rows}</div>' if rows else ""


def face_picker(faces: Sequence[UInt8[Tensor, "3 _ _"]], identities: Sequence[tuple[str, str]]) -> str:
    """For each found face a check box that includes it, and a menu for an identity of its own. A photo with
    one face leaves nothing to choose."""
    menu = "".join(
        f'<option value="{html.escape(name, quote=True)}">{html.escape(title)}</option>'
        for title, name in identities
    )
    pictures = [_image(_data_url(_square(face, FACE_PX)), f"Face {n}") for n, face in enumerate(faces)]
    rows = "".join(
        f'<div class="face"><label><input type="checkbox" data-face="{number}" checked>'
        f"{picture}<span>Face {number}</span></label>"
        f'<select data-face="{number}" aria-label="Identity of face {number}">'
        f'<option value="">As chosen</option>{menu}</select></div>'
        for number, picture in enumerate(pictures)
    )
    count = f"{len(faces)} faces found: leave some out, or give each its own identity"
    if len(faces) == 1:
        count, rows = "1 face found", f'<div class="face">{pictures[0]}</div>'
    return (
        f'<fieldset class="faces"><legend>{count}</legend><div class="row">{rows}</div></fieldset>'
        if rows
        else ""
    )


def _search(bases: Sequence[str]) -> str:
    """A field that narrows the cards to some names, and a menu that narrows them to one basis of use."""
    options = "".join(f'<option value="{basis}">{basis}</option>' for basis in dict.fromkeys(bases))
    return (
        '<div class="narrow"><input type="search" class="find" aria-label="Search identities" '
        'placeholder="Search identities"><select class="find" aria-label="Basis of use">'
        f'<option value="">Any basis</option>{options}</select></div>'
        '<p class="nothing" role="status" hidden>No identity here is like that.</p>'
    )


@functools.lru_cache(maxsize=512)
def sample_picture(file: str) -> str:
    """Before and after from a sample strip (photo, raw output, result); of another picture its middle."""
    try:
        pixels = image.read(file).photo
    except BadPhoto:
        return ""
    height, width = pixels.shape[1:]
    if width >= 2.5 * height:
        third = width // 3
        pair = [_square(pixels[:, :, :third], CARD_PX), _square(pixels[:, :, 2 * third : 3 * third], CARD_PX)]
        return _data_url(torch.cat(pair, dim=2), generated=True)
    return _data_url(_square(pixels, CARD_PX), generated=True)


@functools.lru_cache(maxsize=64)
def thumbnail(file: str, side: int) -> str:
    """A small square of a picture file's middle; empty where it cannot be opened."""
    try:
        return _data_url(_square(image.read(file).photo, side))
    except BadPhoto:
        return ""


def _measures(one: Identity) -> dict:
    table = one.metrics.get("table")
    row = table.get("blended") if isinstance(table, dict) else None
    return row if isinstance(row, dict) else {}


def _square(pixels: UInt8[Tensor, "3 _ _"], side: int) -> UInt8[Tensor, "3 _ _"]:
    height, width = pixels.shape[1:]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    return resize(pixels[:, top : top + short, left : left + short], (side, side))


def _data_url(pixels: UInt8[Tensor, "3 _ _"], *, generated: bool = False) -> str:
    marks = Marks(manifest=False)
    data = image.encode(pixels, format="WEBP", generated=generated, marks=marks)
    return "data:image/webp;base64," + base64.b64encode(data).decode()


def _image(source: str, alt: str) -> str:
    return f'<img src="{source}" alt="{html.escape(alt, quote=True)}">' if source else "<i></i>"
