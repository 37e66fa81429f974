"""The video tab: a video, an identity, one button; it can be stopped while it is at work."""

import gradio as gr

from facehub.choices import MASKERS

from ..handlers.video import FORMATS, VideoHandlers
from ..server import validators
from .inputs import (
    AT_ONCE,
    DEVICE_QUEUE,
    MASK_CHOICES,
    PRIVATE,
    SPLIT,
    SwapInputs,
    follow_choice,
    identity_choice,
    label_choice,
    picture,
)

VIDEO_QUEUE = "film"
"""Films wait for each other in this line, and photos do not wait for them."""

QUALITY_CHOICES = [("High", "high"), ("Smaller file", "small")]

CLEAR_JS = "() => [null, null, null, '']"
"""Nothing of an earlier video stays under a new one."""

FACE_CHOICES = [("All faces", "all"), ("The largest face", "largest")]

HINT = """
A face in it should be about 80 pixels wide or more and look roughly at the camera. At most {seconds:.0f}
seconds, and {megapixels:g} megapixels a frame. The sound stays as it is.
"""


def video_tab(films: VideoHandlers, chosen: SwapInputs) -> None:
    """`chosen`: the swap tab's, whose identities can be chosen from here too."""
    handlers = films.handlers
    with gr.Tab("Swap a video", id="video") as tab, gr.Row(elem_id="filming"):
        with gr.Column(min_width=300):
            video = gr.Video(
                label="Your video",
                sources=["upload"],
                height=360,
                buttons=[],
                elem_id="video",
                elem_classes="framed",
            )
            video.preprocess = validators.file
            gr.Markdown(
                HINT.format(seconds=films.max_seconds, megapixels=films.max_megapixels), elem_classes="hint"
            )
            own = identity_choice(handlers, "video-identity")
            faces = gr.Radio(FACE_CHOICES, value="all", label="Which faces", elem_id="video-faces")
            strength = gr.Slider(0, 1, 1, step=0.05, label="Strength")
            faces.preprocess = validators.choice("Faces", [word for _, word in FACE_CHOICES])
            strength.preprocess = validators.number(
                "Strength", 0, 1, "from 0 (the video as it is) to 1 (the full swap)"
            )
            with gr.Accordion("Mask and file", open=False, elem_id="video-options"):
                masker = gr.Radio(
                    MASK_CHOICES,
                    value="learned",
                    label="Hair, hands and glasses in front of the face",
                    elem_id="video-masker",
                )
                masker.preprocess = validators.choice("The mask", MASKERS)
                with gr.Row():
                    quality = gr.Radio(
                        QUALITY_CHOICES, value="high", label="Quality", min_width=200, elem_id="video-quality"
                    )
                    quality.preprocess = validators.choice(
                        "The quality", [word for _, word in QUALITY_CHOICES]
                    )
                    form = gr.Radio(
                        list(FORMATS), value="MP4", label="File type", min_width=200, elem_id="video-format"
                    )
                    form.preprocess = validators.choice("The file type", list(FORMATS))
                label = label_choice(handlers)
            look = gr.Button("Preview one frame", interactive=bool(handlers.identities), elem_id="video-look")
            with gr.Row():
                go = gr.Button(
                    "Swap the video",
                    variant="primary",
                    size="lg",
                    interactive=bool(handlers.identities),
                    scale=3,
                    elem_id="video-go",
                )
                stop = gr.Button("Stop", size="lg", scale=1, min_width=90, elem_id="video-stop")
        with gr.Column(min_width=300):
            frame = picture(
                "video-frame",
                "One frame, before and after",
                kind=gr.ImageSlider,
                height=360,
                slider_position=SPLIT,
            )
            result = gr.Video(
                label="The result",
                height=360,
                interactive=False,
                buttons=[],
                elem_id="video-result",
                elem_classes="framed",
            )
            told = gr.Markdown(elem_id="video-summary")
            download = gr.DownloadButton("Download the video", elem_id="video-download")

    follow_choice(tab, handlers, chosen, own)
    video.change(None, None, [frame, result, download, told], js=CLEAR_JS)
    look.click(
        films.preview,
        [video, own.name, strength, faces, masker, *label],
        frame,
        api_name="preview_video",
        concurrency_id=DEVICE_QUEUE,
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
