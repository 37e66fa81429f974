"""Files are whole or not there."""

import os
import stat

import pytest

from facehub.files import atomic, write_atomic


def test_replaces_the_old_file_at_once(tmp_path):
    file = tmp_path / "new" / "a.json"
    write_atomic(file, "old")
    write_atomic(file, b"\x00new", mode=0o600)
    assert file.read_bytes() == b"\x00new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["a.json"]


def test_a_failure_leaves_what_was_there(tmp_path):
    file = tmp_path / "a.txt"
    write_atomic(file, "old")
    with pytest.raises(RuntimeError), atomic(file) as opened:
        opened.write(b"half")
        raise RuntimeError
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("durable", [True, False])
def test_only_what_must_last_waits_for_the_disk(tmp_path, monkeypatch, durable):
    waited = []
    monkeypatch.setattr(os, "fsync", waited.append)
    with atomic(tmp_path / "x", durable=durable) as part:
        part.write(b"whole")
    assert (tmp_path / "x").read_bytes() == b"whole" and bool(waited) == durable
