"""Uploads and examples as the handlers take them in."""

from pathlib import Path

import gradio as gr
import pytest
import torch

from facehub import image

from ..conftest import photo_of


def test_taking_in_refuses_what_is_no_photo(handlers, upload):
    path = Path(upload(photo_of((90, 160, 120)), "photo.jpg"))
    path.write_bytes(b"no picture")
    with pytest.raises(gr.Error, match="photo.jpg is not a picture"):
        handlers.accept_upload(str(path))


def test_taking_in_leaves_what_browsers_show_and_converts_the_rest(handlers, upload):
    photo = photo_of((90, 160, 120))
    alpha = torch.full((1, *photo.shape[1:]), 200, dtype=torch.uint8)
    as_it_is = upload(photo)
    assert handlers.accept_upload(as_it_is) == as_it_is
    converted = image.read(handlers.accept_upload(upload(photo, "photo.tiff", alpha=alpha)))
    assert torch.equal(converted.photo, photo)
    assert torch.equal(converted.alpha, alpha)
    assert handlers.accept_upload(None) is None


def test_examples_by_number(handlers):
    assert handlers.example(0) == str(handlers.examples[0])
    for index in (-1, len(handlers.examples)):
        with pytest.raises(gr.Error, match="numbered from 0 to 0"):
            handlers.example(index)
