"""The short way of `python -m train`: an identity in minutes, with nothing but its photos.

Goes on from an identity that swaps already, and learns on pairs whose targets are the person's own photos
(data/pairs.py, pair_loop.py). Other people's photos ship (data/people.py); `--content` gives others. Without
`--name` and `--consent` the identity that it starts from stays who it is, and learns on.

In RUNS/<short name>, until it is done: photos.json and photos.webp (which photos teach and why the others do
not), preview.png (held-out faces and what becomes of them), log.jsonl, checkpoint.pt, made_from.json
(same_run.py).
"""

import argparse
import dataclasses
import pathlib
import sys
import time

import torch

from facehub import registry
from facehub.errors import BadSetting, FaceHubError
from facehub.hub import api
from facehub.identity.folder import Identity
from facehub.identity.schema import short_name
from facehub.networks.generator import FaceGenerator
from facehub.training_progress import Progress, ProgressCallback, Stage

from .config import PairConfig
from .content import content_folders, dataset_records
from .data.pair_batches import PairSource
from .evaluation.after_training import measure_identity
from .flags import config_from
from .pair_loop import PairRun
from .pair_material import PairMaterial, gather_material, teachers_for, without_the_identity
from .pair_training import HeldOut, train_pairs
from .provenance import (
    file_record,
    machine_name,
    named,
    provenance_of_start,
    read_consent,
    sample_swaps,
    save_and_push,
    unmeasured,
    versions,
)
from .same_run import made_from, require_same_run
from .weights import check_vgg19, sface_file

START = "tom_cruise"
"""The shipped identity from which others start."""


def complete(arguments: argparse.Namespace) -> None:
    """Fill in what follows from the other arguments. Raises BadSetting when something is missing."""
    if (arguments.name is None) != (arguments.consent is None):
        raise BadSetting(
            "A person needs both --name and --consent (docs/responsible-use.md says what that record holds)."
        )
    if arguments.name is None and arguments.start is None:
        raise BadSetting(
            "Whose face is it? Give --name and --consent, or --start with an identity that shall learn on."
        )
    if arguments.out is None:
        title = arguments.name or f"{registry.load(arguments.start).title} again"
        arguments.out = pathlib.Path(short_name(title))
    arguments.start = arguments.start or START


def run(arguments: argparse.Namespace, device: torch.device, report: ProgressCallback) -> None:
    """Everything from photos to the saved identity."""
    config, begun = config_from(arguments, PairConfig), time.monotonic()
    folder = arguments.runs / arguments.out.name
    start = registry.load(arguments.start)
    consent = start.consent if arguments.consent is None else read_consent(arguments.consent)
    if arguments.push:
        api.Hub().check_push(arguments.push, consent, private=arguments.private, gated=arguments.gated)
    folder.mkdir(parents=True, exist_ok=True)
    sface = sface_file(arguments.sface, offline=arguments.offline, report=report)
    check_vgg19(arguments.vgg19, offline=arguments.offline, report=report)
    arguments.content, arguments.datasets = content_folders(
        arguments.content, offline=arguments.offline, report=report
    )
    material = gather_material(
        arguments.photos,
        arguments.content,
        least_px=arguments.least_px,
        cache=arguments.cache,
        folder=folder,
        report=report,
    )
    teachers = teachers_for(material.identity, arguments.vgg19, arguments.vgg19_scales, sface, device)
    if arguments.content:
        material = without_the_identity(material, teachers, report)
    natural = 1 - config.target_share - config.return_share
    source = PairSource(
        material.identity,
        material.strangers,
        size=config.size,
        shares=(config.target_share, config.return_share, natural),
        sharp_px=config.sharp_px,
    )
    many = f"{len(material.identity)} photos of the person, {len(material.strangers)} of other people."
    report(Progress(message=many))
    require_same_run(folder, made_from(start, material.identity, material.strangers, config))
    trained = PairRun.started(start.generator("cpu"), config, device)
    shown = HeldOut.of(material.held_out, config.size)
    rows = train_pairs(trained, source, teachers, shown, folder, report, until_good=arguments.until == "good")
    generator = trained.average.to("cpu").half().float().eval()  # rounded: the file takes half the room
    save_and_push(
        arguments,
        generator,
        title=arguments.name or start.title,
        consent=consent,
        metrics=_metrics(generator, material, arguments.out, report),
        training=_record(arguments, config, device, rows, start, material, sface, begun),
        samples=sample_swaps(generator, arguments.sample),
        report=report,
    )


def _metrics(
    generator: FaceGenerator, material: PairMaterial, out: pathlib.Path, report: ProgressCallback
) -> dict:
    """metrics.json; empty where dlib is not installed."""
    report(Progress(stage=Stage.MEASURE))
    try:
        return measure_identity(generator, material.identity, material.strangers, material.held_out, report)
    except FaceHubError as problem:
        report(unmeasured(problem, out))
        return {}


def _record(
    arguments: argparse.Namespace,
    config: PairConfig,
    device: torch.device,
    rows: list[dict],
    start: Identity,
    material: PairMaterial,
    sface: pathlib.Path,
    begun: float,
) -> dict:
    """How it was made: training.json. No path of this machine is in it."""
    return {
        "command": " ".join(["python -m train", *map(named, sys.argv[1:])]),
        "config": dataclasses.asdict(config),
        "machine": machine_name(device),
        "versions": versions(),
        "seconds": {
            "pairs": round(sum(row["seconds"] for row in rows)),
            "last run": round(time.monotonic() - begun),
        },
        "losses": [rows[i] for i in range(0, len(rows), max(1, len(rows) // 100))],
        "losses_from": {"vgg19": file_record(arguments.vgg19), "sface": file_record(sface)},
        "started_from": provenance_of_start(arguments.start),
        "photos": [face.name for face in material.identity],
        "left_out": material.left_out,
        "strangers": len(material.strangers),
        "datasets": dataset_records(arguments.datasets),
        "credits": arguments.credits,
    }
