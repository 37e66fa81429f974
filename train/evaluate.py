"""The numbers in the card, on faces that training never saw.

Identity: dlib's recogniser, which is in no loss. Expression and pose: how far the 68 landmarks move, in units of the distance between the eyes'
centres (the field's NME). Both are read off the raw output, before cloning, on crops enlarged twice, because dlib wants faces of 80 px.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from facehub.faces import Finder, Recogniser
from facehub.types import Found


@dataclass(frozen=True, slots=True)
class Seen:
    """What dlib sees in crops."""

    landmarks: Float[Tensor, "n 68 2"]
    """In pixels of the enlarged crops; NaN where no face is seen."""
    embedding: Float[Tensor, "n 128"]
    """NaN where no face is seen."""


@dataclass(frozen=True, slots=True)
class Report:
    """Means over the faces in which dlib sees one both before and after."""

    faces: int
    lost: int
    """Outputs in which no face is seen; they count as failures in `nearer_to_identity`."""
    nearer_to_identity: float
    """Share of outputs whose embedding is nearer to the identity's mean than to the input person's."""
    to_identity: float
    """Distance to the identity's mean embedding; real photos of the identity: `identity_spread`."""
    to_input: float
    """Distance to the input person's embedding."""
    identity_spread: float
    input_to_identity: float
    """Distance of the inputs themselves to the identity's mean."""
    nme_percent: float
    """Mean landmark movement in percent of the distance between the eyes' centres."""


def see(crop: UInt8[Tensor, "n 3 size size"], finder: Finder, recogniser: Recogniser) -> Seen:
    """The largest face of each crop."""
    photos = F.interpolate(crop.float(), scale_factor=2, mode="bicubic").round().clamp(0, 255).to(torch.uint8)
    found = finder(photos)
    first = torch.tensor([(found.photo == i).nonzero()[0, 0].item() for i in found.photo.unique()], dtype=torch.long)
    found = Found(landmarks=found.landmarks[first], photo=found.photo[first])
    landmarks, embedding = torch.full((len(crop), 68, 2), torch.nan), torch.full((len(crop), 128), torch.nan)
    landmarks[found.photo], embedding[found.photo] = found.landmarks, recogniser(photos, found)
    return Seen(landmarks, embedding)


def compare(output: Seen, photo: Seen, identity: Float[Tensor, "photos 128"]) -> Report:
    """`identity` are embeddings of real photos of the identity, read the same way."""
    usable = ~photo.embedding.isnan().any(1)
    seen = usable & ~output.embedding.isnan().any(1)
    mean = identity[~identity.isnan().any(1)].mean(0)
    to_identity, to_input = (output.embedding - mean).norm(dim=1), (output.embedding - photo.embedding).norm(dim=1)
    eyes = (photo.landmarks[:, 36:42].mean(1) - photo.landmarks[:, 42:48].mean(1)).norm(dim=1)
    moved = (output.landmarks - photo.landmarks).norm(dim=2).mean(1) / eyes * 100
    return Report(
        faces=int(usable.sum()),
        lost=int((usable & ~seen).sum()),
        nearer_to_identity=((to_identity < to_input) & seen).sum().item() / int(usable.sum()),
        to_identity=to_identity[seen].mean().item(),
        to_input=to_input[seen].mean().item(),
        identity_spread=(identity[~identity.isnan().any(1)] - mean).norm(dim=1).mean().item(),
        input_to_identity=(photo.embedding - mean).norm(dim=1)[usable].mean().item(),
        nme_percent=moved[seen].mean().item(),
    )
