"""What is seen in crops of faces, and how what is seen in a network's outputs differs from what is seen in
its inputs.

The measures of train/evaluate.py, where each has its line. A measure that could not be taken is left out.
"""

import dataclasses
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from facehub.blending.masks import hull_mask
from facehub.detection.finder import Finder
from facehub.detection.recogniser import Recogniser
from facehub.types import Detections

from .. import lighting, losses
from ..data.face_box import boxed
from ..networks.estimators import Estimator


@dataclasses.dataclass(frozen=True, slots=True)
class CropMeasurements:
    """What is seen in crops."""

    landmarks: Float[Tensor, "n 68 2"]
    """In crop pixels; NaN where dlib sees no face."""
    embedding: Float[Tensor, "n 128"]
    """dlib's; NaN where it sees no face."""
    estimated: dict[str, Float[Tensor, "n k"]]
    """By estimator."""
    light: Float[Tensor, "n features"]
    sharpness: Float[Tensor, " n"]

    def first(self, count: int) -> "CropMeasurements":
        estimated = {name: values[:count] for name, values in self.estimated.items()}
        return CropMeasurements(
            self.landmarks[:count],
            self.embedding[:count],
            estimated,
            self.light[:count],
            self.sharpness[:count],
        )


@dataclasses.dataclass(frozen=True, slots=True)
class ReferenceGallery:
    """Whom an output can be taken for."""

    identity: CropMeasurements
    """Real photos of the identity."""
    others: Float[Tensor, "people 128"]
    """dlib's vectors of our other identities, each a mean, and of other people."""
    sface_others: Float[Tensor, "vectors 128"] | None
    """SFace's unit vectors of the same."""


@dataclasses.dataclass(frozen=True, slots=True)
class Measurer:
    """All that looks at crops."""

    estimators: Mapping[str, Estimator]
    finder: Finder = dataclasses.field(default_factory=lambda: Finder(turn=False))
    recogniser: Recogniser = dataclasses.field(default_factory=Recogniser)
    lights: lighting.Lighting = dataclasses.field(default_factory=lighting.read)

    def __call__(
        self, crop: UInt8[Tensor, "n 3 size size"], landmarks: Float[Tensor, "n 68 2"]
    ) -> CropMeasurements:
        """The largest face of each crop; the estimators look through the landmarks given. dlib wants faces
        of 80 px: crops are enlarged to 256."""
        size, n = crop.shape[-1], len(crop)
        scale = max(1, 256 // size)
        photos = (
            F.interpolate(crop.float(), scale_factor=scale, mode="bicubic")
            .round()
            .clamp(0, 255)
            .to(torch.uint8)
            if scale > 1
            else crop
        )
        found = self.finder(photos)
        first = torch.tensor(
            [(found.photo == i).nonzero()[0, 0].item() for i in found.photo.unique()], dtype=torch.long
        )
        found = Detections(landmarks=found.landmarks[first], photo=found.photo[first])
        points, embedding = torch.full((n, 68, 2), torch.nan), torch.full((n, 128), torch.nan)
        points[found.photo] = (found.landmarks + 0.5) / scale - 0.5
        embedding[found.photo] = self.recogniser(photos, found)
        estimated = {name: estimator(crop, landmarks) for name, estimator in self.estimators.items()}
        with torch.inference_mode():
            light = self.lights(boxed(crop.float() / 255))
        return CropMeasurements(points, embedding, estimated, light, fine_energy(crop, landmarks))


def compare(
    output: CropMeasurements, photo: CropMeasurements, known: ReferenceGallery
) -> dict[str, int | float]:
    """The means over the faces that dlib sees in the input; landmarks over those that it sees in the output
    too. `lost` outputs show no face."""
    usable = ~photo.embedding.isnan().any(1)
    seen = usable & ~output.embedding.isnan().any(1)
    moved = losses.landmarks(output.landmarks, photo.landmarks) * 100
    style = known.identity.embedding[~known.identity.embedding.isnan().any(1)].mean(0)
    made, inputs, others = output.embedding[seen], photo.embedding[seen], known.others
    to_identity, to_input = (made - style).norm(dim=1), (made - inputs).norm(dim=1)
    retrieved = (to_identity < to_input) & (to_identity < torch.cdist(made, others).amin(1))
    centre = others.mean(0)
    report = {
        "faces": int(usable.sum()),
        "lost": int((usable & ~seen).sum()),
        "retrieved": retrieved.sum().item() / int(usable.sum()),
        "nearer": (to_identity < to_input).sum().item() / int(usable.sum()),
        "to_identity": F.cosine_similarity(made - centre, style - centre).mean().item(),
        "to_input": F.cosine_similarity(made - centre, inputs - centre).mean().item(),
        "nme_percent": moved[seen].mean().item(),
        "sharpness": (output.sharpness[usable] / known.identity.sharpness.median()).median().item(),
    }
    if "identity" in output.estimated and known.sface_others is not None:
        mean = F.normalize(known.identity.estimated["identity"].mean(0), dim=0)
        ours, inputs = output.estimated["identity"], photo.estimated["identity"]
        to_identity, to_input, to_others = (
            ours @ mean,
            (ours * inputs).sum(1),
            (ours @ known.sface_others.T).amax(1),
        )
        retrieved = (to_identity > to_input) & (to_identity > to_others)
        report |= {
            "sface_retrieved": retrieved[usable].float().mean().item(),
            "sface_to_identity": to_identity[usable].mean().item(),
            "sface_to_input": to_input[usable].mean().item(),
        }
    report["light"] = losses.light(output.light, photo.light)[usable].mean().item()
    for name, key in (("pose", "pose_degrees"), ("expression", "expression")):
        if name in output.estimated:
            report[key] = (output.estimated[name] - photo.estimated[name]).norm(dim=1)[usable].mean().item()
    return report


def fine_energy(
    crop: UInt8[Tensor, "n 3 size size"], landmarks: Float[Tensor, "n 68 2"]
) -> Float[Tensor, " n"]:
    """Root mean square of luminance less its 3 x 3 mean, inside the face's outline."""
    gray = (crop.float() / 255).mean(1, keepdim=True)
    fine = (gray - F.avg_pool2d(gray, 3, 1, 1, count_include_pad=False)).square()
    inside = (hull_mask(crop.float() / 255, landmarks) > 0.99).float()
    return ((fine * inside).sum((1, 2, 3)) / inside.sum((1, 2, 3)).clamp(min=1)).sqrt()


def seam(
    result: UInt8[Tensor, "n 3 size size"],
    photo: UInt8[Tensor, "n 3 size size"],
    mask: Bool[Tensor, "n 1 size size"],
) -> Float[Tensor, " n"]:
    """By how many levels of 255 the mean step between neighbours across the mask's edge is larger than the
    same step in the photo."""
    steps, pairs = across(result, photo, mask)
    return steps / pairs.clamp(min=1)


def across(
    result: UInt8[Tensor, "n 3 height width"],
    photo: UInt8[Tensor, "n 3 height width"],
    mask: Bool[Tensor, "n 1 height width"],
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """The sum that `seam` is the mean of, in levels of 255, and over how many pairs of neighbours and
    colours."""
    steps, pairs = torch.zeros(len(mask)), torch.zeros(len(mask))
    for axis in (2, 3):
        edge = mask.diff(dim=axis).expand(-1, 3, -1, -1)
        step = (result.float().diff(dim=axis).abs() - photo.float().diff(dim=axis).abs()) * edge
        steps, pairs = steps + step.sum((1, 2, 3)), pairs + edge.sum((1, 2, 3))
    return steps, pairs
