"""Many machines: what a dead worker had in hand is done by others; the pixels are those of one machine."""

import functools
import json
import os
import pathlib
import secrets
import signal
import sys
import types

import pytest
import torch

from facehub import cluster, image
from facehub.batch import Job, Settings, swap_all
from facehub.blending.masks import hull_masker
from facehub.cluster import Worker, connected, in_tasks, revision_of
from facehub.detection.finder import Finder
from facehub.errors import BadSetting, FaceHubError
from facehub.identity import folder
from facehub.swapper import Swapper
from tests.identities import make


class FakeRay:
    """Tasks run when they are waited for, the last one first; a photo named "deadly" kills its worker."""

    class exceptions:
        class RayError(Exception):
            pass

        class RayTaskError(RayError):
            cause = BadSetting("Not fit.")

    def __init__(self):
        self.started, self.tasks = 0, []

    def start(self):
        self.started += 1
        return self.started

    def send(self, worker, task):
        self.tasks.append([job.photo.name for job in task])
        return len(self.tasks) - 1

    def wait(self, running, num_returns):
        return running[-1:], running[:-1]

    def get(self, number):
        if "deadly" in self.tasks[number]:
            raise self.exceptions.RayError("The worker is dead.\nDetails")
        if "unfit" in self.tasks[number]:
            raise self.exceptions.RayTaskError("A traceback")
        return [{"photo": name} for name in self.tasks[number]]


def jobs_named(*names: str) -> list[Job]:
    return [Job(pathlib.Path(name), {}) for name in names]


def share_out(ray: FakeRay, tasks, count: int = 2) -> list[dict]:
    return list(cluster._share_out(ray, ray.start, ray.send, tasks, count))


def test_each_photo_has_one_record():
    ray, jobs = FakeRay(), jobs_named(*"abcdefg")
    records = share_out(ray, in_tasks(jobs, 2, 1))
    assert sorted(record["photo"] for record in records) == list("abcdefg")
    assert ray.started == 2


def test_a_photo_that_kills_workers_takes_no_other_with_it():
    ray = FakeRay()
    records = share_out(ray, [jobs_named("a", "deadly", "b"), jobs_named("c")])
    assert sorted(record["photo"] for record in records) == ["a", "b", "c", "deadly"]
    [failed] = [record for record in records if "error" in record]
    assert failed["photo"] == "deadly" and "3 workers of the cluster died over it" in failed["error"]
    assert ray.tasks.count(["deadly"]) == cluster.MAX_DEATHS - 1, "the first time it was not alone"
    assert ray.started == 2 + cluster.MAX_DEATHS, "each dead worker is replaced"


def test_a_cluster_in_which_nothing_starts_is_one_sentence(monkeypatch):
    def dead(self, number):
        raise self.exceptions.RayError("No module named 'facehub'\n")

    monkeypatch.setattr(FakeRay, "get", dead)
    with pytest.raises(BadSetting, match=r"could start \(No module named 'facehub'\): install facehub"):
        share_out(FakeRay(), [jobs_named("a")])


def test_what_a_worker_lacks_is_its_own_sentence():
    with pytest.raises(BadSetting, match=r"^Not fit\.$"):
        share_out(FakeRay(), [jobs_named("unfit")])


@pytest.mark.parametrize(
    ("photos", "batch", "workers"), [(1, 1, 2), (7, 1, 2), (100, 1, 2), (100, 8, 3), (9, 8, 64)]
)
def test_tasks_are_whole_batches_in_order(photos, batch, workers):
    jobs = jobs_named(*map(str, range(photos)))
    tasks = in_tasks(jobs, batch, workers)
    assert [job for task in tasks for job in task] == jobs
    assert all(len(task) % batch == 0 for task in tasks[:-1])
    assert max(map(len, tasks)) <= batch * cluster.MAX_TASK_BATCHES


