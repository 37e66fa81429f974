"""What a hub says of an identity before it is pulled. All of it is other people's text: cut to length, one line, never markup."""

import math
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .identity import BASES

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

TAGS = ("facehub", "per-identity")
"""What a repository must be tagged with to be found."""

BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16}


@dataclass(frozen=True, slots=True)
class Record:
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
    """One of `identity.BASES`, or empty when the card does not say; the consent record decides, which `look` and `pull` read."""
    size_px: int | None
    """Side of the generator's crop."""
    bytes: int | None
    """What a pull fetches; in a search the weights alone, as the hub counts them. None when unknown."""
    gated: bool
    private: bool
    updated: str
    """YYYY-MM-DD, or empty."""
    metrics: dict[str, float]
    """Of the card's model-index, by name."""
    samples: tuple[str, ...]
    """Names of the sample pictures in the repository; `Hub.picture` fetches one."""
    tags: tuple[str, ...]


def record(info: "ModelInfo", *, size: int | None = None) -> Record:
    """What a hub's answer says; `size` in bytes where the files are known."""
    from .manifest import MAX_SAMPLES, SAMPLE

    card = getattr(info.card_data, "__dict__", {})  # not its methods: a card may have keys of their names
    tags = tuple(plain(tag, 80) for tag in (info.tags or [])[:100])
    basis = next((b for tag in tags if (b := tag.removeprefix("consent-")) in BASES and b != tag), "")
    pixels = next((int(found[1]) for tag in tags if (found := re.fullmatch(r"(\d{1,4})px", tag))), None)
    names = [sibling.rfilename for sibling in info.siblings or []]
    return Record(
        repo=info.id,
        title=plain(card.get("model_name"), 80) or info.id.partition("/")[2],
        revision=info.sha or "",
        downloads=_count(info.downloads),
        likes=_count(info.likes),
        licence=plain(card.get("license_name") or card.get("license"), 120),
        basis=basis,
        size_px=pixels,
        bytes=_weights(info) if size is None else size,
        gated=bool(info.gated),
        private=bool(info.private),
        updated=info.last_modified.date().isoformat() if info.last_modified else "",
        metrics=_metrics(card),
        samples=tuple(sorted(name for name in names if SAMPLE.fullmatch(name))[:MAX_SAMPLES]),
        tags=tags,
    )


def plain(text: object, limit: int) -> str:
    """One line without control or direction characters."""
    if not isinstance(text, str):
        return ""
    kept = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text[: limit * 4])
    return " ".join(kept.split())[:limit]


def _count(value: object) -> int:
    return value if type(value) is int and value >= 0 else 0


def _weights(info: "ModelInfo") -> int | None:
    if info.safetensors is None or not isinstance(info.safetensors.parameters, dict):
        return None
    counted = [(BITS.get(kind, 32), count) for kind, count in info.safetensors.parameters.items() if type(count) is int]
    return sum(bits * count // 8 for bits, count in counted) or None


def _metrics(card: dict[str, Any]) -> dict[str, float]:
    """Names and values of the results in a model-index, which the client has parsed; whatever else stands there is left out."""
    found: dict[str, float] = {}
    results = card.get("eval_results")
    for result in results[:20] if isinstance(results, list) else []:
        value: Any = getattr(result, "metric_value", None)
        name = plain(getattr(result, "metric_name", None) or getattr(result, "metric_type", None), 60)
        if name and type(value) in (int, float) and math.isfinite(value):
            found.setdefault(name, float(value))
    return found
