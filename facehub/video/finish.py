"""The end of a film: its part file is signed and gets its name, whole or not at all."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator

from ..errors import BadSetting, FaceHubError
from ..files import atomic
from ..marks import manifest, signing_key
from ..marks.origin import Marks, Origin


@contextlib.contextmanager
def part_file(target: pathlib.Path) -> Iterator[pathlib.Path]:
    """An empty file beside the target, with its suffix, that is deleted at the end. Raises BadSetting."""
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}.", suffix=target.suffix)
    except OSError as problem:
        raise BadSetting(
            f"{target.parent} cannot be written to ({problem.strerror}): choose another folder."
        ) from problem
    os.close(handle)
    part = pathlib.Path(name)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def finish_film(
    part: pathlib.Path, target: pathlib.Path, source: pathlib.Path, marks: Marks, origin: Origin, number: str
) -> None:
    """Sign the film where its container can hold a manifest, and put it in the target's place.

    `source`: the film that came in, the parent in the manifest. `number`: the watermark's, in hexadecimal.
    Raises FaceHubError.
    """
    media = manifest.VIDEO_MEDIA.get(target.suffix.lower())
    try:
        if not (media and marks.manifest):
            part.chmod(0o644)
            os.replace(part, target)
            return
        credential = marks.credential or signing_key.signing_credential()
        with open(part, "rb") as unsigned, open(source, "rb") as parent, atomic(target) as signed:
            manifest.sign_stream(unsigned, signed, media, credential, origin, number, parent=parent)
    except OSError as problem:
        raise FaceHubError(
            f"{target} cannot be written ({problem.strerror or problem}): choose another folder or make room."
        ) from problem
