"""Each way a hub can fail has its own sentence, its rule for trying again, and leaves nothing half done."""

import dataclasses
import errno
import shutil
import threading

import pytest

from facehub.errors import DiskFull, FaceHubError, HubRefused, HubUnreachable
from facehub.hub.api import Hub
from tests.identities import make

INFO, FILES, LIST = "GET /api/models/ada/face", "GET /ada/face/.*", "GET /api/models$"
EASE = {"RateLimit": '"api";r=0;t=55', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}


@pytest.fixture
def hub(loopback, tmp_path) -> Hub:
    loopback.put("ada/face", make(tmp_path / "ada"))
    return Hub(loopback.endpoint, loopback.token("eve"), tmp_path / "cache")


FAILURES = [
    ({"status": 500}, HubUnreachable, r"trouble of its own \(HTTP 500\)", 30),
    ({"status": 502}, HubUnreachable, r"trouble of its own \(HTTP 502\)", 30),
    ({"status": 503}, HubUnreachable, r"trouble of its own \(HTTP 503\)", 30),
    (
        {"status": 429, "headers": {"Retry-After": "120"}},
        HubUnreachable,
        "asked too often: wait 120 seconds",
        120,
    ),
    ({"status": 429, "headers": EASE}, HubUnreachable, "asked too often: wait 55 seconds", 55),
    (
        {"status": 429, "headers": {"Retry-After": "tomorrow"}},
        HubUnreachable,
        "asked too often: wait 60 seconds",
        60,
    ),
    (
        {"status": 429, "headers": {"RateLimit": '"api";r=0;t=' + "9" * 5000}},
        HubUnreachable,
        "asked too often: wait 60 seconds",
        60,
    ),
    (
        {"status": 429, "headers": {"Retry-After": "9" * 5000, "RateLimit-Policy": "q=1" * 20_000}},
        HubUnreachable,
        "asked too often: wait 60 seconds",
        60,
    ),
    ({"status": 401}, HubRefused, "does not accept the token: log in again", None),
    ({"status": 403}, HubRefused, "does not allow this to you", None),
    (
        {"status": 418, "body": b'{"error": "a teapot <b>"}'},
        HubRefused,
        r"refused the request \(HTTP 418\): a teapot",
        None,
    ),
    (
        {"status": 200, "body": b"<html>Welcome to the hotel</html>"},
        HubUnreachable,
        "answered in a way that is not a hub's",
        60,
    ),
    ({"cut": 5}, HubUnreachable, "broke off", 1),
]


@pytest.mark.parametrize("how, kind, sentence, retry", FAILURES)
@pytest.mark.parametrize("where", [INFO, LIST])
def test_a_question_that_fails(loopback, hub, where, how, kind, sentence, retry):
    loopback.fail(where, **how)
    with pytest.raises(kind, match=sentence) as raised:
        hub.search() if where == LIST else hub.pull("ada/face")
    told(raised.value, retry)


@pytest.mark.parametrize("how, kind, sentence, retry", [f for f in FAILURES if "hotel" not in str(f)])
def test_a_file_that_fails(loopback, hub, how, kind, sentence, retry):
    """The 401 of a file has another meaning only when the hub says so."""
    loopback.fail(f"{FILES}config.json", **(how | ({"cut": 0} if "cut" in how else {})))
    with pytest.raises(kind, match=sentence) as raised:
        hub.pull("ada/face")
    told(raised.value, retry)
    assert hub.pulled() == []
    loopback.faults.clear()
    assert hub.pull("ada/face").title == "Ada Random"


def told(problem: FaceHubError, retry: float | None) -> None:
    """One line, without a trace of what lies below; and when to come again."""
    assert "\n" not in str(problem)
    assert len(str(problem)) < 250
    assert not any(
        word in str(problem) for word in ("Traceback", "httpx", "hf_", "huggingface_hub", "Error(")
    )
    assert getattr(problem, "retry_after_s", None) == retry


