"""Folds below the swap tab's result: compare identities on the photo, and swap several photos."""

from typing import NamedTuple

import gradio as gr

from ..handlers.batch import BatchHandlers
from ..handlers.swap import MAX_COMPARED, Handlers
from ..server import validators
from .inputs import PRIVATE, gallery, on_device


class Inputs(NamedTuple):
    """What a swap is made of."""

    photo: gr.Image
    identity: gr.Textbox
    strength: gr.Slider
    faces: gr.Textbox
    masker: gr.Radio
    label: list[gr.Checkbox]

    @property
    def listed(self) -> list:
        """In the order of the API's parameters."""
        return [*self[:-1], *self.label]


def compare_fold(handlers: Handlers, inputs: Inputs) -> gr.CheckboxGroup:
    """Several identities on the photo, side by side."""
    known = list(handlers.identities.values())
    with gr.Accordion("Compare identities", open=False, elem_id="several"):
        names = gr.CheckboxGroup(
            [(one.title, one.name) for one in known],
            label="Identities to compare",
            show_select_all=True,
            elem_id="compared",
        )
        names.preprocess = validators.texts("Identities to compare", MAX_COMPARED)
        compare = gr.Button("Compare", interactive=bool(known), elem_id="compare")
        grid = gallery("grid", "Side by side", columns=3, object_fit="contain")
    photo, _, *rest = inputs.listed
    compare.click(
        handlers.compare,
        [photo, names, *rest],
        grid,
        api_name="compare",
        **on_device(handlers),
        show_progress_on=grid,
    )
    return names


def batch_fold(handlers: Handlers, inputs: Inputs) -> None:
    """Many photos with the chosen identity, as one ZIP file."""
    batch = BatchHandlers(handlers)
    with gr.Accordion("Several photos", open=False, elem_id="batch"):
        files = gr.File(
            label="Photos", file_count="multiple", file_types=["image"], height=140, elem_id="batch-photos"
        )
        files.preprocess = validators.files
        go = gr.Button("Swap all photos", interactive=bool(handlers.identities), elem_id="batch-go")
        packed = gr.DownloadButton("Download the ZIP file", interactive=False, elem_id="batch-download")
        summary = gr.Markdown(elem_id="batch-summary")
    go.click(
        batch.swap,
        [files, inputs.identity, inputs.strength, inputs.masker, *inputs.label],
        [packed, summary],
        api_name="swap_photos",
        **on_device(handlers),
        show_progress_on=summary,
        **PRIVATE,
    )
