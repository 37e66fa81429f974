"""Identities as the handlers list, introduce and load them."""

import time
from dataclasses import replace

import gradio as gr
import pytest

from demo.handlers.swap import Handlers
from facehub.swapper import Swapper

from ..conftest import TwoFaces, photo_of


def test_another_identity_costs_less_than_a_second(handlers, identities, upload):
    """Of this thread's computing, from its file: how much more the first swap takes than the second."""
    real = Handlers(identities, lambda one: Swapper(one.generator(), finder=TwoFaces()), handlers.visits)
    photo = upload(photo_of((90, 160, 120)))
    real.swap(photo, "ada")
    spent = []
    for _ in range(2):
        start = time.thread_time()
        real.swap(photo, "ben")
        spent.append(time.thread_time() - start)
    assert spent[0] - spent[1] < 1


def test_networks_are_loaded_once_and_only_so_many_kept(handlers, identities, swapper, upload, loads):
    photo = upload(photo_of((90, 160, 120)))
    for name in ("ada", "ben", "ada"):
        handlers.swap(photo, name)
    assert loads == ["ada", "ben"]
    narrow = Handlers(identities, swapper, handlers.visits, keep=1)
    for name in ("ada", "ben", "ada", "ada"):
        narrow.swap(photo, name)
    assert loads == ["ada", "ben", "ada", "ben", "ada"]


def test_identities_are_listed_and_introduced(handlers):
    assert [one["name"] for one in handlers.list_identities()] == ["ada", "ben"]
    about = handlers.describe("ben")
    assert "belongs to nobody" in about
    assert "128 px" in about
    assert "<b>" not in about
    with pytest.raises(gr.Error, match="nobody"):
        handlers.describe("nobody")


def test_of_two_that_are_recognised_alike_the_one_that_leaves_less_of_the_photo_comes_first(
    identities, swapper, handlers
):
    rows = {
        "ada": {"retrieved": 0.982, "to_identity": 0.77, "to_input": 0.35},
        "ben": {"retrieved": 0.978, "to_identity": 0.72, "to_input": 0.20},
    }
    measured = [replace(one, metrics={"table": {"blended": rows[one.name]}}) for one in identities]
    assert list(Handlers(measured, swapper, handlers.visits).identities) == ["ben", "ada"]


def test_the_best_measured_identity_comes_first(identities, swapper, handlers):
    shares = {"ada": {"retrieved": 0.5}, "ben": {"retrieved": 0.9, "sface_retrieved": 0.8}}
    measured = [replace(one, metrics={"table": {"blended": shares[one.name]}}) for one in identities]
    page = Handlers(measured, swapper, handlers.visits)
    assert list(page.identities) == ["ben", "ada"]
    html = page.cards_html(["ben", "ada"], "ben", "group")
    assert "85% recognised" in html and html.index('value="ben" checked') < html.index('value="ada"')
    assert "<b>Example</b>" not in html, "titles are text"
