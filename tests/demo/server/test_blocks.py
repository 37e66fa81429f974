"""Every input of the page has a validator, or the page does not build."""

import asyncio

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from demo.server import validators
from demo.server.blocks import GuardedBlocks


def page_with(tmp_path, box: gr.Textbox) -> GuardedBlocks:
    with GuardedBlocks(tmp_path) as page:
        box.render()
        gr.Button().click(lambda text: None, box, None, api_name="say")
    return page


def test_an_input_without_a_validator_fails_at_build(tmp_path):
    box = gr.Textbox(label="Name", render=False)
    with pytest.raises(TypeError, match="Name, an input of say, lacks a validator"):
        page_with(tmp_path, box)
    box = gr.Textbox(label="Name", render=False)
    box.preprocess = validators.text("Name")
    assert page_with(tmp_path, box)


def test_scripts_and_states_need_none(tmp_path):
    with GuardedBlocks(tmp_path) as page:
        state, box = gr.State([]), gr.Textbox()
        gr.Button().click(None, box, None, js="(text) => []")
        gr.Button().click(lambda names: None, state, None)
    assert page


def test_a_validator_outlives_an_update_of_its_input(tmp_path):
    with GuardedBlocks(tmp_path) as page:
        box, go = gr.Textbox(label="Name"), gr.Button()
        box.preprocess = validators.text("Name", 3)
        go.click(lambda text: gr.skip(), box, box, api_name="say")
    (say,) = page.fns.values()
    session = SessionState(page)

    def call(text: str) -> dict:
        return asyncio.run(page.process_api(say, [text], state=session))

    call("Ada")
    with pytest.raises(gr.Error, match="Name"):
        call("Adam")
