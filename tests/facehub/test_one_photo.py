"""`facehub.swap`: one photo in any form, one line."""

import types

import numpy as np
import pytest
import torch

import facehub
from facehub import image
from facehub.checker import check
from facehub.errors import BadPhoto, UnknownIdentity
from facehub.face_plan import SwappedFaces
from tests.identities import make


@pytest.fixture(autouse=True)
def ada(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEHUB_IDENTITIES", str(tmp_path))
    return make(tmp_path / "ada", size=16)


def test_every_form_of_a_photo_gives_the_same(examples, astronaut, tmp_path):
    """Path, PIL picture, array and tensor; the saved file is marked, and names the identity."""
    result = facehub.swap(str(examples / "astronaut.png"), "Ada")
    assert result.photo.shape == astronaut.shape
    assert ((result.photo == astronaut) | (result.details.mask[0] > 0)).all()
    assert (result.photo != astronaut).any()
    forms = [
        examples / "astronaut.png",
        image.to_pil(astronaut),
        astronaut.permute(1, 2, 0).numpy(),
        astronaut,
        image.to_pil(astronaut.flip(2)).transpose(0),
    ]
    for form in forms:
        other = facehub.swap(form, "ada")
        assert torch.equal(other.photo, result.photo), type(form)
        assert np.array_equal(other.array, result.photo.permute(1, 2, 0).numpy())
    result.save(tmp_path / "out.jpg", label=True)
    report = check(tmp_path / "out.jpg").record()
    assert report["marked"] and report["layers"]["manifest"]["details"]["identity"] == "ada"
    assert image.read(tmp_path / "out.jpg").photo.shape == astronaut.shape


def test_an_identity_per_face_and_an_identity_that_was_loaded(astronaut, ada):
    whole = facehub.swap(astronaut, facehub.load(ada), faces="largest", masker="landmarks")
    planned = facehub.swap(astronaut, {0: "ada"}, masker="landmarks")
    assert isinstance(planned.details, SwappedFaces)
    assert torch.equal(planned.photo, whole.photo)
    assert planned.identity.handle == "0=ada"


def test_swap_is_the_function_whatever_was_imported():
    from facehub import swapper  # noqa: F401

    assert isinstance(facehub.swap, types.FunctionType)
    assert {"swap", "swap_faces", "Swapper"} <= set(dir(facehub))


@pytest.mark.parametrize("photo", [
    torch.zeros(3, 80, 80), torch.zeros(1, 3, 80, 80, dtype=torch.uint8), np.zeros((80, 80), np.uint8),
    np.zeros((3, 80, 80), np.uint8), 5, None, b"bytes",
])  # fmt: skip
def test_what_is_no_photo(photo):
    with pytest.raises(BadPhoto, match=r"give a path, a PIL picture, a uint8 array"):
        facehub.swap(photo, "ada")


def test_unknown_names(astronaut):
    with pytest.raises(UnknownIdentity, match="did you mean ada"):
        facehub.swap(astronaut, "adda")
