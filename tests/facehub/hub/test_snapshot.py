"""What is pushed is what was checked: regular files of the folder itself, byte for byte."""

import os

import pytest

from facehub.errors import BadIdentity, FaceHubError
from facehub.hub import upload
from facehub.hub.api import Hub
from tests.identities import make


@pytest.fixture
def ada(loopback, tmp_path) -> Hub:
    return Hub(loopback.endpoint, loopback.token("ada"), tmp_path / "cache")


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "ada")


@pytest.fixture
def secret(tmp_path):
    file = tmp_path / "secret.png"
    file.write_bytes((make(tmp_path / "other") / "samples" / "one.webp").read_bytes())
    return file


def nothing_arrived(loopback) -> bool:
    return loopback.repositories == {} and not loopback.asked("PUT") and not loopback.asked("/commit/")


@pytest.mark.parametrize("name", ["samples/two.png", "training.json", "README.md", "model.safetensors"])
def test_links_are_not_followed(loopback, ada, folder, secret, name):
    """Wherever they lead: out of the folder, or to a file in it."""
    target = secret if name.startswith("samples") else folder / "aside"
    if not target.exists():
        (folder / name).rename(target)
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(target)
    with pytest.raises(BadIdentity, match=f"{name} of ada is a link"):
        ada.push(folder, "ada/face")
    assert nothing_arrived(loopback)


def test_a_linked_folder_of_samples(loopback, ada, folder, tmp_path):
    (folder / "samples").rename(tmp_path / "elsewhere")
    (folder / "samples").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadIdentity, match="samples of ada is a link"):
        ada.push(folder, "ada/face")
    assert nothing_arrived(loopback)


def test_a_pipe_is_no_file(loopback, ada, folder):
    """And is not waited for."""
    (folder / "metrics.json").unlink()
    os.mkfifo(folder / "metrics.json")
    with pytest.raises(BadIdentity, match=r"metrics\.json of ada is no file"):
        ada.push(folder, "ada/face")
    assert nothing_arrived(loopback)


def test_a_file_that_is_exchanged_after_the_check(loopback, ada, folder, secret, monkeypatch):
    """Between the check and the upload, somebody puts other bytes and a link there."""
    before = {name: (folder / name).read_bytes() for name in ("model.safetensors", "samples/one.webp")}
    real = upload.check

    def exchange(*arguments, **options):
        (folder / "model.safetensors").write_bytes(b"pickle")
        (folder / "samples" / "one.webp").unlink()
        (folder / "samples" / "one.webp").symlink_to(secret)
        return real(*arguments, **options)

    monkeypatch.setattr(upload, "check", exchange)
    ada.push(folder, "ada/face")
    files = loopback.repositories["ada/face"].at("main").files
    assert {name: files[name].data for name in before} == before


@pytest.mark.parametrize(
    "name, data, sentence",
    [
        ("training.json", b"{", "training.json of ada is not valid JSON"),
        ("training.json", b"[]", "training.json of ada must be a JSON object"),
        ("training.json", b"[" * 100_000, "training.json of ada is not valid JSON"),
        ("README.md", b"# \xff\xfe card", "README.md of ada is not UTF-8"),
        ("metrics.json", b'{"n": 1' + b"0" * 400 + b"}", "metrics.json holds a number too large to write"),
    ],
)
def test_what_a_pull_would_refuse_is_one_sentence(loopback, ada, folder, name, data, sentence):
    (folder / name).write_bytes(data)
    with pytest.raises(BadIdentity, match=sentence):
        ada.push(folder, "ada/face")
    assert nothing_arrived(loopback)


def test_sizes_and_counts_are_those_of_a_pull(loopback, ada, folder):
    (folder / "samples" / "big.png").write_bytes(bytes(4_000_001))
    with pytest.raises(BadIdentity, match="big.png of ada has more than 4,000,000 bytes"):
        ada.push(folder, "ada/face")
    (folder / "samples" / "big.png").unlink()
    for number in range(20):
        (folder / "samples" / f"{number}.png").write_bytes((folder / "samples" / "one.webp").read_bytes())
    with pytest.raises(BadIdentity, match="more than 16 sample pictures"):
        ada.push(folder, "ada/face")
    assert nothing_arrived(loopback)


def test_a_file_that_cannot_be_read(loopback, ada, folder, monkeypatch):
    real = os.open

    def failing(path, *arguments, **options):
        if path == "metrics.json":
            raise PermissionError(13, "Permission denied", path)
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", failing)
    with pytest.raises(FaceHubError, match=r"metrics\.json of ada cannot be read \(Permission denied\)"):
        ada.push(folder, "ada/face")
    assert nothing_arrived(loopback)
