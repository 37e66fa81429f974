"""Stands in for `python -m train.photos --progress json`: a photo is kept unless it is black, which shows
no face, or no picture. All black: it gives up."""

import argparse
import json
import pathlib

import PIL.Image

from facehub.training_progress import Progress, Stage


def main() -> int:
    flags = argparse.ArgumentParser()
    flags.add_argument("photos", type=pathlib.Path)
    flags.add_argument("--report", type=pathlib.Path, required=True)
    flags.add_argument("--cache", required=True)
    flags.add_argument("--progress", choices=["json"], required=True)
    arguments = flags.parse_args()
    rows = []
    for done, path in enumerate(photos := sorted(arguments.photos.iterdir()), 1):
        try:
            with PIL.Image.open(path) as picture:
                reason = None if picture.convert("L").getextrema()[1] else "no face was found"
        except OSError:
            reason = f"{path.name} is not a picture that can be opened"
        rows.append({"name": path.name, "kept": not reason, "reason": reason})
        print(Progress(stage=Stage.GATHER, step=done, steps=len(photos)).to_json(), flush=True)
    if not any(row["kept"] for row in rows):
        print(Progress(error="No photo shows a face: give photos in which the face is upright.").to_json())
        return 1
    arguments.report.mkdir(exist_ok=True)
    kept = sum(row["kept"] for row in rows)
    warnings = (
        []
        if kept >= 40
        else [f"Only {kept} of the photos can be used, but at least 40 are wanted: add photos."]
    )
    (arguments.report / "photos.json").write_text(json.dumps({"warnings": warnings, "photos": rows}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
