"""The video tab: a video and what is made of it, an identity, one button; it can be stopped at work."""

import gradio as gr

from facehub.choices import MASKERS

from ..handlers.video import FORMATS, VideoHandlers
from ..server import validators
from .inputs import (
    AT_ONCE,
    MASK_CHOICES,
    PRIVATE,
    SPLIT,
    SwapInputs,
    follow_choice,
    identity_choice,
    label_choice,
    on_device,
    picture,
)
from .scripts import GO_TO_JS

VIDEO_QUEUE = "film"
"""Films wait for each other in this line, and photos do not wait for them."""

QUALITY_CHOICES = [("High", "high"), ("Smaller file", "small")]

NOTHING_MADE = '<p class="nothing">The video with the new face will stand here.</p>'

CLEAR_JS = "() => [null, null, null, '']"
"""Nothing of an earlier video stays under a new one."""

SHOW_MADE_JS = GO_TO_JS % ("innerWidth > 640", "#made", "*")
"""On a phone what is made stands above the buttons: go there, where it says how far it is."""

FACE_CHOICES = [("All faces", "all"), ("The largest face", "largest")]

HINT = """
Faces should be 80 pixels wide or more and look roughly at the camera. At most {seconds:.0f} seconds, and
{megapixels:g} megapixels a frame. The sound stays.
"""


def video_tab(films: VideoHandlers, chosen: SwapInputs) -> None:
    """`chosen`: the swap tab's, whose identities can be chosen from here too."""
    handlers = films.handlers
    with gr.Tab("Swap a video", id="video") as tab:
        with gr.Row(elem_id="filming"):
            with gr.Column(min_width=300):
                video = gr.Video(
                    label="Your video",
                    sources=["upload"],
                    height=340,
                    buttons=[],
                    elem_id="video",
                    elem_classes="framed",
                )
                video.preprocess = validators.file
                gr.Markdown(
                    HINT.format(seconds=films.max_seconds, megapixels=films.max_megapixels),
                    elem_classes="hint",
                )
            with gr.Column(min_width=300, elem_id="made"):
                gr.HTML(NOTHING_MADE, elem_id="video-waiting")
                frame = picture(
                    "video-frame",
                    "One frame, before and after",
                    kind=gr.ImageSlider,
                    height=340,
                    slider_position=SPLIT,
                )
                result = gr.Video(
                    label="The result",
                    height=340,
                    interactive=False,
                    buttons=[],
                    elem_id="video-result",
                    elem_classes="framed",
                )
                told = gr.Markdown(elem_id="video-summary")
                download = gr.DownloadButton("Download the video", elem_id="video-download")
        own = identity_choice(handlers, "video-identity")
        known = bool(handlers.identities)
        with gr.Row(elem_id="video-buttons"):
            look = gr.Button("Preview one frame", size="lg", interactive=known, elem_id="video-look")
            go = gr.Button(
                "Swap the video", variant="primary", size="lg", interactive=known, elem_id="video-go"
            )
            stop = gr.Button("Stop", size="lg", scale=0, min_width=90, elem_id="video-stop")
        with gr.Accordion("Faces, strength, mask and file", open=False, elem_id="video-options"):
            with gr.Row():
                faces = gr.Radio(FACE_CHOICES, value="all", label="Which faces", elem_id="video-faces")
                faces.preprocess = validators.choice("Faces", [word for _, word in FACE_CHOICES])
                masker = gr.Radio(
                    MASK_CHOICES,
                    value="learned",
                    label="Hair, hands and glasses in front of the face",
                    elem_id="video-masker",
                )
                masker.preprocess = validators.choice("The mask", MASKERS)
            strength = gr.Slider(0, 1, 1, step=0.05, label="Strength")
            strength.preprocess = validators.number(
                "Strength", 0, 1, "from 0 (the video as it is) to 1 (the full swap)"
            )
            with gr.Row():
                quality = gr.Radio(QUALITY_CHOICES, value="high", label="Quality", elem_id="video-quality")
                quality.preprocess = validators.choice("The quality", [word for _, word in QUALITY_CHOICES])
                form = gr.Radio(list(FORMATS), value="MP4", label="File type", elem_id="video-format")
                form.preprocess = validators.choice("The file type", list(FORMATS))
            label = label_choice(handlers)

    follow_choice(tab, handlers, chosen, own)
    video.change(None, None, [frame, result, download, told], js=CLEAR_JS)
    for button in (look, go):
        button.click(None, js=SHOW_MADE_JS)
    look.click(
        films.preview,
        [video, own.name, strength, faces, masker, *label],
        frame,
        api_name="preview_video",
        **on_device(handlers),
        show_progress_on=frame,
        **PRIVATE,
    )
    go.click(
        films.swap,
        [video, own.name, strength, faces, masker, quality, form, *label],
        [result, download, told],
        api_name="swap_video",
        concurrency_id=VIDEO_QUEUE,
        concurrency_limit=1,
        show_progress_on=result,
    )
    stop.click(films.stop, api_name="stop_video", api_visibility="undocumented", **AT_ONCE)
