"""Whose files are whose, and when they go."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from demo.visits import Visits, private_folder

from .conftest import files_in


@pytest.fixture
def visits(tmp_path):
    return Visits(tmp_path, grace_seconds=0.0)


def uploaded(visits, content=b"pixels"):
    """As gradio does it: written elsewhere, then renamed to a path made of the content."""
    path = visits.cache / f"hash-of-{content.decode()}" / "photo.png"
    path.parent.mkdir(exist_ok=True)
    part = visits.cache / "part"
    part.write_bytes(content)
    os.rename(part, path)
    return path


def eventually(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def test_each_visitor_has_a_folder_nobody_can_guess(visits):
    one, again, other = visits.folder("one"), visits.folder("one"), visits.folder("other")
    assert one.parent == again.parent != other.parent
    assert one != again
    assert len(one.parent.name) >= 22


def test_who_leaves_takes_their_files_along_and_no_others(visits):
    upload = uploaded(visits)
    visits.claim("one", upload)
    (visits.folder("one") / "result.png").write_bytes(b"result")
    kept = visits.folder("other") / "result.png"
    kept.write_bytes(b"another result")
    visits.forget("one")
    assert eventually(lambda: files_in(visits.cache) == [kept])


def test_a_shared_upload_stays_for_the_other(visits):
    upload = uploaded(visits)
    visits.claim("one", upload)
    theirs = visits.claim("other", upload)
    visits.forget("one")
    visits._drop({upload: (upload.stat().st_ino, upload.stat().st_mtime_ns)})
    assert theirs.read_bytes() == upload.read_bytes() == b"pixels"
    visits.forget("other")
    assert eventually(lambda: not files_in(visits.cache))


def test_an_upload_made_anew_meanwhile_stays(visits):
    upload = uploaded(visits)
    visits.claim("one", upload)
    stamps = []
    visits._drop = stamps.append
    visits.forget("one")
    assert eventually(lambda: stamps)
    uploaded(visits)
    Visits._drop(visits, stamps[0])
    assert upload.exists()


def test_who_uploads_twice_leaves_nothing_either(visits):
    visits.claim("one", uploaded(visits))
    visits.claim("one", uploaded(visits))
    visits.forget("one")
    assert eventually(lambda: not files_in(visits.cache))


def test_a_claimed_photo_outlives_its_upload(visits):
    """The page goes on naming the path of the upload; age, or another visitor, may have taken it."""
    upload = uploaded(visits)
    visits.claim("one", upload)
    upload.unlink()
    assert visits.claim("one", upload).read_bytes() == b"pixels"


def test_what_is_no_upload_is_left_alone(visits, tmp_path_factory):
    example = tmp_path_factory.mktemp("examples") / "example.png"
    example.write_bytes(b"pixels")
    own = visits.folder("one") / "result.png"
    own.write_bytes(b"result")
    assert visits.claim("one", example) == example
    assert visits.claim("one", own) == own
    missing = visits.cache / "gone" / "photo.png"
    assert visits.claim("one", missing) == missing
    visits.forget("one")
    assert example.exists()


def test_without_goodbye_age_takes_them(visits):
    old, new = visits.folder("one"), visits.folder("other")
    os.utime(old.parent, (0, time.time() - visits.keep_seconds - 1))
    visits.sweep()
    assert not old.parent.exists()
    assert new.exists()
    assert visits.folder("one").exists()


def test_a_caller_without_a_session_is_kept_apart(visits):
    assert visits.folder(None).parent != visits.folder(None).parent
    visits.forget(None)


def test_uploads_that_nobody_used_fall_to_age(visits):
    old, new, broken, going = uploaded(visits, b"old"), uploaded(visits, b"new"), visits.cache / "tmpold", visits.cache / "tmpnew"
    for file in (broken, going):
        file.write_bytes(b"half a photo")
    os.utime(old, (0, time.time() - visits.keep_seconds - 1))
    os.utime(broken, (0, time.time() - 121))
    visits.sweep()
    assert files_in(visits.cache) == [going, new] or files_in(visits.cache) == [new, going]


def test_who_left_takes_along_what_is_written_just_then(visits):
    """A folder that is deleted while something goes on writing into it would stay."""
    folder = visits.folder("one")
    with (folder / "result.png").open("wb") as written:
        visits.forget("one")
        written.write(b"pixels")
        with pytest.raises(FileNotFoundError):
            (folder / "another.png").write_bytes(b"pixels")
    assert not files_in(visits.cache)


ANOTHER = """
import sys
from demo.visits import private_folder
folder = private_folder()
(folder / "photo.png").write_bytes(b"pixels")
print(folder, flush=True)
sys.stdin.read()
"""


def test_what_a_dead_process_left_goes_and_what_a_living_one_has_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment, "cwd": Path(__file__).parents[2]}
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
