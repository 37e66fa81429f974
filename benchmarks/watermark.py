"""`python -m benchmarks.watermark PHOTOS`: invisible watermarks under what people do to pictures, in one run.

For each method: how much of its message is read right (bits), how often all of it, and whether its mark is
found, by attack; PSNR, of all and of flat places; milliseconds; and, for ours, how often an unmarked photo is
taken for a marked one. invisible-watermark and blind-watermark are in the table where they are installed
(both want OpenCV and PyWavelets). They get 48 bits as ours; neither can tell whether there is a mark, so
theirs counts as found when every bit is right.
"""

import argparse
import contextlib
import json
import math
import multiprocessing
import pathlib
import random
import statistics
import time
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import avg_pool2d

from benchmarks.machine import here
from benchmarks.watermark_attacks import ATTACKS, attacked
from facehub import image
from facehub.formats import photo_files
from facehub.marks import watermark, watermark_detector

SEED = 6
"""Of the choice of photos."""

FLAT_LEVELS = 3.0
"""A block of `FLAT_PX` with a smaller standard deviation is flat."""

FLAT_PX = 16
"""Side of such a block."""


READ_SHARE = 0.1
"""Of the places tried beyond the upright photo that reach the score at which a message is read, at most
(docs/marks.md: 3 of 172)."""

WAYS = 3
"""In which a message is read at one place (facehub/marks/message.py)."""


class Answer(NamedTuple):
    """What a method reads from a picture: the bits, and whether there is a mark (None: it cannot tell)."""

    bits: np.ndarray
    found: bool | None


class Ours:
    name = "facehub"

    def embed(self, photo: np.ndarray, bits: np.ndarray) -> np.ndarray:
        marked = watermark.embed(
            torch.from_numpy(photo).permute(2, 0, 1)[None], [watermark.payload(torch.from_numpy(bits))]
        )
        return marked[0].permute(1, 2, 0).numpy()

    def read(self, photo: np.ndarray) -> Answer:
        found = watermark_detector.detect(torch.from_numpy(np.array(photo)).permute(2, 0, 1))
        bits = watermark.bits([found.payload])[0].numpy() if found.payload else np.zeros(watermark.BITS, bool)
        return Answer(bits, found.present)


class FaceOnly(Ours):
    """Ours, kept in an ellipse about the centre, as if only the painted face carried it."""

    name = "facehub, face only"

    def embed(self, photo: np.ndarray, bits: np.ndarray) -> np.ndarray:
        height, width = photo.shape[:2]
        y, x = np.mgrid[:height, :width]
        inside = ((y - height / 2) / (height * 0.25)) ** 2 + ((x - width / 2) / (width * 0.22)) ** 2 <= 1
        return np.where(inside[..., None], super().embed(photo, bits), photo)


class InvisibleWatermark:
    """PyPI's invisible-watermark with its default method, dwtDct."""

    name = "invisible-watermark, dwtDct"

    def __init__(self):
        from imwatermark import WatermarkDecoder, WatermarkEncoder  # pyright: ignore[reportMissingImports]

        self.encoder, self.decoder = WatermarkEncoder(), WatermarkDecoder("bits", watermark.BITS)

    def embed(self, photo: np.ndarray, bits: np.ndarray) -> np.ndarray:
        self.encoder.set_watermark("bits", bits.astype(int).tolist())
        return self.encoder.encode(photo[..., ::-1].copy(), "dwtDct")[..., ::-1]

    def read(self, photo: np.ndarray) -> Answer:
        return Answer(np.array(self.decoder.decode(photo[..., ::-1].copy(), "dwtDct"), bool), None)


class BlindWatermark:
    """PyPI's blind-watermark."""

    name = "blind-watermark"

    def embed(self, photo: np.ndarray, bits: np.ndarray) -> np.ndarray:
        core = self._core()
        core.read_img_arr(photo[..., ::-1].astype(np.float32))
        core.read_wm(bits.astype(bool))
        return core.embed().clip(0, 255).round().astype(np.uint8)[..., ::-1]

    def read(self, photo: np.ndarray) -> Answer:
        core = self._core()
        core.read_img_arr(photo[..., ::-1].astype(np.float32))
        return Answer(
            np.asarray(core.extract(photo[..., ::-1].astype(np.float32), (watermark.BITS,))).ravel() > 0.5,
            None,
        )

    def _core(self):
        from blind_watermark.bwm_core import WaterMarkCore  # pyright: ignore[reportMissingImports]

        return WaterMarkCore(password_img=1)


