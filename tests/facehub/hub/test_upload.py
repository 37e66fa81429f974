"""Push: a folder becomes a repository in one commit, or nothing does."""

import itertools
import json
import threading

import pytest
import torch

from facehub.errors import BadIdentity, BadSetting, HubRefused, HubUnreachable, Stopped, Withdrawn
from facehub.hub.api import Hub
from tests.identities import CONSENT, make

RESEARCH = CONSENT | {"basis": "research"}


@pytest.fixture
def ada(loopback, tmp_path) -> Hub:
    return Hub(loopback.endpoint, loopback.token("ada"), tmp_path / "cache")


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "ada")


def files(loopback, repo="ada/face", revision="main"):
    return {
        name: blob.data
        for name, blob in loopback.repositories[repo].at(revision).files.items()
        if name != ".gitattributes"
    }


def test_the_folder_is_the_repository(loopback, ada, folder):
    seen = []
    pushed = ada.push(folder, "ada/face", progress=lambda done, total: seen.append((done, total)))
    assert files(loopback) == {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }
    assert len(loopback.asked("/commit/main")) == 1
    assert (pushed.commit, pushed.url, pushed.pr_url, pushed.unchanged) == (
        loopback.repositories["ada/face"].refs["main"],
        f"{loopback.endpoint}/ada/face",
        "",
        False,
    )
    total = sum(map(len, files(loopback).values()))
    assert seen[-1] == (total, total)
    assert len(seen) > 5
    assert all(a[0] <= b[0] for a, b in itertools.pairwise(seen))


def test_what_is_no_part_of_an_identity_stays_here(loopback, ada, folder):
    (folder / "curves.png").write_bytes(b"curves")
    (folder / "checkpoint.pt").write_bytes(b"pickle")
    ada.push(folder, "ada/face")
    assert not {"curves.png", "checkpoint.pt"} & files(loopback).keys()


def test_an_update_sends_what_changed_and_removes_what_is_gone(loopback, ada, folder):
    first = ada.push(folder, "ada/face")
    loopback.log.clear()
    make(folder, title="Ada Again", samples={"two": torch.full((3, 64, 80), 9, dtype=torch.uint8)})
    assert not ada.push(folder, "ada/face").unchanged
    assert {"samples/two.webp"} == {name for name in files(loopback) if name.startswith("samples/")}
    assert len(loopback.asked("PUT")) == 1, "the same weights were sent again"
    assert loopback.repositories["ada/face"].at("main").parent == first.commit
    again = ada.push(folder, "ada/face")
    assert again.unchanged
    assert again.commit == loopback.repositories["ada/face"].refs["main"]


def test_a_push_that_failed_goes_on_with_what_is_missing(loopback, ada, folder):
    """The commit fails: nothing is listed, and the next push sends no file again."""
    loopback.fail("POST .*/commit/", status=503)
    with pytest.raises(HubUnreachable, match=r"trouble of its own \(HTTP 503\)"):
        ada.push(folder, "ada/face")
    assert files(loopback) == {}
    assert ada.search() == []
    sent = len(loopback.asked("PUT"))
    assert sent == 2
    loopback.faults.clear()
    ada.push(folder, "ada/face")
    assert len(loopback.asked("PUT")) == sent
    assert [record.repo for record in ada.search()] == ["ada/face"]


def test_an_upload_that_breaks_off_in_the_middle(loopback, ada, folder):
    """Some of the files arrived: only the others are sent again."""
    weights = loopback.fail("PUT .*", status=403, times=1)
    with pytest.raises(HubRefused):
        ada.push(folder, "ada/face")
    assert weights.reached.is_set()
    held = len(loopback.repositories["ada/face"].lfs)
    loopback.log.clear()
    ada.push(folder, "ada/face")
    assert len(loopback.asked("PUT")) == 2 - held


def test_stopped_in_the_middle_nothing_is_listed(loopback, ada, folder):
    stop = threading.Event()
    loopback.fail("PUT .*", hold=threading.Event(), times=2)
    with pytest.raises(Stopped):
        ada.push(folder, "ada/face", progress=lambda *_: stop.set(), stop=stop)
    assert loopback.asked("/commit/") == []
    assert ada.search() == []


def test_somebody_else_was_faster(loopback, ada, folder):
    """A commit between the look and the push: refused, and the other's stays."""
    ada.push(folder, "ada/face")
    make(folder, title="Ada Again")
    other = loopback.repositories["ada/face"]
    loopback.fail(
        "POST .*/preupload/", times=1, after=lambda: other.commit(other.at("main").files, "in between")
    )
    with pytest.raises(HubRefused, match="changed by somebody else in the meantime"):
        ada.push(folder, "ada/face")
    assert other.at("main").summary == "in between"
    ada.push(folder, "ada/face")
    assert json.loads(files(loopback)["config.json"])["title"] == "Ada Again"


