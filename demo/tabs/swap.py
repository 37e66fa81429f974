"""The swap tab: photo and identities on the left, the result on the right; it swaps when either changes."""

from typing import Any

import gradio as gr
from gradio.events import Dependency

from facehub.choices import MASKERS

from ..handlers.preview import FORMATS, PreviewHandlers
from ..handlers.swap import Handlers
from ..handlers.tools import ToolHandlers
from ..server import validators
from ..views import cards
from .folds import Inputs, batch_fold, compare_fold
from .inputs import (
    AT_ONCE,
    EVERY_TIME,
    MASK_CHOICES,
    PRIVATE,
    SPLIT,
    UNDOCUMENTED,
    SwapInputs,
    gallery,
    identity_choice,
    label_choice,
    on_device,
    picture,
)
from .scripts import (
    ADDRESS_JS,
    BEGIN_JS,
    DOWNLOAD_JS,
    EXAMPLES_JS,
    FACES_JS,
    FRESH_JS,
    NEWEST_JS,
    REMEMBER_PHOTO_JS,
    REMEMBERED_PHOTO_JS,
    SHOW_RESULT_JS,
)

NO_IDENTITY = """
**No identity is installed yet.** Train one with `python -m train`, or name a folder of identities in the
environment variable `FACEHUB_IDENTITIES`, and start again.
"""

VIEWS = [("Whole photo", "photo"), ("Face", "face")]


