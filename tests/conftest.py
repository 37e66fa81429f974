"""What all tests share: the photos that ship, the assets where they are at hand, and calm threads."""

import os
import pathlib
import random
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import NamedTuple

import pytest

HF_HOME = tempfile.mkdtemp(prefix="facehub-tests-")

# huggingface_hub and gradio read these: no token or cache of whoever runs the tests, no telemetry.
os.environ |= {
    "HF_HOME": HF_HOME,
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
}
for name in (
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HF_ENDPOINT",
    "HF_HUB_OFFLINE",
    "FACEHUB_WITHDRAWN",
    "FACEHUB_CACHE",
):
    os.environ.pop(name, None)
if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # as in a shell's background: trainings that tests stop at once would not hear of it either
    signal.signal(signal.SIGINT, signal.default_int_handler)
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = (
        "1"  # a worker for each core is enough; their threads would wait for each other
    )

import torch  # noqa: E402

from facehub import image  # noqa: E402
from facehub.hub import watchdog  # noqa: E402
from tests.loopback import LoopbackHub  # noqa: E402

ROOT = pathlib.Path(__file__).parent.parent


LONG = {"test_app.py", "test_package.py", "test_fuzz.py", "test_live.py", "test_loop.py", "test_evaluate.py"}
"""Files of tests that start programs or train."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with long tests first: a worker with one of them left at the end would be alone."""
    browsers = {item.path for item in items if "driver" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path not in browsers and item.path.name not in LONG)


def pytest_unconfigure():
    shutil.rmtree(HF_HOME, ignore_errors=True)


@pytest.fixture(autouse=True)
def seeded(monkeypatch):
    """The same chance in every run, also in the numbers of watermarks."""
    torch.manual_seed(0)
    monkeypatch.setattr(secrets, "randbits", random.Random(0).getrandbits)


@pytest.fixture
def loopback():
    """A hub of one's own, strict: what the real client would not ask fails the test."""
    with LoopbackHub() as hub:
        yield hub
        hub.heal()
        for thread in [
            t for t in threading.enumerate() if t.name == watchdog.THREAD
        ]:  # given up, but still at it: its client would retry a dead hub
            thread.join(30)
    assert hub.complaints == []


class Done(NamedTuple):
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def command(monkeypatch, capsys) -> Callable[..., Done]:
    """Run `python -m facehub ...` in this process, which is much faster than starting a program."""
    from facehub.__main__ import main

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["facehub", *map(str, arguments)])
        capsys.readouterr()
        try:
            code = main()
        except SystemExit as left:
            code = int(left.code or 0)
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture(autouse=True, scope="session")
def own_key(tmp_path_factory):
    """The key that signs what tests write, and what programs they start write: not the developer's."""
    home = tmp_path_factory.mktemp("config")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(home))
        patch.delenv("FACEHUB_SIGNING", raising=False)
        yield home


@pytest.fixture(scope="session")
def examples() -> pathlib.Path:
    return ROOT / "demo" / "examples"


@pytest.fixture(scope="session")
def astronaut(examples) -> torch.Tensor:
    """(3, 512, 512) bytes, one face."""
    return image.read(examples / "astronaut.png").photo


@pytest.fixture(scope="session")
def london(examples) -> torch.Tensor:
    """(3, 720, 720) bytes or so, one face, of another person."""
    return image.read(examples / "london_012_03.jpg").photo


@pytest.fixture(scope="session")
def assets() -> pathlib.Path:
    """Photos for development that are not part of the project."""
    folder = ROOT.parent / "shared" / "assets"
    if not folder.is_dir():
        pytest.skip("the development photos (../shared/assets) are not here")
    return folder
