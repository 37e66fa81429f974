"""The demo as it is started: its own process, the real finder, an identity from a folder."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from gradio_client import Client, handle_file

from benchmarks.visitor import Visitor, free_port
from facehub import image
from facehub.identity.folder import save
from facehub.image import read_statement
from facehub.marks import visible_label
from facehub.networks.generator import Generator

ROOT = Path(__file__).parents[1]
CONSENT = {
    "basis": "synthetic",
    "whose": "nobody's",
    "scope": "tests",
    "date": "2025-01-31",
    "contact": "nobody",
    "licence": "Apache-2.0",
}


@contextlib.contextmanager
def started(tmp_path: Path, **settings: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """The process and its address. Whom it talks to outside this machine is written to `outside`."""
    if not (tmp_path / "nobody").exists():
        save(
            tmp_path / "nobody",
            generator=Generator(128),
            title="Nobody",
            consent=CONSENT,
            metrics={},
            training={},
            samples={},
        )
    (tmp_path / "temporary").mkdir(exist_ok=True)
    port = free_port()
    settings = {
        "FACEHUB_IDENTITIES": str(tmp_path),
        "GRADIO_SERVER_PORT": str(port),
        "TMPDIR": str(tmp_path / "temporary"),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT / "tests" / "outside"),
        "OUTSIDE_LOG": str(tmp_path / "outside"),
        **settings,
    }
    with (tmp_path / "log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert any("Running on" in line for line in process.stdout), (tmp_path / "log").read_text()
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def app(tmp_path) -> Iterator[tuple[subprocess.Popen, str]]:
    with started(tmp_path) as running:
        yield running


def test_the_app_swaps_a_face_and_ends_without_a_trace(app, tmp_path):
    process, url = app
    photo = ROOT / "demo" / "examples" / "astronaut.png"
    client = Client(url, download_files=tmp_path / "downloads", verbose=False, analytics_enabled=False)
    assert "nobody" in [one["name"] for one in client.predict(api_name="/identities")]
    result, _, _ = client.predict(handle_file(photo), "nobody", api_name="/swap")
    assert read_statement(Path(result).read_bytes())
    before, swapped = image.read(photo).photo, image.read(result).photo
    changed = ((swapped.int() - before.int()).abs() > 40).any(0)  # more than the watermark
    top, left, height, width = visible_label.box(512, 512)
    assert changed[top : top + height, left : left + width].any(), "the visible label"
    changed[top : top + height, left : left + width] = False
    assert 0.001 < changed.float().mean() < 0.1
    assert not changed[:, :150].any()
    assert not changed[:, 300:].any()
    raw, *_ = client.predict(handle_file(photo), "nobody", api_name="/details")
    assert not torch.equal(image.read(raw).photo, swapped)
    assert list((tmp_path / "temporary").glob("facehub-*/visits/*"))
    client.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    assert not list((tmp_path / "temporary").glob("facehub-*"))
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert not (tmp_path / "outside").exists(), "nobody outside is told anything"


def test_who_is_told_would_be_seen(tmp_path):
    """The watch itself: it sees a name that is looked up, and not this machine's own."""
    code = "import socket; socket.getaddrinfo('127.0.0.1', 1); socket.getaddrinfo('telemetry.invalid', 1)"
    watched = os.environ | {
        "PYTHONPATH": str(ROOT / "tests" / "outside"),
        "OUTSIDE_LOG": str(tmp_path / "outside"),
    }
    subprocess.run([sys.executable, "-c", code], env=watched, capture_output=True)
    assert "telemetry.invalid" in (tmp_path / "outside").read_text()
    assert "127.0.0.1" not in (tmp_path / "outside").read_text()


def test_killed_and_started_again_it_serves_and_clears_up(tmp_path):
    """Killed during a visit, the page cannot clean up: the next process deletes the visitors' pixels."""
    photo, temporary = (ROOT / "demo" / "examples" / "astronaut.png").read_bytes(), tmp_path / "temporary"
    with started(tmp_path) as (process, url):
        with Visitor(url) as visitor:
            assert visitor.call("swap", visitor.upload(photo), "nobody", 1.0, "all").values
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert list(temporary.glob("facehub-*/*/photo.png"))
        assert list(temporary.glob("facehub-*/visits/*/*/photo-nobody.png"))
    with started(tmp_path) as (_, url):
        assert not list(temporary.rglob("*.png"))
        with Visitor(url) as visitor:
            assert visitor.call("swap", visitor.upload(photo), "nobody", 1.0, "all").values


def test_limits_that_make_no_sense_end_it_with_a_sentence(tmp_path):
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=os.environ | {"FACEHUB_LIMITS": "seconds=soon"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .startswith('FACEHUB_LIMITS holds "seconds=soon": write name=number')
    )
    assert "Traceback" not in done.stderr
