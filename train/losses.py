"""The paper's losses (section 3.2), one value a face. The caller weighs and means.

Korshunova et al., ICCV 2017. F and S are VGG-19 features (faces, channels, y, x) normalised as in
features.py; k = 1 throughout.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def content(output: Float[Tensor, "n c y x"], photo: Float[Tensor, "n c y x"]) -> Float[Tensor, " n"]:
    """Equations 1 and 2: mean squared difference of features at relu4_2."""
    return (output - photo).square().mean((1, 2, 3))


def style(output: Float[Tensor, "n c y x"], best: Float[Tensor, "n b c y x"]) -> Float[Tensor, " n"]:
    """Equations 3 to 5: cosine distance at each position to the nearest of the best style photos *at that
    same position*, averaged."""
    similarity = torch.einsum("ncyx,nbcyx->nbyx", F.normalize(output, dim=1), F.normalize(best, dim=2))
    return (1 - similarity.amax(1)).mean((1, 2))


def light(output: Float[Tensor, "n k"], photo: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
    """Equation 6: mean squared difference of the lighting network's features."""
    return (output - photo).square().mean(1)


def identity(
    output: Float[Tensor, "n k"],
    photo: Float[Tensor, "n k"],
    wanted: Float[Tensor, " k"],
    *,
    stranger: float = 0.1,
) -> Float[Tensor, " n"]:
    """How far a face network's unit vectors of the output are from the identity's mean, and how much
    likeness to the input person is left.

    1 - cos(output, identity) + max(0, cos(output, photo) - stranger), where `stranger` is the cosine of two
    people who are none of each other's. Not in the paper; the first term is the field's identity loss
    (FaceShifter, Li et al. 2019, equation 2).
    """
    return 1 - output @ wanted + ((output * photo).sum(1) - stranger).clamp(min=0)


def landmarks(output: Float[Tensor, "n 68 2"], photo: Float[Tensor, "n 68 2"]) -> Float[Tensor, " n"]:
    """How far the parts of the face moved: mean distance of the landmarks, in units of the distance between
    the eyes' centres.

    Not in the paper, whose content loss alone keeps pose and expression; the measure is that of the field,
    NME.
    """
    return (output - photo).norm(dim=2).mean(1) / eyes_apart(photo)


def eyes_apart(landmarks: Float[Tensor, "n 68 2"]) -> Float[Tensor, " n"]:
    """Distance of the eyes' centres."""
    return (landmarks[:, 36:42].mean(1) - landmarks[:, 42:48].mean(1)).norm(dim=1)


def total_variation(output: Float[Tensor, "n 3 h w"]) -> Float[Tensor, " n"]:
    """Equation 7: squared differences of neighbours, averaged over pixels and channels."""
    across = (output[..., :, 1:] - output[..., :, :-1]).square().mean((1, 2, 3))
    return across + (output[..., 1:, :] - output[..., :-1, :]).square().mean((1, 2, 3))


def nearest_poses(
    landmarks: Float[Tensor, "n 68 2"], bank: Float[Tensor, "styles 68 2"], count: int
) -> Int[Tensor, "n count"]:
    """The N_best style photos of each face: nearest by Euclidean distance of the aligned landmarks."""
    return (
        torch.cdist(landmarks.flatten(1), bank.flatten(1)).topk(min(count, len(bank)), largest=False).indices
    )
