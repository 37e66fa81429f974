"""The video tab: a video, an identity, one button; it can be stopped while it is at work."""

import gradio as gr

from . import asked
from .check_tab import label_choice
from .handlers import Handlers
from .look import AT_ONCE
from .swap_tab import Chosen
from .video_handlers import VideoHandlers

FILMS = "film"
"""Films wait for each other in this line, and photos do not wait for them."""

WHOSE = [("All faces", "all"), ("The largest face", "largest")]

HINT = """
A face in it should be about 80 pixels wide or more and look roughly at the camera. At most {seconds:.0f} seconds, and {megapixels:g} megapixels a
frame. The sound stays as it is.
"""


def video_tab(films: VideoHandlers, chosen: Chosen) -> None:
    """`chosen`: the swap tab's, whose identities can be chosen from here too."""
    handlers = films.handlers
    with gr.Tab("Swap a video", id="video") as tab, gr.Row(elem_id="filming"):
        with gr.Column(min_width=300):
            video = gr.Video(label="Your video", sources=["upload"], height=360, buttons=[], elem_id="video", elem_classes="framed")
            video.preprocess = asked.file
            gr.Markdown(HINT.format(seconds=films.max_seconds, megapixels=films.max_megapixels), elem_classes="hint")
            identity = identities(handlers, "video-identity")
            faces = gr.Radio(WHOSE, value="all", label="Which faces", elem_id="video-faces")
            strength = gr.Slider(0, 1, 1, step=0.05, label="Strength")
            faces.preprocess = asked.choice("Faces", [word for _, word in WHOSE])
            strength.preprocess = asked.number("Strength", 0, 1, "from 0 (the video as it is) to 1 (the full swap)")
            label = label_choice(handlers)
            with gr.Row():
                go = gr.Button("Swap the video", variant="primary", size="lg", interactive=bool(handlers.identities), scale=3, elem_id="video-go")
                stop = gr.Button("Stop", size="lg", scale=1, min_width=90, elem_id="video-stop")
        with gr.Column(min_width=300):
            result = gr.Video(label="The result", height=360, interactive=False, buttons=[], elem_id="video-result", elem_classes="framed")
            download = gr.DownloadButton("Download the video", elem_id="video-download")
            told = gr.Markdown(elem_id="video-told")

    offer(tab, handlers, chosen, identity)
    go.click(
        films.swap,
        [video, identity, strength, faces, *label],
        [result, download, told],
        api_name="swap_video",
        concurrency_id=FILMS,
        concurrency_limit=1,
        show_progress_on=result,
    )
    stop.click(films.stop, api_name="stop_video", **AT_ONCE)


def identities(handlers: Handlers, elem_id: str) -> gr.Dropdown:
    """A list of the identities that are installed."""
    known = [(one.title, one.name) for one in handlers.identities.values()]
    dropdown = gr.Dropdown(known, value=known[0][1] if known else None, label="Identity", elem_id=elem_id)
    dropdown.preprocess = asked.text("The identity", 300)
    return dropdown


def offer(tab: gr.Tab, handlers: Handlers, chosen: Chosen, identity: gr.Dropdown) -> None:
    """Whenever the tab is opened, its list has all identities that this visitor sees, and the one chosen in the swap tab is chosen."""

    def offered(shelf: list[str], name: str, request: gr.Request) -> gr.Dropdown:
        titles = [title for _, title in handlers.cards(shelf, request.session_hash)]
        return gr.Dropdown(list(zip(titles, shelf, strict=True)), value=name or None)

    tab.select(offered, [chosen.shelf, chosen.identity], identity, api_visibility="private", **AT_ONCE)