def test_a_moment_of_trouble_passes_unseen(loopback, hub):
    loopback.fail(f"{FILES}model.safetensors", status=503, times=1)
    loopback.fail(f"{FILES}README.md", cut=0, times=1)
    assert hub.pull("ada/face").title == "Ada Random"


@pytest.mark.parametrize("call", ["search", "pull", "details"])
def test_no_network(tmp_path, call):
    """Nobody listens there."""
    hub = Hub("http://127.0.0.1:9", False, tmp_path)
    with pytest.raises(
        HubUnreachable,
        match="cannot be reached: check the network, then try again; identities that were pulled before",
    ) as raised:
        getattr(hub, call)("ada/face")
    told(raised.value, 10)


@pytest.mark.parametrize("where", [INFO, LIST, f"{FILES}config.json"])
def test_a_hub_that_does_not_answer(loopback, hub, where):
    hub = dataclasses.replace(hub, patience_s=0.2)
    loopback.fail(where, hold=threading.Event())
    with pytest.raises(HubUnreachable, match="did not answer in time") as raised:
        hub.search() if where == LIST else hub.pull("ada/face")
    told(raised.value, 30)


def test_an_upload_that_is_silent(loopback, tmp_path):
    """The client tries again and again, unseen: we ask what is wrong, wait while it is nothing, and tell once
    it is something.
    """
    hub = Hub(loopback.endpoint, loopback.token("ada"), tmp_path / "cache", patience_s=1.0)
    gate = threading.Event()
    loopback.fail("POST .*/preupload/", hold=gate, times=1)
    wondering = loopback.fail(LIST, times=1, after=gate.set)
    assert hub.push(make(tmp_path / "ada"), "ada/slow").commit
    assert wondering.reached.is_set()
    loopback.fail("POST .*/preupload/|GET /api/models$", status=503)
    with pytest.raises(HubUnreachable, match="trouble of its own"):
        hub.push(make(tmp_path / "ada", title="Ada Again"), "ada/slow")


def test_not_there(loopback, hub):
    with pytest.raises(
        HubRefused, match=r"ada/nobody is not on 127\.0\.0\.1:\d+, or is private: check the name"
    ):
        hub.pull("ada/nobody")
    with pytest.raises(HubRefused, match="ada/face has no revision 'v9'"):
        hub.pull("ada/face@v9")
    loopback.repositories["ada/face"].disabled = True
    with pytest.raises(HubRefused, match="has disabled ada/face"):
        hub.pull("ada/face")


def test_a_file_that_is_listed_and_not_there(loopback, hub):
    loopback.fail(f"{FILES}config.json", status=404, headers={"X-Error-Code": "EntryNotFound"})
    with pytest.raises(HubRefused, match="lists a file that .* does not have"):
        hub.pull("ada/face")


def test_a_full_disk_is_seen_before(loopback, hub, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 90, 10))
    with pytest.raises(DiskFull, match="0 MB free for .*, but 20 are needed: make room"):
        hub.pull("ada/face")
    assert loopback.asked("/resolve/") == []


def test_a_disk_that_fills_up(loopback, hub, monkeypatch):
    """A write fails in the middle; once there is room again, the pull goes on."""
    real, full = open, True

    def failing(file, mode="r", *arguments, **options):
        if (
            full
            and str(file).endswith("safetensors.rest")
            and "b" in mode
            and "r" not in mode.replace("r+", "")
        ):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, mode, *arguments, **options)

    monkeypatch.setattr("builtins.open", failing)
    with pytest.raises(DiskFull, match="The disk is full: make room, then try again"):
        hub.pull("ada/face")
    full = False
    loopback.log.clear()
    assert hub.pull("ada/face").title == "Ada Random"
    assert loopback.asked(".json") == loopback.asked("README") == [], "whole files were fetched again"


def test_a_hub_that_sends_too_much(loopback, hub):
    loopback.fail(f"{FILES}config.json", change=lambda body: body * 1000, status=0)
    with pytest.raises(HubRefused, match="sends more than the .* bytes that it lists"):
        hub.pull("ada/face")
