"""The way of the paper: `python -m train --way paper PHOTOS --name NAME --out FOLDER --content OTHERS`.

Gathers and filters the photos, trains (stages.py), measures the result on people it never saw (evaluation/)
and saves the identity's folder. Stopped at any moment and started again with the same arguments it goes on
where it was. Several GPUs: `torchrun --nproc-per-node=N -m train --way paper ...`.

In RUNS/<short name>, until it is done: photos.json and photos.webp (which photos teach and why the others
do not), preview.png (held-out faces), tensorboard/, log.jsonl, curves.png, held_out.png (the faces that
were measured), checkpoint.pt.
"""

import argparse
import pathlib

import torch

from facehub import image, registry
from facehub.errors import BadSetting, FaceHubError
from facehub.hub import api
from facehub.networks.generator import Generator
from facehub.training_progress import Progress, ProgressCallback, Stage

from .config import Config
from .content import content_folders
from .data.dataset import prepare
from .evaluation.comparison import evaluate, marks_beside, table
from .evaluation.metrics import Measurer
from .networks import estimators
from .processes import first_process
from .provenance import read_consent, save_identity, unmeasured
from .stages import train


def run(
    arguments: argparse.Namespace,
    config: Config,
    device: torch.device,
    folder: pathlib.Path,
    report: ProgressCallback,
) -> None:
    """Everything from photos to the saved identity."""
    consent = read_consent(arguments.consent)
    if arguments.push and first_process():
        api.Hub().check_push(arguments.push, consent, private=arguments.private, gated=arguments.gated)
    folder.mkdir(parents=True, exist_ok=True)
    measuring = estimators.read(arguments.estimators)
    arguments.content, arguments.datasets = content_folders(arguments.content, report=report)
    material = prepare(
        arguments.photos,
        arguments.content,
        size=config.size,
        cache=arguments.cache,
        seed=config.seed,
        report=folder if first_process() else None,
        progress=report,
    )
    start = load_start(arguments.start) if arguments.start else None
    generator, rows = train(
        material,
        config,
        vgg=arguments.vgg19,
        scales=arguments.vgg19_scales,
        sface=arguments.sface,
        folder=folder,
        device=device,
        start=start,
        report=report,
    )
    if not first_process():
        return
    report(Progress(stage=Stage.MEASURE))
    try:
        measurer = Measurer(measuring)
    except FaceHubError as problem:
        report(unmeasured(problem, arguments.out))
        save_identity(arguments, config, generator, material, {}, rows, device, samples=[], report=report)
        return
    beside = marks_beside(arguments, material, config, device)
    metrics, sheet = evaluate(generator, material, measurer, **beside)
    image.write(folder / "held_out.png", sheet)
    report(Progress(message=table(metrics)))
    save_identity(
        arguments, config, generator, material, metrics, rows, device, samples=arguments.sample, report=report
    )


def load_start(name: str) -> Generator:
    """The network of an identity to train on from. Raises BadSetting for one of another kind, and what
    `registry.load` does."""
    network = registry.load(name).generator("cpu")
    if not isinstance(network, Generator):
        raise BadSetting(
            f"{name} has a network of another kind, from which training cannot start: give another --start."
        )
    return network
