"""Stands in for `python -m train --progress json`: its flags, files and records, with steps that wait for a
test instead of a network.

TRAINER_GATE names a FIFO: each step waits for a line from it, and without one they run through.
TRAINER_RESULT is the identity that comes of it, and TRAINER_SAYS, where it is set, what happens at the
second step: "sentence" gives up with one, "traceback" breaks.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import sys

from facehub.training_progress import Progress, Stage

STEPS = 6


def main() -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as train/__main__.py
    flags = argparse.ArgumentParser()
    flags.add_argument("photos", type=pathlib.Path)
    flags.add_argument("--progress", choices=["json"], required=True)
    for flag in ("--name", "--out", "--consent", "--runs", "--cache"):
        flags.add_argument(flag, required=True, type=str if flag == "--name" else pathlib.Path)
    arguments, _ = flags.parse_known_args()
    work = arguments.runs / arguments.out.name
    work.mkdir(parents=True, exist_ok=True)
    checkpoint, log = work / "checkpoint.pt", work / "log.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if checkpoint.exists() else []
    arguments.cache.mkdir(exist_ok=True)
    for name in ("lfw-portraits-0.safetensors", "photos-portraits-0.safetensors"):
        (arguments.cache / name).write_text(name)
    gate = open(os.environ["TRAINER_GATE"]) if "TRAINER_GATE" in os.environ else None  # noqa: SIM115 -- as long as the process
    try:
        for step in range(len(rows) + 1, STEPS + 1):
            if gate and not gate.readline():
                return 1
            if step == 2 and os.environ.get("TRAINER_SAYS") == "traceback":
                raise ZeroDivisionError("deep inside")
            if step == 2 and os.environ.get("TRAINER_SAYS") == "sentence":
                say(Progress(error="The losses are no longer numbers: lower --rate and start again."))
                return 1
            rows.append(
                {
                    "name": Stage.PAIRS,
                    "losses": {"total": 3 / step, "style": 2 / step, "landmarks": 1 / step},
                    "seconds": 0.1,
                    "step": step,
                    "process": os.getpid(),
                }
            )
            log.write_text("".join(json.dumps(row) + "\n" for row in rows))
            checkpoint.write_text(str(step))
            shutil.copyfile(
                next(pathlib.Path(os.environ["TRAINER_RESULT"], "samples").iterdir()), work / "preview.png"
            )
            say(Progress(stage=Stage.PAIRS, step=step, steps=STEPS, losses={"total": 3 / step}, seconds=0.1))
        finish(arguments)
    except KeyboardInterrupt:
        say(
            Progress(error=f"Stopped. The last checkpoint is in {work}: the same command goes on from there.")
        )
        return 1
    return 0


def say(record: Progress) -> None:
    print(record.to_json(), flush=True)


def finish(arguments: argparse.Namespace) -> None:
    shutil.copytree(os.environ["TRAINER_RESULT"], arguments.out)
    config = json.loads((arguments.out / "config.json").read_text())
    (arguments.out / "config.json").write_text(
        json.dumps(config | {"name": arguments.out.name, "title": arguments.name})
    )
    shutil.copyfile(arguments.consent, arguments.out / "consent.json")
    metrics = {
        "table": {"blended": {"retrieved": 0.98, "pose_degrees": 4.5, "nme_percent": 4.2, "light": 0.016}}
    }
    (arguments.out / "metrics.json").write_text(json.dumps(metrics))
    record = {"command": sys.argv[1:], "photos": sorted(path.name for path in arguments.photos.iterdir())}
    (arguments.out / "training.json").write_text(json.dumps(record))


if __name__ == "__main__":
    raise SystemExit(main())
