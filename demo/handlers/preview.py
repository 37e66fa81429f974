"""What the swap tab shows while a visitor chooses: small pictures at once, full files only when they are
asked for."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from jaxtyping import UInt8
from torch import Tensor

from facehub import image
from facehub.errors import BadSetting, FaceHubError
from facehub.face_plan import SwappedFaces
from facehub.image import Picture
from facehub.marks.origin import Marks

from ..server.errors import as_user_error
from ..server.sessions import while_session_open
from ..views import cards, results
from .session_cache import Work
from .swap import Handlers, check_strength, silent
from .uploads import session_of

FORMATS = {"PNG": ".png", "JPEG": ".jpg"}
"""Formats of a download, and their suffixes."""

FACE_MARGIN = 0.6
"""Margin around a face in the close-up, relative to the face's longer side."""

MIN_FACE_PX = 32
"""Smallest side of a close-up, where the photo is that large."""


class Preview(NamedTuple):
    """One swap as the page shows it."""

    before_after: Any
    original: Any
    raw: Any
    blended: Any
    notes: Any
    ticket: Any
    """Which choice this answers."""


class DetailsFold(NamedTuple):
    """How a swap was made."""

    steps: list[tuple[Path, str]]
    landmarks: Path
    timetable: str


NOTHING_NEW = Preview(*(gr.skip(),) * 6)


class OutOfDateError(Exception):
    """A newer request came from the same session."""


