"""Swap several photos with one identity, and pack the results into one ZIP file."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from facehub import image
from facehub.errors import BadPhoto, BadSetting, FaceHubError

from ..server.errors import as_user_error, escape_markdown
from ..server.sessions import while_session_open
from ..server.validators import stem
from ..views.results import at_strength
from .swap import Handlers, check_strength, silent
from .uploads import session_of

MAX_PHOTOS = 50
"""Photos of one batch."""


class BatchHandlers:
    """Swaps many photos, one after the other. A photo that cannot be used is named and left out."""

    def __init__(self, handlers: Handlers):
        self.handlers = handlers

    @as_user_error
    def swap(
        self,
        photos: list[str] | None,
        identity: str,
        strength: float | int = 1.0,
        masker: str = "learned",
        label: bool = True,
        request: gr.Request | None = None,
        progress: Callable = gr.Progress(),  # noqa: B008 -- gradio knows its progress bar by this default
    ) -> tuple[Any, str]:
        """Put an identity's face on every face of each photo. Returns a ZIP file of PNG pictures, and a
        summary."""
        session = session_of(request)
        if not photos:
            raise BadPhoto("There are no photos yet: drop some in first.")
        if len(photos) > MAX_PHOTOS:
            raise BadSetting(f"{len(photos)} photos are more than the {MAX_PHOTOS} of one batch: take fewer.")
        marks, one = self.handlers.marks_for(label), self.handlers.find(identity, session)
        check_strength(strength)
        folder, problems, done = self.handlers.visits.folder(session), [], 0
        target = folder / f"photos-{one.name}.zip"
        with while_session_open(folder), zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as packed:
            for number, photo in enumerate(photos):
                progress(number / len(photos), desc=f"Photo {number + 1} of {len(photos)}")
                try:
                    work, swapped, plan = self.handlers.run(photo, identity, "all", masker, session, silent)
                except FaceHubError as problem:
                    problems.append(f"{Path(photo).name}: {problem}")
                    continue
                blended = at_strength(work.picture.photo, swapped.blended[0].cpu(), strength)
                data = image.encode(
                    blended,
                    alpha=work.picture.alpha,
                    origin=self.handlers.origin(work, plan, session),
                    marks=marks,
                )
                packed.writestr(f"{number + 1:02d}-{stem(work.file)}-{one.name}.png", data)
                done += 1
        lines = [f"{done} of {len(photos)} photos were swapped.", *map(escape_markdown, problems)]
        ready = (
            gr.DownloadButton(value=str(target), interactive=True)
            if done
            else gr.DownloadButton(interactive=False)
        )
        return ready, "\n\n".join(lines)
