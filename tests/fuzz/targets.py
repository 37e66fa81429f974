"""What is fuzzed: one function a target, and the table that names them. To add one, write its function and its seeds, and enter both in `TARGETS`.

A target gets spoiled bytes and an empty folder, the only place where it may write. It must return, or raise one of `REFUSALS` with one sentence,
within its seconds of computing and its megabytes of memory. Anything else is a finding.
"""

import contextlib
import json
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import torch

from demo.calls import BadCall
from facehub import checker, image, manifest, video, weights, withdrawn
from facehub.errors import FaceHubError
from facehub.hub import Hub
from facehub.identity import read

from . import seeds
from .serving import Page

REFUSALS = (FaceHubError, BadCall)

Run = Callable[[bytes, pathlib.Path], object]


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that reads what strangers made."""

    open: Callable[[], contextlib.AbstractContextManager[Run]]
    """What has to be there for all inputs, and the function that takes one."""
    seeds: Callable[[], dict[str, bytes]]
    share: int
    """Of the inputs of a run, in percent."""
    seconds: float = 20.0
    """Of computing, for one input."""
    memory_mb: float = 600.0
    """That one input may need above what the process had."""


def always(run: Run) -> Callable[[], contextlib.AbstractContextManager[Run]]:
    return lambda: contextlib.nullcontext(run)


def picture(data: bytes, folder: pathlib.Path) -> None:
    """Decoding, as every way into the program does it."""
    seen = image.read(data)
    assert seen.photo.dtype == torch.uint8 and seen.photo.shape[0] == 3 and seen.photo.shape[1] * seen.photo.shape[2] <= image.MAX_MEGAPIXELS * 1e6
    assert seen.alpha is None or seen.alpha.shape[1:] == seen.photo.shape[1:]


def check(data: bytes, folder: pathlib.Path) -> None:
    """`facehub check`: the readers of manifests, statements and watermarks."""
    path = folder / "picture"
    path.write_bytes(data)
    report = checker.check(path)
    json.dumps(report.record())
    assert all(ord(letter) >= 32 or letter == "\n" for letter in report.told()), "a file decides what a terminal does"


def resigned(data: bytes, folder: pathlib.Path) -> None:
    """A result made from a hostile file, whose manifest is kept in the new one's."""
    from facehub.provenance import Origin

    seen = image.read(data)
    assert image.encode(seen.photo[:, :96, :128], format="JPEG", origin=Origin(parent=data, identity="ada"))


@contextlib.contextmanager
def identity(name: str) -> Iterator[Run]:
    """An identity's folder, one file of which is spoiled."""
    from tests.identities import make

    with tempfile.TemporaryDirectory() as place:
        whole = make(pathlib.Path(place) / "ada")

        def run(data: bytes, folder: pathlib.Path) -> None:
            shutil.copytree(whole, folder / "ada")
            (folder / "ada" / name).write_bytes(data)
            one = read(folder / "ada")
            if name == "model.safetensors":
                one.generator()
            assert len(one.title) <= 200 and "\n" not in one.title

        yield run


def identity_seeds(name: str) -> Callable[[], dict[str, bytes]]:
    def made() -> dict[str, bytes]:
        from tests.identities import make

        with tempfile.TemporaryDirectory() as place:
            return {name: (make(pathlib.Path(place) / "ada") / name).read_bytes()}

    return made


def header(data: bytes, folder: pathlib.Path) -> None:
    """The beginning of weights on a hub, before the rest is fetched."""
    weights.check_header(data[: 8 + weights.MAX_HEADER_BYTES], len(data), weights.shapes(16), "model.safetensors")


def files(data: bytes, folder: pathlib.Path) -> None:
    """The list of a repository's files, as a hub tells it."""
    try:
        rows = json.loads(data)
    except (ValueError, RecursionError):
        return
    rows = rows if isinstance(rows, list) else []
    listed = [
        manifest.File(str(row.get("name")), row["size"], *(str(row.get(key) or "") or None for key in ("sha256", "git")))
        for row in rows
        if isinstance(row, dict) and type(row.get("size")) is int
    ]
    for file in manifest.check("ada/face", listed):
        assert not set(file.name) & set("\\:\x00\n") and ".." not in file.name and not file.name.startswith("/")


def files_seeds() -> dict[str, bytes]:
    names = (*manifest.NEEDED, *manifest.OPTIONAL, "samples/one.png", "LICENSE")
    return {"files": json.dumps([{"name": name, "size": 100, "sha256": "a" * 64, "git": None} for name in names]).encode()}


def withdrawals(data: bytes, folder: pathlib.Path) -> None:
    """The list of withdrawn identities."""
    withdrawn.parse(data, "ada/withdrawn")


@contextlib.contextmanager
def listing() -> Iterator[Run]:
    """What a hub says of its identities: the answer to a search, over HTTP, spoiled."""
    from tests.identities import make
    from tests.loopback import LoopbackHub

    with tempfile.TemporaryDirectory() as place, LoopbackHub() as hub:
        hub.put("ada/face", make(pathlib.Path(place) / "ada"))

        def run(data: bytes, folder: pathlib.Path) -> None:
            hub.faults.clear()
            hub.fail("GET /api/models(/.*)?", change=lambda body: data)
            client = Hub(hub.endpoint, False, folder / "cache")
            found = client.search("")
            assert all(len(one.title) <= 80 and one.title.isprintable() for one in found)
            client.look("ada/face")

        yield run