def test_without_ray_the_sentence_says_what_to_install(command, examples, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    done = command(
        "swap",
        examples / "astronaut.png",
        "--identity",
        "tom_cruise",
        "--out",
        tmp_path / "a.png",
        "--cluster",
        "auto",
    )
    assert done.returncode == 1
    assert done.stderr == 'Ray is not installed: pip install "facehub[cluster]", or leave out --cluster.\n'


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "ray://127.0.0.1:1"])
def test_an_address_without_a_cluster_is_told_at_once(address, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", types.SimpleNamespace(is_initialized=lambda: False))
    with (
        pytest.raises(BadSetting, match=f"No cluster answers at {address}.*ray start --head"),
        connected(address),
    ):
        pass


def test_a_start_that_fails_is_one_sentence(monkeypatch):
    def init(*_, **__):
        raise Exception("The current node timed out during startup.\nDetails")

    monkeypatch.setitem(sys.modules, "ray", types.SimpleNamespace(is_initialized=lambda: False, init=init))
    with (
        pytest.raises(BadSetting, match=r"started here \(The current node timed.*less busy\.$"),
        connected("auto"),
    ):
        pass


@pytest.fixture(scope="module")
def ada(tmp_path_factory):
    return folder.read(make(tmp_path_factory.mktemp("identities") / "ada"))


def test_a_machine_that_is_not_fit_names_itself(ada, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster.platform, "node", lambda: "node7")
    monkeypatch.chdir(tmp_path)

    def load():
        return Swapper(ada.generator(), finder=Finder(turn=False), masker=hull_masker), ada

    def missing():
        raise FaceHubError("No identity is called ada.")

    here = revision_of(ada)
    assert Worker(load, here, str(tmp_path)).swap([], Settings()) == []
    for worker, sentence in (
        (
            Worker(load, here.replace("sha256:", "sha256:0"), str(tmp_path)),
            "node7 has facehub .*, but this machine",
        ),
        (Worker(missing, here, str(tmp_path)), "node7, of the cluster: No identity is called ada"),
        (Worker(load, here, str(tmp_path / "none")), "node7 has no folder .*: share it"),
    ):
        with pytest.raises(BadSetting, match=sentence):
            worker.swap([], Settings())


def load_numbered(identity_folder: pathlib.Path, dies_once: pathlib.Path | None):
    """A swapper whose pictures have the same number in their watermarks. `dies_once` is made by the process
    that then kills itself in the middle of its first photo.
    """
    image.secrets = types.SimpleNamespace(randbits=lambda bits: 7)
    identity = folder.read(identity_folder)
    swapper = Swapper(identity.generator(), finder=Finder(turn=False), masker=hull_masker)
    within = swapper.swap_stacks

    def swap_stacks(*stacks, **options):
        if dies_once and not dies_once.exists():
            dies_once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return within(*stacks, **options)

    swapper.swap_stacks = swap_stacks
    return swapper, identity


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing_and_pixels_are_those_of_one_machine(
    two_cores, ada, examples, tmp_path, monkeypatch
):
    monkeypatch.setattr(image, "secrets", secrets)  # what `load_numbered` replaces here is put back
    photos = [examples / "astronaut.png", examples / "london_012_03.jpg"]
    places = {name: tmp_path / name for name in ("one", "many")}
    jobs = {
        name: [
            Job(photos[i % 2], {"out": place / f"{i}.png", "mask": place / f"{i}_mask.png"}) for i in range(7)
        ]
        for name, place in places.items()
    }
    for place in places.values():
        place.mkdir()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in a worker: sums are rounded in another order with two
    try:
        alone = list(swap_all(*load_numbered(ada.folder, None), jobs["one"], Settings()))
    finally:
        torch.set_num_threads(threads)
    dead = tmp_path / "dead"
    load = functools.partial(load_numbered, ada.folder, dead)
    many = list(cluster.swap_all_on_cluster("auto", load, ada, jobs["many"], Settings()))
    assert dead.exists(), "a worker was killed"
    assert not any("error" in record for record in alone + many)
    by_file = {pathlib.Path(record["outputs"]["out"]).name: record for record in many}
    assert len(many) == len(by_file) == 7
    for job, record in zip(jobs["one"], alone, strict=True):
        other = by_file[job.outputs["out"].name]
        assert record["faces"] == other["faces"] and record["sha256"] == other["sha256"]
        for file in job.outputs.values():
            twin = places["many"] / file.name
            assert torch.equal(image.read(file).photo, image.read(twin).photo)


@pytest.mark.slow
def test_the_command_reports_and_resumes(two_cores, ada, examples, tmp_path, command):
    broken, report = tmp_path / "broken.jpg", tmp_path / "report.json"
    broken.write_bytes(b"no picture")
    arguments = (
        "swap",
        examples / "astronaut.png",
        examples / "london_012_03.jpg",
        broken,
        "--cluster",
        "auto",
    )
    arguments += (
        "--identity",
        ada.folder,
        "--out",
        tmp_path / "out",
        "--report",
        report,
        "--masker",
        "landmarks",
    )
    for counts in ({"made": 2, "failed": 1}, {"skipped": 2, "failed": 1}):
        done = command(*arguments)
        assert done.returncode == 1
        assert "broken.jpg is not a picture" in done.stderr and "Traceback" not in done.stderr
        assert json.loads(report.read_text())["counts"] == counts
    assert len(list((tmp_path / "out").glob("*.png"))) == 2
    done = command(*arguments[:3], *arguments[4:], "--faces", "7")
    assert "Face 7 was asked for, but the photo shows one face" in done.stderr
