"""Swaps by replicas: what they are sent comes back as one machine makes it, also when one of them dies."""

import contextlib
import functools
import sys
import threading
import types

import pytest
import torch

from demo.settings import cluster_setting
from facehub import replica, serving
from facehub.blending.masks import hull_masker
from facehub.errors import BadSetting, FaceHubError
from facehub.marks.origin import VERSION
from facehub.networks.generator import Generator
from facehub.replica import Network, Replica, Request
from facehub.serving import MAX_WAIT_S, Scale, Workers
from facehub.swapper import Swapper
from facehub.video.reader import VideoFrame
from facehub.video.swap import Counters, swap_frames
from facehub.video.tracker import Track, Tracked


class FakeRay:
    """An object store that is a list; its errors as Ray has them."""

    class exceptions:
        class RayError(Exception):
            pass

        class RayTaskError(RayError):
            def __init__(self, cause):
                self.cause = cause

    def __init__(self):
        self.store = []

    def put(self, value):
        self.store.append(value)
        return len(self.store) - 1

    def get(self, reference):
        return self.store[reference]


class FakeHandle:
    """Calls run when their answers are asked for. `events`: what happens to them instead, in order."""

    def __init__(self, ray, *events):
        self.replica, self.events = Replica(VERSION, "yunet", "cpu", ray.get), list(events)
        self.asked = []

    def __getattr__(self, what):
        def remote(*call):
            self.asked.append(what)
            return types.SimpleNamespace(result=functools.partial(self.answer, what, call))

        return types.SimpleNamespace(remote=remote)

    def answer(self, what, call, timeout_s):
        assert timeout_s == MAX_WAIT_S
        if self.events and (event := self.events.pop(0)):
            raise event
        if what != "swap":
            return getattr(self.replica, what)(*call)
        [answer] = self.replica.swap(call)
        return answer


@pytest.fixture
def ray() -> FakeRay:
    return FakeRay()


def network(size: int = 64, seed: int = 0) -> Generator:
    torch.manual_seed(seed)
    return Generator(size).eval()


def workers(ray: FakeRay, *events: Exception | None) -> Workers:
    return Workers(ray, FakeHandle(ray, *events), 4)


def died() -> Exception:
    return FakeRay.exceptions.RayError("The actor died unexpectedly.")


def same(remote, alone) -> bool:
    """Result, and all that is computed of it later on."""
    return all(
        torch.equal(getattr(remote, what), getattr(alone, what))
        for what in ("blended", "raw", "mask", "output", "residual", "landmarks")
    )


def test_a_remote_swapper_gives_what_a_swapper_gives(ray, astronaut):
    remote = workers(ray).swapper(network(), detail=0.5)
    alone = Swapper(network(), detail=0.5)
    photos = astronaut[None]
    found = remote.finder(photos)
    assert torch.equal(found.landmarks, alone.finder(photos).landmarks)
    for options in ({}, {"detections": found, "strength": 0.5}, {"faces": 0, "masker": hull_masker}):
        assert same(remote(photos, **options), alone(photos, **options))


def test_two_stacks_are_asked_for_before_one_is_waited_for(ray, astronaut, london):
    cluster = workers(ray)
    order, remote = cluster._handle.asked, cluster.swapper(network())
    within = cluster._handle.answer
    cluster._handle.answer = lambda *call, **options: order.append("waited") or within(*call, **options)
    blank = torch.full_like(astronaut, 90)[None]
    first, second, third = remote.swap_stacks([astronaut[None], blank, london[None]])
    assert order == ["swap"] * 3 + ["waited"] * 3
    assert isinstance(second, FaceHubError), "a stack that fails has its error in the list"
    assert same(first, remote(astronaut[None])) and same(third, remote(london[None]))


def test_no_photo_travels_back(ray, astronaut):
    """The asker has it; and a result refers to no network of the replica's."""
    [made] = FakeHandle(ray).replica.swap([request(ray, astronaut)])
    assert made.photos is made.blended
    with pytest.raises(FaceHubError, match="not here"):
        made.network(made.faces.crop)


def request(ray: FakeRay, photo: torch.Tensor, key: str = "a", **changes) -> Request:
    if key not in vars(ray):
        setattr(ray, key, ray.put(network(seed=ord(key))))
    options = {"faces": "all", "strength": 1.0, "detections": None, "masker": None} | changes
    return Request(Network(getattr(ray, key), key, 1.0), photo[None], **options)


def test_requests_that_are_alike_share_a_network_call(ray, astronaut, london, monkeypatch):
    calls = []
    within = Swapper.swap_stacks

    def counted(self, stacks, **options):
        calls.append(len(stacks))
        return within(self, stacks, **options)

    monkeypatch.setattr(Swapper, "swap_stacks", counted)
    blank = torch.full_like(astronaut, 90)
    answers = FakeHandle(ray).replica.swap(
        [
            request(ray, astronaut),
            request(ray, london, "b"),
            request(ray, blank),
            request(ray, london),
            request(ray, london, strength=0.5),
        ]
    )
    assert sorted(calls) == [1, 1, 3]
    assert isinstance(answers[2], FaceHubError), "who has no face spoils it for nobody"
    alone = Swapper(network(seed=ord("a")))
    for answer, photo in ((answers[0], astronaut), (answers[3], london)):
        apart = (answer.blended[0].int() - alone(photo[None]).blended[0].int()).abs()
        assert (apart > 1).float().mean() < 1e-3, "a rounding may move a landmark, and so a lid, a little"
        assert apart.max() < 16
    assert not torch.equal(answers[1].blended, answers[3].blended), "each has its own identity"