def swap_tab(handlers: Handlers, page: gr.Blocks) -> SwapInputs:
    """`page` is where a reload restores the photo. The result's state holds the identities that this visitor
    sees."""
    previews = PreviewHandlers(handlers)
    with gr.Tab("Swap a photo", id="swap"):
        shelf = gr.State(list(handlers.identities))
        call, mask = gr.Button(visible=False), gr.Image(label="Mask", visible=False)
        remembered = gr.Textbox(
            "", label="Photo", visible=False
        )  # without a value it would change as the page opens, and the answer take away what was dropped
        remembered.preprocess = validators.text("The photo")
        ticket = gr.Number(0, label="Ticket", visible=False)
        ticket.preprocess = validators.number("The ticket", 0, 10**15, "that this page gave out")
        answered = gr.Number(0, label="Answered", visible=False)
        with gr.Row(elem_id="stage"):
            with gr.Column(min_width=300, scale=6, elem_id="choices"):
                photo = gr.Image(
                    label="Your photo",
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "clipboard", "webcam"],
                    height=240,
                    placeholder="Drop a photo here, or click to choose one",
                    buttons=[],
                    alt_text="The photo whose faces will be swapped",
                    elem_id="photo",
                    elem_classes="framed",
                )
                photo.preprocess = validators.file
                examples = gr.HTML(
                    cards.example_buttons(handlers.examples),
                    apply_default_css=False,
                    js_on_load=EXAMPLES_JS,
                    elem_id="examples",
                )
                example = gr.Number(0, label="Example", visible=False)
                example.preprocess = validators.index("Example", len(handlers.examples))
                own = identity_choice(handlers, "identities")
                known = bool(handlers.identities)
                introduced = gr.Markdown("" if known else NO_IDENTITY, elem_id="introduced")
                go = gr.Button("Swap", variant="primary", size="lg", interactive=known, elem_id="go")
                picker = gr.HTML("", apply_default_css=False, js_on_load=FACES_JS, elem_id="faces")
                faces = gr.Textbox("all", label="Which faces", visible=False)
                faces.preprocess = validators.faces
            with gr.Column(min_width=300, scale=7, elem_id="result"):
                before_after = picture(
                    "before-after", "Before and after", kind=gr.ImageSlider, height=440, slider_position=SPLIT
                )
                with gr.Row(elem_id="adjust"):
                    strength = gr.Slider(0, 1, 1, step=0.05, label="Strength", min_width=180, scale=3)
                    strength.preprocess = validators.number(
                        "Strength", 0, 1, "from 0 (the photo as it is) to 1 (the full swap)"
                    )
                    view = gr.Radio(
                        VIEWS, value="photo", label="View", min_width=180, scale=2, elem_id="view"
                    )
                    view.preprocess = validators.choice("The view", [word for _, word in VIEWS])
                with gr.Row(elem_id="take"):
                    form = gr.Radio(
                        list(FORMATS), value="PNG", label="File type", min_width=120, elem_id="format"
                    )
                    form.preprocess = validators.choice("The file type", list(FORMATS))
                    download = gr.Button("Download", variant="primary", min_width=120, elem_id="download")
                    saved = gr.DownloadButton("Result", visible=False)
                notes = gr.Markdown(label="Notes on the faces", elem_id="notes")
                with gr.Accordion("Mask and mark", open=False, elem_id="options"):
                    masker = gr.Radio(
                        MASK_CHOICES,
                        value="learned",
                        label="Hair, hands and glasses in front of the face",
                        elem_id="masker",
                    )
                    masker.preprocess = validators.choice("The mask", MASKERS)
                    label = label_choice(handlers)
        with gr.Row(elem_id="pictures"):
            original = picture("original", "Original", height=320, alt_text="Your photo as it was")
            raw = picture(
                "raw",
                "Raw network output",
                height=320,
                alt_text="The photo with the network's output pasted in",
            )
            blended = picture(
                "blended", "Blended result", height=320, alt_text="The photo with the new face blended in"
            )
        with gr.Accordion("Details", open=False, elem_id="how") as how, gr.Row():
            with gr.Column(min_width=300):
                steps = gallery("steps", "Face by face", columns=3, object_fit="contain")
                timetable = gr.Markdown(label="Seconds of each stage", elem_id="timetable")
            with gr.Column(min_width=300):
                landmarks = picture(
                    "landmarks", "Landmarks", alt_text="The photo with the landmarks drawn over it"
                )
        inputs = Inputs(photo, own.name, strength, faces, masker, label)
        names = compare_fold(handlers, inputs)
        batch_fold(handlers, inputs)

    shown = [before_after, original, raw, blended, notes]
    cleared = [*shown, steps, landmarks, timetable, how]
    device = on_device(handlers)
    running: dict[str, Any] = {"show_progress_on": before_after} | device
    link = PRIVATE | EVERY_TIME
    settings = [photo, own.name, strength, faces, masker, view, ticket, *label]
    newest = NEWEST_JS % settings.index(ticket)

    def show(event: Dependency, name: str, handler=previews.show_when_ready) -> None:
        """Swap anew, and go to the result."""
        done = event.then(handler, settings, [*shown, answered], api_name=name, js=newest, **link, **running)
        done.success(None, answered, None, js=FRESH_JS).then(None, js=SHOW_RESULT_JS)
        done.failure(None, ticket, None, js=f"() => ({FRESH_JS})(Infinity)")

    def rerun(event: Dependency, name: str, handler=previews.show_when_ready) -> None:
        """Clear what the earlier choice gave, then show the new one."""
        begun = event.then(
            previews.begin, ticket, cleared, api_name=f"begin_{name}", js=BEGIN_JS, **link, **AT_ONCE
        )
        show(begun, name, handler)

    photo.upload(handlers.accept_upload, photo, photo, api_name="take_in", **UNDOCUMENTED, **AT_ONCE).failure(
        None, js="() => null", outputs=photo
    )
    examples.select(None, None, example, js="() => window.facehub.example").then(
        handlers.example,
        example,
        photo,
        api_name="example",
        trigger_mode="always_last",
        **UNDOCUMENTED,
        **AT_ONCE,
    )
    photo.change(None, photo, None, js=REMEMBER_PHOTO_JS)
    page.load(None, None, remembered, js=REMEMBERED_PHOTO_JS)
    remembered.change(  # an answer of None would clear what a visitor chose meanwhile
        handlers.restore_photo, remembered, photo, api_name="restore_photo", **PRIVATE, **AT_ONCE
    )
    cleared_first = photo.change(
        previews.begin, ticket, cleared, api_name="begin_photo", js=BEGIN_JS, **link, **AT_ONCE
    )
    found = cleared_first.then(
        previews.find_faces,
        [photo, shelf, ticket],
        [picker, faces],
        api_name="find_faces",
        js=NEWEST_JS % 2,
        concurrency_limit=None,
        show_progress_on=before_after,
        **link,
    )
    show(found, "show_photo")
    rerun(picker.select(None, None, faces, js="() => window.facehub.faces"), "show_faces")
    own.name.change(handlers.describe, own.name, introduced, api_name="introduce", **UNDOCUMENTED, **AT_ONCE)
    rerun(own.name.change(None, own.name, None, js=ADDRESS_JS), "show_identity")
    for number, box in enumerate([masker, *label]):
        rerun(box.change(None, None, None, js="() => null"), f"show_setting_{number}")
    rerun(go.click(None, None, None, js="() => null"), "show_clicked", previews.show)
    gr.on(
        [strength.change, view.change],
        previews.adjust,
        settings,
        [before_after, blended],
        api_name="adjust",
        js=newest,
        trigger_mode="always_last",
        **device,
        show_progress="hidden",
        **PRIVATE,
    )
    how.expand(
        previews.details,
        [photo, own.name, faces, masker],
        [steps, landmarks, timetable],
        api_name="show_details",
        **PRIVATE,
        **device,
    )
    download.click(
        previews.save,
        [photo, own.name, strength, faces, masker, form, *label],
        saved,
        api_name="save",
        **PRIVATE,
        **device,
        show_progress_on=download,
    ).success(None, saved, None, js=DOWNLOAD_JS)
    call.click(
        handlers.swap,
        inputs.listed,
        [saved, timetable, notes],
        api_name="swap",
        **device,
    )
    call.click(
        ToolHandlers(previews).swap_file,
        [photo, own.name, strength, faces, masker, form],
        [saved, notes],
        api_name="swap_file",
        **device,
        **UNDOCUMENTED,
    )
    call.click(
        handlers.details,
        [photo, own.name, faces, masker],
        [raw, steps, landmarks],
        api_name="details",
        **device,
    )
    call.click(
        handlers.mask,
        [photo, faces, masker],
        mask,
        api_name="mask",
        **device,
    )
    return SwapInputs(shelf, own.cards, names, own.name)