def flat_psnr(photo: np.ndarray, marked: np.ndarray) -> float:
    """PSNR in dB over the flat blocks of a photo; nan where it has none."""
    gray = watermark.luma(torch.from_numpy(photo).permute(2, 0, 1)[None])
    change = torch.from_numpy(np.square(marked.astype(np.float32) - photo).mean(2))[None, None]
    mean = avg_pool2d(gray, FLAT_PX)
    flat = (avg_pool2d(gray * gray, FLAT_PX) - mean * mean).clamp(min=0).sqrt() < FLAT_LEVELS
    if not flat.any():
        return math.nan
    return 10 * math.log10(255**2 / max(float(avg_pool2d(change, FLAT_PX)[flat].mean()), 1e-9))


def measure(
    method: Ours | InvisibleWatermark | BlindWatermark,
    files: list[pathlib.Path],
    processes: int | None,
    attacks: list[str],
) -> dict:
    """The numbers of one method over all photos."""
    with multiprocessing.Pool(processes, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        each = pool.starmap(_trial, [(method, file, number, attacks) for number, file in enumerate(files)])
    rows = {
        key: {
            name: statistics.mean(float(one[key][name]) for one in each) for name in ("bits", "all", "found")
        }
        for key in attacks
    }
    psnr = [one["psnr"] for one in each]
    flat = [one["flat_psnr"] for one in each if not math.isnan(one["flat_psnr"])]
    return {
        "method": method.name,
        "photos": len(files),
        "psnr": statistics.mean(psnr),
        "psnr_least": min(psnr),
        "flat_psnr": statistics.mean(flat) if flat else math.nan,
        "attacks": rows,
        "embed_ms": statistics.median(one["embed_ms"] for one in each),
        "read_ms": statistics.median(one["read_ms"] for one in each),
    }


def false_positives(files: list[pathlib.Path], processes: int | None) -> dict:
    """How the score of unmarked photos is spread, and its tail by a Gumbel distribution.

    `chance` holds what is tried beyond the upright photo, too.
    """
    with multiprocessing.Pool(processes, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        found = pool.map(_unmarked, files, chunksize=8)
    scores = [score for score, _, _ in found]
    mean, deviation = statistics.mean(scores), statistics.stdev(scores)
    scale = deviation * math.sqrt(6) / math.pi
    present, readable = (
        -math.expm1(-math.exp(-(limit - mean) / scale - 0.5772))
        for limit in (watermark_detector.PRESENT_THRESHOLD, watermark_detector.READ_THRESHOLD)
    )
    return {
        "photos": len(files),
        "taken_for_marked": sum(present for _, present, _ in found),
        "read": sum(read for _, _, read in found),
        "mean": mean,
        "deviation": deviation,
        "largest": max(scores),
        "above_readable": sum(s >= watermark_detector.READ_THRESHOLD for s in scores),
        "chance": present
        + (readable + READ_SHARE * (1 + watermark_detector.MAX_HANDLINGS)) * WAYS * 2.0**-16,
    }


def main() -> None:
    flags = argparse.ArgumentParser(prog="python -m benchmarks.watermark", description=__doc__)
    flags.add_argument("folder", type=pathlib.Path, help="photos, in folders or not")
    flags.add_argument("--photos", type=int, default=100, help="to mark and attack (default: 100)")
    flags.add_argument(
        "--unmarked", type=int, default=1000, help="to look for marks that are not there (default: 1000)"
    )
    flags.add_argument("--attack", action="append", choices=ATTACKS, help="only this one; may be repeated")
    flags.add_argument("--ours", action="store_true", help="leave the other methods out")
    flags.add_argument("--processes", type=int, help="at once (default: one a core)")
    flags.add_argument("--json", type=pathlib.Path, help="also write the numbers here")
    arguments = flags.parse_args()
    # its import decides how processes start, which can be done only before the first
    with contextlib.suppress(ImportError):
        import blind_watermark.bwm_core  # pyright: ignore[reportMissingImports]  # noqa: F401
    files = photo_files(arguments.folder)
    random.Random(SEED).shuffle(files)
    machine, results = here(), []
    attacks = arguments.attack or list(ATTACKS)
    titles = " | ".join(ATTACKS[key] for key in attacks)
    print("| method | PSNR dB, mean / least / flat | mark, read ms |", titles, "|")
    print("|---" * (3 + len(attacks)) + "|")
    for kind in (Ours,) if arguments.ours else (Ours, FaceOnly, InvisibleWatermark, BlindWatermark):
        try:
            result = measure(kind(), files[: arguments.photos], arguments.processes, attacks)
        except ImportError as problem:
            print(f"| {kind.name}: not installed ({problem.name}) |")
            continue
        except RuntimeError as problem:
            print(f"| {kind.name}: {problem} |")
            continue
        results.append(result)
        cells = [f"{100 * cell['bits']:.1f} / {100 * cell['all']:.0f}" for cell in result["attacks"].values()]
        speed = f"{result['embed_ms']:.0f}, {result['read_ms']:.0f}"
        quality = f"{result['psnr']:.1f} / {result['psnr_least']:.1f} / {result['flat_psnr']:.1f}"
        print(f"| {result['method']} | {quality} | {speed} |", " | ".join(cells), "|", flush=True)
    print("Cells: bits read right in percent / photos with the whole message read right in percent.")
    found = {ATTACKS[key]: 100 * cell["found"] for key, cell in results[0]["attacks"].items()}
    print("Ours, mark found:", ", ".join(f"{title} {share:.0f} %" for title, share in found.items()))
    if not arguments.unmarked:
        return
    alarm = false_positives(
        files[arguments.photos : arguments.photos + arguments.unmarked], arguments.processes
    )
    print(
        f"{alarm['photos']} unmarked photos: {alarm['taken_for_marked']} taken for marked, "
        f"{alarm['read']} with a message"
    )
    print(
        f"their score: {alarm['mean']:.2f} +- {alarm['deviation']:.2f}, largest {alarm['largest']:.2f}, "
        f"{alarm['above_readable']} at {watermark_detector.READ_THRESHOLD:g} or more; "
        f"chance of a false mark by the tail: {alarm['chance']:.1e}"
    )
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"machine": machine, "methods": results, "false_positives": alarm}, indent=1) + "\n"
        )


