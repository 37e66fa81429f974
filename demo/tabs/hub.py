"""The hub tab: search, look, and take a face to the swap tab."""

import json
from typing import NamedTuple

import gradio as gr

from ..handlers.hub import HubHandlers, IdentityDetails
from ..server import validators
from ..views.html import BASIS
from .inputs import AT_ONCE, gallery
from .scripts import GO_TO_JS

SORT_CHOICES = [("Most popular", "downloads"), ("Newest", "last_modified")]

BASIS_CHOICES = [("Any", ""), *((meaning, name) for name, meaning in BASIS.items())]

HINT = """
Faces that others trained and share. Each comes with a record of whose face it is and on what basis it may be
used; nothing but weights, records and pictures is ever fetched, and all of it is checked.
"""

NONE_CHOSEN = (
    '<p class="nothing">Choose a face to see whose it is, on what basis it may be used, and how good it '
    "is.</p>"
)


CLEAR_DETAILS_JS = f"() => ['', {json.dumps(NONE_CHOSEN)}, [], '']"
"""A new search leaves nothing of the face that was chosen before."""


class HubChoice(NamedTuple):
    """What the page needs to bring an identity from here to the swap tab."""

    name: gr.Textbox
    use: gr.Button


def hub_tab(hub: HubHandlers, *, login: bool = False) -> HubChoice:
    """Search on top, what was found on the left, what is known of the chosen one on the right. `login`:
    whether people can say who they are."""
    with gr.Tab("Find a face", id="hub") as tab, gr.Column(elem_id="hub"):
        names, name = gr.State([]), gr.Textbox(label="Name", visible=False)
        name.preprocess = validators.text("The name", 300)
        gr.Markdown(HINT, elem_classes="hint")
        with gr.Row(equal_height=True, elem_id="searching"):
            text = gr.Textbox(
                label="Search the hub by name",
                placeholder="Search by name",
                show_label=False,
                max_lines=1,
                scale=4,
                container=False,
                elem_id="search",
            )
            text.preprocess = validators.text("What is searched for", 300)
            go = gr.Button("Search", variant="primary", scale=1, min_width=120, elem_id="search-go")
        with gr.Row(elem_id="narrowing"):
            sort = gr.Dropdown(
                SORT_CHOICES, value="downloads", label="Order", min_width=150, elem_id="hub-sort"
            )
            sort.preprocess = validators.choice("The order", [word for _, word in SORT_CHOICES])
            basis = gr.Dropdown(
                BASIS_CHOICES, value="", label="Basis of use", min_width=150, elem_id="hub-basis"
            )
            basis.preprocess = validators.choice("The basis", [word for _, word in BASIS_CHOICES])
        if login:
            gr.LoginButton("Log in to see what only you may use", size="sm", elem_id="login-hub")
        told = gr.HTML(elem_id="found-message")
        with gr.Row():
            with gr.Column(min_width=300, scale=3):
                cards = gallery("found", "On the hub", columns=3, object_fit="cover", allow_preview=False)
            with gr.Column(min_width=300, scale=2, elem_id="chosen"):
                about = gr.HTML(NONE_CHOSEN, elem_id="details")
                use = gr.Button("Use this face", variant="primary", elem_id="use")
                samples = gallery(
                    "found-samples",
                    "Photo, raw output, result",
                    columns=1,
                    object_fit="contain",
                    fullscreen=True,
                )
                with gr.Accordion("What its maker says", open=False, elem_id="card"):
                    card = gr.Textbox(
                        show_label=False,
                        interactive=False,
                        lines=12,
                        max_lines=24,
                        container=False,
                        elem_id="card-text",
                    )

    found, looked = [names, cards, told], [name, about, samples, card]
    searching = {"concurrency_id": "hub", "concurrency_limit": 8, "show_progress_on": told}
    wanted = [text, sort, basis]
    anew = gr.on([go.click, text.submit, sort.input, basis.input], None, None, looked, js=CLEAR_DETAILS_JS)
    anew.then(hub.search, wanted, found, api_name="search", trigger_mode="always_last", **searching)
    tab.select(hub.search, wanted, found, api_visibility="private", **searching)
    clicked = cards.select(
        hub.choose, names, looked, api_visibility="private", concurrency_id="hub", show_progress_on=about
    )
    clicked.success(None, js=GO_TO_JS % ("false", "#details", ".details"))
    clicked.failure(no_details, None, looked, api_visibility="private", **AT_ONCE)
    return HubChoice(name, use)


def no_details() -> IdentityDetails:
    """Clear the details."""
    return IdentityDetails("", NONE_CHOSEN, [], "")
