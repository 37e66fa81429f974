"""`python -m benchmarks.click [--json FILE]`: from a click to a picture, over real HTTP, and where each
millisecond of it went.

The page runs in this process and is asked over its port by one visitor: `api` is the documented call /swap
with a photo that was not seen before, from the call to the result's last byte; `page` is what a browser asks
when another identity is chosen, from the click to the slider's two pictures. All is warm; uploads are told
apart. The swap beside them is the pipeline alone, in the same run.
"""

import argparse
import contextlib
import functools
import io
import json
import os
import pathlib
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.machine import begin, flags, table, write
from benchmarks.visitor import API, Visitor

ROOT = pathlib.Path(__file__).parents[1]

MARKS_MS = {"512 px": 250.0, "12 Mpx": 1200.0}
"""What a click may take on a quiet machine of two cores with bfloat16."""


class Spans:
    """Milliseconds inside named functions, for one request at a time. What one span holds of another is
    taken off."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._open = threading.local()

    def wrap(self, holder: Any, name: str, label: str) -> None:
        """Measure a function or method where it is looked up."""
        inner = getattr(holder, name)

        @functools.wraps(inner)
        def measured(*args: Any, **kwargs: Any) -> Any:
            with self.span(label):
                return inner(*args, **kwargs)

        setattr(holder, name, measured)

    @contextlib.contextmanager
    def span(self, label: str) -> Iterator[None]:
        stack = self._open.__dict__.setdefault("stack", [])
        stack.append(0.0)
        begun = time.perf_counter()
        try:
            yield
        finally:
            whole, inside = time.perf_counter() - begun, stack.pop()
            if stack:
                stack[-1] += whole
            self.spent[label] += (whole - inside) * 1e3

    def take(self) -> dict[str, float]:
        taken, self.spent = dict(self.spent), defaultdict(float)
        return taken


def instrument(spans: Spans, page: Any) -> None:
    """Wrap what a click passes through."""
    from demo.server.decoding import DecodingLine
    from demo.views import results
    from facehub import files, image
    from facehub.detection.finder import Finder
    from facehub.marks import manifest
    from facehub.swapper import Swapper

    for function in page.fns.values():
        if function.fn:
            spans.wrap(function, "fn", "handler, the rest")
    spans.wrap(DecodingLine, "read", "decode")
    spans.wrap(Finder, "__call__", "find")
    spans.wrap(Swapper, "swap_stacks", "swap")
    spans.wrap(image, "with_marks", "label and watermark")
    spans.wrap(image, "encode", "encode")
    spans.wrap(manifest, "sign", "sign")
    spans.wrap(files.os, "fsync", "wait for the disk")
    spans.wrap(image, "write", "open and rename files")
    spans.wrap(results, "shrink", "shrink")


def photo(small: Image.Image, megapixels: float, number: int) -> bytes:
    """A JPEG unlike the ones before: enlarged if asked for, with a numbered corner."""
    if megapixels:
        scale = (megapixels * 1e6 / small.width / small.height) ** 0.5
        small = small.resize(
            (round(small.width * scale), round(small.height * scale)), Image.Resampling.BICUBIC
        )
    pixels = np.array(small)
    pixels[:8, :8] = number * 20 % 256
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def timed(work: Callable[[], Any], taken: dict[str, float], name: str) -> Any:
    begun = time.perf_counter()
    value = work()
    taken[name] = (time.perf_counter() - begun) * 1e3
    return value


def click_api(visitor: Visitor, file: bytes, name: str, number: int) -> dict[str, float]:
    """Milliseconds of upload, call and download of one swap of a new photo."""
    taken: dict[str, float] = {}
    uploaded = timed(lambda: visitor.upload(file, f"photo-{number}.jpg"), taken, "upload")
    said = timed(lambda: visitor.call("swap", uploaded, name, 1.0, "largest"), taken, "call")
    if said.values is None:
        raise SystemExit(f"The page refused the swap: {said.sentence}")
    timed(lambda: visitor.file(said.values[0]), taken, "download")
    return taken


class Page:
    """What a browser asks: functions by their numbers in the page's configuration."""

    def __init__(self, visitor: Visitor):
        self.visitor = visitor
        config = visitor.http.get("/config").json()
        self.numbers = {one["api_name"]: one["id"] for one in config["dependencies"]}

    def ask(self, function: str, *values: Any) -> list[Any]:
        """The values that a function of the page gives. Raises SystemExit where it is refused."""
        body = {"data": values, "fn_index": self.numbers[function], "session_hash": self.visitor.session}
        answer = self.visitor.http.post(f"{API}/queue/join", json=body)
        answer.raise_for_status()
        event = answer.json()["event_id"]
        stream = self.visitor.http.stream(
            "GET", f"{API}/queue/data", params={"session_hash": self.visitor.session}
        )
        with stream as lines:
            for line in lines.iter_lines():
                told = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
                if told.get("msg") == "process_completed" and told.get("event_id") == event:
                    if not told["success"]:
                        raise SystemExit(f"The page refused {function}: {told['output']}")
                    return told["output"]["data"]
        raise SystemExit(f"The page did not answer {function}.")