class PreviewHandlers:
    """What the swap tab does while a visitor chooses. Work is kept per session in `handlers.cache`."""

    def __init__(self, handlers: Handlers):
        self.handlers = handlers

    @as_user_error
    def begin(self, ticket: float | int, request: gr.Request | None = None) -> tuple:
        """Make earlier choices of this session out of date, and clear their pictures."""
        self.handlers.cache.note_ticket(session_of(request), int(ticket))
        return None, None, None, None, "", [], None, "", gr.Accordion(open=False)

    @as_user_error
    def find_faces(
        self,
        photo: str | None,
        shelf: list[str],
        ticket: float | int,
        request: gr.Request | None = None,
        progress: Callable = gr.Progress(),  # noqa: B008 -- the same
    ) -> tuple[Any, Any]:
        """Show the faces of a photo as buttons. Returns their HTML, and the selection of all of them; nothing
        new when another photo has come meanwhile."""
        session = session_of(request)
        html = self._face_picker(photo, shelf, session, progress) if photo and shelf else ""
        current = self.handlers.cache.is_current(session, int(ticket))
        return (html, "all") if current else (gr.skip(), gr.skip())

    @as_user_error
    def show(
        self,
        photo: str | None,
        identity: str,
        strength: float | int,
        faces: str,
        masker: str,
        view: str,
        ticket: float | int,
        label: bool = True,
        request: gr.Request | None = None,
        progress: Callable = gr.Progress(),  # noqa: B008 -- gradio knows its progress bar by this default
    ) -> Preview:
        """Swap, and show small pictures of the result."""
        session, cache = session_of(request), self.handlers.cache
        watched = self.handlers.limits.deadline().watch(progress)

        def current(share: float, desc: str | None = None) -> None:
            if not cache.is_current(session, int(ticket)):
                raise OutOfDateError
            watched(share, desc=desc)

        marks = self.handlers.marks_for(label)
        check_strength(strength)
        folder = self.handlers.visits.folder(session)
        try:
            current(0.0, "Swapping")
            work, swapped, _ = self.handlers.run(photo, identity, faces, masker, session, current)
            current(0.8, "Writing the pictures")
            raw = self._write(work, swapped.raw[0].cpu(), folder / "raw", marks)
            original = self._original(work, folder)
            blended = self._blended(work, swapped, strength, folder / "blended", marks)
            pair = self._pair(work, swapped, strength, view, folder, (original, blended), marks)
            current(1.0, "Done")
        except OutOfDateError:
            return NOTHING_NEW
        except FaceHubError:
            if cache.is_current(session, int(ticket)):
                raise
            return NOTHING_NEW  # what is wrong with a photo that is no longer there, nobody asked
        return Preview(pair, original, raw, blended, results.format_notes(swapped.notes), int(ticket))

    @as_user_error
    def show_when_ready(
        self,
        photo: str | None,
        identity: str,
        strength: float | int,
        faces: str,
        masker: str,
        view: str,
        ticket: float | int,
        label: bool = True,
        request: gr.Request | None = None,
        progress: Callable = gr.Progress(),  # noqa: B008 -- the same
    ) -> Preview:
        """Swap after a change of the photo or of a setting, once there are a photo and an identity."""
        if not photo or not identity:
            return NOTHING_NEW
        return self.show(photo, identity, strength, faces, masker, view, ticket, label, request, progress)

    @as_user_error
    def adjust(
        self,
        photo: str | None,
        identity: str,
        strength: float | int,
        faces: str,
        masker: str,
        view: str,
        ticket: float | int,
        label: bool = True,
        request: gr.Request | None = None,
    ) -> tuple[Any, Any]:
        """Show the same swap at another strength, or closer. Nothing is computed again but the mixing; a
        choice that came meanwhile has its own pictures."""
        session = session_of(request)
        if not photo or not identity:
            return gr.skip(), gr.skip()
        marks = self.handlers.marks_for(label)
        check_strength(strength)
        work, swapped, _ = self.handlers.run(photo, identity, faces, masker, session, silent)
        folder = self.handlers.visits.folder(session)
        blended = self._blended(work, swapped, strength, folder / "blended", marks)
        pictures = (self._original(work, folder), blended)
        pair = self._pair(work, swapped, strength, view, folder, pictures, marks)
        current = self.handlers.cache.is_current(session, int(ticket))
        return (pair, blended) if current else (gr.skip(), gr.skip())

    @as_user_error
    def details(
        self, photo: str | None, identity: str, faces: str, masker: str, request: gr.Request | None = None
    ) -> DetailsFold:
        """Show how the current swap was made: each face's steps, the landmarks, the seconds of each stage."""
        session = session_of(request)
        if not photo:
            return DetailsFold(gr.skip(), gr.skip(), gr.skip())  # type: ignore[arg-type]
        folder = self.handlers.visits.folder(session)
        work, swapped, plan = self.handlers.run(photo, identity, faces, masker, session, silent)
        with while_session_open(folder):
            marks, origin = self.handlers.marks, self.handlers.origin(work, plan, session)
            steps = results.steps(swapped, folder, origin=origin, marks=replace(marks, manifest=False))
            landmarks = folder / "landmarks.png"
            results.landmarks_over(work.picture.photo, swapped.landmarks.cpu()).save(landmarks)
        return DetailsFold(steps, landmarks, results.timetable({**work.seconds, **swapped.seconds}))

    @as_user_error
    def save(
        self,
        photo: str | None,
        identity: str,
        strength: float | int,
        faces: str,
        masker: str,
        format: str,
        label: bool = True,
        request: gr.Request | None = None,
    ) -> Path:
        """Write the result at full size, with all its marks, as PNG or JPEG."""
        session = session_of(request)
        if format not in FORMATS:
            raise BadSetting(f'The format "{format[:40]}" is no choice: use {" or ".join(FORMATS)}.')
        check_strength(strength)
        marks, folder = self.handlers.marks_for(label), self.handlers.visits.folder(session)
        work, swapped, plan = self.handlers.run(photo, identity, faces, masker, session, silent)
        result = folder / f"{self.handlers.result_name(work, plan, session)}{FORMATS[format]}"
        blended = results.at_strength(work.picture.photo, swapped.blended[0].cpu(), strength)
        with while_session_open(folder):
            origin = self.handlers.origin(work, plan, session)
            image.write(result, blended, alpha=work.picture.alpha, origin=origin, marks=marks, durable=False)
        return result

    def _face_picker(self, photo: str, shelf: list[str], session: str | None, progress: Callable) -> str:
        """HTML of a photo's faces; none where there is no face, about which the swap has a sentence."""
        try:
            work = self.handlers.open(photo, session, progress)
            found = self.handlers.detect(work, self.handlers.find(shelf[0], session), progress)
        except FaceHubError:
            return ""
        close = [_close_up(work.picture.photo, points) for points in found.landmarks.tolist()]
        titles = [title for _, title in self.handlers.cards(shelf, session)]
        return cards.face_picker(close, list(zip(titles, shelf, strict=True)))

    def _write(self, work: Work, photo: UInt8[Tensor, "3 h w"], stem: Path, marks: Marks) -> Path:
        """Write a preview. It has all marks but the signed one, which only files to keep get."""
        with while_session_open(stem.parent):
            alpha = work.picture.alpha if photo.shape == work.picture.photo.shape else None
            return results.write_preview(Picture(photo, alpha), stem, marks=replace(marks, manifest=False))

    def _original(self, work: Work, folder: Path) -> Path:
        """A preview of the photo, written once."""
        if work.preview is None or not work.preview.is_file():
            with while_session_open(folder):
                work.preview = results.write_preview(work.picture, folder / "original", generated=False)
        return work.preview

    def _blended(
        self,
        work: Work,
        swapped: SwappedFaces,
        strength: float | int,
        stem: Path,
        marks: Marks,
    ) -> Path:
        photo = results.at_strength(work.picture.photo, swapped.blended[0].cpu(), strength)
        return self._write(work, photo, stem, marks)

    def _pair(
        self,
        work: Work,
        swapped: SwappedFaces,
        strength: float | int,
        view: str,
        folder: Path,
        whole: tuple[Path, Path],
        marks: Marks,
    ) -> tuple[Path, Path]:
        """The pictures of the slider: the whole photo, or its largest swapped face."""
        if view != "face":
            return whole
        top, bottom, left, right = _face_box(work.picture.photo, swapped.landmarks[0].tolist())
        before = work.picture.photo[:, top:bottom, left:right].contiguous()
        after = results.at_strength(work.picture.photo, swapped.blended[0].cpu(), strength)
        after = after[:, top:bottom, left:right].contiguous()
        with while_session_open(folder):
            shown = results.write_preview(Picture(before), folder / "face-before", generated=False)
            return shown, self._write(work, after, folder / "face-after", marks)


def _face_box(photo: UInt8[Tensor, "3 h w"], points: list) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of a square with a margin around a face, within the photo."""
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    side = max(max(xs) - min(xs), max(ys) - min(ys)) * (1 + 2 * FACE_MARGIN)
    x, y = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    height, width = photo.shape[-2:]
    top, left = max(0, round(y - side / 2)), max(0, round(x - side / 2))
    bottom, right = min(height, round(y + side / 2)), min(width, round(x + side / 2))
    least = MIN_FACE_PX
    return (
        min(top, height - least),
        max(bottom, min(height, least)),
        min(left, width - least),
        max(right, min(width, least)),
    )


def _close_up(photo: UInt8[Tensor, "3 h w"], points: list) -> UInt8[Tensor, "3 a b"]:
    top, bottom, left, right = _face_box(photo, points)
    return photo[:, top:bottom, left:right].contiguous()
