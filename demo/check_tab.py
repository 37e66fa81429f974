"""The tab that checks a picture or a video for marks, and the box by which visitors leave out the visible one where they may."""

import html

import gradio as gr

from facehub.checker import Report, check, check_video

from . import asked
from .handlers import Handlers
from .sentences import in_a_sentence

INTRODUCTION = """
Was a picture or a video made or changed with AI? Those from this page say so in several ways, and many from other programs in some of them.
Drop one in to see what it says. It is not kept.
"""


class Checks:
    """What the tab can be asked to do."""

    def __init__(self, handlers: Handlers):
        self.handlers = handlers

    @in_a_sentence
    def check(self, picture: str | None, request: gr.Request | None = None) -> tuple[str, dict]:
        """Looks whether a picture says that it was generated.

        `picture`: the file as it came, for a copy may have lost its marks. Gives what was found in words, and the same as a record.
        """
        file = self.handlers.upload(picture, request.session_hash if request else None)
        report = check(file)
        return shown(report), report.record()

    @in_a_sentence
    def check_video(self, video: str | None, request: gr.Request | None = None) -> tuple[str, dict]:
        """Looks whether a video says that it was generated: the same, of the file and of some of its frames."""
        report = check_video(self.handlers.upload_video(video, request.session_hash if request else None))
        return shown(report), report.record()


def check_tab(handlers: Handlers) -> None:
    """A picture or a video, and what its marks say."""
    with gr.Tab("Check a picture", id="check"):
        gr.Markdown(INTRODUCTION)
        with gr.Row(elem_id="check"):
            with gr.Column(min_width=300):
                picture = gr.Image(
                    label="The picture", type="filepath", image_mode=None, sources=["upload", "clipboard"], height=360, buttons=[],
                    alt_text="The picture to check", elem_id="checked", elem_classes="framed",
                )  # fmt: skip
                picture.preprocess = asked.file
                go = gr.Button("Check", variant="primary", size="lg", elem_id="check-go")
                film = gr.File(label="Or a video", type="filepath", height=130, elem_id="checked-video", file_types=["video", ".mkv", ".ts"])
                film.preprocess = asked.file
            with gr.Column(min_width=300):
                told = gr.HTML(elem_id="report")
        record = gr.JSON(visible=False)
    checks = Checks(handlers)
    asking = {"concurrency_id": "check", "concurrency_limit": 1, "show_progress_on": told}
    go.click(checks.check, picture, [told, record], api_name="check", **asking)
    film.upload(checks.check_video, film, [told, record], api_name="check_video", **asking)
    for one in (picture, film):
        one.clear(None, None, told, js="() => ''")


def label_choice(handlers: Handlers) -> list[gr.Checkbox]:
    """The box for the visible mark, where the operator lets visitors choose; else nothing."""
    if not handlers.label_optional:
        return []
    box = gr.Checkbox(True, label="Put a small AI mark into the corner", elem_id="label")
    box.preprocess = asked.flag("The label")
    return [box]


def shown(report: Report) -> str:
    """A report as HTML. What comes from the file is escaped: whoever made it may have written anything there."""
    rows = []
    for layer in report.layers:
        details = "".join(f"<dt>{html.escape(key)}</dt><dd>{html.escape(value)}</dd>" for key, value in layer.details.items())
        state = "found" if layer.found else "none"
        rows.append(
            f'<li class="{state}"><b>{html.escape(layer.title)}</b> <span>{"found" if layer.found else "not found"}</span>'
            f"<p>{html.escape(layer.sentence)}</p><dl>{details}</dl></li>"
        )
    return f'<p class="verdict {"found" if report.marked else "none"}">{html.escape(report.verdict)}</p><ul>{"".join(rows)}</ul>'
