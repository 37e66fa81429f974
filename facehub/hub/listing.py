"""What a hub says of an identity before it is pulled.

All of it is other people's text: cut to one line, never markup. Its numbers are bounded.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..identity.schema import BASES, MAX_NUMBER, is_number
from ..text import one_line

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

TAGS = ("facehub", "per-identity")
"""Tags that a repository must have to be found."""

BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16}


@dataclass(frozen=True, slots=True)
class HubEntry:
    """One identity in a listing."""

    repo: str
    """user/name."""
    title: str
    """Plain text of at most 80 characters."""
    revision: str
    """The commit listed, 40 hexadecimal digits."""
    downloads: int
    """In the last 30 days, as the hub counts."""
    likes: int
    licence: str
    """Plain text; empty when the card gives none."""
    basis: str
    """One of `schema.BASES`, or empty when the card does not say. What counts is the consent record."""
    size_px: int | None
    """Side of the generator's crop."""
    bytes: int | None
    """Size of a pull; in a search of the weights alone, as the hub counts them. None when unknown."""
    gated: bool
    private: bool
    updated: str
    """YYYY-MM-DD, or empty."""
    metrics: dict[str, float]
    """Results of the card's model-index, by name."""
    samples: tuple[str, ...]
    """Names of the sample pictures in the repository; `Hub.picture` fetches one."""
    tags: tuple[str, ...]


def entry(info: "ModelInfo", *, size: int | None = None) -> HubEntry:
    """The entry of a hub's answer; `size` in bytes where the files are known."""
    from .allowed_files import MAX_SAMPLES, SAMPLE

    card = getattr(info.card_data, "__dict__", {})  # not its methods: a card may have keys of the same names
    tags = tuple(one_line(tag, 80) for tag in (info.tags or [])[:100])
    basis = next((b for tag in tags if (b := tag.removeprefix("consent-")) in BASES and b != tag), "")
    pixels = next((int(found[1]) for tag in tags if (found := re.fullmatch(r"(\d{1,4})px", tag))), None)
    names = [sibling.rfilename for sibling in info.siblings or []]
    return HubEntry(
        repo=info.id,
        title=one_line(card.get("model_name"), 80) or info.id.partition("/")[2],
        revision=info.sha or "",
        downloads=_count(info.downloads),
        likes=_count(info.likes),
        licence=one_line(card.get("license_name") or card.get("license"), 120),
        basis=basis,
        size_px=pixels,
        bytes=_weights_bytes(info) if size is None else size,
        gated=bool(info.gated),
        private=bool(info.private),
        updated=info.last_modified.date().isoformat() if info.last_modified else "",
        metrics=_metrics(card),
        samples=tuple(sorted(name for name in names if SAMPLE.fullmatch(name))[:MAX_SAMPLES]),
        tags=tags,
    )


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value <= MAX_NUMBER else 0


def _weights_bytes(info: "ModelInfo") -> int | None:
    if info.safetensors is None or not isinstance(info.safetensors.parameters, dict):
        return None
    counted = [
        BITS.get(kind, 32) * _count(count) // 8
        for kind, count in list(info.safetensors.parameters.items())[:20]
    ]
    return sum(counted) or None


def _metrics(card: dict[str, Any]) -> dict[str, float]:
    """Names and values of the results in a model-index, as the client parsed them; anything else is left
    out."""
    found: dict[str, float] = {}
    results = card.get("eval_results")
    for result in results[:20] if isinstance(results, list) else []:
        value: Any = getattr(result, "metric_value", None)
        name = one_line(getattr(result, "metric_name", None) or getattr(result, "metric_type", None), 60)
        if name and is_number(value):
            found.setdefault(name, float(value))
    return found
