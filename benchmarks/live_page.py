"""`python -m benchmarks.live_page [--seconds 20]`: the live tab in Chromium, and the live way without one.

Starts the page as it is (app.py, in a process of its own) and opens its live tab in a Chromium whose camera
is a film of 640 x 480 in which the astronaut moves. Each frame of the film carries its number as black and
white cells along its top, which a swap leaves alone: of each picture that appears the browser knows which
frame it is, and by the frame that the camera shows at that moment how old. Page, browser and this program
share the machine. Then the same astronaut goes through the live tab's way in this process, from JPEG to JPEG,
one frame after another. Needs selenium, Chromium and chromedriver.
"""

import argparse
import itertools
import pathlib
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import av
import torch

from benchmarks.load import memory_mb, page
from benchmarks.machine import begin, flags, table, write
from benchmarks.video import moving, webcam
from facehub import load
from facehub.swapper import Swapper

RATE = 30
"""Frames a second of the camera."""

CELL_PX, CELLS = 32, 10
"""Side of a cell, and how many: one white, eight of the number, the highest first, one black."""

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--window-size=1280,900",
)
"""A browser without a screen, whose camera is a file and need not be allowed."""

WARM_S = 5.0
"""Seconds of pictures that are not counted."""

WAIT_S = 60.0
"""Seconds to wait for the page, the camera and the first picture."""

PRESS_JS = """
const button = [...document.querySelectorAll(arguments[0])].find(one => one.offsetParent);
button?.click();
return Boolean(button);
"""

SEES_JS = "return (document.querySelector('#camera video')?.videoWidth ?? 0) > 0"

COUNT_JS = """
const [side, cells, frames] = arguments, canvas = document.createElement('canvas');
canvas.width = side * cells;
canvas.height = side;
const context = canvas.getContext('2d', {willReadFrequently: true});
const number = (picture, width, mirrored) => {
    context.setTransform(mirrored ? -1 : 1, 0, 0, 1, mirrored ? width : 0, 0);
    context.drawImage(picture, 0, 0);
    const pixels = context.getImageData(0, side / 2, canvas.width, 1).data;
    const lit = [...Array(cells).keys()].map(cell => pixels[4 * (cell * side + side / 2) + 1] > 127);
    if (!lit.shift() || lit.pop()) return null;
    return lit.reduce((sum, bit) => 2 * sum + bit, 0);
};
const camera = document.querySelector('#camera video'), place = document.querySelector('#live-picture');
let last = '';
window.seen = [];
new MutationObserver(async () => {
    const shown = place.querySelector('img');
    if (!shown || shown.src === last) return;
    last = shown.src;
    try { await shown.decode(); } catch { return; }
    const at = performance.now(), now = number(camera, camera.videoWidth, false);
    const was = number(shown, shown.naturalWidth, true);
    const age = now === null || was === null ? null : (now - was + frames) % frames;
    window.seen.push([at, was, age, last.length]);
}).observe(place, {childList: true, subtree: true, attributes: true});
"""
"""Notes of each new picture when it can be seen, which frame it is, how many frames ago that was the camera's
newest, and its length."""


def camera_film(path: pathlib.Path, frames: int) -> int:
    """Write what the camera shows, forth and back, so that it has no cut where it begins anew; count it."""
    forth = moving(frames)
    shown = [*forth, *forth[-2:0:-1]]
    with av.open(str(path), "w", format="yuv4mpegpipe") as container:
        stream = container.add_stream("wrapped_avframe", rate=RATE)
        stream.height, stream.width, stream.pix_fmt = *forth[0].shape[1:], "yuv420p"
        for index, frame in enumerate(shown):
            pixels = numbered(frame, index).permute(1, 2, 0).contiguous().numpy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return len(shown)


def numbered(frame: torch.Tensor, index: int) -> torch.Tensor:
    """The frame with its number along its top."""
    lit = [True, *(bool(index >> bit & 1) for bit in reversed(range(CELLS - 2))), False]
    strip = torch.tensor(lit).byte().repeat_interleave(CELL_PX) * 255
    marked = frame.clone()
    marked[:, :CELL_PX, : len(strip)] = strip
    return marked


