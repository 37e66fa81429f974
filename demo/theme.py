"""How the page looks: its theme, and pictures as all tabs show them. Nothing on it comes from another server:
fonts are the visitor's own."""

from pathlib import Path

from gradio import themes

from .server.limits import Limits
from .server.middleware import launch_options

FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]

THEME = themes.Base(
    primary_hue="teal",
    neutral_hue="stone",
    radius_size="lg",
    font=FONT,
    font_mono=["ui-monospace", "Menlo", "monospace"],
).set(
    body_background_fill="*neutral_50",
    block_background_fill="white",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_400",
    block_label_text_color="*neutral_800",
    block_info_text_color="*neutral_600",
    block_info_text_color_dark="*neutral_400",
    block_title_text_color="*neutral_700",
    block_title_text_color_dark="*neutral_200",
    input_placeholder_color="*neutral_500",
    input_placeholder_color_dark="*neutral_400",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover_dark="*primary_800",
    button_primary_text_color="white",
    button_primary_text_color_dark="white",
    link_text_color="*primary_700",
    link_text_color_dark="*primary_300",
    slider_color="*primary_700",
    slider_color_dark="*primary_400",
)

LAUNCH_OPTIONS = {
    "theme": THEME,
    "css_paths": Path(__file__).with_name("theme.css"),
    "js": Path(__file__).with_name("page.js").read_text(encoding="utf-8"),
    "head": f"<script>{Path(__file__).with_name('answers.js').read_text(encoding='utf-8')}</script>",
    "footer_links": ["api"],
    "run_history": False,
} | launch_options(Limits())
"""Options of `launch()`. gradio would keep a history of runs in the visitor's browser; on a shared computer
it should not."""