def _trial(method, file: pathlib.Path, number: int, attacks: list[str]) -> dict:
    photo = image.read(file).photo.permute(1, 2, 0).contiguous().numpy()
    chance = random.Random(number)
    bits = np.array([chance.random() < 0.5 for _ in range(watermark.BITS)])
    begun = time.perf_counter()
    marked = method.embed(photo, bits)
    row: dict = {"embed_ms": (time.perf_counter() - begun) * 1e3}
    row["psnr"] = 10 * math.log10(255**2 / max(float(np.square(marked.astype(float) - photo).mean()), 1e-9))
    row["flat_psnr"] = flat_psnr(photo, marked)
    for key in attacks:
        came_back = attacked(np.ascontiguousarray(marked), key, chance)
        begun = time.perf_counter()
        answer = _tried(method, came_back)
        row["read_ms"] = (time.perf_counter() - begun) * 1e3
        right = answer.bits == bits
        row[key] = {
            "bits": right.mean(),
            "all": right.all(),
            "found": right.all() if answer.found is None else answer.found,
        }
    return row


def _tried(method, photo: np.ndarray) -> Answer:
    try:
        return method.read(photo)
    except (ValueError, IndexError, AssertionError, RuntimeError):  # a size that the library cannot read
        return Answer(np.zeros(watermark.BITS, bool), None)


def _unmarked(file: pathlib.Path) -> tuple[float, bool, bool]:
    found = watermark_detector.detect(image.read(file).photo)
    return found.score, found.present, found.payload is not None


if __name__ == "__main__":
    main()
