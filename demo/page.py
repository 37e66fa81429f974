"""The page: layout and wiring only. One function per tab; `build` puts them together, and `LOOK` goes to its `launch()`.

Nothing on it comes from another server: fonts are the visitor's own, and no usage is reported.
"""

from collections.abc import Sequence
from pathlib import Path

import gradio as gr
import PIL.Image
from gradio import themes
from gradio.data_classes import ImageData
from gradio.events import api

from .check_tab import check_tab, label_choice
from .handlers import Handlers
from .visits import KEEP_SECONDS

SWEEP_SECONDS = 60
"""How often gradio looks for files older than `KEEP_SECONDS`."""

DEVICE = "device"
"""What computes on the device shares this line, one at a time."""

FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]

THEME = themes.Base(primary_hue="teal", neutral_hue="stone", radius_size="lg", font=FONT, font_mono=["ui-monospace", "Menlo", "monospace"]).set(
    body_background_fill="*neutral_50",
    block_background_fill="white",
    body_text_color_subdued="*neutral_500",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_text_color="white",
    slider_color="*primary_700",
)

LOOK = {"theme": THEME, "css_paths": Path(__file__).with_name("page.css"), "footer_links": ["api"], "run_history": False, "max_file_size": "64mb"}
"""What `launch()` has to know of the page. gradio would keep a history of runs in the visitor's browser; on a shared computer it should not."""

HEADER = """
<h1>facehub</h1>
<p class="promise">Another face on your photo, with your pose, your expression and your light.</p>
<p class="terms">For research and demonstration. Every result is marked as AI-generated. Use photos of people who agree to it.</p>
"""

NO_IDENTITY = """
**No identity is installed yet.** Train one with `python -m train`, or name a folder of identities in the environment variable
`FACEHUB_IDENTITIES`, and start again.
"""

ABOUT = f"""
### What happens to a photo
Faces are found and aligned by 68 landmarks. A small convolutional network, trained for one identity, paints that person's face in the same
pose, expression and light; the Poisson equation blends it in, so that colours meet at the edge. Hair, background and everything outside the
mask stay as they were, bit for bit. The method is that of
[Fast Face-swap Using Convolutional Neural Networks](https://arxiv.org/abs/1611.09577) (Korshunova, Shi, Dambre, Theis; ICCV 2017).

### What happens to your files
Your photo and its results lie where only you find them. They are deleted when you close the page, and {KEEP_SECONDS // 60:.0f} minutes later at
the latest. Nothing is kept, learned from, or reported to anyone.

### What it is for
Research and demonstration. Do not use it to deceive, to harass, or on people who did not agree. Every picture that comes out says that it is
generated: in a signed manifest, in an invisible watermark, and, unless whoever runs
this page turned it off, in a small mark in its corner. "Check a picture" reads them.
The landmark model was trained on iBUG 300-W, whose terms exclude commercial use.

### Example photos
Eileen Collins: NASA, public domain. The others: [Face Research Lab London Set](https://doi.org/10.6084/m9.figshare.5047666), DeBruine and
Jones, CC BY 4.0.
"""

NO_SAMPLE = PIL.Image.new("L", (8, 8), 200)

FACES = [("All faces", "all"), ("The largest face", "largest"), *((f"Face {number}", str(number)) for number in range(10))]
"""Numbered as they are drawn over the photo, largest first."""


def build(handlers: Handlers) -> gr.Blocks:
    """The whole page, ready for `launch(**LOOK)`."""
    gr.set_static_paths([*handlers.examples, *(sample for one in handlers.identities.values() for sample in one.samples)])
    with gr.Blocks(title="facehub", analytics_enabled=False, delete_cache=(SWEEP_SECONDS, int(KEEP_SECONDS))) as page:
        gr.HTML(HEADER, elem_id="header")
        with gr.Tabs():
            swap_tab(handlers)
            check_tab(handlers)
            about_tab()
        api(handlers.listed, api_name="identities", queue=False)
        page.unload(handlers.leave)
    return page


