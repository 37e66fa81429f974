"""Looks at a picture or video file for every mark that says it was generated, and tells what each found in words for people.

A mark that is found was put there by somebody; that none is found proves nothing: metadata is lost at every upload, and the watermark answers to this
program only. What the marks can and cannot prove is in docs/responsible-use.md.
"""

import io
import mmap
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from jaxtyping import UInt8
from torch import Tensor

from . import credentials, image, provenance, video, watermark_reader
from .errors import BadPhoto
from .watermark import Payload

FRAMES, ENOUGH = 8, 2
"""Frames of a video that are looked at, from all over it, and how many readable watermarks are believed without looking on."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One kind of mark, and what was seen of it."""

    name: str
    """"manifest", "statement" or "watermark"."""
    title: str
    found: bool
    """Whether it says that the file was generated."""
    sentence: str
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """What all layers said of one file."""

    layers: tuple[Layer, ...]
    what: str = "picture"
    """Or "video"."""

    @property
    def marked(self) -> bool:
        return any(layer.found for layer in self.layers)

    @property
    def verdict(self) -> str:
        if self.marked:
            return f"This {self.what} says that it was made or changed with AI."
        real = "the picture is a photo" if self.what == "picture" else "the video was filmed as it is"
        return f"No mark was found. That does not prove that {real}: marks can be lost or removed, and other programs use others."

    def told(self) -> str:
        """As lines of text."""
        lines = [self.verdict]
        for layer in self.layers:
            lines.append(f"{'+' if layer.found else '-'} {layer.title}: {layer.sentence}")
            lines += [f"    {key}: {value}" for key, value in layer.details.items()]
        return "\n".join(lines)

    def record(self) -> dict:
        """For JSON."""
        return {"marked": self.marked, "verdict": self.verdict, "layers": {layer.name: asdict(layer) for layer in self.layers}}


def check(source: str | os.PathLike | bytes) -> Report:
    """Reads all marks of a picture file, or of a video at a path. Raises BadPhoto or BadVideo when it is none that can be opened."""
    if isinstance(source, (str, os.PathLike)) and video.likely(source):
        return check_video(source)
    picture = image.read(source)
    if picture.file is None:
        raise BadPhoto("There is no file to look at: give its path or its bytes.")
    return Report((_manifest(picture.file), _statement(picture.file), _watermark([picture.photo])))


def check_video(path: str | os.PathLike) -> Report:
    """Reads all marks of a video file; of its frames no more than it takes, however long it is. Raises BadVideo."""
    with video.Reader(path) as reader, open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        every = max(1, (reader.film.frames or FRAMES) // FRAMES)
        some = (shot.photo for index, shot in enumerate(reader) if index % every == 0)
        return Report((_manifest(file, "video"), _statement(content), _watermark(some, "video")), "video")


def _manifest(file: bytes | io.BufferedIOBase, what: str = "picture") -> Layer:
    name, title = "manifest", "Signed manifest"
    signed = credentials.read(file)
    if signed is None:
        return Layer(name, title, False, f"There is none in this file. Most programs drop it when they save or upload a {what}.")
    says = "says that AI took part" if signed.generated else "does not say that AI took part"
    who = f' ("{signed.signer}")' if signed.signer else ""
    sentence = {
        "trusted": f"It {says}, the file has not been changed since it was signed, and the signer{who} is on a list of those that are trusted.",
        "valid": (
            f"It {says}, and the file has not been changed since it was signed. It was signed by an unknown certificate{who}: "
            "anybody can make one, so it does not prove who signed."
        ),
        "broken": f"It {says}, but it does not fit the file: the {what} or the manifest was changed after signing, so it proves nothing.",
    }[signed.state]
    details = {"program": signed.program} if signed.program else {}
    details |= signed.details
    if signed.problems:
        details["problems"] = ", ".join(signed.problems)
    return Layer(name, title, signed.generated, sentence, details)


def _statement(file: bytes | mmap.mmap) -> Layer:
    name, title = "statement", "Statement in the metadata"
    program = provenance.read_mark(file)
    if program is None:
        return Layer(name, title, False, "The file does not state that AI took part.")
    return Layer(name, title, True, "The file states that AI took part. Anybody can write or remove such a statement.", {"program": program})


def _watermark(photos: Iterable[UInt8[Tensor, "3 height width"]], what: str = "picture") -> Layer:
    """Of one photo, or of some frames of a video."""
    name, title = "watermark", "Invisible watermark"
    seen: list[watermark_reader.Found] = []
    readable: list[Payload] = []
    for photo in photos:
        seen.append(found := watermark_reader.detect(photo))
        readable += [found.payload] if found.payload else []
        if len(readable) >= ENOUGH:
            break
    counted = {"frames": f"{sum(found.present for found in seen)} of {len(seen)} that were looked at"} if what == "video" else {}
    if readable:
        payload = max(readable, key=readable.count)
        details = {"program": f"facehub {payload.version}", "watermark": f"{payload.id:08x}"}
        return Layer(name, title, True, f"The {what} itself carries facehub's watermark, which stays when metadata is lost.", details | counted)
    if any(found.present for found in seen):
        return Layer(name, title, True, "There are clear traces of facehub's watermark, but its number can no longer be read.", counted)
    sentence = f"No watermark of facehub was found. It may have been too weak to survive, or the {what} comes from elsewhere."
    return Layer(name, title, False, sentence, counted)
