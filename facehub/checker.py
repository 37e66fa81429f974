"""Looks at a picture file for every mark that says it was generated, and tells what each found in words for people.

A mark that is found was put there by somebody; that none is found proves nothing: metadata is lost at every upload, and the watermark answers to this
program only. What the marks can and cannot prove is in docs/responsible-use.md.
"""

import os
from dataclasses import asdict, dataclass, field

from . import credentials, image, provenance, watermark_reader
from .errors import BadPhoto


@dataclass(frozen=True, slots=True)
class Layer:
    """One kind of mark, and what was seen of it."""

    name: str
    """"manifest", "statement" or "watermark"."""
    title: str
    found: bool
    """Whether it says that the picture was generated."""
    sentence: str
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """What all layers said of one file."""

    layers: tuple[Layer, ...]

    @property
    def marked(self) -> bool:
        return any(layer.found for layer in self.layers)

    @property
    def verdict(self) -> str:
        if self.marked:
            return "This picture says that it was made or changed with AI."
        return "No mark was found. That does not prove that the picture is a photo: marks can be lost or removed, and other programs use others."

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
    """Reads all marks of a picture file. Raises BadPhoto when it is no picture that can be opened."""
    picture = image.read(source)
    if picture.file is None:
        raise BadPhoto("There is no file to look at: give its path or its bytes.")
    return Report((_manifest(picture.file), _statement(picture.file), _watermark(picture)))


def _manifest(file: bytes) -> Layer:
    name, title = "manifest", "Signed manifest"
    signed = credentials.read(file)
    if signed is None:
        return Layer(name, title, False, "There is none in this file. Most programs drop it when they save or upload a picture.")
    says = "says that AI took part" if signed.generated else "does not say that AI took part"
    who = f' ("{signed.signer}")' if signed.signer else ""
    sentence = {
        "trusted": f"It {says}, the file has not been changed since it was signed, and the signer{who} is on a list of those that are trusted.",
        "valid": (
            f"It {says}, and the file has not been changed since it was signed. It was signed by an unknown certificate{who}: "
            "anybody can make one, so it does not prove who signed."
        ),
        "broken": f"It {says}, but it does not fit the file: the picture or the manifest was changed after signing, so it proves nothing.",
    }[signed.state]
    details = {"program": signed.program} if signed.program else {}
    details |= signed.details
    if signed.problems:
        details["problems"] = ", ".join(signed.problems)
    return Layer(name, title, signed.generated, sentence, details)


def _statement(file: bytes) -> Layer:
    name, title = "statement", "Statement in the metadata"
    program = provenance.read_mark(file)
    if program is None:
        return Layer(name, title, False, "The file does not state that AI took part.")
    return Layer(name, title, True, "The file states that AI took part. Anybody can write or remove such a statement.", {"program": program})


def _watermark(picture: image.Picture) -> Layer:
    name, title = "watermark", "Invisible watermark"
    found = watermark_reader.detect(picture.photo)
    if found.payload:
        details = {"program": f"facehub {found.payload.version}", "watermark": f"{found.payload.id:08x}"}
        return Layer(name, title, True, "The picture itself carries facehub's watermark, which stays when metadata is lost.", details)
    if found.present:
        return Layer(name, title, True, "There are clear traces of facehub's watermark, but its number can no longer be read.")
    return Layer(name, title, False, "No watermark of facehub was found. It may have been too weak to survive, or the picture comes from elsewhere.")
