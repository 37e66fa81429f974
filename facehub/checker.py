"""Read every mark of a picture or video file that says it was generated, and report each in words for people.

A mark that is found was put there by somebody. If none is found, that proves nothing: metadata is lost at
every upload, and the watermark is this program's only. What the marks can and cannot prove is in
docs/responsible-use.md.
"""

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace

import torch
from jaxtyping import UInt8
from torch import Tensor

from . import image
from .errors import BadPhoto
from .marks import manifest, watermark_detector, xmp
from .marks.film_mark import FilmEvidence
from .video.container import looks_like_video
from .video.reader import Reader

SAMPLED_FRAMES = 8
"""Frames of a video that are searched, from all over it."""

AVERAGED_FRAMES = 64
"""Frames of a video that are searched together where none of the others has a mark: the mark stands still,
while the picture moves and each frame is compressed in its own way."""

FRAME_THRESHOLD = 8.5
"""The score from which one of a video's frames has a mark whose message cannot be read: more than in a
picture, because several are searched."""

ENOUGH_MARKED_FRAMES = 2
"""After this many readable watermarks no more frames are searched."""

GENERATED_SENTENCES = {
    "compositeWithTrainedAlgorithmicMedia": "a part of it was made with generative AI",
    "trainedAlgorithmicMedia": "it was made with generative AI",
    "algorithmicMedia": "it was made by an algorithm that was not trained on pictures",
}
"""What IPTC's terms say."""


@dataclass(frozen=True, slots=True)
class MarkFinding:
    """One kind of mark, and what was found of it."""

    name: str
    """"manifest", "statement" or "watermark"."""
    title: str
    found: bool
    """Whether it says that the file was generated."""
    sentence: str
    details: dict[str, str] = field(default_factory=dict)
    foreign: bool = False
    """Whether it was made for another picture, and says nothing about this one."""


@dataclass(frozen=True, slots=True)
class MarkReport:
    """What all layers say about one file."""

    layers: tuple[MarkFinding, ...]
    what: str = "picture"
    """Or "video"."""

    @property
    def marked(self) -> bool:
        """Whether some mark says that this file was generated."""
        return any(layer.found and not layer.foreign for layer in self.layers)

    @property
    def verdict(self) -> str:
        found = [layer.name for layer in self.layers if layer.found and not layer.foreign]
        if found == ["statement"]:
            return (
                f"This {self.what} says that it was generated or changed by a program, "
                "but only in metadata, which anybody can write."
            )
        if found:
            return f"This {self.what} says that it was made or changed with AI."
        if any(layer.foreign for layer in self.layers):
            return (
                f"Marked, but not this {self.what}: its watermark was made for another one. It does not say "
                f"that this {self.what} was made with AI, and does not prove that it was not."
            )
        real = "the picture is a photo" if self.what == "picture" else "the video was filmed as it is"
        return (
            f"No mark was found. That does not prove that {real}: "
            "marks can be lost or removed, and other programs use others."
        )

    def to_text(self) -> str:
        """As lines of text."""
        lines = [self.verdict]
        for layer in self.layers:
            lines.append(f"{'+' if layer.found else '-'} {layer.title}: {layer.sentence}")
            lines += [f"    {key}: {value}" for key, value in layer.details.items()]
        return "\n".join(lines)

    def record(self) -> dict:
        """For JSON."""
        return {
            "marked": self.marked,
            "verdict": self.verdict,
            "layers": {layer.name: asdict(layer) for layer in self.layers},
        }


def check(source: str | os.PathLike | bytes) -> MarkReport:
    """Read all marks of a picture file, or of a video at a path. Raises BadPhoto or BadVideo."""
    if isinstance(source, (str, os.PathLike)) and looks_like_video(source):
        return check_video(source)
    picture = image.read(source)
    if picture.file is None:
        raise BadPhoto("There is no file to look at: give its path or its bytes.")
    return MarkReport((_manifest(picture.file), _statement(picture.xmp), _watermark([picture.photo])))


def check_video(path: str | os.PathLike) -> MarkReport:
    """Read all marks of a video file; at most SAMPLED_FRAMES of its frames and the mean of AVERAGED_FRAMES
    are searched. Raises BadVideo."""
    with Reader(path) as reader, open(path, "rb") as file:
        frames = ((shot.photo, shot.keyframe) for shot in reader)
        watermark = film_watermark(frames, reader.info.frames or SAMPLED_FRAMES)
        return MarkReport((_manifest(file, "video"), _statement(reader.xmp), watermark), "video")