def listing_seeds() -> dict[str, bytes]:
    from tests.identities import make
    from tests.loopback import LoopbackHub

    with tempfile.TemporaryDirectory() as place, LoopbackHub() as hub:
        hub.put("ada/face", make(pathlib.Path(place) / "ada"))
        asked = {"list": "/api/models?filter=facehub&filter=per-identity&full=true&cardData=true", "one": "/api/models/ada/face?blobs=true"}
        return {name: httpx.get(hub.endpoint + path).content for name, path in asked.items()}


@contextlib.contextmanager
def calls() -> Iterator[Run]:
    """A call of the page's API, over HTTP, with spoiled values."""
    import matplotlib.font_manager  # noqa: F401 -- asks the system for its fonts, once

    with Page() as page:
        yield lambda data, folder: page.call(data)


def calls_seeds() -> dict[str, bytes]:
    photo = {
        "path": "UPLOAD",
        "meta": {"_type": "gradio.FileData"},
        "url": None,
        "orig_name": "a.png",
        "size": 9,
        "mime_type": "image/png",
        "is_stream": False,
    }
    values = {
        "swap": [photo, "ada", 1.0, "all", "learned"],
        "swap_all": [photo, ["ada"], 1.0, "largest", "learned"],
        "check": [photo],
        "take_in": [photo],
        "example": [0],
        "introduce": ["ada"],
        "identities": [],
        "choose": [None],
    }
    extra = {"session_hash": "visit", "fn_index": None, "trigger_id": 1, "event_data": {"index": 0, "value": "x"}, "simple_format": False}
    return {name: json.dumps({"function": name, "call": {"data": data} | extra}).encode() for name, data in values.items()}


@contextlib.contextmanager
def uploads() -> Iterator[Run]:
    """The body of an upload, spoiled."""
    with Page() as page:
        yield lambda data, folder: page.upload(data)


def uploads_seeds() -> dict[str, bytes]:
    png = seeds.saved(seeds.Image.fromarray(seeds.pixels()), "PNG")
    field = b'--limit\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\nContent-Type: image/png\r\n\r\n%s\r\n'
    names = (b"a.png", b"../../../x.png", b"x" * 400, b"", b"a\x00b.png", b"\xff\xfe.png", b"..", b".lock", b"C:\\x.png")
    made = {repr(name[:20]): field % (name, png) + b"--limit--\r\n" for name in names}
    return made | {
        "two": field % (b"a.png", png) * 2 + b"--limit--\r\n",
        "text": b'--limit\r\nContent-Disposition: form-data; name="files"\r\n\r\nx\r\n--limit--\r\n',
    }


def film(data: bytes, folder: pathlib.Path) -> None:
    """Decoding a video to its end, and looking for its marks."""
    path = folder / "film"
    path.write_bytes(data)
    with video.Reader(path) as reader:
        last = -1.0
        for shot in reader:
            assert shot.photo.shape == (3, reader.film.height, reader.film.width) and shot.photo.dtype == torch.uint8
            now = shot.seconds(reader.film)
            assert now > last, "time goes on"
            last = now
    json.dumps(checker.check_video(path).record())


def films() -> dict[str, bytes]:
    """Four frames in each container, with and without sound and a turned one."""
    from tests import clips

    with tempfile.TemporaryDirectory() as place:
        frames = [torch.randint(0, 256, (3, 72, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)) for seed in range(4)]
        kinds = {"mp4": {"sound": "aac"}, "mov": {"turned": 90.0}, "mkv": {}, "webm": {"codec": "libvpx"}, "avi": {"codec": "mpeg4"},
                 "ts": {}, "gif": {"codec": "gif"}}  # fmt: skip
        return {kind: clips.write(pathlib.Path(place) / f"film.{kind}", frames, **options).read_bytes() for kind, options in kinds.items()}


def pictures() -> dict[str, bytes]:
    return seeds.valid() | seeds.polyglots() | seeds.hostile()


TARGETS: dict[str, Target] = {
    "picture": Target(always(picture), pictures, share=37),
    "film": Target(always(film), films, share=8),
    "large": Target(always(picture), seeds.large, share=1, seconds=30, memory_mb=1500),
    "check": Target(always(check), lambda: seeds.marked() | seeds.polyglots(), share=8),
    "resigned": Target(always(resigned), seeds.marked, share=4),
    "config": Target(lambda: identity("config.json"), identity_seeds("config.json"), share=5),
    "consent": Target(lambda: identity("consent.json"), identity_seeds("consent.json"), share=5),
    "metrics": Target(lambda: identity("metrics.json"), identity_seeds("metrics.json"), share=3),
    "weights": Target(lambda: identity("model.safetensors"), identity_seeds("model.safetensors"), share=5),
    "header": Target(always(header), identity_seeds("model.safetensors"), share=3),
    "files": Target(always(files), files_seeds, share=4),
    "withdrawals": Target(
        always(withdrawals), lambda: {"list": b'{"schema": 1, "withdrawn": [{"repo": "ada/face"}, {"sha256": "' + b"a" * 64 + b'"}]}'}, share=2
    ),
    "listing": Target(listing, listing_seeds, share=4, seconds=30),
    "calls": Target(calls, calls_seeds, share=8, seconds=30),
    "uploads": Target(uploads, uploads_seeds, share=3),
}
"""By name. The shares add up to 100."""
