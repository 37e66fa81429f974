"""An identity as a folder, the same on disk, in the package and on the hub.

    model.safetensors   the generator's weights, nothing else
    config.json         everything needed to build the generator; closed and versioned
    consent.json        on what basis this face may be used
    README.md           the card
    metrics.json, training.json, samples/*.png

Loading is strict: safetensors and JSON only, no key too many or too few, shapes checked in the header before anything is allocated.
"""

import functools
import hashlib
import json
import math
import os
import pathlib
import re
import shutil
import tempfile
from dataclasses import dataclass

import torch
from jaxtyping import UInt8
from safetensors.torch import save_file
from torch import Tensor

from . import card, image, weights
from .errors import BadIdentity, FaceHubError
from .generators import JOINT, Generator
from .provenance import Origin

SCHEMA = 1
NETWORK = "korshunova2017"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

BASES = ("self", "consented", "synthetic", "public-domain", "research")
"""Grounds on which a face may be used; what each allows is in docs/responsible-use.md."""

CONSENT = {
    "basis": f"one of {', '.join(BASES)}",
    "whose": "whose face it is",
    "scope": "what it may be used for",
    "date": "when that was settled, as YYYY-MM-DD",
    "contact": "whom to ask for withdrawal",
    "licence": "the licence of the weights",
}
"""Each key of consent.json, all required, and what it says."""

MAX_JSON_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Identity:
    """A folder that was read and found whole; the weights are read by `generator`."""

    name: str
    """Short name: the folder's, letters, digits, - and _."""
    title: str
    """The name shown to people."""
    size: int
    """Side of the generator's crop in pixels."""
    folder: pathlib.Path
    consent: dict[str, str]
    metrics: dict
    card: str
    """README.md as it stands: untrusted text."""
    samples: tuple[pathlib.Path, ...]
    """Pictures of swaps, in order."""
    repo: str = ""
    """user/name where it was pulled; empty for a folder."""
    revision: str = ""
    """The commit that was pulled, 40 hexadecimal digits; empty for a folder."""

    @property
    def handle(self) -> str:
        """What `hub.load` takes, and no two identities at hand share: user/name@commit of one that was pulled, else the short name."""
        return f"{self.repo}@{self.revision}" if self.repo else self.name

    def origin(self, parent: bytes | None = None) -> Origin:
        """What the manifest of a picture made with it says. `parent` is the file that came in. A folder's revision is the hash of its weights."""
        return Origin(parent, self.name, self.repo, self.revision or _weights_hash(self.folder / "model.safetensors"), self.consent["basis"])

    def generator(self, device: torch.device | str = "cpu") -> Generator:
        """The network with its weights in float32. Raises BadIdentity when the file is not just what config.json describes."""
        values = weights.load(self.folder / "model.safetensors", weights.shapes(self.size))
        with torch.device("meta"):
            empty = Generator(self.size)
        generator = empty.to_empty(device=device)
        generator.load_state_dict({k: v.to(device=device, dtype=torch.float32) for k, v in values.items()})
        return generator.eval()