def test_what_is_wrong_with_a_request_is_its_own_sentence(ray, astronaut):
    wrong, right = FakeHandle(ray).replica.swap(
        [request(ray, astronaut, strength=2.0), request(ray, astronaut)]
    )
    assert isinstance(wrong, BadSetting) and not isinstance(right, Exception)


def test_a_replica_keeps_the_networks_used_last(ray, astronaut, monkeypatch):
    monkeypatch.setattr(replica, "MAX_NETWORKS", 2)
    kept = FakeHandle(ray).replica
    for key in "abac":
        kept.swap([request(ray, astronaut, key)])
    assert list(kept._swappers) == ["a", "c"]


def test_another_version_is_told():
    with pytest.raises(BadSetting, match=r"has facehub .*, but who asks has 0\.0"):
        Replica("0.0", "yunet", "cpu", lambda reference: reference)


def test_a_request_whose_replica_died_is_sent_once_more(ray, astronaut):
    cluster = workers(ray, died())
    assert same(cluster.swapper(network())(astronaut[None]), Swapper(network())(astronaut[None]))
    assert cluster._handle.asked.count("swap") == 2


def test_a_request_that_kills_is_not_sent_again_and_again(ray, astronaut):
    cluster = workers(ray, died(), died(), died())
    with pytest.raises(FaceHubError, match=r"^2 workers of the cluster died over this \(RayError\): try"):
        cluster.swapper(network())(astronaut[None])
    assert cluster._handle.asked == ["swap", "swap"]


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (FakeRay.exceptions.RayTaskError(BadSetting("Not fit.")), r"^Not fit\.$"),
        (FakeRay.exceptions.RayTaskError(ValueError("/secret")), r"failed \(ValueError\): its log"),
        (TimeoutError(), "no answer within 300 seconds"),
    ],
)
def test_other_errors_are_a_sentence_at_once(ray, astronaut, event, sentence):
    cluster = workers(ray, event)
    with pytest.raises(FaceHubError, match=sentence) as told:
        cluster.swapper(network())(astronaut[None])
    assert "secret" not in str(told.value)
    assert cluster._handle.asked == ["swap"]


@pytest.mark.parametrize(("text", "scale"), [("", (1, 6)), ("2", (2, 2)), ("1-8", (1, 8))])
def test_how_many_replicas(text, scale):
    assert Scale.parse(text, most=6) == Scale(*scale)


@pytest.mark.parametrize("text", ["0", "3-2", "many", "1-", "-1", "1-2-3"])
def test_no_number_of_replicas(text):
    if text == "1-":
        assert Scale.parse(text, most=6) == Scale(1, 1)
        return
    with pytest.raises(BadSetting, match=f'"{text}" is no number of replicas: use one as 2, or a range'):
        Scale.parse(text, most=6)


def test_without_ray_serve_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", types.SimpleNamespace(is_initialized=lambda: True))
    with (
        pytest.raises(
            BadSetting, match=r"Serve is not installed: pip .*\[cluster\]\", or leave out FACEHUB_CLUSTER\."
        ),
        serving.serving("auto", option="FACEHUB_CLUSTER="),
    ):
        pass


def test_without_an_address_the_page_swaps_by_itself():
    with contextlib.ExitStack() as until:
        assert cluster_setting({}, "yunet", until) is None


def test_an_address_without_a_cluster_is_told_as_the_page_was_told_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", types.SimpleNamespace(is_initialized=lambda: False))
    with (
        contextlib.ExitStack() as until,
        pytest.raises(BadSetting, match=r"at 127\.0\.0\.1:1 .*, or use FACEHUB_CLUSTER=auto\.$"),
    ):
        cluster_setting({"FACEHUB_CLUSTER": "127.0.0.1:1"}, "yunet", until)


def test_frames_stay_in_order_when_several_batches_are_swapped_at_once():
    """The first batches take longest."""
    begun, both = [], threading.Event()

    class Slow(Swapper):
        at_once = 3

        def __init__(self):
            pass

        def __call__(self, stack, **_):
            number = int(stack[0, 0, 0, 0])
            begun.append(number)
            if len(begun) >= 2:
                both.set()
            assert both.wait(20), "two are at work at the same time"
            return types.SimpleNamespace(blended=stack + 100)

    frames = [torch.full((3, 4, 4), number, dtype=torch.uint8) for number in range(30)]
    seen = Tracked((Track(0, torch.zeros(68, 2)),), False)
    shots = [(VideoFrame(frame, pts, (1, 1, 1)), seen) for pts, frame in enumerate(frames)]
    counters = Counters()
    made = [
        photo
        for _, photos in swap_frames(shots, Slow(), 1.0, counters, lambda photo: photo)
        for photo in photos
    ]
    assert [int(photo[0, 0, 0]) for photo in made] == [number + 100 for number in range(30)]
    assert counters.swapped == 30
