"""`facehub mask`: write where a swap would change a photo, and which part of the head each pixel shows."""

import argparse
import pathlib
import sys
from typing import Any

from ..errors import BadSetting, NoFace
from . import flags


def add_to(commands: Any) -> None:
    """Add the command to what argparse's add_subparsers returned."""
    mask = commands.add_parser("mask", help="show where a swap would change a photo")
    mask.add_argument("photo", type=pathlib.Path, metavar="PHOTO")
    mask.add_argument(
        "--out", required=True, metavar="FILE", help="the mask at the photo's size, 255 = new face"
    )
    mask.add_argument(
        "--labels",
        metavar="FILE",
        help="also the parts of the central head: red hair, green skin, blue the rest",
    )
    flags.add_masker(mask)
    flags.add_finder(mask)


def mask_photo(arguments: argparse.Namespace) -> int:
    """Write mask and labels to the given files; print each face's notes to stderr."""
    from .. import image
    from ..blending.alignment import mask_in_photos
    from ..blending.head_parts import head_labels
    from ..blending.masks import masker_by_name
    from ..detection.finder import finder_by_name
    from ..detection.selection import central_face
    from ..networks.segmentation import INPUT_PX

    if arguments.labels and pathlib.Path(arguments.labels).resolve() == pathlib.Path(arguments.out).resolve():
        raise BadSetting("--out and --labels name the same file: choose two.")
    photos = image.read(arguments.photo).photo[None]
    found = finder_by_name(arguments.finder)(photos)
    if not len(found.photo):
        raise NoFace(
            f"No face was found in {arguments.photo}: use one in which a face is at least 80 pixels wide "
            "and looks roughly at the camera."
        )
    mask, notes = mask_in_photos(photos, found, masker_by_name(arguments.masker), size=INPUT_PX)
    image.write(arguments.out, mask[0], generated=False)
    if arguments.labels:
        face = central_face(found, (photos.shape[-2], photos.shape[-1]))
        image.write(arguments.labels, head_labels(photos, face)[0], generated=False)
    for number, note in enumerate(notes):
        if note:
            print(f"face {number}: {note}", file=sys.stderr)
    covered = (mask > 0).float().mean()
    print(f"{arguments.photo} -> {arguments.out}: {len(notes)} face(s), {covered:.1%} of the photo")
    return 0
