"""The identity's folder, with the record of how it was made."""

import argparse
import dataclasses
import json
import os
import pathlib
import platform
import shlex
import sys
from collections.abc import Sequence

import torch
from jaxtyping import UInt8
from torch import Tensor

from facehub import image, registry
from facehub.errors import BadIdentity, BadSetting, FaceHubError
from facehub.files import sha256_of
from facehub.hub import api
from facehub.hub.photo_set import PREFIX
from facehub.identity.folder import save
from facehub.identity.schema import check_consent, read_record
from facehub.identity.weights import AnyGenerator
from facehub.networks.generator import FaceGenerator
from facehub.sheets import before_after_row, make_grid
from facehub.swapper import Swapper
from facehub.training_progress import Progress, ProgressCallback

from . import landmarks, lighting
from .content import dataset_records
from .progress import printer


def file_record(file: pathlib.Path | None) -> dict[str, str] | None:
    return file and {"name": file.name, "sha256": sha256_of(file)}


def provenance_of_start(given: str) -> dict:
    """Which weights a run started from, and how those were made: so that the whole way can be gone again."""
    start = registry.load(given)
    record = start.folder / "training.json"
    made = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else None
    repository = given if "/" in given and not pathlib.Path(given).exists() else None
    return {
        "identity": start.name,
        "repository": repository,
        "model": file_record(start.folder / "model.safetensors"),
        "training": made,
    }


def named(argument: str) -> str:
    """An argument as the record has it: of files and folders the last part alone."""
    here = os.sep in argument and not argument.startswith(PREFIX)
    return shlex.quote(pathlib.Path(argument).name if here else argument)


def machine_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


def versions() -> dict[str, str]:
    """What a run was made with, beside the code."""
    return {"python": platform.python_version(), "torch": torch.__version__}


def sample_swaps(
    generator: FaceGenerator, files: Sequence[pathlib.Path]
) -> dict[str, UInt8[Tensor, "3 height width"]]:
    """The card's pictures by name: photo, raw output and result of each file's largest face."""
    pictures = {}
    for path in files:
        photo = image.read(path).photo
        swapped = Swapper(generator)(photo[None], faces="largest")
        row = before_after_row(photo, swapped, side=256)
        pictures[path.stem] = make_grid(row, columns=3)
    return pictures


def read_consent(file: pathlib.Path) -> dict[str, str]:
    """Read a consent record before training starts. Raises BadSetting when it is no JSON object,
    BadIdentity when incomplete."""
    try:
        consent = read_record(file, file.name)
    except (OSError, BadIdentity) as problem:
        raise BadSetting(
            f"{file} is no consent record that can be read ({problem}): write it as a JSON object."
        ) from problem
    check_consent(consent)
    return consent


def unmeasured(problem: FaceHubError, out: pathlib.Path) -> Progress:
    """Why an identity is saved without metrics, and how it gets them."""
    later = f"`python -m train.evaluate {out} ... --save` measures it where dlib is."
    return Progress(message=f"{problem} The identity is saved unmeasured: {later}")


def save_identity(
    arguments,
    config,
    generator,
    material,
    metrics,
    rows,
    device,
    *,
    samples,
    report: ProgressCallback | None = None,
) -> None:
    """Saves the identity's folder: weights, card, how it was made, and swaps of the sample pictures."""
    report = report or printer("text")
    consent = read_consent(arguments.consent)
    generator = generator.to("cpu")
    training = {
        "command": " ".join(["python -m train", *map(named, sys.argv[1:])]),
        "config": dataclasses.asdict(config),
        "machine": machine_name(device),
        "versions": versions(),
        "seconds": {
            name: round(sum(r["seconds"] for r in rows if r["name"] == name))
            for name in dict.fromkeys(r["name"] for r in rows)
        },
        "losses": [rows[i] for i in range(0, len(rows), max(1, len(rows) // 100))],
        "losses_from": {
            "vgg19": file_record(arguments.vgg19),
            "sface": file_record(arguments.sface),
            "lighting": file_record(lighting.WEIGHTS),
            "landmarks": file_record(landmarks.WEIGHTS),
        },
        "started_from": provenance_of_start(arguments.start) if arguments.start else None,
        "photos": list(material.style.names),
        "left_out": material.weeded,
        "content_faces": len(material.content),
        "datasets": dataset_records(arguments.datasets),
        "credits": arguments.credits,
    }
    save_and_push(
        arguments,
        generator,
        title=arguments.name,
        consent=consent,
        metrics=metrics,
        training=training,
        samples=sample_swaps(generator, samples),
        report=report,
    )


def save_and_push(
    arguments: argparse.Namespace,
    generator: AnyGenerator,
    *,
    title: str,
    consent: dict[str, str],
    metrics: dict,
    training: dict,
    samples: dict[str, UInt8[Tensor, "3 height width"]],
    report: ProgressCallback,
) -> None:
    """Write the identity's folder, and publish it where `--push` says so. Raises FaceHubError when that
    fails, after the folder was written."""
    folder = save(
        arguments.out,
        generator=generator,
        title=title,
        consent=consent,
        metrics=metrics,
        training=training,
        samples=samples,
        credits=arguments.credits,
    )
    hint = f"Try it: python -m facehub swap photo.jpg --identity {folder} --out result.png"
    report(Progress(message=f"Saved {folder}. {hint}"))
    if arguments.push:
        try:
            pushed = api.Hub().push(folder, arguments.push, private=arguments.private, gated=arguments.gated)
        except FaceHubError as problem:
            closed = "".join(f" --{name}" for name in ("private", "gated") if getattr(arguments, name))
            later = f"python -m facehub push {folder} {arguments.push}{closed}"
            raise FaceHubError(f"{problem} The identity is saved: `{later}` publishes it.") from problem
        report(Progress(message=f"Published: {pushed.url}, at {pushed.commit[:12]}."))
