"""The swap tab: a photo, an identity, one button; below them what came of it."""

from typing import NamedTuple

import gradio as gr

from facehub.swapping import MASKERS

from . import asked
from .check_tab import label_choice
from .handlers import MOST_AT_ONCE, Handlers
from .look import AT_ONCE, DEVICE, shown, tiles

NO_IDENTITY = """
**No identity is installed yet.** Train one with `python -m train`, or name a folder of identities in the environment variable
`FACEHUB_IDENTITIES`, and start again.
"""

LINK = """(name) => name.startsWith('trained:') ? 'Only you can use this face, until you publish it.'
    : name ? location.origin + location.pathname + '?identity=' + encodeURIComponent(name).replace('%2F', '/').replace('%40', '@') : ''"""
"""What opens the page with this identity chosen. Only the browser knows under which address it sees the page."""

FACES = [("All faces", "all"), ("The largest face", "largest"), *((f"Face {number}", str(number)) for number in range(10))]
"""Numbered as they are drawn over the photo, largest first."""


FRONT = [("stay", "learned"), ("are painted over", "landmarks")]
"""The learned mask, or the outline of the landmarks."""


class Chosen(NamedTuple):
    """What other tabs change when they bring an identity here."""

    shelf: gr.State
    cards: gr.Gallery
    compared: gr.CheckboxGroup
    identity: gr.Textbox


def swap_tab(handlers: Handlers) -> Chosen:
    """`shelf` holds the names of the identities that this visitor sees, in the order of their cards."""
    known = list(handlers.identities.values())
    with gr.Tab("Swap a photo", id="swap"):
        shelf = gr.State([one.name for one in known])
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
                photo.preprocess = asked.file
                examples = gr.Dataset(
                    label="No photo at hand? Take one of these",
                    components=[gr.Image(render=False)],
                    samples=[[str(file)] for file in handlers.examples],
                    type="index",
                    visible=bool(handlers.examples),
                    elem_id="examples",
                )
                examples.preprocess = asked.place("Example", len(handlers.examples))
            with gr.Column(min_width=300):
                first = 0 if known else None
                first_cards = handlers.cards(list(handlers.identities))
                cards = tiles("identities", "Identity", first_cards, columns=3, object_fit="cover", allow_preview=False, selected_index=first)
                identity = gr.Textbox(known[0].name if known else "", label="Identity", visible=False)
                identity.preprocess = asked.text("The identity", 300)
                about, pictures = handlers.introduce(known[0].name) if known else (NO_IDENTITY, [])
                introduced = gr.Markdown(about, elem_id="introduced")
                link = gr.Textbox(label="Link to this face", interactive=False, buttons=["copy"], max_lines=1, visible=bool(known), elem_id="link")
                samples = tiles("samples", "Samples", pictures, columns=4, object_fit="cover", visible=bool(known))
        with gr.Row(elem_id="settings", equal_height=True):
            strength = gr.Slider(0, 1, 1, step=0.05, label="Strength", scale=2, min_width=240)
            strength.preprocess = asked.number("Strength", 0, 1, "from 0 (the photo as it is) to 1 (the full swap)")
            faces = gr.Dropdown(FACES, value="all", allow_custom_value=True, label="Which faces", scale=2, min_width=240)
            faces.preprocess = asked.which_faces
            masker = gr.Radio(FRONT, value="learned", label="Hair, hands and glasses before the face", scale=2, min_width=240, elem_id="masker")
            masker.preprocess = asked.choice("The mask", MASKERS)
            label = label_choice(handlers)
            go = gr.Button("Swap", variant="primary", size="lg", interactive=bool(known), scale=3, elem_id="go")
        with gr.Column(elem_id="results"):
            with gr.Row(elem_id="pictures"):
                original = shown("original", "Original", height=320, alt_text="Your photo as it was")
                raw = shown("raw", "Raw network output", height=320, alt_text="The photo with the network's output pasted in")
                blended = shown("blended", "Blended result", height=320, alt_text="The photo with the new face blended in")
            notes = gr.Markdown(elem_id="notes")
            before_after = shown("before-after", "Before and after", kind=gr.ImageSlider)
            result = gr.DownloadButton("Download the result", elem_id="download")
            with gr.Accordion("How it came about", open=False, elem_id="how"), gr.Row():
                with gr.Column(min_width=300):
                    steps = tiles("steps", "Face by face", columns=3, object_fit="contain")
                    timetable = gr.Markdown(elem_id="timetable")
                with gr.Column(min_width=300):
                    landmarks = shown("landmarks", "Landmarks", alt_text="The photo with the landmarks drawn over it")

        with gr.Accordion("Several faces on this photo", open=False, elem_id="several"):
            names = gr.CheckboxGroup([(one.title, one.name) for one in known], label="Faces to compare", show_select_all=True, elem_id="compared")
            names.preprocess = asked.texts("Faces to compare", MOST_AT_ONCE)
            compare = gr.Button("Compare", interactive=bool(known), elem_id="compare")
            grid = tiles("grid", "Side by side", columns=3, object_fit="contain")

    photo.upload(handlers.take_in, photo, photo, api_name="take_in", **AT_ONCE).failure(None, js="() => null", outputs=photo)
    examples.click(handlers.example, examples, photo, api_name="example", **AT_ONCE)
    cards.select(handlers.choose, shelf, identity, api_name="choose", api_visibility="private", **AT_ONCE)
    identity.change(handlers.introduce, identity, [introduced, samples], api_name="introduce", **AT_ONCE)
    go.click(
        handlers.swap,
        [photo, identity, strength, faces, masker, *label],
        [result, original, raw, blended, before_after, steps, landmarks, timetable, notes],
        api_name="swap",
        concurrency_id=DEVICE,
        concurrency_limit=1,
        show_progress_on=blended,
    )
    compare.click(
        handlers.swap_all,
        [photo, names, strength, faces, masker, *label],
        grid,
        api_name="swap_all",
        concurrency_id=DEVICE,
        concurrency_limit=1,
        show_progress_on=grid,
    )
    gr.on(None, None, identity, link, js=LINK)
    return Chosen(shelf, cards, names, identity)