def test_a_proposal(loopback, ada, folder, tmp_path):
    ada.push(folder, "ada/face")
    eve = Hub(loopback.endpoint, loopback.token("eve"), tmp_path / "eve")
    make(folder, title="Ada By Eve")
    with pytest.raises(HubRefused, match="does not allow this"):
        eve.push(folder, "ada/face")
    pushed = eve.push(folder, "ada/face", create_pr=True)
    assert pushed.pr_url == f"{loopback.endpoint}/ada/face/discussions/1"
    assert json.loads(files(loopback)["config.json"])["title"] == "Ada Random"
    assert json.loads(files(loopback, revision="refs/pr/1")["config.json"])["title"] == "Ada By Eve"
    with pytest.raises(HubRefused, match="nothing to propose to"):
        eve.push(folder, "ada/other", create_pr=True)


@pytest.mark.parametrize("closed", [{"private": True}, {"gated": True}])
def test_closed_before_anything_is_in_it(loopback, ada, tmp_path, closed):
    folder = make(tmp_path / "eva", consent=RESEARCH)
    states = []
    loopback.fail(
        "POST .*/commit/", after=lambda: states.append(loopback.repositories["ada/eva"].at("main").files)
    )
    ada.push(folder, "ada/eva", **closed)
    made = loopback.repositories["ada/eva"]
    assert (made.private, bool(made.gated)) == (closed.get("private", False), closed.get("gated", False))
    requests = [line.split(" -> ")[0] for line in loopback.log]
    closing = next(i for i, line in enumerate(requests) if "/settings" in line or "/repos/create" in line)
    assert closing < next(i for i, line in enumerate(requests) if "PUT /ada/eva/" in line)


def test_research_is_for_closed_repositories_only(loopback, ada, tmp_path):
    folder = make(tmp_path / "eva", consent=RESEARCH)
    with pytest.raises(HubRefused, match="research only: push ada/eva with --private, or with --gated"):
        ada.push(folder, "ada/eva")
    assert "ada/eva" not in loopback.repositories
    loopback.make("ada/open")
    with pytest.raises(HubRefused, match="research only"):
        ada.push(folder, "ada/open")
    with pytest.raises(HubRefused, match="research only"):
        ada.push(folder, "ada/open", create_pr=True)
    loopback.make("ada/closed", private=True)
    assert ada.push(folder, "ada/closed").commit


def test_a_gate_that_opens_by_itself_does_not_count(loopback, ada, tmp_path):
    folder = make(tmp_path / "eva", consent=RESEARCH)
    loopback.make("ada/auto", gated="auto")
    for create_pr in (False, True):
        with pytest.raises(HubRefused, match="one by one, because its gate opens by itself"):
            ada.push(folder, "ada/auto", create_pr=create_pr)
    assert files(loopback, "ada/auto") == {}
    assert ada.push(folder, "ada/auto", gated=True).commit
    assert loopback.repositories["ada/auto"].gated == "manual"


@pytest.mark.parametrize("opened", [{"gated": False}, {"gated": "auto"}])
def test_a_repository_that_is_opened_meanwhile_is_closed(loopback, ada, tmp_path, opened):
    """Between the look and the commit somebody opens it: it is made private, and its owner told."""
    folder = make(tmp_path / "eva", consent=RESEARCH)
    made = loopback.make("ada/eva", gated="manual")
    loopback.fail("POST .*/preupload/", times=1, after=lambda: vars(made).update(opened))
    with pytest.raises(
        HubRefused, match="ada/eva was opened on .* while it was being pushed: it was made private"
    ):
        ada.push(folder, "ada/eva")
    assert made.private
    vars(made).update(private=False, gated="manual")
    loopback.fail("POST .*/commit/", times=1, after=lambda: vars(made).update(opened))
    loopback.fail("PUT .*/settings", status=403)
    with pytest.raises(HubRefused, match="and could not be closed: make it private in its settings now"):
        ada.push(make(folder, title="Eva", consent=RESEARCH), "ada/eva")


