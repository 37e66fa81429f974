"""`python -m benchmarks.load_faults`: the page beside clients that mean no good, and after the largest photo.

Starts the page as benchmarks.load does. Opens `--half` connections whose headers never end, and asks for the
page meanwhile: the longest wait. Sends `--wrong` requests for what is not there: bytes of log. Swaps photos
of 39 megapixels with 24 faces: memory before and after. The exit code is 1 where a wait is longer than 15 s,
the log larger than 1 MB, or more than 500 MB stay.
"""

import argparse
import contextlib
import io
import json
import pathlib
import resource
import socket
import tempfile
import time
from urllib.parse import urlsplit

import httpx
from PIL import Image

from benchmarks.load import ROOT, first_answer, memory_mb, page
from benchmarks.machine import here
from benchmarks.visitor import Visitor

SIDES_PX = (7680, 5120)
"""Width and height of the large photo: 39 megapixels."""

FACES = (6, 4)
"""Faces in it, across and down."""

WAIT_S, LOG_BYTES, LEFT_MB = 15.0, 1_000_000, 500.0
"""What is allowed: HEADER_SECONDS of demo/server/slow_headers.py and some; the log; memory that stays."""


def half_requests(url: str, count: int, seconds: float) -> float:
    """The longest wait for a page of its own, while so many requests are never finished."""
    place, longest = urlsplit(url), 0.0
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            with contextlib.suppress(OSError):
                one = stack.enter_context(
                    socket.create_connection((place.hostname or "", place.port or 80), 5)
                )
                one.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begun = time.monotonic()
            httpx.get(f"{url}/config", timeout=120).raise_for_status()
            longest = max(longest, time.monotonic() - begun)
            time.sleep(0.5)
    return longest


def wrong_requests(url: str, count: int, log: pathlib.Path) -> int:
    """Bytes that the log grows by."""
    before = log.stat().st_size
    with httpx.Client(base_url=url) as client:
        for number in range(count):
            client.get(f"/gradio_api/not-there-{number}")
    return log.stat().st_size - before


def large_photo(face: Image.Image) -> bytes:
    """Many faces in one photo, as JPEG."""
    across, down = FACES
    side = min(SIDES_PX[0] // across, SIDES_PX[1] // down)
    picture, one = Image.new("RGB", SIDES_PX, (120, 130, 140)), face.resize((side, side))
    for number in range(across * down):
        picture.paste(one, (number % across * side, number // across * side))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def swap_large(url: str, name: str, data: bytes, times: int) -> list[str]:
    """What the page says of each large photo; empty where it was swapped."""
    said = []
    with Visitor(url) as visitor:
        for _ in range(times):
            answer = visitor.call("swap", visitor.upload(data, "large.jpg"), name, 1.0, "all")
            said.append(answer.sentence)
    return said


def main() -> int:
    flags = argparse.ArgumentParser(prog="python -m benchmarks.load_faults", description=__doc__)
    flags.add_argument("--half", type=int, default=1000, help="requests that never end (default: 1000)")
    flags.add_argument("--seconds", type=float, default=30.0, help="for which they are held (default: 30)")
    flags.add_argument("--wrong", type=int, default=20_000, help="wrong requests (default: 20000)")
    flags.add_argument("--large", type=int, default=3, help="large photos (default: 3)")
    flags.add_argument("--photo", type=pathlib.Path, default=ROOT / "demo" / "examples" / "astronaut.png")
    flags.add_argument("--json", type=pathlib.Path, help="also write the numbers here")
    arguments = flags.parse_args()
    machine, face = here(), Image.open(arguments.photo).convert("RGB")
    with tempfile.TemporaryDirectory(prefix="load-") as place:
        temporary, log = pathlib.Path(place) / "tmp", pathlib.Path(place) / "log"
        temporary.mkdir()
        with page(temporary, log) as (process, url):
            answer = httpx.post(f"{url}/gradio_api/run/identities", json={"data": []}, timeout=120)
            name = answer.json()["data"][0][0]["name"]
            first_answer(url, [name], face)
            _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # our own; the page keeps its usual one
            record: dict[str, float] = {
                "longest_wait_s": half_requests(url, arguments.half, arguments.seconds)
            }
            record["log_bytes"] = wrong_requests(url, arguments.wrong, log)
            before = memory_mb(process)
            said = swap_large(url, name, large_photo(face), arguments.large)
            time.sleep(5)
            record |= {"memory_before_mb": before, "memory_left_mb": memory_mb(process) - before}
            record |= {"refused": sum(map(bool, said)), "tracebacks": log.read_text().count("Traceback")}
    for sentence in filter(None, said):
        print("refused:", sentence)
    for key, value in record.items():
        print(f"{key.replace('_', ' '):20} {value if not isinstance(value, float) else round(value, 2)}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine} | record, indent=1) + "\n")
    return int(
        record["longest_wait_s"] > WAIT_S
        or record["log_bytes"] > LOG_BYTES
        or record["memory_left_mb"] > LEFT_MB
        or bool(record["refused"] or record["tracebacks"])
    )


if __name__ == "__main__":
    raise SystemExit(main())
