"""What the buttons of the train tab do: typed functions of files, texts and a run's key that know no widget."""

import datetime
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import gradio as gr
import torch
from torchvision.transforms.v2.functional import resize

from facehub import image
from facehub.errors import BadPhoto, BadSetting, UnknownIdentity
from facehub.identity import CONSENT, Identity, read

from . import pieces
from .hub_handlers import HubHandlers
from .jobs import Jobs
from .runs import Looked, Report
from .sentences import in_a_sentence
from .visits import Visits

THUMBNAIL_PX = 160

OURS = "trained:"
"""Before a run's key: the name under which the swap tab finds what a visitor trained. Who does not have the key cannot name it."""


WANTED = CONSENT | {"basis": "on what basis the face is used", "date": "when that was settled", "licence": "the licence of the result"}
"""What each field of the consent record says, to somebody who fills it in."""


class Photos(NamedTuple):
    """What became of the photos that were dropped in."""

    key: str
    told: str
    kept: list[tuple[Path, str]]
    left_out: list[tuple[Path, str]]


class View(NamedTuple):
    """A run as the page shows it."""

    key: str
    told: str
    curves: str
    preview: Path | None
    measures: str
    download: Path | None
    """An identity's folder as one ZIP file."""
    at_work: bool


class Run(NamedTuple):
    """Both: a run as it stands."""

    key: str
    photos_told: str
    kept: list[tuple[Path, str]]
    left_out: list[tuple[Path, str]]
    keep: str
    told: str
    curves: str
    preview: Path | None
    measures: str
    download: Path | None
    """An identity's folder as one ZIP file."""
    at_work: bool


NOTHING = Run("", "", [], [], "", "", "", None, "", None, False)


