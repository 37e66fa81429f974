"""Check a picture or video: read its marks and describe them."""

import html

import gradio as gr

from facehub.checker import MarkReport, check, check_video

from ..server.decoding import megapixels_of
from ..server.errors import as_user_error
from .swap import Handlers
from .uploads import session_of


class Checks:
    """What the check tab does."""

    def __init__(self, handlers: Handlers):
        self.handlers = handlers

    @as_user_error
    def check(self, picture: str | None, request: gr.Request | None = None) -> tuple[str, dict]:
        """Check whether a picture's marks say that it was generated.

        `picture`: the original file, because a copy may have lost its marks. Returns the finding as HTML and
        as a record.
        """
        file = self.handlers.upload(picture, session_of(request))
        with self.handlers.freed.after(megapixels_of(file, otherwise=0.0)):
            report = check(file)
        return report_html(report), report.record()

    @as_user_error
    def check_video(self, video: str | None, request: gr.Request | None = None) -> tuple[str, dict]:
        """Check whether a video's marks say that it was generated: those of the file and of some of its
        frames."""
        report = check_video(self.handlers.upload_video(video, session_of(request)))
        return report_html(report), report.record()


def report_html(report: MarkReport) -> str:
    """Format a report as HTML. Text from the file is escaped, because its author may have written anything
    there."""
    rows = []
    for layer in report.layers:
        details = "".join(
            f"<dt>{html.escape(key)}</dt><dd>{html.escape(value)}</dd>"
            for key, value in layer.details.items()
        )
        state = "found" if layer.found else "none"
        rows.append(
            f'<li class="{state}"><b>{html.escape(layer.title)}</b> '
            f"<span>{'found' if layer.found else 'not found'}</span>"
            f"<p>{html.escape(layer.sentence)}</p><dl>{details}</dl></li>"
        )
    return (
        '<p class="verdict '
        f'{"found" if report.marked else "none"}">{html.escape(report.verdict)}</p><ul>{"".join(rows)}</ul>'
    )