def swap_tab(handlers: Handlers) -> None:
    """A photo, an identity, one button; below them what came of it."""
    known = list(handlers.identities.values())
    with gr.Tab("Swap a photo"):
        with gr.Row(elem_id="choices"):
            with gr.Column(min_width=300):
                photo = gr.Image(
                    label="Your photo",
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "clipboard", "webcam"],
                    height=360,
                    buttons=[],
                    alt_text="The photo whose faces will be swapped",
                    elem_id="photo",
                    elem_classes="framed",
                )
                photo.preprocess = as_uploaded
                examples = gr.Dataset(
                    label="No photo at hand? Take one of these",
                    components=[gr.Image(render=False)],
                    samples=[[str(file)] for file in handlers.examples],
                    type="index",
                    visible=bool(handlers.examples),
                    elem_id="examples",
                )
            with gr.Column(min_width=300):
                pictures = [(one.samples[0] if one.samples else NO_SAMPLE, one.title) for one in known]
                first = 0 if known else None
                cards = tiles("identities", "Identity", pictures, columns=3, object_fit="cover", allow_preview=False, selected_index=first)
                identity = gr.Textbox(known[0].name if known else "", label="Identity", visible=False)
                about, pictures = handlers.introduce(known[0].name) if known else (NO_IDENTITY, [])
                introduced = gr.Markdown(about, elem_id="introduced")
                samples = tiles("samples", "Samples", pictures, columns=4, object_fit="cover", visible=bool(known))
        with gr.Row(elem_id="settings", equal_height=True):
            strength = gr.Slider(0, 1, 1, step=0.05, label="Strength", scale=2, min_width=240)
            strength.preprocess = as_sent
            faces = gr.Dropdown(FACES, value="all", allow_custom_value=True, label="Which faces", scale=2, min_width=240)
            label = label_choice(handlers)
            go = gr.Button("Swap", variant="primary", size="lg", interactive=bool(known), scale=3, elem_id="go")
        with gr.Column(elem_id="results"):
            with gr.Row(elem_id="pictures"):
                original = shown("original", "Original", height=320, alt_text="Your photo as it was")
                raw = shown("raw", "Raw network output", height=320, alt_text="The photo with the network's output pasted in")
                blended = shown("blended", "Blended result", height=320, alt_text="The photo with the new face blended in")
            before_after = shown("before-after", "Before and after", kind=gr.ImageSlider)
            result = gr.DownloadButton("Download the result", elem_id="download")
            with gr.Accordion("How it came about", open=False, elem_id="how"), gr.Row():
                with gr.Column(min_width=300):
                    steps = tiles("steps", "Face by face", columns=3, object_fit="contain")
                    timetable = gr.Markdown(elem_id="timetable")
                with gr.Column(min_width=300):
                    landmarks = shown("landmarks", "Landmarks", alt_text="The photo with the landmarks drawn over it")

    at_once = {"concurrency_limit": None, "show_progress": "hidden"}
    photo.upload(handlers.take_in, photo, photo, api_name="take_in", **at_once).failure(None, js="() => null", outputs=photo)
    examples.click(handlers.example, examples, photo, api_name="example", **at_once)
    cards.select(handlers.choose, None, identity, api_name="choose", api_visibility="private", **at_once)
    identity.change(handlers.introduce, identity, [introduced, samples], api_name="introduce", **at_once)
    go.click(
        handlers.swap,
        [photo, identity, strength, faces, *label],
        [result, original, raw, blended, before_after, steps, landmarks, timetable],
        api_name="swap",
        concurrency_id=DEVICE,
        concurrency_limit=1,
        show_progress_on=blended,
    )


def about_tab() -> None:
    """How it works, what becomes of the visitor's files, and whose photos the examples are."""
    with gr.Tab("About"):
        gr.Markdown(ABOUT, elem_id="about")


def shown(name: str, label: str, *, kind: type = gr.Image, **options) -> gr.Image | gr.ImageSlider:
    """A picture to look at, not to change."""
    return kind(label=label, elem_id=name, elem_classes="framed", interactive=False, buttons=["fullscreen"], **options)


def tiles(name: str, label: str, pictures: Sequence = (), **options) -> gr.Gallery:
    """Pictures side by side, each with its caption if it has one."""
    return gr.Gallery(list(pictures), label=label, elem_id=name, elem_classes=["framed", "tiles"], interactive=False, buttons=[], **options)


def as_uploaded(payload: ImageData | None) -> str | None:
    """gr.Image would open the file itself, and say in its own words what is wrong with it; its handlers get the file as it came."""
    return payload.path if payload else None


def as_sent(payload: float | int) -> float | int:
    """gr.Slider would meet a number out of its range with a traceback in the log; the Swapper has a sentence for it."""
    return payload
