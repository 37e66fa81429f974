"""Many photos on many machines, by Ray (https://docs.ray.io), the optional group `cluster`.

A worker is a Ray actor: a process with its own networks, loaded once. It gets a few photos, runs them through
batch.py as one machine would, and gets the next. What a worker had in hand when it died is given to others.
Photos, results and identities are files, which all machines see under the same paths.
"""

import contextlib
import functools
import importlib.metadata
import logging
import os
import platform
import socket
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .batch import Job, Settings, swap_all
from .errors import BadSetting, FaceHubError
from .face_plan import PlannedIdentities, PlanSwapper
from .identity.folder import Identity
from .marks.origin import VERSION
from .swapper import Swapper

AUTO = "auto"
"""The address of the cluster that runs on this machine; where none runs, one is started for this run."""

MAX_TASK_BATCHES = 8
"""Network calls' worth of photos that a worker gets at a time: reading, swapping and writing overlap within
them, and as much is done again when it dies."""

TASKS_EACH = 4
"""Tasks that each worker gets of a small folder, so that all end at about the same time."""

MAX_DEATHS = 3
"""A photo in whose company this many workers died has failed; the second and third time it was alone."""

Load = Callable[[], tuple[Swapper | PlanSwapper, Identity | PlannedIdentities]]
"""What a worker swaps with, and what records and marks name as the identity. Called in the worker."""


