"""How the page looks: its theme, and pictures as all tabs show them. Nothing on it comes from another server: fonts are the visitor's own."""

from collections.abc import Sequence
from pathlib import Path

import gradio as gr
from gradio import themes

from .door import door
from .limits import Limits

DEVICE = "device"
"""What computes on the device shares this line, one at a time."""

AT_ONCE = {"concurrency_limit": None, "show_progress": "hidden"}
"""What answers in no time waits for nobody."""

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

LOOK = {"theme": THEME, "css_paths": Path(__file__).with_name("page.css"), "footer_links": ["api"], "run_history": False} | door(Limits())
"""What `launch()` has to know of the page. gradio would keep a history of runs in the visitor's browser; on a shared computer it should not."""


def shown(name: str, label: str, *, kind: type = gr.Image, **options) -> gr.Image | gr.ImageSlider:
    """A picture to look at, not to change."""
    return kind(label=label, elem_id=name, elem_classes="framed", interactive=False, buttons=["fullscreen"], **options)


def tiles(name: str, label: str, pictures: Sequence = (), **options) -> gr.Gallery:
    """Pictures side by side, each with its caption if it has one."""
    return gr.Gallery(list(pictures), label=label, elem_id=name, elem_classes=["framed", "tiles"], interactive=False, buttons=[], **options)