def test_a_withdrawn_name_behind_a_renamed_one(loopback, ada, folder, tmp_path):
    entry = {"repo": "ada/new", "sha256": [], "date": "2026-11-25", "note": ""}
    data = json.dumps({"schema": 1, "withdrawn": [entry]}).encode()
    loopback.put("facehub/withdrawn", tmp_path / "none", extra={"withdrawn.json": data})
    loopback.make("ada/old")
    loopback.rename("ada/old", "ada/new")
    hub = Hub(loopback.endpoint, ada.token, tmp_path / "cache", "facehub/withdrawn")
    with pytest.raises(Withdrawn, match="ada/old was withdrawn"):
        hub.push(folder, "ada/old")
    assert loopback.asked("/commit/") == []


def test_a_hub_that_does_not_close_gets_nothing(loopback, ada, tmp_path):
    folder = make(tmp_path / "eva", consent=RESEARCH)
    loopback.fail("PUT .*/settings", status=200, body=b"{}")
    with pytest.raises(HubRefused, match="did not close ada/eva as asked"):
        ada.push(folder, "ada/eva", gated=True)
    assert files(loopback, "ada/eva") == {}


@pytest.mark.parametrize("key", CONSENT)
def test_consent_must_be_whole(loopback, ada, folder, key):
    (folder / "consent.json").write_text(json.dumps({k: v for k, v in CONSENT.items() if k != key}))
    with pytest.raises(BadIdentity, match=f"lacks {key}"):
        ada.push(folder, "ada/face")
    assert loopback.log == []


def test_what_would_not_be_taken_is_not_pushed(loopback, ada, folder):
    (folder / "README.md").write_text("<script>alert(1)</script>")
    with pytest.raises(BadIdentity, match="a browser could run"):
        ada.push(folder, "ada/face")
    assert loopback.log == []


def test_a_repository_with_other_things_in_it(loopback, ada, folder):
    loopback.put("ada/face", folder, extra={"model.bin": b"pickle"})
    with pytest.raises(BadIdentity, match=r"holds 'model\.bin', which is no part of an identity"):
        ada.push(folder, "ada/face")


def test_tokens(loopback, ada, folder, tmp_path):
    with pytest.raises(HubRefused, match="Nobody is logged in"):
        Hub(loopback.endpoint, False, tmp_path).push(folder, "ada/face")
    with pytest.raises(HubRefused, match="may only read"):
        Hub(loopback.endpoint, loopback.token("ada", "read"), tmp_path).push(folder, "ada/face")
    with pytest.raises(HubRefused, match="does not accept the token"):
        Hub(loopback.endpoint, "hf_made_up", tmp_path).push(folder, "ada/face")
    with pytest.raises(HubRefused, match="does not allow this to you at eve/face"):
        ada.push(folder, "eve/face")
    assert loopback.repositories == {}
    assert ada.whoami() == "ada"
    assert Hub(loopback.endpoint, False).whoami() is None
    assert "hf_" not in repr(ada)


@pytest.mark.parametrize(
    "name",
    ["face", "a/b/c", "ada/face@v1", "ada/..", "ada/--x", "ada/x--y", "-/x", "ada/x.git", "ada/a b", ""],
)
def test_names_that_cannot_be(ada, folder, name):
    with pytest.raises(BadSetting, match="write it as user/name"):
        ada.push(folder, name)


def test_flags_that_contradict(ada, folder):
    with pytest.raises(BadSetting, match="cannot change who may read"):
        ada.push(folder, "ada/face", create_pr=True, private=True)


def test_the_withdrawn_are_not_pushed_again(loopback, ada, folder, tmp_path):
    entry = {"repo": "", "sha256": [], "date": "2026-11-25", "note": ""}
    from facehub.files import sha256_of as sha256

    listed = {"schema": 1, "withdrawn": [entry | {"sha256": [sha256(folder / "model.safetensors")]}]}
    loopback.put(
        "facehub/withdrawn", tmp_path / "none", extra={"withdrawn.json": json.dumps(listed).encode()}
    )
    hub = Hub(loopback.endpoint, loopback.token("ada"), tmp_path / "cache", "facehub/withdrawn")
    with pytest.raises(Withdrawn, match="was withdrawn on 2026-11-25"):
        hub.push(folder, "ada/another-name")


def test_the_card_is_renewed_on_disk_too(loopback, ada, folder):
    """A card of an older kind gets the tags by which it is found; its text stays."""
    (folder / "README.md").write_text("---\nlicense: mit\n---\n\n# My own words\n")
    ada.push(folder, "ada/face")
    card = files(loopback)["README.md"].decode()
    assert card == (folder / "README.md").read_text()
    assert card.endswith("---\n\n# My own words\n")
    assert f'license_link: "{loopback.endpoint}/ada/face/blob/main/consent.json"' in card
    assert [record.basis for record in ada.search()] == ["synthetic"]
