"""Inputs that several tabs share."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr

from ..handlers.swap import Handlers
from ..server import validators

DEVICE_QUEUE = "device"
"""Queue of what computes on the device, as many requests at a time as `Handlers.at_once` says."""

AT_ONCE = {"concurrency_limit": None, "show_progress": "hidden"}
"""Options of handlers that answer at once: they wait for nobody."""

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
"""Options of handlers that only the page calls."""

UNDOCUMENTED: dict[str, Any] = {"api_visibility": "undocumented"}
"""Options of handlers that programs may call, but that the API page does not list."""

EVERY_TIME: dict[str, Any] = {"trigger_mode": "multiple"}
"""Options of a chain's links. gradio drops a link that begins while its earlier run is at work; as that run
is out of date by then, nothing would be shown at all."""

MASK_CHOICES = [("stay", "learned"), ("are painted over", "landmarks")]
"""The learned mask, or the outline of the landmarks."""

CARDS_JS = """
element.addEventListener('change', event => {
    if (event.target.type !== 'radio') return;
    window.facehub = {...window.facehub, choice: event.target.value};
    trigger('select');
});
element.addEventListener('input', event => {
    if (!event.target.classList.contains('find')) return;
    const [words, basis] = [...element.querySelectorAll('.find')].map(field => field.value);
    const cards = [...element.querySelectorAll('.card')];
    for (const card of cards)
        card.hidden = !card.textContent.toLowerCase().includes(words.trim().toLowerCase())
            || Boolean(basis && card.dataset.basis !== basis);
    element.querySelector('.nothing').hidden = cards.some(card => !card.hidden);
});
watch('value', () => element.querySelectorAll('input[type=radio]').forEach(radio => {
    radio.checked = radio.hasAttribute('checked');
}));
"""
"""Reports which card was chosen, and narrows the cards to those that are searched for."""

CHOICE_JS = "() => window.facehub.choice"


def on_device(handlers: Handlers) -> dict[str, Any]:
    """Options of an event that waits in the device's queue. Each names the limit: the least one holds."""
    return {"concurrency_id": DEVICE_QUEUE, "concurrency_limit": handlers.at_once}


class IdentityChoice(NamedTuple):
    """The cards of a tab, and the name that is chosen."""

    cards: gr.HTML
    name: gr.Textbox


class SwapInputs(NamedTuple):
    """What other tabs change when they bring an identity here."""

    shelf: gr.State
    cards: gr.HTML
    compared: gr.CheckboxGroup
    identity: gr.Textbox


def label_choice(handlers: Handlers) -> list[gr.Checkbox]:
    """The box for the visible mark where the operator lets visitors choose; else nothing."""
    if not handlers.label_optional:
        return []
    box = gr.Checkbox(True, label="Put a small AI mark into the corner", elem_id="label")
    box.preprocess = validators.boolean("The label")
    return [box]


def identity_choice(handlers: Handlers, elem_id: str) -> IdentityChoice:
    """The installed identities as cards; the best one is chosen."""
    names = list(handlers.identities)
    first = names[0] if names else ""
    html = handlers.cards_html(names, first, elem_id) if names else ""
    cards = gr.HTML(html, apply_default_css=False, js_on_load=CARDS_JS, elem_id=elem_id, visible=bool(names))
    identity = gr.Textbox(first, label="Identity", visible=False)
    identity.preprocess = validators.text("The identity", 300)
    cards.select(None, None, identity, js=CHOICE_JS)
    return IdentityChoice(cards, identity)


def follow_choice(tab: gr.Tab, handlers: Handlers, chosen: SwapInputs, own: IdentityChoice) -> None:
    """Whenever the tab is opened, show all identities of this visitor, and choose the one of the swap tab."""

    def update(shelf: list[str], name: str, request: gr.Request) -> tuple[str, str]:
        """Bring a tab's identity cards up to date."""
        return handlers.cards_html(shelf, name, str(own.cards.elem_id), request.session_hash), name

    tab.select(update, [chosen.shelf, chosen.identity], [*own], api_visibility="private", **AT_ONCE)


SPLIT = 25
"""Where the line between before and after stands at first, in percent of the width: most faces are to the
right of it, so that the result is what one sees."""


def picture(name: str, label: str, *, kind: type = gr.Image, **options) -> gr.Image | gr.ImageSlider:
    """A picture to look at, not to change."""
    return kind(
        label=label, elem_id=name, elem_classes="framed", interactive=False, buttons=["fullscreen"], **options
    )


def gallery(
    name: str, label: str, pictures: Sequence = (), *, fullscreen: bool = False, **options
) -> gr.Gallery:
    """Pictures side by side, each with its caption if it has one."""
    return gr.Gallery(
        list(pictures),
        label=label,
        elem_id=name,
        elem_classes=["framed", "tiles"],
        interactive=False,
        buttons=["fullscreen"] if fullscreen else [],
        **options,
    )
