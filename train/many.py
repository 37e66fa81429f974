"""`python -m train.many FILE.toml [--cluster auto|HOST:PORT]`: several identities, one after another or side
by side on the machines of a Ray cluster.

    steps = 900                     # flags of `python -m train`, for all
    content = ["hub:user/faces"]

    [[identity]]                    # and those of each
    photos = "photos/ada"
    name = "Ada"
    consent = "ada.json"

Each is a `python -m train` of its own. Where a machine of the cluster is lost, Ray starts its training again
elsewhere, and it goes on from its checkpoint: `--runs` and `--cache` lie on a disk that all machines share.
"""

import argparse
import contextlib
import io
import os
import pathlib
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from facehub.cluster import connected
from facehub.errors import BadSetting, FaceHubError
from facehub.identity.schema import short_name
from facehub.training_progress import Progress

from .flags import parser, way_in

MAX_LOSSES = 5
"""Machines that may be lost over one training."""

TAIL_CHARACTERS = 2000
"""Of what a training printed outside its records, for the case that it ends without a sentence."""


@dataclass(frozen=True, slots=True)
class Training:
    """One identity of the file."""

    name: str
    arguments: tuple[str, ...]
    """Of `python -m train`."""


def read(file: pathlib.Path) -> list[Training]:
    """The trainings of a file. Raises BadSetting when it is none, or `python -m train` would not take it."""
    record = _toml(file)
    entries = record.pop("identity", None)
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise BadSetting(f"{file} lists no identity: begin each with a line [[identity]].")
    trainings = [
        _training(f"identity {number} of {file}", record | entry) for number, entry in enumerate(entries, 1)
    ]
    twice = {one.name for one in trainings if sum(one.name == other.name for other in trainings) > 1}
    if twice:
        raise BadSetting(f'{file} lists "{min(twice)}" twice: give each a name, or an out, of its own.')
    return trainings


def _toml(file: pathlib.Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib  # pyright: ignore[reportMissingImports]
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise BadSetting(
            f"{file} cannot be read as TOML ({problem}): mend it, then start again."
        ) from problem


def _training(where: str, entry: dict[str, Any]) -> Training:
    """One entry as arguments. Raises BadSetting."""
    if not isinstance(photos := entry.pop("photos", None), str):
        raise BadSetting(f'{where} names no photos: add photos = "FOLDER".')
    arguments = [photos]
    for key, value in entry.items():
        arguments += _flag(where, f"--{key.replace('_', '-')}", value)
    refusal = io.StringIO()
    try:
        with contextlib.redirect_stderr(refusal), contextlib.redirect_stdout(refusal):
            parsed = parser(way_in(arguments)).parse_args(arguments)
    except SystemExit:
        why = (refusal.getvalue().strip().splitlines() or ["it asks for help"])[-1].partition("error: ")
        raise BadSetting(f"{where} is no training ({why[2] or why[0]}): mend it, then start again.") from None
    out = parsed.out or pathlib.Path(short_name(parsed.name or f"{parsed.start} again"))
    return Training(out.name, tuple(arguments))


def _flag(where: str, flag: str, value: Any) -> list[str]:
    """A key of the file as a flag: true is the flag alone, a list is the flag several times."""
    if isinstance(value, bool):
        return [flag] if value else []
    if isinstance(value, list):
        return [part for one in value for part in _flag(where, flag, one)]
    if not isinstance(value, str | int | float):
        raise BadSetting(
            f"{where} gives {flag.lstrip('-')} as a {type(value).__name__}: give a text or a number."
        )
    return [flag, str(value)]


def train_one(arguments: Sequence[str], folder: str, threads: int | None = None) -> str:
    """Run one training in a process of its own, in `folder`; the sentence of its error, or an empty text."""
    limit = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    command = [sys.executable, "-m", "train", "--progress", "json", *arguments]
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | limit,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode == 0:
        return ""
    records = [Progress.from_json(line) for line in done.stdout.splitlines()]
    errors = [record.error for record in records if record and record.error]
    last = done.stdout[-TAIL_CHARACTERS:].strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
    return errors[-1] if errors else f"The training ended without a sentence on {platform.node()}: {last[0]}"


def one_after_another(trainings: Sequence[Training]) -> Iterator[tuple[Training, str]]:
    """Each training with what came of it: the sentence of its error, or an empty text."""
    for training in trainings:
        yield training, train_one(training.arguments, os.getcwd())


def on_cluster(address: str, trainings: Sequence[Training], *, cores: int) -> Iterator[tuple[Training, str]]:
    """The same on a Ray cluster, as they end; each has `cores` cores, and a GPU where the cluster has some.

    Raises BadSetting as facehub.cluster.connected does, and where no machine has so many cores.
    """
    with connected(address) as ray:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        most = max((int(node.get("CPU", 0)) for node in nodes), default=0)
        if most < cores:
            raise BadSetting(f"No machine of the cluster has {cores} cores: use --cores {max(1, most)}.")
        gpus = int(any(node.get("GPU", 0) for node in nodes))
        task = ray.remote(num_cpus=cores, num_gpus=gpus, max_retries=MAX_LOSSES)(train_one)
        running = {task.remote(one.arguments, os.getcwd(), cores): one for one in trainings}
        while running:
            [done], _ = ray.wait(list(running), num_returns=1)
            training = running.pop(done)
            try:
                yield training, ray.get(done)
            except ray.exceptions.RayError as problem:
                why = next(iter(str(problem).strip().splitlines()), type(problem).__name__)
                yield training, f"{MAX_LOSSES + 1} machines were lost over it ({why[:200]})."


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code: 1 where a training failed."""
    flags = argparse.ArgumentParser(
        prog="python -m train.many", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("file", type=pathlib.Path, help="the trainings, as TOML")
    flags.add_argument("--cluster", metavar="auto|HOST:PORT", help="a Ray cluster (docs/scale.md)")
    flags.add_argument(
        "--cores", type=int, default=2, help="of each training on the cluster (default: %(default)s)"
    )
    arguments = flags.parse_args(argv)
    failed = 0
    try:
        trainings = read(arguments.file)
        print(f"{len(trainings)} identities: {', '.join(one.name for one in trainings)}.", flush=True)
        if arguments.cluster:
            ended = on_cluster(arguments.cluster, trainings, cores=max(1, arguments.cores))
        else:
            ended = one_after_another(trainings)
        for training, error in ended:
            failed += bool(error)
            print(
                f"{training.name}: {error or 'saved.'}", file=sys.stderr if error else sys.stdout, flush=True
            )
    except FaceHubError as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from the last checkpoints.", file=sys.stderr)
        return 1
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
