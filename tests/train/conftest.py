"""What tests of training share."""

import pytest
import torch

from facehub import image
from facehub.blending.alignment import align
from facehub.detection.finder import Finder
from facehub.detection.recogniser import Recogniser
from facehub.geometry import transform_points
from train.data.gallery import Gallery


@pytest.fixture(scope="session")
def faces(examples):
    """The example photos as a gallery."""
    finder, recogniser, rows = Finder(), Recogniser(), []
    for file in sorted(examples.glob("*.[jp][pn]g")):
        photo = image.read(file).photo[None]
        found = finder(photo)
        cut = align(photo, found.landmarks[:1], found.photo[:1], size=128)
        rows.append(
            (
                file.name,
                (cut.crop * 255).byte(),
                transform_points(cut.crop_from_photo, cut.landmarks),
                recogniser(photo, found)[:1],
            )
        )
    names, crops, points, vectors = zip(*rows, strict=True)
    n = len(names)
    return Gallery(
        names,
        torch.cat(crops),
        torch.cat(points),
        torch.cat(vectors),
        torch.ones(n, dtype=torch.long),
        torch.full((n,), 99.0),
    )
