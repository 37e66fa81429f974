"""A page with two identities whose networks answer what the test wants, and a finder that needs no photo of a
person."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import gradio as gr
import pytest
import torch

from benchmarks.visitor import free_port
from demo.handlers.hub import HubHandlers
from demo.handlers.swap import Handlers
from demo.handlers.train import TrainHandlers
from demo.page import LAUNCH_OPTIONS, build
from demo.server.sessions import SessionFiles
from demo.training.eta import TimeEstimate
from demo.training.jobs import Jobs
from demo.training.records import TrainingAssets
from facehub import image
from facehub.blending.alignment import reference_face
from facehub.hub.api import Hub
from facehub.identity.folder import Identity, read, save
from facehub.networks.generator import Generator
from facehub.swapper import Swapper
from facehub.training_progress import Stage
from facehub.types import Detections
from tests.identities import make


class Paint(Generator):
    """Paints every face in one colour, with a dark stripe that blending keeps."""

    def __init__(self, colour: tuple[float, float, float]):
        super().__init__(64)
        self.colour = colour

    def forward(self, crop):
        painted = crop.new_tensor(self.colour)[None, :, None, None].expand_as(crop).clone()
        painted[..., 30:36] = 0
        return painted


class TwoFaces:
    """Stands in for a finder: every photo shows a face of 90 px on its left and one of 45 px on its right,
    unless it is black."""

    def __call__(self, photos):
        height, width = photos.shape[-2:]
        large = reference_face() * 90 + torch.tensor([width * 0.05, height * 0.2])
        small = reference_face() * 45 + torch.tensor([width * 0.65, height * 0.3])
        landmarks = torch.stack([large, small]) if photos.any() else torch.empty(0, 68, 2)
        return Detections(landmarks=landmarks, photo=torch.zeros(len(landmarks), dtype=torch.long))


CONSENT = {
    "basis": "synthetic",
    "whose": "nobody's",
    "scope": "tests",
    "date": "2025-01-31",
    "contact": "nobody",
    "licence": "Apache-2.0",
}

COLOURS = {"ada": (0.9, 0.2, 0.2), "ben": (0.2, 0.2, 0.9)}


def photo_of(colour: tuple[int, int, int], height: int = 150, width: int = 230) -> torch.Tensor:
    """A (3, height, width) photo: one colour, brighter to the right."""
    ramp = torch.linspace(0.7, 1.0, width)
    return (torch.tensor(colour)[:, None, None] * ramp).expand(3, height, width).byte()


@pytest.fixture(scope="session")
def identities(tmp_path_factory) -> list[Identity]:
    root = tmp_path_factory.mktemp("identities")
    for name, colour in COLOURS.items():
        samples = {"sample": photo_of(tuple(round(255 * c) for c in colour))}
        title = f"{name.title()} <b>Example</b>"
        save(
            root / name,
            generator=Generator(128),
            title=title,
            consent=CONSENT,
            metrics={},
            training={},
            samples=samples,
        )
    return [read(root / name) for name in COLOURS]


@pytest.fixture
def loads() -> list[str]:
    """Names of the identities whose networks were loaded, in order."""
    return []


@pytest.fixture
def swapper(loads) -> Callable[[Identity], Swapper]:
    def load(one: Identity) -> Swapper:
        loads.append(one.name)
        return Swapper(Paint(COLOURS[one.name]), finder=TwoFaces())

    return load


@pytest.fixture
def handlers(identities, swapper, tmp_path, monkeypatch) -> Handlers:
    """With uploads in a folder where gradio will look for them too."""
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(uploads))
    monkeypatch.setenv("GRADIO_HEARTBEAT_INTERVAL", "0.5")
    example = tmp_path / "example.png"
    image.write(example, photo_of((200, 180, 160)), generated=False)
    return Handlers(identities, swapper, SessionFiles(uploads, grace_seconds=0.0), examples=[example])


@pytest.fixture
def upload(handlers):
    """Puts a photo where gradio puts uploads, and gives its path."""

    def put(photo: torch.Tensor, name: str = "photo.png", **options) -> str:
        folder = handlers.visits.cache / f"hash{len(list(handlers.visits.cache.iterdir()))}"
        folder.mkdir()
        image.write(folder / name, photo, generated=False, **options)
        return str(folder / name)

    return put


def files_in(folder: Path, name: str = "") -> list[Path]:
    """Files of this name, or all, in a folder from which others may be deleting."""
    return [Path(place, file) for place, _, files in os.walk(folder) for file in files if name in ("", file)]


@contextlib.contextmanager
def served(page: gr.Blocks) -> Iterator[str]:
    """The page on a free port of this machine, until the block ends."""
    port = free_port()
    _, url, _ = page.launch(
        server_name="127.0.0.1", server_port=port, prevent_thread_lock=True, quiet=True, **LAUNCH_OPTIONS
    )
    try:
        yield url
    finally:
        page.close(verbose=False)


class Gate:
    """Lets the stand-in for training go on, step by step (trainer.py)."""

    def __init__(self, path: Path):
        os.mkfifo(path)
        self.end = os.open(path, os.O_RDWR)

    def step(self, steps: int = 1) -> None:
        os.write(self.end, b"\n" * steps)


@pytest.fixture
def gate(tmp_path, monkeypatch) -> Iterator[Gate]:
    path = tmp_path / "gate"
    monkeypatch.setenv("TRAINER_GATE", str(path))
    made = Gate(path)
    yield made
    os.close(made.end)


@pytest.fixture
def jobs(tmp_path, identities, monkeypatch) -> Iterator[Jobs]:
    """Runs whose training and data step are stand-ins of milliseconds."""
    monkeypatch.setenv("TRAINER_RESULT", str(identities[0].folder))
    content = tmp_path / "lent by the operator" / "lfw"
    content.mkdir(parents=True)
    python = [sys.executable, "-m"]
    estimate = TimeEstimate({Stage.GATHER: 10, Stage.PAIRS: 6})
    made = Jobs(
        tmp_path / "runs",
        TrainingAssets(content=(content,)),
        estimate,
        train=[*python, "tests.demo.trainer"],
        inspect=[*python, "tests.demo.looker"],
    )
    yield made
    made.close()


@pytest.fixture
def training(jobs, handlers) -> TrainHandlers:
    made = TrainHandlers(jobs, handlers.visits)
    handlers.elsewhere = [made.find]
    return made


@pytest.fixture
def hub_handlers(loopback, handlers, tmp_path) -> HubHandlers:
    return HubHandlers(Hub(loopback.endpoint, False, cache=tmp_path / "pulled"), handlers.visits)


@pytest.fixture
def public(loopback, tmp_path) -> dict[str, str]:
    """Two identities that anybody may pull: ada/ada and ada/ben, and their commits."""
    folders = {
        name: make(tmp_path / "published" / name, size=128, title=f"{name.title()} Random")
        for name in ("ada", "ben")
    }
    return {name: loopback.put(f"ada/{name}", folder).oid for name, folder in folders.items()}


@pytest.fixture
def snapshots(tmp_path) -> Callable[[int, int], list[Path]]:
    """Makes so many photos that can be used, and so many that are black, as files of a visitor."""

    def make(usable: int, black: int = 0) -> list[Path]:
        folder = tmp_path / "holiday"
        folder.mkdir(exist_ok=True)
        files = [folder / f"Zoë at the sea {number}.png" for number in range(usable + black)]
        for number, file in enumerate(files):
            image.write(
                file,
                photo_of((200, 180, 160) if number < usable else (0, 0, 0), height=64, width=80),
                generated=False,
            )
        return files

    return make


@pytest.fixture(scope="session")
def browser(tmp_path_factory) -> Iterator:
    """One browser for all tests of this process: it takes as long to start as most of them."""
    from .shared_browser import SharedBrowser

    browser = SharedBrowser(lambda: tmp_path_factory.mktemp("profile"))
    yield browser
    browser.quit()


@pytest.fixture
def driver(browser) -> Iterator:
    """A new tab of the browser, which knows of nothing that was before."""
    with browser.new_tab() as driver:
        yield driver


def eventually(condition: Callable[[], object], seconds: float = 20.0) -> object:
    """What a condition comes to once it holds, or in the end."""
    deadline = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds


@pytest.fixture
def url(handlers) -> Iterator[str]:
    with served(build(handlers)) as address:
        yield address


@pytest.fixture
def visitor(driver, url):
    """Somebody at the page, in a browser, who leaves before the page ends: it would wait for them."""
    from .browser import Visitor

    yield Visitor(driver, url)
    driver.get("about:blank")


@pytest.fixture
def photo(tmp_path) -> Path:
    path = tmp_path / "mine.png"
    image.write(path, photo_of((90, 160, 120), height=300, width=400), generated=False)
    return path
