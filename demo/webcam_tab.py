"""The live tab: the visitor's camera, and beside it what it shows with another face."""

import gradio as gr
from gradio.components.image_editor import WebcamOptions
from gradio.data_classes import ImageData

from .swap_tab import Chosen
from .video_tab import identities, offer
from .webcam import WAITING, Webcam

EVERY_SECONDS = 0.05
"""How often the browser offers a frame; it is taken when the last one is done."""

TURN_SECONDS = 60
"""Seconds of computing until it is the next visitor's turn."""

HINT = """
The camera's pictures are computed on this server and forgotten at once: none of them becomes a file. What you see carries the visible AI mark.
After a minute it is the next visitor's turn: press record again to go on.
"""


def webcam_tab(webcam: Webcam, chosen: Chosen) -> None:
    """`chosen`: the swap tab's, whose identities can be chosen from here too."""
    handlers = webcam.handlers
    with gr.Tab("Live", id="live") as tab:
        gr.Markdown(HINT, elem_classes="hint")
        identity = identities(handlers, "live-identity")
        with gr.Row(elem_id="live"):
            with gr.Column(min_width=300):
                camera = gr.Image(
                    label="Your camera",
                    sources=["webcam"],
                    streaming=True,
                    height=360,
                    buttons=[],
                    webcam_options=WebcamOptions(constraints={"video": {"width": {"ideal": 640}, "height": {"ideal": 480}}}),
                    alt_text="What your camera sees",
                    elem_id="camera",
                    elem_classes="framed",
                )
                camera.preprocess = as_streamed
            with gr.Column(min_width=300):
                picture = gr.HTML(WAITING, elem_id="live-picture")
                told = gr.Markdown(elem_id="live-told")

    offer(tab, handlers, chosen, identity)
    camera.stream(
        webcam.frame,
        [camera, identity],
        [picture, told],
        api_name="live",
        stream_every=EVERY_SECONDS,
        time_limit=TURN_SECONDS,
        concurrency_id="live",
        concurrency_limit=1,
        show_progress="hidden",
    )


def as_streamed(payload: ImageData | None) -> str | None:
    """gr.Image would decode the frame, with limits of its own; the handler gets it as it was sent."""
    return payload.url if payload else None
