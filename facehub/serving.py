"""Swaps on many machines while somebody waits for them: replicas of Ray Serve, the optional group `cluster`.

Ray Serve (https://docs.ray.io/en/latest/serve) starts replicas, makes more of them while requests wait,
replaces those that die and gathers requests into batches. A replica is a process that swaps what it is sent,
in memory: photos and networks travel as messages (replica.py). `RemoteSwapper` is called as a `Swapper`.
"""

import asyncio
import contextlib
import functools
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor

from .blending.masks import Masker
from .cluster import connected, first_line
from .detection.selection import FaceSelection
from .errors import BadSetting, FaceHubError
from .marks.origin import VERSION
from .networks.generator import FaceGenerator
from .replica import Network, Replica, Request
from .swapped import Swapped
from .swapper import Swapper
from .types import Crops, Detections, Photos

MAX_WAIT_S = 300.0
"""Seconds after which an answer is not waited for any more."""

CALLS_EACH = 2
"""Calls, or batches of them, that may be on their way to each replica: one is computed, one travels."""

SHUTDOWN_S = 5.0
"""Seconds that a replica which is no longer needed may take for what it has in hand."""

ATTEMPTS = 2
"""A request whose replica died is sent once more, not again and again: it may be what kills them."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How many replicas Ray Serve may run: as many as requests need, between these two."""

    least: int
    most: int

    @classmethod
    def parse(cls, text: str, *, most: int) -> "Scale":
        """ "2", "1-8", or nothing: from one to `most`. Raises BadSetting."""
        low, _, high = (text or f"1-{most}").partition("-")
        try:
            scale = cls(int(low), int(high or low))
        except ValueError:
            scale = cls(0, 0)
        if not 1 <= scale.least <= scale.most:
            raise BadSetting(f'"{text[:40]}" is no number of replicas: use one as 2, or a range as 1-8.')
        return scale


class Workers:
    """The replicas, as a process sees them that sends them work."""

    def __init__(self, ray: Any, handle: Any, at_once: int):
        self._ray, self._handle = ray, handle
        self.at_once = at_once
        """Calls that may wait for an answer at the same time with profit."""

    def swapper(self, network: FaceGenerator, *, detail: float = 1.0) -> "RemoteSwapper":
        """What swaps with a network, which goes to the cluster's memory once and stays while this is kept."""
        return RemoteSwapper(self, Network(self._ray.put(network), secrets.token_hex(8), detail))

    def send(self, what: str, *call: Any) -> Callable[[], Any]:
        """Sends a call of one of the replicas' methods, and gives what waits for the answer.

        A call whose replica dies is sent `ATTEMPTS` times. Raises FaceHubError: what a replica raised, or a
        sentence about the cluster.
        """
        method = getattr(self._handle, what)
        return functools.partial(self._answer, method, call, method.remote(*call))

    def _answer(self, method: Any, call: tuple, sent: Any) -> Any:
        errors, died = self._ray.exceptions, Exception()
        for attempt in range(ATTEMPTS):
            try:
                answer = (sent if attempt == 0 else method.remote(*call)).result(timeout_s=MAX_WAIT_S)
                if isinstance(answer, FaceHubError):
                    raise answer
                return answer
            except errors.RayTaskError as problem:
                if isinstance(problem.cause, FaceHubError):
                    raise problem.cause from problem
                kind = type(problem.cause).__name__
                raise FaceHubError(
                    f"A worker of the cluster failed ({kind}): its log says more; another photo may work."
                ) from problem
            except TimeoutError as problem:
                raise FaceHubError(
                    f"The cluster gave no answer within {MAX_WAIT_S:.0f} seconds: try again later."
                ) from problem
            except errors.RayError as problem:
                died = problem  # the replica, or its machine
        raise FaceHubError(
            f"{ATTEMPTS} workers of the cluster died over this ({type(died).__name__}): try again later."
        ) from died


