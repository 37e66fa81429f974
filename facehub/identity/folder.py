"""An identity as a folder: the same on disk, in the package and on the hub.

    model.safetensors   the generator's weights, nothing else
    config.json         everything needed to build the generator; closed and versioned
    consent.json        on what basis this face may be used
    README.md           the card
    metrics.json, training.json, samples/*.webp

Loading is strict: safetensors and JSON only, no key too many or too few (schema.py), shapes checked in the
header before anything is allocated (weights.py).
"""

import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from safetensors.torch import save_file
from torch import Tensor

from ..errors import BadIdentity, FaceHubError
from ..files import lies_within
from ..marks.origin import Origin
from . import card, weights
from .samples import Sample, sample_files, write_samples
from .schema import (
    MAX_JSON_BYTES,
    NAME,
    NETWORK,
    SCHEMA,
    check_config,
    check_consent,
    check_metrics,
    read_record,
)
from .weights import AnyGenerator

WEIGHTS = "model.safetensors"
"""Name of the file with the weights."""


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
    network: str = NETWORK
    """Which network the weights belong to: a key of `schema.SIZES`."""

    @property
    def handle(self) -> str:
        """The name that `registry.load` takes, unique per identity: user/name@commit when pulled, else the
        short name."""
        return f"{self.repo}@{self.revision}" if self.repo else self.name

    @property
    def weights(self) -> pathlib.Path:
        """model.safetensors."""
        return self.folder / WEIGHTS

    def origin(self, parent: bytes | None = None) -> Origin:
        """What the manifest of a picture says that was made with it. `parent` is the file that came in.

        The revision of a folder is the hash of its weights.
        """
        revision = self.revision or f"sha256:{weights.sha256(self.weights)}"
        return Origin(parent, self.name, self.repo, revision, self.consent["basis"])

    def generator(self, device: torch.device | str = "cpu") -> AnyGenerator:
        """The network with its weights in float32.

        Raises BadIdentity when the file does not match config.json.
        """
        values = weights.load(self.weights, weights.shapes(self.size, self.network))
        with torch.device("meta"):
            empty = weights.build(self.size, self.network)
        generator = empty.to_empty(device=device)
        generator.load_state_dict({k: v.to(device=device, dtype=torch.float32) for k, v in values.items()})
        return generator.eval()


def read(folder: str | os.PathLike, *, complete: bool = True) -> Identity:
    """Read and check everything but the weights, which must be there if it is to be `complete`.

    Raises BadIdentity, which names the file and what is wrong with it.
    """
    folder = pathlib.Path(folder)
    try:
        return _read(folder, complete)
    except OSError as problem:
        name = pathlib.Path(problem.filename or folder).name
        raise BadIdentity(
            f"{name} of {folder.name} cannot be read ({problem.strerror or problem}): mend that, then try "
            "again."
        ) from problem


def read_json(folder: pathlib.Path, name: str) -> dict:
    """Read one record of an identity's folder.

    Raises BadIdentity when it is missing, too large, or no JSON object.
    """
    return read_record(_file(folder, name), f"{name} of {folder.name}")


def _read(folder: pathlib.Path, complete: bool) -> Identity:
    if not folder.is_dir():
        raise BadIdentity(
            f"{folder} is no folder: give the folder of an identity, with config.json and {WEIGHTS} in it."
        )
    config = read_json(folder, "config.json")
    check_config(config)
    consent = read_json(folder, "consent.json")
    check_consent(consent)
    if complete and (size := _file(folder, WEIGHTS).stat().st_size) > weights.MAX_BYTES:
        raise BadIdentity(
            f"{WEIGHTS} of {folder.name} has {size:,} bytes, but at most {weights.MAX_BYTES:,} are taken."
        )
    with open(_file(folder, "README.md"), "rb") as opened:
        text = opened.read(MAX_JSON_BYTES).decode("utf-8", errors="replace").replace("\r\n", "\n")
    metrics = read_json(folder, "metrics.json") if (folder / "metrics.json").exists() else {}
    check_metrics(metrics)
    return Identity(
        name=config["name"],
        title=config["title"],
        size=config["size"],
        network=config["network"],
        folder=folder,
        consent=consent,
        metrics=metrics,
        card=text,
        samples=sample_files(folder),
    )


def save(
    folder: str | os.PathLike,
    *,
    generator: AnyGenerator,
    title: str,
    consent: dict[str, str],
    metrics: dict,
    training: dict,
    samples: Mapping[str, Sample],
    credits: str = "",
) -> pathlib.Path:
    """Write an identity, whole or not at all. The folder's name is the identity's short name.

    `samples`: pictures by name (samples.py). `credits`: the line that says whose photos they show. Weights
    that 16 bit floats hold are stored as such, so a generator rounded to them takes half the room. A folder
    that already holds an identity is replaced. Raises BadIdentity for any other folder that exists, and for
    an incomplete consent record; FaceHubError when the folder cannot be written.
    """
    folder = pathlib.Path(folder)
    if not NAME.fullmatch(folder.name):
        raise BadIdentity(
            f'"{folder.name}" cannot name an identity: use up to 64 small letters, digits, - and _.'
        )
    if folder.exists() and not (folder / "config.json").is_file():
        raise BadIdentity(f"{folder} already exists and is no identity: choose another folder.")
    check_consent(consent)
    config = {
        "schema": SCHEMA,
        "name": folder.name,
        "title": title,
        "size": generator.size,
        "network": weights.network_of(generator),
    }
    check_config(config)
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
        raise FaceHubError(
            f"{folder} cannot be written ({problem.strerror or problem}): choose another folder or make room."
        ) from problem
    return folder


def _file(folder: pathlib.Path, name: str) -> pathlib.Path:
    file = folder / name
    if not file.is_file() or not lies_within(file, folder):
        raise BadIdentity(f"{folder.name} lacks {name}: it is no identity, or only part of one.")
    return file


def _stored(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """As 16 bit floats where these hold all values, else as 32 bit floats."""
    whole = {name: value.detach().to("cpu", torch.float32).contiguous() for name, value in weights.items()}
    half = {name: value.half() for name, value in whole.items()}
    return half if all(torch.equal(half[name].float(), value) for name, value in whole.items()) else whole


def _fill(part, config, generator, consent, metrics, training, samples, credits) -> None:
    values = _stored(generator.state_dict())
    save_file(values, part / WEIGHTS, metadata={"format": "pt"})
    for name, record in {
        "config": config,
        "consent": consent,
        "metrics": metrics,
        "training": training,
    }.items():
        (part / f"{name}.json").write_text(
            json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    card.write(
        part,
        config=config,
        consent=consent,
        metrics=metrics,
        training=training,
        samples=write_samples(part, samples),
        credits=credits,
    )
