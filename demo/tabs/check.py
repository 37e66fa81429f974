"""The tab that checks a picture or a video for marks."""

import json

import gradio as gr

from ..handlers.check import Checks
from ..handlers.swap import Handlers
from ..server import validators
from .scripts import GO_TO_JS

INTRODUCTION = """
Was a picture or a video made or changed with AI? What comes from this page says so in several ways, what
comes from many other programs in some of them. Drop a file in to see what it says. It is not kept.
"""

NOTHING_CHECKED = '<p class="nothing">What the marks of a picture or a video say will stand here.</p>'


def check_tab(handlers: Handlers) -> None:
    """A picture or a video, and what its marks say."""
    with gr.Tab("Check a picture", id="check"):
        gr.Markdown(INTRODUCTION)
        with gr.Row(elem_id="check"):
            with gr.Column(min_width=300):
                picture = gr.Image(
                    label="The picture",
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "clipboard"],
                    height=360,
                    placeholder="Drop a picture here, or click to choose one",
                    buttons=[],
                    alt_text="The picture to check",
                    elem_id="checked",
                    elem_classes="framed",
                )
                picture.preprocess = validators.file
                go = gr.Button("Check", variant="primary", size="lg", elem_id="check-go")
                film = gr.File(
                    label="Or a video",
                    type="filepath",
                    height=170,
                    elem_id="checked-video",
                    elem_classes="framed",
                    file_types=["video", ".mkv", ".ts"],
                )
                film.preprocess = validators.file
            with gr.Column(min_width=300):
                told = gr.HTML(NOTHING_CHECKED, elem_id="report")
        record = gr.JSON(visible=False)
    checks = Checks(handlers)
    asking = {"concurrency_id": "check", "concurrency_limit": 1, "show_progress_on": told}
    asked = go.click(checks.check, picture, [told, record], api_name="check", **asking)
    asked.success(None, js=GO_TO_JS % ("false", "#report", ".verdict"))
    film.upload(
        checks.check_video,
        film,
        [told, record],
        api_name="check_video",
        api_visibility="undocumented",
        **asking,
    )
    for one in (picture, film):
        one.change(None, None, told, js=f"() => {json.dumps(NOTHING_CHECKED)}")
