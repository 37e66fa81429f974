"""The demo as it is started: its own process, the real finder, an identity from a folder."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from gradio_client import Client, handle_file

from facehub import image, label
from facehub.generators import Generator
from facehub.identity import save
from facehub.provenance import read_mark

ROOT = Path(__file__).parents[1]
CONSENT = {"basis": "synthetic", "whose": "nobody's", "scope": "tests", "date": "2025-01-31", "contact": "nobody", "licence": "Apache-2.0"}


@pytest.fixture
def app(tmp_path) -> Iterator[tuple[subprocess.Popen, str]]:
    """The process and its address."""
    save(tmp_path / "nobody", generator=Generator(128), title="Nobody", consent=CONSENT, metrics={}, training={}, samples={})
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"FACEHUB_IDENTITIES": str(tmp_path), "GRADIO_SERVER_PORT": str(port), "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=os.environ | settings, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert any("Running on" in line for line in process.stdout), (tmp_path / "log").read_text()
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_the_app_swaps_a_face_and_ends_without_a_trace(app, tmp_path):
    process, url = app
    photo = ROOT / "demo" / "examples" / "astronaut.png"
    client = Client(url, download_files=tmp_path / "downloads", verbose=False, analytics_enabled=False)
    assert "nobody" in [one["name"] for one in client.predict(api_name="/identities")]
    result, original, raw, *_ = client.predict(handle_file(photo), "nobody", api_name="/swap")
    assert read_mark(Path(result).read_bytes())
    before, swapped = image.read(photo).photo, image.read(result).photo
    assert torch.equal(image.read(original).photo, before)
    changed = ((swapped.int() - before.int()).abs() > 40).any(0)  # more than the watermark
    top, left, height, width = label.box(512, 512)
    assert changed[top : top + height, left : left + width].any(), "the visible label"
    changed[top : top + height, left : left + width] = False
    assert 0.001 < changed.float().mean() < 0.1
    assert not changed[:, :150].any()
    assert not changed[:, 300:].any()
    assert not torch.equal(image.read(raw).photo, swapped)
    assert list((tmp_path / "temporary").glob("facehub-*/visits/*"))
    client.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    assert not list((tmp_path / "temporary").glob("facehub-*"))
    assert "Traceback" not in (tmp_path / "log").read_text()