@contextmanager
def chromium(profile: pathlib.Path, film: pathlib.Path) -> Iterator[Any]:
    """A browser of its own, ended with the context."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in (*FLAGS, f"--use-file-for-fake-video-capture={film}", f"--user-data-dir={profile}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def watch(driver: Any, url: str, frames: int, seconds: float) -> list[list[float | None]]:
    """Open the live tab, press record, and return what `COUNT_JS` noted."""
    from selenium.common.exceptions import TimeoutException
    from selenium.webdriver.support.ui import WebDriverWait

    def until(what: str, script: str, *arguments: Any) -> None:
        asked: Callable[[Any], Any] = lambda _: driver.execute_script(script, *arguments)  # noqa: E731
        try:
            WebDriverWait(driver, WAIT_S, poll_frequency=0.1).until(asked)
        except TimeoutException as problem:
            says = driver.execute_script("return document.body.innerText")
            raise SystemExit(f"No {what} within {WAIT_S:.0f} seconds; the page says: {says}") from problem

    driver.get(url)
    until("button that asks for the camera", PRESS_JS, "#camera button")
    until("camera", SEES_JS)
    driver.execute_script(COUNT_JS, CELL_PX, CELLS, frames)
    until("record button", PRESS_JS, "#camera .button-wrap button")
    until("picture", "return window.seen.length > 0")
    time.sleep(WARM_S + seconds)  # what is measured: how much comes in this time
    return driver.execute_script("return window.seen")


def told(seen: Sequence[Sequence[float | None]]) -> dict:
    """Frames a second, and ages, after the first seconds."""
    times = [float(at or 0) / 1000 for at, *_ in seen]
    counted = [one for one, at in zip(seen, times, strict=True) if at >= times[0] + WARM_S]
    if len(counted) < 3:
        raise SystemExit(f"The browser showed {len(counted)} pictures after the first seconds: see the page.")
    times = [float(at or 0) / 1000 for at, *_ in counted]
    waits = [after - before for before, after in itertools.pairwise(times)]
    ages = sorted(1000 * age / RATE for _, _, age, _ in counted if age is not None)
    return {
        "frames": len(counted),
        "fps": (len(counted) - 1) / (times[-1] - times[0]),
        "median_wait_ms": 1000 * statistics.median(waits),
        "slowest_ms": 1000 * max(waits),
        "numbered": len(ages),
        "median_age_ms": statistics.median(ages) if ages else None,
        "p95_age_ms": ages[int(0.95 * (len(ages) - 1))] if ages else None,
        "kb": statistics.median(float(length or 0) for *_, length in counted) / 1000,
    }


def live_page(arguments: argparse.Namespace) -> dict:
    """What the browser showed."""
    with tempfile.TemporaryDirectory(prefix="live-") as place:
        folder = pathlib.Path(place)
        film, temporary, log = folder / "camera.y4m", folder / "tmp", folder / "log"
        temporary.mkdir()
        frames = camera_film(film, arguments.frames)
        with page(temporary, log) as (process, url), chromium(folder / "profile", film) as driver:
            asked = f"{url}/?identity={arguments.identity}#live"
            record = told(watch(driver, asked, frames, arguments.seconds))
            record["memory_mb"] = memory_mb(process)
        record["tracebacks"] = log.read_text().count("Traceback")
    return record


def main() -> int:
    parser = flags("benchmarks.live_page", __doc__, repeats=1)
    parser.add_argument("--seconds", type=float, default=20.0, help="that are counted (default: 20)")
    parser.add_argument("--frames", type=int, default=128, help="of the camera's film (default: 128)")
    parser.add_argument("--identity", default="tom_cruise")
    arguments = parser.parse_args()
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        raise SystemExit("Chromium and chromedriver are needed to be a visitor: install both.")
    if not 2 <= arguments.frames <= 129:
        raise SystemExit("The numbers of frames have eight bits: use from 2 to 129 frames.")
    machine = begin(arguments)
    seen = live_page(arguments)
    age = [f"{seen[name]:.0f}" if seen[name] else "unknown" for name in ("median_age_ms", "p95_age_ms")]
    table(
        [
            f"live in Chromium, {seen['frames']} pictures",
            "frames a second",
            "ms a frame",
            "the slowest",
            "age, ms",
            "age, p95",
        ],
        [["", seen["fps"], seen["median_wait_ms"], seen["slowest_ms"], *age]],
    )
    print(f"\n{seen['numbered']} pictures with a number; {seen['kb']:.0f} kB each", flush=True)
    alone = webcam(Swapper(load(arguments.identity).generator()), min(60, arguments.frames))
    print(f"\nThe page shows {seen['fps'] / alone['fps']:.2f} times as many as the way without a browser.")
    write(arguments, machine, {"chromium": seen, "alone": alone})
    return int(bool(seen["tracebacks"]))


if __name__ == "__main__":
    raise SystemExit(main())
