"""Whose files are whose, and when they go."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.visitor import Visitor
from demo.page import build
from demo.server.middleware import launch_options
from demo.server.sessions import OpenPages, SessionFiles, private_folder
from demo.theme import LAUNCH_OPTIONS

from ..conftest import eventually, files_in, served


@pytest.fixture
def visits(tmp_path):
    return SessionFiles(tmp_path, grace_seconds=0.0)


def uploaded(visits, content=b"pixels"):
    """As gradio does it: written elsewhere, then renamed to a path made of the content."""
    path = visits.cache / f"hash-of-{content.decode()}" / "photo.png"
    path.parent.mkdir(exist_ok=True)
    part = visits.cache / "part"
    part.write_bytes(content)
    os.rename(part, path)
    return path


def later(seconds):
    """The clock of a sweep so much later."""
    return lambda: time.monotonic() + seconds


def test_each_visitor_has_a_folder_nobody_can_guess(visits):
    one, again, other = visits.folder("one"), visits.folder("one"), visits.folder("other")
    assert one.parent == again.parent != other.parent
    assert one != again
    assert len(one.parent.name) >= 22


def test_who_leaves_takes_their_files_along_and_no_others(visits):
    upload = uploaded(visits)
    visits.adopt("one", upload)
    (visits.folder("one") / "result.png").write_bytes(b"result")
    kept = visits.folder("other") / "result.png"
    kept.write_bytes(b"another result")
    visits.end_session("one")
    assert eventually(lambda: files_in(visits.cache) == [kept])


def test_a_shared_upload_stays_for_the_other(visits):
    upload = uploaded(visits)
    visits.adopt("one", upload)
    theirs = visits.adopt("other", upload)
    visits.end_session("one")
    visits._drop({upload: (upload.stat().st_ino, upload.stat().st_mtime_ns)})
    assert theirs.read_bytes() == upload.read_bytes() == b"pixels"
    visits.end_session("other")
    assert eventually(lambda: not files_in(visits.cache))


def test_an_upload_made_anew_meanwhile_stays(visits):
    upload = uploaded(visits)
    visits.adopt("one", upload)
    stamps = []
    visits._drop = stamps.append
    visits.end_session("one")
    assert eventually(lambda: stamps)
    uploaded(visits)
    SessionFiles._drop(visits, stamps[0])
    assert upload.exists()


def test_who_uploads_twice_leaves_nothing_either(visits):
    visits.adopt("one", uploaded(visits))
    visits.adopt("one", uploaded(visits))
    visits.end_session("one")
    assert eventually(lambda: not files_in(visits.cache))


def test_a_claimed_photo_outlives_its_upload(visits):
    """The page goes on naming the path of the upload; age, or another visitor, may have taken it."""
    upload = uploaded(visits)
    visits.adopt("one", upload)
    upload.unlink()
    assert visits.adopt("one", upload).read_bytes() == b"pixels"


def test_what_is_no_upload_is_left_alone(visits, tmp_path_factory):
    example = tmp_path_factory.mktemp("examples") / "example.png"
    example.write_bytes(b"pixels")
    own = visits.folder("one") / "result.png"
    own.write_bytes(b"result")
    assert visits.adopt("one", example) == example
    assert visits.adopt("one", own) == own
    missing = visits.cache / "gone" / "photo.png"
    assert visits.adopt("one", missing) == missing
    visits.end_session("one")
    assert example.exists()


def test_without_goodbye_age_takes_them(visits):
    old = visits.folder("one")
    visits.delete_expired()
    visits.ages.clock = later(visits.keep_seconds + 1)
    new = visits.folder("other")
    visits.delete_expired()
    assert not old.parent.exists()
    assert new.exists()
    assert visits.folder("one").exists()


def test_a_caller_without_a_session_is_kept_apart(visits):
    assert visits.folder(None).parent != visits.folder(None).parent
    visits.end_session(None)


def test_uploads_that_nobody_used_fall_to_age(visits):
    broken, going = visits.cache / "tmpold", visits.cache / "tmpnew"
    uploaded(visits, b"old")
    visits.delete_expired()
    visits.ages.clock = later(visits.keep_seconds - 100)
    new = uploaded(visits, b"new")
    for file in (broken, going):
        file.write_bytes(b"half a photo")
    visits.delete_expired()
    visits.ages.clock = later(visits.keep_seconds + 100)
    going.write_bytes(b"half a photo, and more")
    visits.delete_expired()
    assert sorted(files_in(visits.cache)) == sorted([going, new])


@pytest.mark.parametrize("looked", [True, False], ids=["before the jump", "after it only"])
def test_a_jump_of_the_clock_takes_nothing_that_is_in_use(visits, monkeypatch, looked):
    """A clock that is set forward by a day made everything old at once: photos, results, half an upload."""
    visits.delete_expired()
    kept = [visits.folder("one"), uploaded(visits), visits.cache / "tmphalf"]
    kept[2].write_bytes(b"half a photo")
    if looked:
        visits.delete_expired()
    jumped = time.time() + 86_400
    monkeypatch.setattr(time, "time", lambda: jumped)
    visits.delete_expired()
    assert all(file.exists() for file in kept)
    visits.ages.clock = later(visits.keep_seconds + 1)
    visits.delete_expired()
    assert not any(file.exists() for file in kept)


def test_no_sweep_by_the_wall_clock_runs_beside_ours(handlers):
    assert build(handlers).delete_cache is None


def test_who_left_takes_along_what_is_written_just_then(visits):
    """A folder that is deleted while something goes on writing into it would stay."""
    folder = visits.folder("one")
    with (folder / "result.png").open("wb") as written:
        visits.end_session("one")
        written.write(b"pixels")
        with pytest.raises(FileNotFoundError):
            (folder / "another.png").write_bytes(b"pixels")
    assert not files_in(visits.cache)


ANOTHER = """
import sys
from demo.server.sessions import private_folder
folder = private_folder()
(folder / "photo.png").write_bytes(b"pixels")
print(folder, flush=True)
sys.stdin.read()
"""


def test_what_a_dead_process_left_goes_and_what_a_living_one_has_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    pipes = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "text": True,
        "env": environment,
        "cwd": Path(__file__).parents[3],
    }
    dead, living = (subprocess.Popen([sys.executable, "-c", ANOTHER], **pipes) for _ in range(2))
    folders = [Path(process.stdout.readline().strip()) for process in (dead, living)]
    others = tmp_path / "facehub-page-of-somebody-else"
    others.mkdir()
    dead.kill()
    dead.wait()
    try:
        own = private_folder()
        assert [folder.exists() for folder in (*folders, others, own)] == [False, True, True, True]
    finally:
        living.kill()
        living.wait()


def test_a_page_is_open_while_it_holds_its_connection(handlers, monkeypatch):
    """As the guard in front of gradio sees it; a second connection of the same session keeps it open."""
    pages = OpenPages()
    monkeypatch.setattr(
        "tests.demo.conftest.LAUNCH_OPTIONS",
        LAUNCH_OPTIONS | launch_options(handlers.limits, handlers.visits.cache, pages=pages),
    )
    with served(build(handlers)) as url:
        with Visitor(url, timeout_s=30) as visitor:
            assert pages.is_open(visitor.session)
            assert not pages.is_open("somebody")
        assert eventually(lambda: not pages.is_open(visitor.session))
    with pages.hold("a"):
        with pages.hold("a"):
            pass
        assert pages.is_open("a")
    assert not pages.is_open("a")
