"""What the page's buttons do: typed functions of files, names and numbers that know no widget.

Files go in and files come out, rather than decoded pictures: `facehub.image` reads an upload under its own limits, and writes every result, so that
whatever a browser shows, saves or drags away carries the mark of a generated picture.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import gradio as gr

from facehub import image
from facehub.errors import BadPhoto, BadSetting, BadVideo, FaceHubError, UnknownIdentity
from facehub.identity import Identity
from facehub.provenance import Marks
from facehub.swap import Swapper

from . import pictures
from .limits import Limits
from .pictures import Results
from .pieces import BASIS
from .sentences import in_a_sentence, plain
from .visits import Visits, still_there
from .wishes import LABELLED, chosen, clicked, masker_for, stem

SHOWN_BY_BROWSERS = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif"}

NO_SAMPLE = Path(__file__).with_name("no_sample.png")

EXAMPLES = sorted(file for file in Path(__file__).with_name("examples").glob("*") if file.suffix in SHOWN_BY_BROWSERS)

CREDITS = "Sample inputs: NASA (public domain); Face Research Lab London Set, DeBruine & Jones (CC BY 4.0)."
"""Whose photos the examples are."""

MOST_AT_ONCE = 12
"""Identities that can be compared on one photo."""


class Introduced(NamedTuple):
    """An identity as the page introduces it."""

    about: str
    samples: list[str]


class Shelf(NamedTuple):
    """The identities that a visitor can choose from, by name, and the one that is chosen."""

    names: list[str]
    cards: list[tuple[str, str]]
    """A sample and the title of each."""
    chosen: str


class Handlers:
    """Everything the swap tab can be asked to do, for all visitors alike: what belongs to one of them lies in their folder of `visits`.

    `swapper` makes the pipeline of an identity; the `keep` that were used last stay loaded. Swaps are expected one at a time. `elsewhere`: where
    identities are looked for that are not installed, by name and session; None where there is none that this visitor may use. What is
    generated gets the `marks`; whether a visitor may leave out the visible one is the operator's choice, `label_optional`. `limits` are those of
    one request.
    """

    def __init__(
        self,
        identities: Sequence[Identity],
        swapper: Callable[[Identity], Swapper],
        visits: Visits,
        *,
        examples: Sequence[Path] = (),
        keep: int = 8,
        elsewhere: Sequence[Callable[[str, str | None], Identity | None]] = (),
        marks: Marks = LABELLED,
        label_optional: bool = False,
        limits: Limits | None = None,
    ):
        self.identities = {identity.name: identity for identity in identities}
        self.examples, self.visits, self.elsewhere = examples, visits, elsewhere
        self.marks, self.label_optional, self.limits = marks, label_optional, limits or Limits()
        self._copies: dict[tuple[str | None, str], list[str]] = {}
        self._swapper, self._keep = swapper, keep
        self._loaded: dict[Path, Swapper] = {}
        self._loading = threading.Lock()

    @in_a_sentence
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
        """Puts an identity's face on a photo, keeping pose, expression and light.

        `photo`: one that shows a face. `identity`: a name that /identities lists. `strength`: from 0, the photo as it is, to 1, the full swap.
        `faces`: "all", "largest", or the number of one face, where 0 is the largest. `masker`: "learned" keeps
        what lies before a face, "landmarks" swaps all within its outline. `label`: the visible AI mark, where this server lets visitors choose.
        Gives the marked PNG at full size first, then what the page shows: original, raw and blended picture, the slider's pair, the steps of each
        face, the landmarks, the seconds of each stage, and what should be known of the faces.
        """
        session = request.session_hash if request else None
        progress = self.limits.deadline().watch(progress)
        progress(0.05, desc="Reading the photo")
        start = time.perf_counter()
        which, one, file, marks = chosen(str(faces)), self.find(identity, session), self.upload(photo, session), self.marks_for(label)
        folder = self.visits.folder(session)  # before the work: who leaves meanwhile takes it along
        picture = image.read(file, max_megapixels=self.limits.megapixels)
        seconds = {"read": time.perf_counter() - start}

        progress(0.2, desc=f"Loading {one.title}")
        swapper = self.load(one)

        progress(0.3, desc="Looking for faces")
        start = time.perf_counter()
        found = swapper.finder(picture.photo[None])
        self.limits.check_faces(len(found.photo), which)
        finding = time.perf_counter() - start

        progress(0.6, desc="Swapping")
        swapped = swapper(picture.photo[None], faces=which, strength=float(strength), found=found, masker=masker_for(masker))
        seconds |= swapped.seconds | {"find": finding + swapped.seconds["find"]}

        progress(0.8, desc="Writing the pictures")
        with still_there(folder):
            name = f"{stem(file)}-{one.name}"
            return pictures.write(swapped, picture, folder, name=name, seconds=seconds, origin=one.origin(picture.file), marks=marks)

    @in_a_sentence
    def swap_all(
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
        """Puts several identities' faces on one photo, for comparison: a marked PNG at full size of each, with the identity's title.

        `identities`: names that /identities lists. The others are those of /swap.
        """
        session = request.session_hash if request else None
        if not identities:
            raise BadSetting("No face is chosen to compare: choose two or more.")
        if len(identities) > MOST_AT_ONCE:
            raise BadSetting(f"{len(identities)} faces are more than the {MOST_AT_ONCE} that can be compared at once: choose fewer.")
        progress = self.limits.deadline().watch(progress)
        which, ones = chosen(str(faces)), [self.find(name, session) for name in identities]
        file, marks = self.upload(photo, session), self.marks_for(label)
        folder, picture = self.visits.folder(session), image.read(file, max_megapixels=self.limits.megapixels)
        found, compared = None, []
        for number, one in enumerate(ones):
            progress((number + 0.5) / len(ones), desc=f"Swapping in {one.title}")
            swapper = self.load(one)
            found = found or swapper.finder(picture.photo[None])
            self.limits.check_faces(len(found.photo), which)
            swapped = swapper(picture.photo[None], faces=which, strength=float(strength), found=found, masker=masker_for(masker))
            path = folder / f"{stem(file)}-{one.name}-{number}.png"
            with still_there(folder):
                image.write(path, swapped.blended[0].cpu(), alpha=picture.alpha, origin=one.origin(picture.file), marks=marks)
            compared.append((path, one.title))
        return compared

    @in_a_sentence
    def take_in(self, photo: str | None, request: gr.Request | None = None) -> str | None:
        """Looks whether a photo can be used, and notes whose it is, so that it goes when they leave. Gives it as browsers can show it."""
        if photo is None:
            return None
        session = request.session_hash if request else None
        file = self.upload(photo, session)
        picture = image.read(file, max_megapixels=self.limits.megapixels)
        if file.suffix.lower() in SHOWN_BY_BROWSERS:
            return photo
        shown = self.visits.folder(session) / f"{stem(file)}.png"
        image.write(shown, picture.photo, alpha=picture.alpha, generated=False)
        return str(shown)

    @in_a_sentence
    def example(self, index: int) -> str:
        """Gives one of the example photos, counted from 0."""
        if not 0 <= index < len(self.examples):
            raise BadSetting(f"Example {index} was asked for, but they are numbered from 0 to {len(self.examples) - 1}.")
        return str(self.examples[index])

    @in_a_sentence
    def choose(self, shelf: list[str], event: gr.SelectData) -> str:
        """Gives the name of the identity whose card was clicked."""
        return clicked(shelf, event)

    @in_a_sentence
    def shelve(self, name: str, shelf: list[str], request: gr.Request | None = None) -> Shelf:
        """Puts an identity among those that a visitor can choose from, and chooses it."""
        session = request.session_hash if request else None
        self.find(name, session)
        names = [one for one in dict.fromkeys([*shelf, name]) if one == name or self._there(one, session)]
        return Shelf(names, self.cards(names, session), name)

    @in_a_sentence
    def introduce(self, identity: str, request: gr.Request | None = None) -> Introduced:
        """Introduces an identity: a line about it, and its sample pictures."""
        session = request.session_hash if request else None
        one = self.find(identity, session)
        about = f"**{plain(one.title)}** · {BASIS[one.consent['basis']]} · {one.size} px"
        about += f" · {plain(one.repo)} at {one.revision[:7]}" if one.repo else ""
        return Introduced(about, self._samples(identity, session))

    @in_a_sentence
    def listed(self) -> list[dict[str, str]]:
        """Lists the identities that /swap takes: name, title, and on what basis the face is used."""
        return [{"name": one.name, "title": one.title, "basis": one.consent["basis"]} for one in self.identities.values()]

    def leave(self, request: gr.Request) -> None:
        """Deletes all that a visitor left, once their page is closed."""
        self.visits.forget(request.session_hash)
        self._copies = {whose: copies for whose, copies in self._copies.items() if whose[0] != request.session_hash}

    def find(self, name: str, session: str | None = None) -> Identity:
        """An identity by its name, everybody's or a visitor's own. Raises UnknownIdentity."""
        if name in self.identities:
            return self.identities[name]
        for look in self.elsewhere:
            if one := look(name, session):
                return one
        known = ", ".join(self.identities) or "none is installed"
        raise UnknownIdentity(f'No identity is called "{name[:80]}": choose one of those that are installed ({known}).')

    def cards(self, names: Sequence[str], session: str | None = None) -> list[tuple[str, str]]:
        """A sample and the title of each identity; also the repository of those that were pulled, because titles may be alike."""
        ones = [self.find(name, session) for name in names]
        titles = [f"{one.title} ({one.repo})" if one.repo else one.title for one in ones]
        return [((self._samples(name, session) or [str(NO_SAMPLE)])[0], title) for name, title in zip(names, titles, strict=True)]

    def load(self, one: Identity) -> Swapper:
        """The pipeline of an identity, loaded or still there."""
        with self._loading:
            swapper = self._loaded.pop(one.folder, None) or self._swapper(one)
            self._loaded[one.folder] = swapper
            for folder in list(self._loaded)[: -self._keep]:
                del self._loaded[folder]
        return swapper

    def _there(self, name: str, session: str | None) -> bool:
        try:
            return bool(self.find(name, session))
        except FaceHubError:
            return False

    def _samples(self, name: str, session: str | None) -> list[str]:
        """Sample pictures as the page can serve them: of identities that came from elsewhere, small copies in the visitor's folder."""
        one = self.find(name, session)
        if name in self.identities:
            return [str(sample) for sample in one.samples]
        earlier = self._copies.get((session, name), [])
        if not earlier or not all(Path(copy).is_file() for copy in earlier):
            earlier = self._copies[session, name] = pictures.copies(one.samples, self.visits.folder(session))
        return earlier

    def marks_for(self, label: bool) -> Marks:
        """The marks that a visitor gets. Raises BadSetting where they would leave out the visible one and may not."""
        if not label and self.marks.label and not self.label_optional:
            raise BadSetting("The visible AI mark cannot be left out here: whoever runs this page has turned it on for everybody.")
        return replace(self.marks, label=self.marks.label and bool(label))

    def upload(self, photo: str | None, session: str | None) -> Path:
        """The file that a visitor put there, under a name of their own; they must have put one, and it must still be there."""
        if photo is None:
            raise BadPhoto("There is no photo yet: drop one in, paste it, take one with the camera, or choose an example.")
        return self._still_there(photo, session, "photo", BadPhoto)

    def upload_video(self, video: str | None, session: str | None) -> Path:
        """The same for a video."""
        if video is None:
            raise BadVideo("There is no video yet: drop one in first.")
        return self._still_there(video, session, "video", BadVideo)

    def _still_there(self, upload: str, session: str | None, name: str, problem: type[FaceHubError]) -> Path:
        file = self.visits.claim(session, Path(upload))
        if not file.is_file():
            raise problem(f"This {name} has been deleted, as all are when a page closes or after half an hour: please add it once more.")
        return file
