"""Swaps by real replicas of a real Ray on this machine."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from gradio_client import Client, handle_file

from facehub import image, registry, serving
from facehub.errors import FaceHubError
from facehub.networks.generator import Generator
from facehub.swapper import Swapper
from facehub.video import swap
from tests import clips
from tests.facehub.conftest import PATIENCE
from tests.facehub.test_serving import network, same
from tests.test_app import started


class Deadly(Generator):
    """Kills the process that it runs in, once: `mark` is made before."""

    def __init__(self, mark: pathlib.Path):
        torch.manual_seed(0)
        super().__init__(64)
        self.mark = mark

    def forward(self, crop):
        with contextlib.suppress(FileExistsError):
            self.mark.touch(exist_ok=False)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(crop)


@pytest.fixture
def one_thread():
    """As in a worker: sums are rounded in another order with two."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
def test_two_real_replicas(two_cores, one_thread, astronaut, london, tmp_path):
    """Pixels are those of one process, each asker gets their own, and of a replica that is killed nobody
    notices."""
    photos = [astronaut[None], london[None], astronaut[None].flip(3), london[None].flip(3)]
    alone = Swapper(network())
    expected = [alone(one) for one in photos]
    with serving.serving("auto", replicas="2", device="cpu") as replicas:
        assert replicas.at_once == 4
        remote = replicas.swapper(network())
        with ThreadPoolExecutor(4) as askers:
            made = list(askers.map(remote, photos))
        assert all(same(*pair) for pair in zip(made, expected, strict=True))
        mark = tmp_path / "killed"
        deadly = Deadly(mark)
        survived = replicas.swapper(deadly)(photos[0])
        assert mark.exists(), "a replica was killed"
        assert same(survived, Swapper(deadly)(photos[0]))
        with pytest.raises(FaceHubError, match="shows one face"):
            remote(photos[0], faces=7)


class Counted(Generator):
    """Writes down how many faces each of its calls paints."""

    def __init__(self, notes: pathlib.Path):
        torch.manual_seed(0)
        super().__init__(64)
        self.notes = notes

    def forward(self, crop):
        with self.notes.open("a") as file:
            file.write(f"{len(crop)}\n")
        return super().forward(crop)


@pytest.mark.slow
def test_requests_that_wait_are_gathered(two_cores, astronaut, london, tmp_path):
    """Up to four share a network call; a network call with others rounds differently, by a level at most."""
    notes, photos = tmp_path / "notes", [astronaut[None], london[None]] * 3
    with serving.serving("auto", replicas="1", device="cpu", batch=4) as replicas:
        assert replicas.at_once == 8
        remote = replicas.swapper(Counted(notes))
        with ThreadPoolExecutor(6) as askers:
            made = list(askers.map(remote, photos))
    faces = list(map(int, notes.read_text().split()))
    assert sum(faces) == 6 and 1 < max(faces) <= 4
    alone = Swapper(Counted(tmp_path / "others"))
    for one, photo in zip(made, photos, strict=True):
        assert (one.blended.int() - alone(photo).blended.int()).abs().max() <= 1


TWICE = """
import sys

import ray, torch
from facehub import image, serving
from facehub.swapper import Swapper
from tests.facehub.test_serving import network, same

torch.set_num_threads(1)
photo, kept = image.read(sys.argv[1]).photo[None], []
alone = Swapper(network())(photo)
for _ in range(2):
    with serving.serving("auto", replicas="1", device="cpu") as replicas:
        remote = replicas.swapper(network())
        kept.append((replicas, remote))
        assert same(remote(photo), alone)
    assert not ray.is_initialized()
print("twice")
"""


@pytest.mark.slow
def test_a_process_that_has_ended_its_ray_starts_another(examples):
    """What is left of the first cluster does not ask the second for the first one's work."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-cluster.txt")
    done = subprocess.run(
        [sys.executable, "-c", TWICE, str(examples / "astronaut.png")],
        cwd=pathlib.Path(__file__).parents[2],
        env={name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"} | PATIENCE,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "twice\n"), done.stderr
    assert "ERROR" not in done.stderr and "Traceback" not in done.stderr, done.stderr


def replicas_here() -> list[int]:
    """The processes that swap, of the Ray that this process started."""

    def parent(pid: int) -> int:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])

    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            named = (entry / "cmdline").read_bytes().startswith(b"ray::ServeReplica:facehub-")
            if named and parent(parent(int(entry.name))) == os.getpid():
                found.append(int(entry.name))
    return found


@pytest.mark.slow
def test_the_page_on_a_cluster(two_cores, examples, tmp_path):
    """Visitors at the same time get their own photos, and none notices that a replica is killed."""
    import ray  # pyright: ignore[reportMissingImports]

    address, names = ray.get_runtime_context().gcs_address, ["astronaut.png", "london_012_03.jpg"]
    with started(tmp_path, FACEHUB_CLUSTER=address, FACEHUB_REPLICAS="2") as (process, url):

        def visit(name: str) -> torch.Tensor:
            client = Client(url, download_files=tmp_path / "got", verbose=False, analytics_enabled=False)
            made, _, _ = client.predict(handle_file(examples / name), "nobody", api_name="/swap")
            client.close()
            return image.read(made).photo

        with ThreadPoolExecutor(4) as visitors:
            made = list(visitors.map(visit, names * 2))
        [one, other] = replicas_here()
        os.kill(one, signal.SIGKILL)
        made += [visit(name) for name in names]
        assert other in replicas_here() and one not in replicas_here()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert replicas_here() == []
    assert "Traceback" not in (tmp_path / "log").read_text()
    alone = Swapper(registry.load(tmp_path / "nobody").generator())
    expected = {name: alone(image.read(examples / name).photo[None]).blended[0] for name in names}
    for name, photo in zip(names * 3, made, strict=True):  # marks move pixels by a few levels
        assert photo.shape == expected[name].shape
        assert (photo.int() - expected[name].int()).abs().float().mean() < 3


@pytest.mark.slow
def test_a_film_on_a_cluster(two_cores, one_thread, astronaut, tmp_path, command, monkeypatch):
    """Frame by frame the film of one process."""
    monkeypatch.setattr(swap.secrets, "randbits", lambda bits: 7)  # the number in the watermark
    frames = [clips.frame(astronaut, clips.motion((160 + index, 120)), (240, 320)) for index in range(21)]
    source = clips.write(tmp_path / "film.mp4", frames)
    films = []
    for name, where in (("alone.mp4", ()), ("many.mp4", ("--cluster", "auto"))):
        out = tmp_path / name
        done = command("video", source, "--identity", "tom_cruise", "--out", out, "--json", *where)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["swapped"] == 21
        films.append(clips.read(out))
    (alone, at), (many, also_at) = films
    assert at == also_at and len(many) == 21
    assert all(np.array_equal(*pair) for pair in zip(alone, many, strict=True))