class RemoteSwapper(Swapper):
    """A swapper whose work is done by replicas. `masker`: None for the replicas' own."""

    def __init__(self, workers: Workers, network: Network):
        self.workers, self.network, self.detail = workers, network, network.detail
        self.device, self.masker, self.at_once = torch.device("cpu"), None, workers.at_once
        self.finder = lambda photos: workers.send("find", photos)()

    def swap_stacks(
        self,
        stacks: Sequence[UInt8[Tensor, "_ 3 _ _"]],
        *,
        faces: FaceSelection = "all",
        strength: float = 1.0,
        detections: Sequence[Detections | None] | None = None,
        masker: Masker | None = None,
    ) -> list[Swapped | FaceHubError]:
        found = detections or [None] * len(stacks)
        sent = [
            self.workers.send(
                "swap", Request(self.network, photos, faces, strength, known, masker or self.masker)
            )
            for photos, known in zip(stacks, found, strict=True)
        ]
        return [self._answer(answer, photos) for answer, photos in zip(sent, stacks, strict=True)]

    def _answer(self, answer: Callable[[], Swapped], photos: Photos) -> Swapped | FaceHubError:
        try:
            return replace(answer(), photos=photos, network=self.paint)
        except FaceHubError as problem:
            return problem

    def paint(self, crops: Crops) -> Crops:
        return self.workers.send("paint", self.network, crops)()


@contextlib.contextmanager
def serving(
    address: str,
    *,
    replicas: str = "",
    finder: str = "yunet",
    device: str = "auto",
    batch: int | None = None,
    option: str = "--cluster ",
) -> Iterator[Workers]:
    """Replicas on a cluster, which end with the context.

    `address`: as for `cluster.swap_all_on_cluster`. `replicas`: as `Scale.parse` takes it; each has a
    core, or a GPU where the cluster has some. `batch`: requests that may share a network call. Raises
    BadSetting.
    """
    with connected(address, option) as ray:
        try:
            from ray import serve  # pyright: ignore[reportMissingImports]
        except ImportError as problem:
            raise BadSetting(
                'Ray Serve is not installed: pip install "facehub[cluster]", '
                f"or leave out {option.strip(' =')}."
            ) from problem
        logging.getLogger("ray.serve").setLevel(logging.ERROR)
        cores, gpus = (int(ray.cluster_resources().get(kind, 0)) for kind in ("CPU", "GPU"))
        on_gpu = gpus > 0 and device != "cpu"
        batch = batch or (8 if on_gpu else 1)
        scale = Scale.parse(replicas, most=max(1, gpus if on_gpu else cores))
        name = f"facehub-{secrets.token_hex(4)}"
        try:
            serve.start(proxy_location="Disabled")  # nobody but us asks, and not over HTTP
            deployed = serve.deployment(
                name="swap",
                ray_actor_options={"num_cpus": 1, "num_gpus": int(on_gpu)},
                max_ongoing_requests=CALLS_EACH * batch,
                graceful_shutdown_timeout_s=SHUTDOWN_S,
                graceful_shutdown_wait_loop_s=0.2,
                autoscaling_config={
                    "min_replicas": scale.least,
                    "max_replicas": scale.most,
                    "target_ongoing_requests": batch,
                },
            )(Served)
            application = deployed.bind(VERSION, finder, "cuda" if on_gpu else "cpu", batch)
            handle = serve.run(
                application,
                name=name,
                route_prefix=None,
                logging_config={"log_level": "ERROR", "enable_access_log": False},
            )
        except (RuntimeError, ray.exceptions.RayError) as problem:
            raise BadSetting(
                f"No worker of the cluster could start ({first_line(problem)}): install facehub "
                f"{VERSION} on each machine."
            ) from problem
        try:
            yield Workers(ray, handle, CALLS_EACH * scale.most * batch)
        finally:
            logging.getLogger("ray.serve").setLevel(logging.CRITICAL)  # its threads miss what ends here
            handle.shutdown()  # else its thread asks this process's next cluster about this one
            serve.delete(name)


class Served:
    """`Replica` as Ray Serve runs it: a thread computes, while others wait and are gathered for its next
    call."""

    def __init__(self, version: str, finder: str, device: str, batch: int):
        import ray  # pyright: ignore[reportMissingImports]
        from ray import serve  # pyright: ignore[reportMissingImports]

        self._replica, self._computing = Replica(version, finder, device, ray.get), asyncio.Lock()

        async def swap(requests: list[Request]) -> list[Swapped | FaceHubError]:
            return await self._in_turn(self._replica.swap, requests)

        self._gathered: Any = serve.batch(max_batch_size=batch, batch_wait_timeout_s=0)(swap)

    async def swap(self, request: Request) -> Swapped | FaceHubError:
        return await self._gathered(request)

    async def find(self, photos: Photos) -> Detections:
        return await self._in_turn(self._replica.find, photos)

    async def paint(self, network: Network, crops: Crops) -> Crops:
        return await self._in_turn(self._replica.paint, network, crops)

    async def _in_turn(self, work: Callable, *arguments: Any) -> Any:
        async with self._computing:
            return await asyncio.to_thread(work, *arguments)