def click_page(page: Page, uploaded: dict[str, Any], name: str) -> dict[str, float]:
    """Milliseconds from choosing an identity to the slider's pictures, the photo being known."""
    taken: dict[str, float] = {}
    timed(lambda: page.ask("begin_show_identity", 0), taken, "clear")
    settings = [uploaded, name, 1.0, "all", "learned", "photo", 0]
    pair = timed(lambda: page.ask("show_identity", *settings), taken, "call")[0]
    timed(lambda: [page.visitor.file(one) for one in pair], taken, "download")
    return taken


def median(rows: list[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: statistics.median(row.get(name, 0.0) for row in rows) for name in names}


def alone(file: bytes, name: str, repeats: int) -> dict[str, float]:
    """Milliseconds of decoding, finding and swapping, without a page."""
    from facehub import image, registry
    from facehub.swapper import Swapper

    swapper, rows = Swapper(registry.load(name).generator()), []
    for _ in range(repeats + 1):
        taken: dict[str, float] = {}
        photo = timed(lambda: image.read(file).photo, taken, "decode")
        timed(partial(swapper, photo[None], faces="largest"), taken, "find and swap")
        rows.append(taken)
    return median(rows[1:])


def measured(arguments: argparse.Namespace, spans: Spans, url: str, megapixels: float) -> dict[str, Any]:
    small, repeats = Image.open(arguments.photo).convert("RGB"), arguments.repeats
    files = [photo(small, megapixels, number) for number in range(repeats + 2)]
    ways: dict[str, list[dict[str, float]]] = {"api": [], "page": []}
    with Visitor(url) as visitor:
        page = Page(visitor)
        for number, file in enumerate(files):
            spans.take()
            taken = click_api(visitor, file, arguments.identity, number)
            ways["api"].append(taken | {f" {k}": v for k, v in spans.take().items()})
        for number, file in enumerate(files):
            uploaded = visitor.upload(file, f"known-{number}.jpg")
            click_page(page, uploaded, arguments.other)  # now the photo is read and its faces are known
            spans.take()
            taken = click_page(page, uploaded, arguments.identity)
            ways["page"].append(taken | {f" {k}": v for k, v in spans.take().items()})
    record = {way: median(rows[2:]) for way, rows in ways.items()}
    return record | {"alone": alone(files[0], arguments.identity, repeats)}


def tell(size: str, record: dict[str, dict[str, float]]) -> None:
    for way in ("api", "page"):
        times, swap = record[way], sum(record["alone"].values())
        whole = sum(times.get(part, 0.0) for part in ("clear", "call", "download"))
        inside = {name.strip(): ms for name, ms in times.items() if name.startswith(" ")}
        rest = times["call"] - sum(inside.values())
        rows = sorted(inside.items(), key=lambda one: -one[1])
        table(
            [f"{size}, {way}", "ms"],
            [
                ["upload (apart)", times.get("upload", 0.0)],
                *([["clear", times["clear"]]] if "clear" in times else []),
                *([f"call: {name}", ms] for name, ms in rows),
                ["call: gradio and HTTP", rest],
                ["download", times["download"]],
                ["from click to picture", whole],
                ["decode, find and swap alone", swap],
                ["times the swap", whole / swap],
                ["mark, ms", MARKS_MS[size]],
            ],
        )


def main() -> None:
    parser = flags("benchmarks.click", __doc__, repeats=7)
    parser.add_argument("--photo", type=pathlib.Path, default=ROOT / "demo" / "examples" / "astronaut.png")
    parser.add_argument("--identity", default="tom_cruise", help="default: %(default)s")
    parser.add_argument("--other", default="serena_williams", help="what was chosen before: %(default)s")
    parser.add_argument("--large", action="store_true", help="also a photo of 12 megapixels")
    arguments = parser.parse_args()
    machine, spans = begin(arguments), Spans()
    with tempfile.TemporaryDirectory(prefix="click-") as place:
        os.environ |= {"TMPDIR": place, "GRADIO_ANALYTICS_ENABLED": "False"}
        tempfile.tempdir = place
        import app  # the page as it is served, but in this process
        from demo.server.hosts import Hosts
        from demo.server.middleware import launch_options

        instrument(spans, app.demo)
        torch.set_num_threads(arguments.threads)
        options = launch_options(app.limits, app.uploads, Hosts.from_environment(os.environ), app.pages)
        _, url, _ = app.demo.launch(**app.LAUNCH_OPTIONS | options, prevent_thread_lock=True, quiet=True)
        try:
            results = {"512 px": measured(arguments, spans, url, 0)}
            if arguments.large:
                results["12 Mpx"] = measured(arguments, spans, url, 12)
        finally:
            app.demo.close(verbose=False)
        for size, record in results.items():
            tell(size, record)
    write(arguments, machine, results)


if __name__ == "__main__":
    main()