class TrainHandlers:
    """Everything the train tab can be asked to do. What a visitor sees lies in their folder of `visits`; what they train in `jobs`;
    `hub` is where they publish it."""

    def __init__(self, jobs: Jobs, visits: Visits, hub: HubHandlers | None = None):
        self.jobs, self.visits, self.hub = jobs, visits, hub
        self._drafts: dict[str, set[str]] = {}
        self._shown: dict[tuple[str | None, str, str], tuple[int, Path]] = {}

    @in_a_sentence
    def take_photos(
        self,
        files: list[str] | None,
        key: str,
        request: gr.Request | None = None,
        progress: Callable = gr.Progress(),  # noqa: B008 -- gradio knows its progress bar by this default
    ) -> Photos:
        """Takes photos of one person in and says which of them teach, and why the others do not.

        `files`: the photos. `key`: of a run whose photos these join; empty for a new one. Gives the run's key, a summary, and small pictures with
        their names or reasons: first those that are kept, then those that are left out.
        """
        if not files:
            raise BadPhoto("There are no photos yet: drop in 60 to 100 of one person, in different poses and light.")
        session = _session(request)
        key = key or self._draft(session)
        progress(0.0, desc="Taking the photos in")
        paths, folder = [Path(file) for file in files], self.visits.folder(session)
        self.jobs.add(key, paths)
        self.visits.drop(paths)
        report = self.jobs.look(key, lambda done, total: progress(0.9 * done / total, desc=f"{done} of {total} photos looked at"))
        progress(0.95, desc="Making small pictures")
        return self._photos(key, report, folder)

    @in_a_sentence
    def start(
        self,
        key: str,
        title: str,
        basis: str | None,
        whose: str,
        scope: str,
        date: str,
        contact: str,
        licence: str | None,
        request: gr.Request | None = None,
    ) -> View:
        """Starts training on the photos of a run. `title`: the name to show; the others are the fields of the consent record."""
        if not key:
            raise BadPhoto("There are no photos yet: drop in 60 to 100 of one person first.")
        fields = dict(zip(CONSENT, (basis, whose, scope, date, contact, licence), strict=True))
        consent = {field: (value or "").strip() for field, value in fields.items()}
        if empty := [WANTED[field] for field, value in consent.items() if not value]:
            raise BadSetting(f"Please also say {', '.join(empty[:-1]) + ' and ' if empty[1:] else ''}{empty[-1]}: without it a face may not be used.")
        try:
            datetime.date.fromisoformat(consent["date"])
        except ValueError as problem:
            raise BadSetting(f'"{consent["date"][:40]}" is no date: write it as 2026-01-31.') from problem
        self.jobs.start(key, title or "", consent)
        return self._view(key, request)

    @in_a_sentence
    def resume(self, key: str, request: gr.Request | None = None) -> View:
        """Goes on with a run that was stopped."""
        self.jobs.start(key)
        return self._view(key, request)

    @in_a_sentence
    def stop(self, key: str, request: gr.Request | None = None) -> View:
        """Stops a run; it can go on later from its last checkpoint."""
        self.jobs.stop(key)
        return self._view(key, request)

    @in_a_sentence
    def watch(self, key: str, request: gr.Request | None = None) -> View:
        """Tells how a run goes: state, time left, losses, a preview on faces it never learned from, and its measures once it is done."""
        return self._view(key, request)

    @in_a_sentence
    def come_back(self, key: str, request: gr.Request | None = None) -> Run:
        """Gives a run as it stands to whoever has its key."""
        key = (key or "").strip()
        if not key:
            raise BadSetting("Paste the key that was shown when the training began.")
        view = self._view(key, request)
        report = self.jobs.report(key)
        return Run(*(self._photos(key, report, self.visits.folder(_session(request))) if report else Photos(key, "", [], [])), *view)

    @in_a_sentence
    def remembered(self, key: str, request: gr.Request | None = None) -> Run:
        """The same for the key that a browser remembers: nothing at all where there is none, or its run is gone."""
        try:
            self.jobs.status(key or "")
        except BadSetting:
            return NOTHING
        return self.come_back(key, request)

    @in_a_sentence
    def discard(self, key: str) -> Run:
        """Deletes all of a run: photos, checkpoints and what came of it."""
        self.jobs.discard(key)
        return NOTHING

    @in_a_sentence
    def name_of(self, key: str) -> str:
        """Gives the name by which the swap tab knows what came of a run."""
        self._identity(key)
        return f"{OURS}{key}"

    @in_a_sentence
    def publish(
        self,
        key: str,
        repository: str,
        access: str,
        own_token: str = "",
        request: gr.Request | None = None,
        token: gr.OAuthToken | None = None,
        progress: Callable = gr.Progress(),  # noqa: B008 -- the same
    ) -> str:
        """Publishes what came of a run on the hub.

        `repository`: user/name. `access`: "public", "gated" (you grant it one by one) or "private". `own_token`: one that may write, where nobody
        logs in. Gives where it is, as HTML.
        """
        if self.hub is None:
            raise BadSetting("This page knows no hub to publish on.")
        return self.hub.publish(self._identity(key), repository, access, own_token, _session(request), token, progress)

    def find(self, name: str, session: str | None = None) -> Identity | None:
        """What came of a run, by the name that `name_of` gives, which holds its key; None for other names."""
        return self._identity(name.removeprefix(OURS)) if name.startswith(OURS) else None

    def leave(self, request: gr.Request) -> None:
        """Discards the photos with which a visitor never started a training."""
        for key in self._drafts.pop(request.session_hash or "", ()):
            try:
                if self.jobs.status(key).state == "photos":
                    self.jobs.discard(key)
            except BadSetting:
                pass  # gone already
        self._shown = {whose: shown for whose, shown in self._shown.items() if whose[0] != request.session_hash}

    def duration(self) -> str:
        """How long a training takes here, as Markdown."""
        return pieces.duration(self.jobs.outlook, os.cpu_count())

    def _draft(self, session: str | None) -> str:
        key = self.jobs.begin()
        if session:
            self._drafts.setdefault(session, set()).add(key)
        return key

    def _identity(self, key: str) -> Identity:
        folder = self.jobs.status(key).identity
        if folder is None:
            raise UnknownIdentity("This training is not done yet: there is no face to use.")
        return read(folder)

    def _view(self, key: str, request: gr.Request | None) -> View:
        status = self.jobs.status(key)
        session = _session(request)
        measures, packed = "", None
        if status.identity:
            measures = pieces.measures(read(status.identity).metrics)
            packed = self._copied(status.identity, key, session)
        preview = self._copied(status.preview, key, session) if status.preview else None
        at_work = status.state in ("running", "stopping")
        return View(key, pieces.training(status, self.jobs.outlook), pieces.curves(status.rows), preview, measures, packed, at_work)

    def _copied(self, source: Path, key: str, session: str | None) -> Path:
        """A file, or a folder as a ZIP file, for the visitor; the same copy until there is something new to see."""
        stamp = source.stat().st_mtime_ns
        earlier = self._shown.get((session, key, source.name))
        if earlier and earlier[0] == stamp and earlier[1].is_file():
            return earlier[1]
        folder = self.visits.folder(session)
        if source.is_dir():
            copy = Path(shutil.make_archive(str(folder / source.name), "zip", source.parent, source.name))
        else:
            copy = Path(shutil.copyfile(source, folder / source.name))
        self._shown[session, key, source.name] = (stamp, copy)
        return copy

    def _photos(self, key: str, report: Report, folder: Path) -> Photos:
        pictures = [(photo, _thumbnail(photo, folder)) for photo in report.photos]
        kept = [(small, photo.name) for photo, small in pictures if not photo.reason]
        left_out = [
            (small, photo.reason if photo.name in photo.reason else f"{photo.name}: {photo.reason}") for photo, small in pictures if photo.reason
        ]
        return Photos(key, pieces.photos(report), kept, left_out)


def _session(request: gr.Request | None) -> str | None:
    return request.session_hash if request else None


def _thumbnail(photo: Looked, folder: Path) -> Path:
    """A small square of the photo's middle; gray where it cannot be opened."""
    small = folder / f"{photo.file.stem}.webp"
    try:
        pixels = image.read(photo.file).photo
    except BadPhoto:
        pixels = torch.full((3, THUMBNAIL_PX, THUMBNAIL_PX), 200, dtype=torch.uint8)
    side = min(pixels.shape[1:])
    top, left = (pixels.shape[1] - side) // 2, (pixels.shape[2] - side) // 2
    square = pixels[:, top : top + side, left : left + side]
    image.write(small, resize(square, [THUMBNAIL_PX, THUMBNAIL_PX]), generated=False)
    return small
