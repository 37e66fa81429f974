"""An identity's samples: written once, marked once, in a small format; old ones are read as they are."""

import pathlib

import torch

from facehub import formats, image
from facehub.identity.folder import read
from facehub.identity.samples import NAME, write_samples
from tests.identities import make


def picture() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randint(0, 256, (3, 64, 80), dtype=torch.uint8)


def test_pictures_become_marked_webp(tmp_path):
    names = write_samples(tmp_path, {"one": picture()})
    assert names == ["one.webp"] and NAME.fullmatch(f"samples/{names[0]}")
    file = tmp_path / "samples" / names[0]
    assert formats.by_content(file.read_bytes()) is formats.WEBP
    assert image.read_statement(file) is not None


def test_files_are_copied_byte_for_byte(tmp_path):
    """Decoded and written, they would be marked twice."""
    old = tmp_path / "old.png"
    image.write(old, picture())
    assert write_samples(tmp_path, {"two": old}) == ["two.png"]
    assert (tmp_path / "samples" / "two.png").read_bytes() == old.read_bytes()


def test_an_identity_with_png_samples_is_read_and_shown_in_its_card(tmp_path):
    old = tmp_path / "old.png"
    image.write(old, picture())
    folder = make(tmp_path / "ada", samples={"one": picture(), "two": old})
    assert [path.name for path in read(folder).samples] == ["one.webp", "two.png"]
    card = (folder / "README.md").read_text()
    assert "![one](samples/one.webp)" in card and "![two](samples/two.png)" in card


def test_other_files_and_links_to_elsewhere_are_no_samples(tmp_path):
    folder = make(tmp_path / "ada", samples={"one": picture()})
    (folder / "samples" / "notes.txt").write_text("no picture")
    secret = tmp_path / "secret.webp"
    secret.write_bytes(b"secret")
    pathlib.Path(folder / "samples" / "linked.webp").symlink_to(secret)
    assert [path.name for path in read(folder).samples] == ["one.webp"]