def read(folder: str | os.PathLike, *, complete: bool = True) -> Identity:
    """Reads and checks everything but the weights, which must be there if it is to be `complete`.

    Raises BadIdentity, which names the file and what is wrong with it.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise BadIdentity(f"{folder} is no folder: give the folder of an identity, with config.json and model.safetensors in it.")
    config = read_json(folder, "config.json")
    _check_config(config)
    consent = read_json(folder, "consent.json")
    check_consent(consent)
    if complete and (size := _file(folder, "model.safetensors").stat().st_size) > weights.MAX_BYTES:
        raise BadIdentity(f"model.safetensors of {folder.name} has {size:,} bytes, but at most {weights.MAX_BYTES:,} are taken.")
    text = _file(folder, "README.md").read_text(encoding="utf-8", errors="replace")
    metrics = read_json(folder, "metrics.json") if (folder / "metrics.json").exists() else {}
    check_metrics(metrics)
    samples = tuple(p for p in sorted((folder / "samples").glob("*.png")) if _within(p, folder))
    return Identity(
        name=config["name"],
        title=config["title"],
        size=config["size"],
        folder=folder,
        consent=consent,
        metrics=metrics,
        card=text[:MAX_JSON_BYTES],
        samples=samples,
    )


def save(
    folder: str | os.PathLike,
    *,
    generator: Generator,
    title: str,
    consent: dict[str, str],
    metrics: dict,
    training: dict,
    samples: dict[str, UInt8[Tensor, "3 height width"]],
    credits: str = "",
) -> pathlib.Path:
    """Writes an identity whole or not at all; the folder's name is the identity's short name.

    `samples` are pictures by name, `credits` the line that tells whose photos they show. A folder that already holds an identity is replaced, any
    other is refused with BadIdentity, as is a consent record with something missing.
    """
    folder = pathlib.Path(folder)
    if not NAME.fullmatch(folder.name):
        raise BadIdentity(f'"{folder.name}" cannot name an identity: use up to 64 small letters, digits, - and _.')
    if folder.exists() and not (folder / "config.json").is_file():
        raise BadIdentity(f"{folder} already exists and is no identity: choose another folder.")
    check_consent(consent)
    config = {"schema": SCHEMA, "name": folder.name, "title": title, "size": generator.size, "network": NETWORK}
    _check_config(config)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = pathlib.Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            _fill(part, config, generator, consent, metrics, training, samples, credits)
            part.chmod(0o755)
            if folder.exists():
                old = part.with_name(part.name + ".old")
                os.replace(folder, old)
                os.replace(part, folder)
                shutil.rmtree(old)
            else:
                os.replace(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as problem:
        raise FaceHubError(f"{folder} cannot be written ({problem.strerror or problem}): choose another folder or make room.") from problem
    return folder


def check_consent(consent: dict) -> None:
    """Raises BadIdentity, naming all that is missing, unless the record is whole."""
    missing = [f"{key} ({meaning})" for key, meaning in CONSENT.items() if not isinstance(consent.get(key), str) or not consent[key].strip()]
    if missing:
        raise BadIdentity(f"consent.json lacks {'; '.join(missing)}: without it a face may not be used.")
    if unknown := sorted(consent.keys() - CONSENT.keys()):
        raise BadIdentity(f"consent.json has the key {_quoted(unknown[0])}, which is not known: use {', '.join(CONSENT)}.")
    if consent["basis"] not in BASES:
        raise BadIdentity(f"consent.json says basis {_quoted(consent['basis'])}: it must be {CONSENT['basis']}.")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", consent["date"]):
        raise BadIdentity(f"consent.json says date {_quoted(consent['date'])}: write it as YYYY-MM-DD.")


def check_metrics(metrics: dict) -> None:
    """Raises BadIdentity unless there are but finite numbers and short texts, in lists and groups at most three deep, and numbers in `table`."""
    table = metrics.get("table", {})
    if not isinstance(table, dict) or not all(isinstance(row, dict) and all(map(_number, row.values())) for row in table.values()):
        raise BadIdentity("metrics.json has a table that is none: it must hold numbers by measure, by method.")
    left = [(metrics, 0)]
    for value, depth in left:
        if isinstance(value, (dict, list)) and depth < 4 and len(left) < 5000:
            left += [(part, depth + 1) for part in (value.values() if isinstance(value, dict) else value)]
        elif not (_number(value) or value is None or isinstance(value, bool) or (isinstance(value, str) and len(value) <= 1000)):
            held = f"metrics.json holds {_quoted(value)}"
            raise BadIdentity(f"{held}, but finite numbers and short texts are all it may hold: measure the identity again.")


def _number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # pyright: ignore[reportArgumentType]


def _check_config(config: dict) -> None:
    kinds = {"schema": int, "name": str, "title": str, "size": int, "network": str}
    if config.get("schema") != SCHEMA:
        raise BadIdentity(f"config.json has schema {_quoted(config.get('schema'))}, but this program reads {SCHEMA}: get a newer one.")
    if missing := sorted(kinds.keys() - config.keys()):
        raise BadIdentity(f"config.json lacks {missing[0]!r}.")
    if unknown := sorted(config.keys() - kinds.keys()):
        raise BadIdentity(f"config.json has the key {_quoted(unknown[0])}, which schema {SCHEMA} does not know.")
    for key, kind in kinds.items():
        if type(config[key]) is not kind:
            raise BadIdentity(f"config.json says {key} {_quoted(config[key])}, but it must be {'a whole number' if kind is int else 'a text'}.")
    if not NAME.fullmatch(config["name"]):
        raise BadIdentity(f"config.json says name {_quoted(config['name'])}: it must be up to 64 small letters, digits, - and _.")
    if not 1 <= len(config["title"]) <= 80 or not config["title"].isprintable():
        raise BadIdentity("config.json says a title that cannot be shown: it must be 1 to 80 printable characters.")
    if config["size"] not in JOINT:
        raise BadIdentity(f"config.json says size {_quoted(config['size'])}: it must be one of {', '.join(map(str, JOINT))}.")
    if config["network"] != NETWORK:
        raise BadIdentity(f"config.json says network {_quoted(config['network'])}, but this program knows {NETWORK!r}.")


def _quoted(value: object) -> str:
    """A value as a sentence can hold it: whoever made the file may have written anything there."""
    return "a group of values" if isinstance(value, (dict, list)) else repr(value)[:60]


@functools.lru_cache(32)
def _weights_hash(file: pathlib.Path) -> str:
    return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def _file(folder: pathlib.Path, name: str) -> pathlib.Path:
    file = folder / name
    if not file.is_file() or not _within(file, folder):
        raise BadIdentity(f"{folder.name} lacks {name}: it is no identity, or only part of one.")
    return file


def _within(file: pathlib.Path, folder: pathlib.Path) -> bool:
    """Whether a file really lies in the folder, and is no link to elsewhere."""
    return file.resolve().is_relative_to(folder.resolve())


def read_json(folder: pathlib.Path, name: str) -> dict:
    """One of the records in an identity's folder. Raises BadIdentity when it is missing, too large, or no JSON object."""
    file = _file(folder, name)
    if file.stat().st_size > MAX_JSON_BYTES:
        raise BadIdentity(f"{name} of {folder.name} has {file.stat().st_size:,} bytes, but at most {MAX_JSON_BYTES:,} are read.")
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as problem:
        raise BadIdentity(f"{name} of {folder.name} is not valid JSON: get the identity again.") from problem
    if not isinstance(record, dict):
        raise BadIdentity(f"{name} of {folder.name} must be a JSON object, not {type(record).__name__}.")
    return record


def _fill(part, config, generator, consent, metrics, training, samples, credits) -> None:
    values = {k: v.detach().to("cpu", torch.float32).contiguous() for k, v in generator.state_dict().items()}
    save_file(values, part / "model.safetensors", metadata={"format": "pt"})
    for name, record in {"config": config, "consent": consent, "metrics": metrics, "training": training}.items():
        (part / f"{name}.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (part / "samples").mkdir()
    for name, picture in samples.items():
        image.write(part / "samples" / f"{name}.png", picture)
    card.write(part, config=config, consent=consent, metrics=metrics, training=training, samples=list(samples), credits=credits)