def swap_all_on_cluster(
    address: str,
    load: Load,
    identity: Identity | PlannedIdentities,
    jobs: Sequence[Job],
    settings: Settings,
    *,
    device: str = "auto",
    earlier: Mapping[str, dict] | None = None,
    workers: int = 2,
    batch: int | None = None,
) -> Iterator[dict]:
    """As `batch.swap_all`, on all cores of a cluster, or all its GPUs; records come as photos get done.

    `address`: `AUTO`, or HOST:PORT of Ray's head. `load` is pickled; what it loads must be of `identity`'s
    revision. `device`: auto is cuda if the cluster has a GPU. `workers`: threads for files in each worker.
    On machines of one kind, photos get the pixels that one machine gives them. Raises BadSetting without Ray,
    without a cluster at the address, without a GPU for cuda, and where no worker can start.
    """
    with connected(address) as ray:
        cores, gpus = (int(ray.cluster_resources().get(kind, 0)) for kind in ("CPU", "GPU"))
        if device == "cuda" and not gpus:
            raise BadSetting("The cluster has no GPU: use --device cpu.")
        on_gpu = gpus > 0 and device != "cpu"
        batch = batch or (8 if on_gpu else 1)
        count = max(1, min(gpus if on_gpu else cores, -(-len(jobs) // batch)))
        actor = ray.remote(num_cpus=1, num_gpus=int(on_gpu))(Worker)
        start = functools.partial(actor.remote, load, revision_of(identity), os.getcwd())

        records = earlier or {}

        def send(worker: Any, group: Sequence[Job]) -> Any:
            known = {str(job.photo): records[str(job.photo)] for job in group if str(job.photo) in records}
            return worker.swap.remote(group, settings, earlier=known, workers=workers, batch=batch)

        yield from _share_out(ray, start, send, in_tasks(jobs, batch, count), count)


def _share_out(
    ray: Any,
    start: Callable[[], Any],
    send: Callable[[Any, Sequence[Job]], Any],
    tasks: Sequence[Sequence[Job]],
    count: int,
) -> Iterator[dict]:
    """Keep `count` workers busy until each photo has its record. An empty task finds out who is ready."""
    waiting, idle, deaths = deque(tasks), [], Counter()
    running: dict[Any, tuple[Any, Sequence[Job]]] = {}
    for _ in range(count):
        worker = start()
        running[send(worker, ())] = worker, ()
    while waiting or any(task for _, task in running.values()):
        [done], _ = ray.wait(list(running), num_returns=1)
        worker, task = running.pop(done)
        try:
            yield from ray.get(done)
            idle.append(worker)
        except ray.exceptions.RayTaskError as problem:
            raise _told(problem.cause) from problem
        except ray.exceptions.RayError as problem:  # the worker is dead, or its machine
            if not task and not running and not idle:
                raise BadSetting(
                    f"No worker of the cluster could start ({first_line(problem)}): install facehub "
                    f"{VERSION} on each machine."
                ) from problem
            if task:
                waiting.extend([job] for job in task if deaths[job.photo] < MAX_DEATHS - 1)
                deaths.update(job.photo for job in task)
                yield from (_lost(job) for job in task if deaths[job.photo] == MAX_DEATHS)
                another = start()  # in its place, wherever there is room
                running[send(another, ())] = another, ()
        while idle and waiting:
            worker, task = idle.pop(), waiting.popleft()
            running[send(worker, task)] = worker, task


class Worker:
    """A process of the cluster. What it swaps with is loaded for its first task, and kept."""

    def __init__(self, load: Load, revision: str, folder: str):
        self._load, self._revision, self._folder = load, revision, folder

    def swap(self, jobs: Sequence[Job], settings: Settings, **options: Any) -> list[dict]:
        """The records of some photos. Raises FaceHubError, which names the machine, when it is not fit."""
        swapper, identity = self._loaded
        return list(swap_all(swapper, identity, jobs, settings, **options))

    @functools.cached_property
    def _loaded(self) -> tuple[Swapper | PlanSwapper, Identity | PlannedIdentities]:
        host = platform.node()
        try:
            os.chdir(self._folder)
            loaded = self._load()
        except OSError as problem:
            raise BadSetting(
                f"{host} has no folder {self._folder}: share it with all machines, under the same path."
            ) from problem
        except FaceHubError as problem:
            raise BadSetting(f"{host}, of the cluster: {problem}") from problem
        if (here := revision_of(loaded[1])) != self._revision:
            raise BadSetting(
                f"{host} has {here}, but this machine has {self._revision}: install the same on both."
            )
        return loaded


def revision_of(identity: Identity | PlannedIdentities) -> str:
    """What must be the same on all machines: program, identity and weights."""
    return f"facehub {VERSION} with {identity.handle} ({identity.origin().revision})"


def in_tasks(jobs: Sequence[Job], batch: int, workers: int) -> list[Sequence[Job]]:
    """The jobs in order, in tasks of whole batches: each photo shares its network call with the same others
    as on one machine.
    """
    size = batch * max(1, min(MAX_TASK_BATCHES, len(jobs) // (TASKS_EACH * workers * batch)))
    return [jobs[i : i + size] for i in range(0, len(jobs), size)]


@contextlib.contextmanager
def connected(address: str, option: str = "--cluster ") -> Iterator[Any]:
    """The module `ray`, connected to a cluster; one that is connected already stays so.

    `option`: what the address was given with, as sentences name it.

    Workers get the variables FACEHUB_... of this process. Ray's usage reports are off unless the environment
    says otherwise. Raises BadSetting.
    """
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")  # else threads of Serve start another after the end
    try:
        import ray  # pyright: ignore[reportMissingImports]
    except ImportError as problem:
        raise BadSetting(
            f'Ray is not installed: pip install "facehub[cluster]", or leave out {option.strip(" =")}.'
        ) from problem
    if ray.is_initialized():
        yield ray
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    own = {name: value for name, value in os.environ.items() if name.startswith("FACEHUB_")}
    try:
        if address != AUTO:
            reach(address)  # Ray itself would try for minutes
        ray.init(
            None if address == AUTO else address,
            runtime_env={"env_vars": own},
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as problem:  # Ray raises Exception itself when a start takes too long
        where = (
            "No cluster could be reached or started here"
            if address == AUTO
            else f"No cluster answers at {address}"
        )
        advice = "try again when the machine is less busy" if address == AUTO else f"use {option}{AUTO}"
        raise BadSetting(
            f"{where} ({first_line(problem)}): start one with `ray start --head`, or {advice}."
        ) from problem
    try:
        yield ray
    finally:
        ray.shutdown()


def version_of_ray() -> str | None:
    """None where Ray is not installed."""
    try:
        return importlib.metadata.version("ray")
    except importlib.metadata.PackageNotFoundError:
        return None


def reach(address: str) -> None:
    """Raise OSError or ValueError unless something listens at HOST:PORT, or ray://HOST:PORT."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    socket.create_connection((host, int(port)), timeout=10).close()


def _told(cause: BaseException) -> FaceHubError:
    """An error of a worker, as a sentence."""
    if isinstance(cause, FaceHubError):
        return cause
    return FaceHubError(f"A worker of the cluster failed ({type(cause).__name__}: {first_line(cause)}).")


def _lost(job: Job) -> dict:
    sentence = (
        f"{job.photo}: {MAX_DEATHS} workers of the cluster died over it: swap it alone, or leave it out."
    )
    return {"photo": str(job.photo), "error": sentence}


def first_line(problem: BaseException) -> str:
    return next(iter(str(problem).strip().splitlines()), type(problem).__name__)[:200]
