"""The live tab: the visitor's camera, and beside it what it shows with another face."""

import gradio as gr
from gradio.components.image_editor import WebcamOptions
from gradio.data_classes import ImageData

from ..handlers.live import WAITING, LiveHandlers
from ..server import validators
from .inputs import SwapInputs, follow_choice, identity_choice
from .scripts import RECORD_JS, SNAPSHOT_JS

EVERY_SECONDS = 0.07
"""How often the browser offers a frame; it is taken when the last one is done. Each, dropped or not, costs
the browser some 15 ms of computing and 90 kB."""

TURN_SECONDS = 60
"""Seconds of computing until it is the next visitor's turn."""

HINT = """
The camera's pictures are computed on this server and forgotten at once: none of them becomes a file. What you
see carries the visible AI mark. After a minute it is the next visitor's turn: press record again to go on.
"""

HINT_ALONE = """
The camera's pictures are computed on this machine and forgotten at once: none of them becomes a file unless
you save it. What you see carries the visible AI mark.
"""

START_SAVING, STOP_SAVING = "Save a video", "End the video"


def live_tab(webcam: LiveHandlers, chosen: SwapInputs) -> None:
    """`chosen`: the swap tab's, whose identities can be chosen from here too."""
    handlers = webcam.handlers
    with gr.Tab("Live", id="live") as tab:
        gr.Markdown(HINT_ALONE if webcam.alone else HINT, elem_classes="hint")
        own = identity_choice(handlers, "live-identity")
        with gr.Row(elem_id="live"):
            with gr.Column(min_width=300):
                camera = gr.Image(
                    label="Your camera",
                    sources=["webcam"],
                    streaming=True,
                    height=360,
                    buttons=[],
                    webcam_options=WebcamOptions(
                        constraints={"video": {"width": {"ideal": 640}, "height": {"ideal": 480}}}
                    ),
                    alt_text="What your camera sees",
                    elem_id="camera",
                    elem_classes="framed",
                )
                camera.preprocess = as_streamed
                mirror = gr.Checkbox(True, label="Mirror, as in a looking glass", elem_id="live-mirror")
                mirror.preprocess = validators.boolean("The mirror")
            with gr.Column(min_width=300):
                picture = gr.HTML(WAITING, elem_id="live-picture")
                told = gr.Markdown(elem_id="live-status")
                with gr.Row(elem_id="live-take"):
                    snapshot = gr.Button("Save a picture", min_width=140, elem_id="live-snapshot")
                    record = gr.Button(START_SAVING, min_width=140, elem_id="live-record")

    follow_choice(tab, handlers, chosen, own)
    camera.stream(
        webcam.frame,
        [camera, own.name, mirror],
        [picture, told],
        api_name="live",
        api_visibility="undocumented",
        stream_every=EVERY_SECONDS,
        time_limit=None if webcam.alone else TURN_SECONDS,
        concurrency_id="live",
        concurrency_limit=1,
        show_progress="hidden",
    )
    snapshot.click(None, js=SNAPSHOT_JS)
    record.click(None, None, record, js=RECORD_JS % (STOP_SAVING, START_SAVING))


def as_streamed(payload: ImageData | None) -> str | None:
    """gr.Image would decode the frame, with limits of its own; the handler gets it as it was sent."""
    return payload.url if payload else None
