"""Uploads of photos and videos: whose they are, whether they can be read, and how a browser can show them."""

from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from facehub import image
from facehub.errors import BadPhoto, BadSetting, BadVideo, FaceHubError
from facehub.formats import BROWSER_SUFFIXES

from ..server.decoding import DecodingLine
from ..server.errors import as_user_error
from ..server.freed_memory import FreedMemory
from ..server.limits import Limits
from ..server.sessions import SessionFiles
from ..server.validators import stem

EXAMPLES = sorted(
    file
    for file in Path(__file__).parents[1].joinpath("examples").glob("*")
    if file.suffix in BROWSER_SUFFIXES
)

CREDITS = "Sample inputs: NASA (public domain); Face Research Lab London Set, DeBruine & Jones (CC BY 4.0)."
"""Sources of the example photos."""


class UploadHandlers:
    """Takes uploads and examples. `visits` holds each session's files; `limits` apply to one request."""

    def __init__(self, visits: SessionFiles, *, examples: Sequence[Path] = (), limits: Limits | None = None):
        self.visits, self.examples, self.limits = visits, examples, limits or Limits()
        self.decoding = DecodingLine(self.limits.decoding_megapixels, self.limits.seconds)
        self.freed = FreedMemory()

    @as_user_error
    def accept_upload(self, photo: str | None, request: gr.Request | None = None) -> str | None:
        """Check that a photo can be read, note whose it is, and return it in a form that browsers show.

        The file is deleted with its session.
        """
        if photo is None:
            return None
        session = session_of(request)
        file = self.upload(photo, session)
        with self.decoding.open(file, max_megapixels=self.limits.megapixels) as picture:
            if file.suffix.lower() in BROWSER_SUFFIXES:
                return photo
            shown = self.visits.folder(session) / f"{stem(file)}.png"
            image.write(shown, picture.photo, alpha=picture.alpha, generated=False)
        return str(shown)

    @as_user_error
    def example(self, index: int) -> str:
        """Return the path of one example photo. `index` counts from 0."""
        if not 0 <= index < len(self.examples):
            raise BadSetting(
                f"Example {index} was asked for, but they are numbered from 0 to {len(self.examples) - 1}."
            )
        return str(self.examples[index])

    @as_user_error
    def restore_photo(self, path: str, request: gr.Request | None = None) -> str | None:
        """Return the photo that was on the page before it was reloaded, as long as its file exists.

        None and not gr.skip(): an update would make gradio build the input anew, without its validator.
        """
        file = Path(path)
        if not path or not path.isprintable() or ".." in file.parts:
            return None
        inside = self.visits.cache in file.parents and self.visits.root not in file.parents
        if str(file) in map(str, self.examples) or (inside and file.is_file()):
            self.visits.adopt(session_of(request), file)
            return path
        return None

    def upload(self, photo: str | None, session: str | None) -> Path:
        """Path of a session's own link to an uploaded photo. Raises BadPhoto when there is none."""
        if photo is None:
            raise BadPhoto(
                "There is no photo yet: drop one in, paste it, take one with the camera, or choose an "
                "example."
            )
        return self._existing(photo, session, "photo", BadPhoto)

    def upload_video(self, video: str | None, session: str | None) -> Path:
        """Path of a session's own link to an uploaded video. Raises BadVideo when there is none."""
        if video is None:
            raise BadVideo("There is no video yet: drop one in first.")
        return self._existing(video, session, "video", BadVideo)

    def _existing(self, upload: str, session: str | None, name: str, problem: type[FaceHubError]) -> Path:
        file = self.visits.adopt(session, Path(upload))
        if not file.is_file():
            raise problem(
                f"This {name} has been deleted, as all are when a page closes or after half an hour: "
                "please add it once more."
            )
        return file


def session_of(request: gr.Request | None) -> str | None:
    """The caller's session, or None for a call without one."""
    return request.session_hash if request else None
