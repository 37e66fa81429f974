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
import os
import pathlib
import re
import shutil
import string
import tempfile
from dataclasses import dataclass

import torch
from jaxtyping import UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from . import image
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
MAX_WEIGHTS_BYTES = 64_000_000

DTYPES = {"F32", "F16", "BF16"}


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

    def origin(self, parent: bytes | None = None) -> Origin:
        """What the manifest of a picture made with it says. `parent` is the file that came in. A folder's revision is the hash of its weights."""
        return Origin(parent, self.name, self.repo, self.revision or _weights_hash(self.folder / "model.safetensors"), self.consent["basis"])

    def generator(self, device: torch.device | str = "cpu") -> Generator:
        """The network with its weights in float32. Raises BadIdentity when the file is not just what config.json describes."""
        with torch.device("meta"):
            empty = Generator(self.size)
        wanted = {k: tuple(v.shape) for k, v in empty.state_dict().items()}
        weights = _weights(self.folder / "model.safetensors", wanted)
        generator = empty.to_empty(device=device)
        generator.load_state_dict({k: v.to(device=device, dtype=torch.float32) for k, v in weights.items()})
        return generator.eval()


def read(folder: str | os.PathLike) -> Identity:
    """Reads and checks everything but the weights. Raises BadIdentity, which names the file and what is wrong with it."""
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise BadIdentity(f"{folder} is no folder: give the folder of an identity, with config.json and model.safetensors in it.")
    config = _json(folder, "config.json")
    _check_config(config)
    consent = _json(folder, "consent.json")
    check_consent(consent)
    weights = _file(folder, "model.safetensors")
    if weights.stat().st_size > MAX_WEIGHTS_BYTES:
        raise BadIdentity(f"model.safetensors of {folder.name} has {weights.stat().st_size:,} bytes, but at most {MAX_WEIGHTS_BYTES:,} are taken.")
    card = _file(folder, "README.md")
    metrics = _json(folder, "metrics.json") if (folder / "metrics.json").exists() else {}
    samples = tuple(p for p in sorted((folder / "samples").glob("*.png")) if _within(p, folder))
    return Identity(
        name=config["name"],
        title=config["title"],
        size=config["size"],
        folder=folder,
        consent=consent,
        metrics=metrics,
        card=card.read_text(encoding="utf-8", errors="replace")[:MAX_JSON_BYTES],
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
        raise BadIdentity(f"consent.json has the key {unknown[0]!r}, which is not known: use {', '.join(CONSENT)}.")
    if consent["basis"] not in BASES:
        raise BadIdentity(f"consent.json says basis {consent['basis']!r}: it must be {CONSENT['basis']}.")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", consent["date"]):
        raise BadIdentity(f"consent.json says date {consent['date']!r}: write it as YYYY-MM-DD.")


def _check_config(config: dict) -> None:
    kinds = {"schema": int, "name": str, "title": str, "size": int, "network": str}
    if config.get("schema") != SCHEMA:
        raise BadIdentity(f"config.json has schema {config.get('schema')!r}, but this program reads {SCHEMA}: get a newer program or identity.")
    if missing := sorted(kinds.keys() - config.keys()):
        raise BadIdentity(f"config.json lacks {missing[0]!r}.")
    if unknown := sorted(config.keys() - kinds.keys()):
        raise BadIdentity(f"config.json has the key {unknown[0]!r}, which schema {SCHEMA} does not know.")
    for key, kind in kinds.items():
        if type(config[key]) is not kind:
            raise BadIdentity(f"config.json says {key} {config[key]!r}, but it must be {'a whole number' if kind is int else 'a text'}.")
    if not NAME.fullmatch(config["name"]):
        raise BadIdentity(f"config.json says name {config['name'][:80]!r}: it must be up to 64 small letters, digits, - and _.")
    if not 1 <= len(config["title"]) <= 80 or not config["title"].isprintable():
        raise BadIdentity("config.json says a title that cannot be shown: it must be 1 to 80 printable characters.")
    if config["size"] not in JOINT:
        raise BadIdentity(f"config.json says size {config['size']}: it must be one of {', '.join(map(str, JOINT))}.")
    if config["network"] != NETWORK:
        raise BadIdentity(f"config.json says network {config['network'][:80]!r}, but this program knows {NETWORK!r}.")


def _weights(file: pathlib.Path, wanted: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The tensors, after the header was seen to list these names and shapes and no others."""
    try:
        with safe_open(file, "pt") as opened:
            names = set(opened.keys())
            if absent := sorted(wanted.keys() - names):
                raise BadIdentity(f"{file.name} lacks {absent[0]}: it does not belong to this config.json.")
            if unknown := sorted(names - wanted.keys()):
                raise BadIdentity(f"{file.name} holds {unknown[0][:80]!r}, which the network does not have.")
            for name, shape in wanted.items():
                part = opened.get_slice(name)
                if tuple(part.get_shape()) != shape or part.get_dtype() not in DTYPES:
                    raise BadIdentity(
                        f"{name} in {file.name} is {part.get_dtype()} {part.get_shape()}, but the network needs {list(shape)} of 16 or 32 bit floats."
                    )
            weights = {name: opened.get_tensor(name) for name in wanted}
    except (SafetensorError, OSError, ValueError) as problem:
        raise BadIdentity(f"{file.name} is no safetensors file, or damaged: get the identity again.") from problem
    for name, tensor in weights.items():
        if not tensor.isfinite().all():
            raise BadIdentity(f"{name} in {file.name} holds values that are not finite: the training went wrong, so get another revision.")
    return weights


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


def _json(folder: pathlib.Path, name: str) -> dict:
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
    weights = {k: v.detach().to("cpu", torch.float32).contiguous() for k, v in generator.state_dict().items()}
    save_file(weights, part / "model.safetensors", metadata={"format": "pt"})
    for name, record in {"config": config, "consent": consent, "metrics": metrics, "training": training}.items():
        (part / f"{name}.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (part / "samples").mkdir()
    for name, picture in samples.items():
        image.write(part / "samples" / f"{name}.png", picture)
    template = string.Template(pathlib.Path(__file__).with_name("card.md").read_text(encoding="utf-8"))
    pictures = "\n".join(f"![{name}](samples/{name}.png)" for name in samples)
    fields = config | consent | {"yaml_title": json.dumps(config["title"]), "command": training.get("command", "")}
    card = template.substitute(fields, metrics=_told(metrics), pictures=pictures, credits=credits)
    (part / "README.md").write_text(card, encoding="utf-8")


def _told(metrics: dict) -> str:
    """Metrics as Markdown: what was measured of each method in `table`, a row a measure; or each number by itself."""
    methods = metrics.get("table")
    if not methods:
        methods = {"": {key: value for key, value in metrics.items() if isinstance(value, (int, float))}}
    measures = dict.fromkeys(key for row in methods.values() for key in row)
    lines = [["", *methods], ["---"] * (len(methods) + 1)]
    lines += [[key.replace("_", " "), *(f"{row[key]:.3g}" if key in row else "" for row in methods.values())] for key in measures]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
