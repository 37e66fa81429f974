"""Stands in for `python -m train`: the same flags, files and sentences, with steps that wait for a test instead of a network.

TRAINER_GATE names a FIFO: each step waits for a line from it. Without one it runs through. A title decides how it ends: "Breaks" breaks with a
traceback, "Gives up" with a sentence.
"""

import json
import os
import pathlib
import sys

import torch

from facehub import image
from facehub.generators import Generator
from facehub.identity import save
from train.identity import parser, read_consent

STEPS = 6


def main() -> int:
    arguments = parser().parse_args()
    consent = read_consent(arguments.consent)
    work = arguments.runs / arguments.out.name
    work.mkdir(parents=True, exist_ok=True)
    gate = pathlib.Path(os.environ["TRAINER_GATE"]).open() if "TRAINER_GATE" in os.environ else None  # noqa: SIM115 -- as long as the process
    checkpoint, log = work / "checkpoint.pt", work / "log.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if checkpoint.exists() else []
    try:
        if rows:
            print(f"Goes on after step {len(rows)} of stage 3.")
        for step in range(len(rows) + 1, STEPS + 1):
            if gate and not gate.readline():
                return 1
            if arguments.name == "Breaks":
                raise ZeroDivisionError("deep inside")
            if arguments.name == "Gives up":
                print("The losses are no longer numbers: lower --rate and start again.", file=sys.stderr)
                return 1
            rows.append({"name": "losses", "losses": {"total": 3 / step, "style": 2 / step}, "seconds": 0.1, "step": step})
            log.write_text("".join(json.dumps(row) + "\n" for row in rows))
            checkpoint.write_text(str(step))
            image.write(work / "preview.png", torch.full((3, 128, 768), 40 * step, dtype=torch.uint8))
            print(f"\rlosses: {step} of {STEPS}, total {3 / step:.3f}, 0 min left in this stage", end="", flush=True)
        metrics = {"table": {"blended": {"retrieved": 0.98, "pose_degrees": 4.5, "nme_percent": 4.2, "light": 0.016}}}
        torch.manual_seed(0)
        command = " ".join(["python -m train", *sys.argv[1:]])
        training = {"command": command, "photos": sorted(path.name for path in arguments.photos.iterdir())}
        samples = {"sample": torch.full((3, 128, 384), 90, dtype=torch.uint8)}
        save(arguments.out, generator=Generator(128), title=arguments.name, consent=consent, metrics=metrics, training=training, samples=samples)
    except KeyboardInterrupt:
        print(f"\nStopped. The last checkpoint is in {work}: the same command goes on from there.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
