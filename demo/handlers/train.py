"""Train an identity from the page: typed functions of files, texts and a run's key that know no widget."""

import contextlib
import datetime
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import gradio as gr

from facehub.errors import BadPhoto, BadSetting, FaceHubError, UnknownIdentity
from facehub.identity.folder import Identity, read
from facehub.identity.schema import CONSENT

from ..server.errors import as_user_error
from ..server.sessions import SessionFiles
from ..training.jobs import Jobs
from ..training.records import PhotoReport
from ..training.run_folders import Busy
from ..views import html
from ..views.training import EMPTY_PAGE, FIELD_MEANINGS, Photos, TrainPage, TrainView, thumbnail
from .hub import HubHandlers
from .uploads import session_of

MAX_DRAFTS = 3
"""Runs of one session that have photos and were not started."""

TRAINED_PREFIX = "trained:"
"""Prefix of a run's key in the identity's name on the swap tab. Only those who have the key can name it."""


class TrainHandlers:
    """What the train tab does. `visits` holds the files that a visitor sees, `jobs` the runs; `hub`
    publishes."""

    def __init__(
        self,
        jobs: Jobs,
        visits: SessionFiles,
        hub: HubHandlers | None = None,
        *,
        is_open: Callable[[str], bool] = lambda session: True,
    ):
        """`is_open`: whether the page of a session is open (server/sessions.py)."""
        self.jobs, self.visits, self.hub, self.is_open = jobs, visits, hub, is_open
        self._drafts: dict[str, set[str]] = {}
        self._shown: dict[tuple[str | None, str, str], tuple[int, Path]] = {}

    @as_user_error
    def take_photos(
        self,
        files: list[str] | None,
        key: str,
        request: gr.Request | None = None,
        progress: Callable = gr.Progress(),  # noqa: B008 -- gradio knows its progress bar by this default
    ) -> Photos:
        """Add photos of one person to a run, and report which of them training uses and why it leaves out the
        others.

        `files`: the photos. `key`: the run that gets them; empty for a new one. Returns the run's key, a
        summary, and small pictures with names or reasons: first the photos that are used, then those that are
        left out.
        """
        if not files:
            raise BadPhoto(
                "There are no photos yet: drop in 60 to 100 of one person, in different poses and light."
            )
        session, given = session_of(request), key
        key = key or self._draft(session)
        progress(0.0, desc="Copying the photos")
        paths, folder = [Path(file) for file in files], self.visits.folder(session)
        try:
            self.jobs.add(key, paths)
            self.visits.delete_uploads(paths)
            report = self.jobs.inspect(
                key,
                lambda done, total: progress(0.9 * done / total, desc=f"{done} of {total} photos checked"),
            )
        except BaseException:
            if not given:  # refused or cancelled: nothing of it stays
                self._drop_draft(session, key)
            raise
        progress(0.95, desc="Making small pictures")
        return self._photos(key, report, folder)

    @as_user_error
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
    ) -> TrainView:
        """Start training on the photos of a run. `title`: the name to show. The others are the fields of the
        consent record."""
        if not key:
            raise BadPhoto("There are no photos yet: drop in 60 to 100 of one person first.")
        fields = dict(zip(CONSENT, (basis, whose, scope, date, contact, licence), strict=True))
        consent = {field: (value or "").strip() for field, value in fields.items()}
        empty = [FIELD_MEANINGS[field] for field, value in consent.items() if not value]
        if not (title or "").strip():
            empty.insert(0, "the name that the page will show")
        if empty:
            raise BadSetting(
                f"Please also say {', '.join(empty[:-1]) + ' and ' if empty[1:] else ''}{empty[-1]}: "
                "without it a face may not be used."
            )
        try:
            datetime.date.fromisoformat(consent["date"])
        except ValueError as problem:
            raise BadSetting(f'"{consent["date"][:40]}" is no date: write it as 2026-01-31.') from problem
        self.jobs.start(key, title or "", consent)
        return self._view(key, request)

    @as_user_error
    def resume(self, key: str, request: gr.Request | None = None) -> TrainView:
        """Resume a run that was stopped."""
        self.jobs.start(key)
        return self._view(key, request)

    @as_user_error
    def stop(self, key: str, request: gr.Request | None = None) -> TrainView:
        """Stop a run. It can resume later from its last checkpoint."""
        self.jobs.stop(key)
        return self._view(key, request)

    @as_user_error
    def watch(self, key: str, request: gr.Request | None = None) -> TrainView:
        """Report a run's progress: state, time left, losses, a preview on faces not used in training, and the
        measures of a finished run."""
        return self._view(key, request)

    @as_user_error
    def open_run(self, key: str, request: gr.Request | None = None) -> TrainPage:
        """Return a run's photos and progress to anybody who has its key."""
        key = (key or "").strip()
        if not key:
            raise BadSetting("Paste the key that was shown when the training began.")
        view = self._view(key, request)
        report = self.jobs.report(key)
        return TrainPage(
            *(
                self._photos(key, report, self.visits.folder(session_of(request)))
                if report
                else Photos(key, "", [], [])
            ),
            *view,
        )

    @as_user_error
    def restore_run(self, key: str, request: gr.Request | None = None) -> TrainPage:
        """The same for the key that a browser remembers. Returns an empty page when there is no key or its
        run is gone."""
        try:
            self.jobs.status(key or "")
        except BadSetting:
            return EMPTY_PAGE
        return self.open_run(key, request)

    @as_user_error
    def discard(self, key: str) -> TrainPage:
        """Delete everything of a run: photos, checkpoints and result."""
        self.jobs.delete(key)
        return EMPTY_PAGE

    @as_user_error
    def identity_name(self, key: str) -> str:
        """Return the name under which the swap tab finds the identity of a finished run."""
        self._identity(key)
        return f"{TRAINED_PREFIX}{key}"

    @as_user_error
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
        """Publish the identity of a finished run on the hub.

        `repository`: user/name. `access`: "public", "gated" (you grant it one by one) or "private".
        `own_token`: a token with write permission, for pages without log-in. Returns its address as HTML.
        """
        if self.hub is None:
            raise BadSetting("This page knows no hub to publish on.")
        return self.hub.publish(self._identity(key), repository, access, own_token, request, token, progress)

    def find(self, name: str, session: str | None = None) -> Identity | None:
        """Find the identity of a finished run by the name that `identity_name` gives. Returns None for other
        names."""
        return self._identity(name.removeprefix(TRAINED_PREFIX)) if name.startswith(TRAINED_PREFIX) else None

    def on_unload(self, request: gr.Request) -> None:
        """Delete a visitor's photos when they close the page before training started."""
        for key in self._drafts.pop(request.session_hash or "", ()):
            with contextlib.suppress(FaceHubError):  # gone already, or at work
                if self._is_draft(key):
                    self.jobs.delete(key)
        self._shown = {
            whose: shown for whose, shown in self._shown.items() if whose[0] != request.session_hash
        }

    def duration(self) -> str:
        """Time that a training takes here, as Markdown."""
        return html.training_duration(self.jobs.estimate, os.cpu_count())

    def _draft(self, session: str | None) -> str:
        """A new run for a page that is open.

        Raises BadSetting for callers without one, Busy when they have many.
        """
        if not session or not self.is_open(session):
            raise BadSetting(
                "Training needs an open page: keep /gradio_api/heartbeat/SESSION open, and send that "
                "session_hash."
            )
        drafts = {key for key in self._drafts.get(session, ()) if self._is_draft(key)}
        if len(drafts) >= MAX_DRAFTS:
            raise Busy(
                f"You have {MAX_DRAFTS} trainings that were not started: start or delete one of them first."
            )
        key = self.jobs.create()
        self._drafts[session] = {*drafts, key}
        return key

    def _is_draft(self, key: str) -> bool:
        """Whether a run is still there and was never started."""
        try:
            return self.jobs.status(key).state == "photos"
        except FaceHubError:
            return False

    def _drop_draft(self, session: str | None, key: str) -> None:
        self._drafts.get(session or "", set()).discard(key)
        with contextlib.suppress(FaceHubError):
            self.jobs.delete(key)

    def _identity(self, key: str) -> Identity:
        folder = self.jobs.status(key).identity
        if folder is None:
            raise UnknownIdentity("This training is not done yet: there is no face to use.")
        return read(folder)

    def _view(self, key: str, request: gr.Request | None) -> TrainView:
        status = self.jobs.status(key)
        session = session_of(request)
        measures, packed = "", None
        if status.identity:
            measures = html.measures(read(status.identity).metrics)
            packed = self._copied(status.identity, key, session)
        try:
            preview = self._copied(status.preview, key, session) if status.preview else None
        except FileNotFoundError:  # the run ended meanwhile and its files were moved
            preview = None
        at_work = status.state in ("running", "stopping")
        return TrainView(
            key,
            html.training(status, self.jobs.estimate),
            html.curves(status.rows),
            preview,
            measures,
            packed,
            at_work,
        )

    def _copied(self, source: Path, key: str, session: str | None) -> Path:
        """Copy a file, or a folder as a ZIP file, for the visitor. Copies again only when the source has
        changed."""
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

    def _photos(self, key: str, report: PhotoReport, folder: Path) -> Photos:
        pictures = [(photo, thumbnail(photo, folder)) for photo in report.photos]
        kept = [(small, photo.name) for photo, small in pictures if not photo.reason]
        left_out = [
            (small, photo.reason if photo.name in photo.reason else f"{photo.name}: {photo.reason}")
            for photo, small in pictures
            if photo.reason
        ]
        return Photos(key, html.photos(report), kept, left_out)