def film_watermark(frames: Iterable[tuple[UInt8[Tensor, "3 height width"], bool]], count: int) -> MarkFinding:
    """The watermark of a film of about so many frames of one size; each comes with whether it is a
    keyframe."""
    searched, averaged = (max(1, count // most) for most in (SAMPLED_FRAMES, AVERAGED_FRAMES))
    total, number, evidence = torch.zeros(()), 0, FilmEvidence()

    def some() -> Iterator[UInt8[Tensor, "3 height width"]]:
        nonlocal total, number
        for index, (frame, key) in enumerate(frames):
            sampled = index % averaged == 0
            if sampled:
                total, number = total + frame, number + 1
            evidence.add(frame, sampled=sampled, key=key)
            if index % searched == 0:
                yield frame

    found = _watermark(some(), "video")
    if found.found or number < 2:
        return found
    mean = [(total / number).round().to(torch.uint8)]
    for together in (_watermark(mean, "video", handled=False), _finding([evidence.detect()], "video")):
        if together.found:
            frames_told = {"frames": f"{number} together, and none alone"}
            return replace(together, details=together.details | frames_told)
    return found


def _manifest(file: bytes | io.BufferedIOBase, what: str = "picture") -> MarkFinding:
    name, title = "manifest", "Signed manifest"
    signed = manifest.read(file)
    if signed is None:
        return MarkFinding(
            name,
            title,
            False,
            f"There is none in this file. Most programs drop it when they save or upload a {what}.",
        )
    says = "says that AI took part" if signed.generated else "does not say that AI took part"
    who = f' ("{signed.signer}")' if signed.signer else ""
    sentence = {
        "trusted": (
            f"It {says}, the file has not been changed since it was signed, and the signer{who} is on a list "
            "of those that are trusted."
        ),
        "valid": (
            f"It {says}, and the file has not been changed since it was signed. It was signed by an unknown "
            f"certificate{who}: anybody can make one, so it does not prove who signed."
        ),
        "broken": (
            f"It {says}, but it does not fit the file: the {what} or the manifest was changed after signing, "
            "so it proves nothing."
        ),
    }[signed.state]
    details = {"program": signed.program} if signed.program else {}
    details |= signed.details
    if signed.problems:
        details["problems"] = ", ".join(signed.problems)
    return MarkFinding(name, title, signed.generated, sentence, details)


def _statement(packet: bytes | str | None) -> MarkFinding:
    name, title = "statement", "Statement in the metadata"
    statement = xmp.read(packet)
    if statement is None:
        return MarkFinding(name, title, False, "The file does not state that it was generated.")
    return MarkFinding(
        name,
        title,
        True,
        f"The file states that {GENERATED_SENTENCES[statement.term]}. The statement is not signed: "
        "anybody can write, copy or remove one.",
        {"program": statement.program, "source type": statement.term},
    )


def _watermark(
    photos: Iterable[UInt8[Tensor, "3 height width"]], what: str = "picture", *, handled: bool = True
) -> MarkFinding:
    """Of one photo, or of some frames of a video. `handled`: the first is also looked for as mirrored, turned
    or squeezed."""
    detections: list[watermark_detector.WatermarkDetection] = []
    for photo in photos:
        # a film was handled as a whole: one frame is enough to search for that
        one = watermark_detector.detect(photo, handled=handled and not detections)
        detections.append(replace(one, threshold=FRAME_THRESHOLD) if what == "video" else one)
        if sum(one.payload is not None for one in detections) >= ENOUGH_MARKED_FRAMES:
            break
    return _finding(detections, what)


def _finding(detections: list[watermark_detector.WatermarkDetection], what: str) -> MarkFinding:
    """What was found, in words."""
    name, title = "watermark", "Invisible watermark"
    marked = sum(detection.present for detection in detections)
    frames = {"frames": f"{marked} of {len(detections)} that were searched"} if what == "video" else {}
    payloads = [one.payload for one in detections if one.payload]
    if payloads:
        payload = max(payloads, key=payloads.count)
        details = {"program": f"facehub {payload.version}", "watermark": f"{payload.id:08x}"} | frames
        fits = {one.fits for one in detections if one.payload == payload}
        sentence = f"The {what} itself carries facehub's watermark, which stays when metadata is lost."
        if True in fits:
            return MarkFinding(name, title, True, f"{sentence} It fits what the {what} shows.", details)
        if False in fits:
            sentence = (
                f"The {what} carries facehub's watermark, but one that was made for another {what}: "
                "somebody may have copied it."
            )
            return MarkFinding(name, title, True, sentence, details, foreign=True)
        sentence += (
            f" Whether it was made for this {what} cannot be told: it is faint, or of an older version."
        )
        return MarkFinding(name, title, True, sentence, details)
    if marked:
        return MarkFinding(
            name,
            title,
            True,
            "There are clear traces of facehub's watermark, but its number can no longer be read.",
            frames,
        )
    sentence = (
        "No watermark of facehub was found. "
        f"It may have been too weak to survive, or the {what} comes from elsewhere."
    )
    return MarkFinding(name, title, False, sentence, frames)
