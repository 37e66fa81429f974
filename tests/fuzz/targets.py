"""The fuzz targets. To add one, write its function and its seeds and enter both in `TARGETS`.

A target gets spoiled bytes and an empty folder, the only place it may write to. It must return, or raise
one of `REFUSALS` with one sentence, within its computing seconds and memory. Anything else is a finding.
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

from demo.server.request_schema import RequestError
from facehub import checker, image
from facehub.errors import FaceHubError
from facehub.hub import allowed_files
from facehub.hub import withdrawals as withdrawn
from facehub.hub.api import Hub
from facehub.identity import weights
from facehub.identity.folder import read
from facehub.video import reader as video
from train.checkpoint import CHECKPOINT, LOG

from . import hub, records, seeds
from .page_targets import Run, calls, calls_seeds, tool_picture, tool_picture_seeds, uploads, uploads_seeds

REFUSALS = (FaceHubError, RequestError)


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
    assert (
        seen.photo.dtype == torch.uint8
        and seen.photo.shape[0] == 3
        and seen.photo.shape[1] * seen.photo.shape[2] <= image.MAX_MEGAPIXELS * 1e6
    )
    assert seen.alpha is None or seen.alpha.shape[1:] == seen.photo.shape[1:]


def check(data: bytes, folder: pathlib.Path) -> None:
    """`facehub check`: the readers of manifests, statements and watermarks."""
    path = folder / "picture"
    path.write_bytes(data)
    report = checker.check(path)
    json.dumps(report.record())
    assert all(ord(letter) >= 32 or letter == "\n" for letter in report.to_text()), (
        "a file decides what a terminal does"
    )


def resigned(data: bytes, folder: pathlib.Path) -> None:
    """A result made from a hostile file, whose manifest is kept in the new one's."""
    from facehub.marks.origin import Origin

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
    weights.check_header(
        data[: 8 + weights.MAX_HEADER_BYTES], len(data), weights.shapes(16), "model.safetensors"
    )


def files(data: bytes, folder: pathlib.Path) -> None:
    """The list of a repository's files, as a hub tells it."""
    try:
        rows = json.loads(data)
    except (ValueError, RecursionError):
        return
    rows = rows if isinstance(rows, list) else []
    listed = [
        allowed_files.File(
            str(row.get("name")), row["size"], *(str(row.get(key) or "") or None for key in ("sha256", "git"))
        )
        for row in rows
        if isinstance(row, dict) and type(row.get("size")) is int
    ]
    for file in allowed_files.check("ada/face", listed):
        assert (
            not set(file.name) & set("\\:\x00\n") and ".." not in file.name and not file.name.startswith("/")
        )


def files_seeds() -> dict[str, bytes]:
    names = (*allowed_files.NEEDED, *allowed_files.OPTIONAL, "samples/one.webp", "LICENSE")
    return {
        "files": json.dumps(
            [{"name": name, "size": 100, "sha256": "a" * 64, "git": None} for name in names]
        ).encode()
    }


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
            client.details("ada/face")

        yield run


def listing_seeds() -> dict[str, bytes]:
    from tests.identities import make
    from tests.loopback import LoopbackHub

    with tempfile.TemporaryDirectory() as place, LoopbackHub() as hub:
        hub.put("ada/face", make(pathlib.Path(place) / "ada"))
        asked = {
            "list": "/api/models?filter=facehub&filter=per-identity&full=true&cardData=true",
            "one": "/api/models/ada/face?blobs=true",
        }
        return {name: httpx.get(hub.endpoint + path).content for name, path in asked.items()}


def film(data: bytes, folder: pathlib.Path) -> None:
    """Decoding a video to its end, and looking for its marks."""
    path = folder / "film"
    path.write_bytes(data)
    with video.Reader(path) as reader:
        last = -1.0
        for shot in reader:
            assert (
                shot.photo.shape == (3, reader.info.height, reader.info.width)
                and shot.photo.dtype == torch.uint8
            )
            now = shot.seconds(reader.info)
            assert now > last, "time goes on"
            last = now
    json.dumps(checker.check_video(path).record())


def films() -> dict[str, bytes]:
    """Four frames in each container, with and without sound and a turned one."""
    from tests import clips

    with tempfile.TemporaryDirectory() as place:
        frames = [
            torch.randint(
                0, 256, (3, 72, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
            )
            for seed in range(4)
        ]
        kinds = {
            "mp4": {"sound": "aac"},
            "mov": {"turned": 90.0},
            "mkv": {},
            "webm": {"codec": "libvpx"},
            "avi": {"codec": "mpeg4"},
            "ts": {},
            "gif": {"codec": "gif"},
        }
        return {
            kind: clips.write(pathlib.Path(place) / f"film.{kind}", frames, **options).read_bytes()
            for kind, options in kinds.items()
        }


def pictures() -> dict[str, bytes]:
    return seeds.valid() | seeds.polyglots() | seeds.hostile()


TARGETS: dict[str, Target] = {
    "picture": Target(always(picture), pictures, share=25),
    "film": Target(always(film), films, share=8),
    "large": Target(always(picture), seeds.large, share=1, seconds=30, memory_mb=1500),
    "check": Target(always(check), lambda: seeds.marked() | seeds.polyglots(), share=8),
    "resigned": Target(always(resigned), seeds.marked, share=4),
    "config": Target(lambda: identity("config.json"), identity_seeds("config.json"), share=5),
    "consent": Target(lambda: identity("consent.json"), identity_seeds("consent.json"), share=5),
    "metrics": Target(lambda: identity("metrics.json"), identity_seeds("metrics.json"), share=3),
    "weights": Target(lambda: identity("model.safetensors"), identity_seeds("model.safetensors"), share=5),
    "card": Target(always(hub.card), hub.card_seeds, share=3),
    "compressed": Target(always(hub.compressed), hub.compressed_seeds, share=2, memory_mb=50),
    "header": Target(always(header), identity_seeds("model.safetensors"), share=3),
    "files": Target(always(files), files_seeds, share=4),
    "withdrawals": Target(
        always(withdrawals),
        lambda: {
            "list": b'{"schema": 1, "withdrawn": [{"repo": "ada/face"}, {"sha256": "' + b"a" * 64 + b'"}]}'
        },
        share=2,
    ),
    "listing": Target(listing, listing_seeds, share=4, seconds=30),
    "packet": Target(always(records.packet), records.packet_seeds, share=2, memory_mb=100),
    "checkpoint": Target(lambda: records.run_folder(CHECKPOINT), records.checkpoint_seeds, share=2),
    "log": Target(lambda: records.run_folder(LOG), records.log_seeds, share=1),
    "consent_record": Target(always(records.consent), records.consent_seeds, share=1),
    "tool_picture": Target(always(tool_picture), tool_picture_seeds, share=1),
    "calls": Target(calls, calls_seeds, share=8, seconds=30),
    "uploads": Target(uploads, uploads_seeds, share=3),
}
"""By name. The shares add up to 100."""
