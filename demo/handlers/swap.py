"""Swap a photo, or compare identities on one: functions of files, names and numbers that know no widget.

Handlers take and give files, not decoded pictures: `facehub.image` reads an upload under its own limits and
writes every result, so that whatever a browser shows, saves or drags away carries the mark of a generated
picture.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import gradio as gr

from facehub import image
from facehub.errors import BadSetting
from facehub.face_plan import SwappedFaces
from facehub.identity.folder import Identity
from facehub.marks.origin import Marks, Origin
from facehub.swapper import Swapper
from facehub.types import Detections

from ..server.errors import as_user_error
from ..server.limits import Limits
from ..server.sessions import SessionFiles, while_session_open
from ..server.validators import masker_for, stem
from ..settings import LABELLED
from ..views import results
from ..views.results import Details, Results, at_strength
from .identities import Finder, IdentityHandlers
from .plan import Plan, make_plan, run_plan
from .session_cache import ExampleCache, SessionCache, Work
from .uploads import UploadHandlers, session_of

MAX_COMPARED = 12
"""Identities that can be compared on one photo."""


class Handlers(IdentityHandlers, UploadHandlers):
    """What the swap tab does, for all visitors alike: files of one visitor lie in their folder of `visits`.

    `swapper` builds the pipeline of an identity; the last `keep` pipelines stay loaded. Swaps run one at a
    time, or `at_once` where other machines do them. `elsewhere` finds identities that are not installed, by
    name and session. What is generated gets the `marks`; `label_optional` says whether a visitor may leave
    out the visible one. `limits` apply to one request.
    """

    def __init__(
        self,
        identities: Sequence[Identity],
        swapper: Callable[[Identity], Swapper],
        visits: SessionFiles,
        *,
        examples: Sequence[Path] = (),
        keep: int = 8,
        elsewhere: Sequence[Finder] = (),
        marks: Marks = LABELLED,
        label_optional: bool = False,
        limits: Limits | None = None,
        at_once: int = 1,
    ):
        IdentityHandlers.__init__(self, identities, swapper, visits, keep=keep, elsewhere=elsewhere)
        UploadHandlers.__init__(self, visits, examples=examples, limits=limits)
        self.marks, self.label_optional, self.cache = marks, label_optional, SessionCache()
        self.example_cache = ExampleCache(examples)
        self.at_once = at_once

    @as_user_error
    def swap(
        self,
        photo: str | None,
        identity: str,
        strength: float | int = 1.0,
        faces: str | int = "all",
        masker: str = "learned",
        label: bool = True,
        request: gr.Request | None = None,
        progress: Callable = gr.Progress(),  # noqa: B008 -- gradio knows its progress bar by this default
    ) -> Results:
        """Put an identity's face on a photo, keeping pose, expression and light.

        `photo`: a photo with a face. `identity`: a name that /identities lists. `strength`: from 0 (the photo
        as it is) to 1 (the full swap). `faces`: "all", "largest", the numbers of faces, where 0 is the
        largest, or an identity for each, as in "0=ada,1=ben". `masker`: "learned" keeps what is in front of
        the face, "landmarks" swaps everything within its outline. `label`: the visible AI mark, where this
        server lets visitors choose. Returns the marked PNG at full size, the seconds of each stage, and notes
        on the faces; /details shows how it was made.
        """
        session = session_of(request)
        progress = self.limits.deadline().watch(progress)
        marks = self.marks_for(label)
        self.find(identity, session)  # before the photo is read: a wrong name is said at once
        check_strength(strength)
        folder = self.visits.folder(session)  # created before the work, so that it goes with its session
        work, swapped, plan = self.run(photo, identity, str(faces), masker, session, progress)
        progress(0.8, desc="Writing the pictures")
        with while_session_open(folder):
            return results.write_results(
                swapped,
                at_strength(work.picture.photo, swapped.blended[0].cpu(), float(strength)),
                work.picture,
                folder,
                name=self.result_name(work, plan, session),
                seconds={
                    **work.seconds,
                    **swapped.seconds,
                    "find": work.seconds["find"] + swapped.seconds["find"],
                },
                origin=self.origin(work, plan, session),
                marks=marks,
            )

    @as_user_error
    def details(
        self,
        photo: str | None,
        identity: str,
        faces: str | int = "all",
        masker: str = "learned",
        request: gr.Request | None = None,
    ) -> Details:
        """Show how a swap is made: the photo with the network's output pasted in unchanged, of each face the
        aligned crop, the network's output and the mask, and the landmarks over the photo.

        The parameters are those of /swap.
        """
        session = session_of(request)
        folder, progress = self.visits.folder(session), self.limits.deadline().watch(lambda *_, **__: None)
        work, swapped, plan = self.run(photo, identity, str(faces), masker, session, progress)
        with while_session_open(folder):
            origin = self.origin(work, plan, session)
            return results.write_details(swapped, work.picture, folder, origin=origin, marks=self.marks)

    @as_user_error
    def mask(
        self,
        photo: str | None,
        faces: str | int = "all",
        masker: str = "learned",
        request: gr.Request | None = None,
    ) -> Path:
        """Show where a swap changes a photo: a PNG file of the photo's size, white = new face.

        `photo`, `faces` and `masker` are those of /swap.
        """
        session = session_of(request)
        folder, first = self.visits.folder(session), next(iter(self.identities), "")
        progress = self.limits.deadline().watch(silent)
        work, swapped, _ = self.run(photo, first, str(faces), masker, session, progress)
        path = folder / f"{stem(work.file)}-mask.png"
        with while_session_open(folder):
            image.write(path, swapped.mask[0].cpu(), generated=False, durable=False)
        return path

    def run(
        self,
        photo: str | None,
        identity: str,
        faces: str,
        masker: str,
        session: str | None,
        progress: Callable,
    ) -> tuple[Work, SwappedFaces, Plan]:
        """The full swap of a photo, from the session's memory where it is there. Raises what Swapper
        raises."""
        work = self.open(photo, session, progress)
        masked = masker_for(masker)
        one = self.find(identity, session)
        progress(0.2, desc=f"Loading {one.title}")
        detections = self.detect(work, one, progress)
        plan = make_plan(faces, identity, detections, self.limits)
        choice = (tuple(sorted(plan.items())), masker)
        ones = {name: self.find(name, session) for name in plan.values()}
        if (swapped := work.results.get(choice)) is None:
            # a visitor's own identity may have the name of another's; installed ones are everybody's
            everybodys = self.example_cache.get(photo) if ones.keys() <= self.identities.keys() else None
            swapped = everybodys and everybodys.results.get(choice)
            if swapped is None:
                progress(0.6, desc="Swapping")
                photos = work.picture.photo[None]
                swapped = run_plan(
                    photos, plan, detections, lambda name: self.load(ones[name]), masker=masked
                )
            if everybodys:
                everybodys.detections = work.detections
                everybodys.keep(choice, swapped)
            work.keep(choice, swapped)
            self.cache.trim()
        return work, swapped, plan

    def open(self, photo: str | None, session: str | None, progress: Callable) -> Work:
        """A session's photo, decoded. Raises BadPhoto."""
        file = self.upload(photo, session)
        if (work := self.cache.get(session, file)) is None:
            if (work := self.example_cache.copy(photo, file)) is None:
                progress(0.05, desc="Reading the photo")
                start = time.perf_counter()
                picture = self.decoding.read(file, max_megapixels=self.limits.megapixels)
                work = Work(file, picture, {"read": time.perf_counter() - start})
                self.freed.watch(work, picture.photo[0].numel() / 1e6)
                self.example_cache.put(photo, work)
            self.cache.put(session, work)
        return work

    def detect(self, work: Work, one: Identity, progress: Callable) -> Detections:
        """The faces on a photo. `one`: the identity whose pipeline searches."""
        if work.detections is None:
            swapper = self.load(one)
            progress(0.3, desc="Looking for faces")
            start = time.perf_counter()
            work.detections = swapper.finder(work.picture.photo[None])
            work.seconds["find"] = time.perf_counter() - start
        return work.detections

    def result_name(self, work: Work, plan: Plan, session: str | None) -> str:
        """File name of a result, without suffix."""
        names = dict.fromkeys(self.find(name, session).name for name in plan.values())
        return f"{stem(work.file)}-{'-'.join(names)[:80]}"

    def origin(self, work: Work, plan: Plan, session: str | None) -> Origin:
        """What a result's manifest says it was made from. Several identities are named without their
        revisions."""
        ones = {one.name: one for one in (self.find(name, session) for name in plan.values())}
        first, *others = ones.values()
        if not others:
            return first.origin(work.picture.file)
        return Origin(work.picture.file, ", ".join(ones))

    @as_user_error
    def compare(
        self,
        photo: str | None,
        identities: list[str],
        strength: float | int = 1.0,
        faces: str | int = "all",
        masker: str = "learned",
        label: bool = True,
        request: gr.Request | None = None,
        progress: Callable = gr.Progress(),  # noqa: B008 -- gradio knows its progress bar by this default
    ) -> list[tuple[Path, str]]:
        """Compare identities on one photo: a marked PNG at full size for each, with the identity's title.

        `identities`: names that /identities lists. The other parameters are those of /swap.
        """
        session = session_of(request)
        if not identities:
            raise BadSetting("No identity is chosen to compare: choose two or more.")
        if len(identities) > MAX_COMPARED:
            raise BadSetting(
                f"{len(identities)} identities are more than the {MAX_COMPARED} that can be compared at "
                "once: "
                "choose fewer."
            )
        check_strength(strength)
        progress = self.limits.deadline().watch(progress)
        ones, marks = [self.find(name, session) for name in identities], self.marks_for(label)
        folder, compared = self.visits.folder(session), []
        for number, (name, one) in enumerate(zip(identities, ones, strict=True)):
            progress((number + 0.5) / len(ones), desc=f"Swapping in {one.title}")
            work, swapped, plan = self.run(photo, name, str(faces), masker, session, silent)
            path = folder / f"{stem(work.file)}-{one.name}-{number}.png"
            with while_session_open(folder):
                image.write(
                    path,
                    at_strength(work.picture.photo, swapped.blended[0].cpu(), float(strength)),
                    alpha=work.picture.alpha,
                    origin=self.origin(work, plan, session),
                    marks=marks,
                    durable=False,
                )
            compared.append((path, one.title))
        return compared

    def on_unload(self, request: gr.Request) -> None:
        """Delete all files of a session when its page is closed."""
        self.visits.end_session(request.session_hash)
        self.forget_copies(request.session_hash)
        self.cache.drop(request.session_hash)

    def marks_for(self, label: bool) -> Marks:
        """The marks of a visitor's results. Raises BadSetting when they leave out the visible mark but may
        not."""
        if not label and self.marks.label and not self.label_optional:
            raise BadSetting(
                "The visible AI mark cannot be left out here: whoever runs this page has turned it on "
                "for everybody."
            )
        return replace(self.marks, label=self.marks.label and bool(label))


def silent(*_: object, **__: object) -> None:
    """Progress that is not shown."""


def check_strength(strength: float | int) -> None:
    """Raise BadSetting unless a strength lies in [0, 1]."""
    if not 0 <= strength <= 1:
        raise BadSetting(f"Strength is {strength}, but must lie between 0 (the input) and 1 (the full swap).")
