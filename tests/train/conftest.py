"""What tests of training share."""

import pytest
import torch

from facehub import image
from facehub.alignment import align
from facehub.faces import Finder, Recogniser
from facehub.geometry import move
from train.photos import Gallery


@pytest.fixture(scope="session")
def faces(examples):
    """The example photos as a gallery."""
    finder, recogniser, rows = Finder(), Recogniser(), []
    for file in sorted(examples.glob("*.[jp][pn]g")):
        photo = image.read(file).photo[None]
        found = finder(photo)
        cut = align(photo, found.landmarks[:1], found.photo[:1], size=128)
        rows.append((file.name, (cut.crop * 255).byte(), move(cut.crop_from_photo, cut.landmarks), recogniser(photo, found)[:1]))
    names, crops, points, vectors = zip(*rows, strict=True)
    n = len(names)
    return Gallery(names, torch.cat(crops), torch.cat(points), torch.cat(vectors), torch.ones(n, dtype=torch.long), torch.full((n,), 99.0))
