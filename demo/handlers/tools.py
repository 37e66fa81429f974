"""What the MCP server asks of the page besides its API: a result of the chosen file type, and its notes."""

from pathlib import Path

import gradio as gr

from ..server.errors import as_user_error
from ..views import results
from .preview import PreviewHandlers
from .swap import silent
from .uploads import session_of


class ToolHandlers:
    """Handlers of the MCP tools that have no function of the API."""

    def __init__(self, previews: PreviewHandlers):
        self.previews = previews

    @as_user_error
    def swap_file(
        self,
        photo: str | None,
        identity: str,
        strength: float | int = 1.0,
        faces: str | int = "all",
        masker: str = "learned",
        file_type: str = "PNG",
        request: gr.Request | None = None,
    ) -> tuple[Path, str]:
        """Swap as /swap does. Returns the marked result at full size as PNG or JPEG, and notes on the
        faces."""
        result = self.previews.save(photo, identity, strength, str(faces), masker, file_type, True, request)
        session, handlers = session_of(request), self.previews.handlers
        _, swapped, _ = handlers.run(photo, identity, str(faces), masker, session, silent)
        return result, results.format_notes(swapped.notes)
