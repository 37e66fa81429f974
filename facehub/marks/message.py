"""What the waves of a pattern that was found say: its message, and whether it was made for this picture.

Marks of version 0.5 and older lie on nothing; their waves are read as they are. A mark that was copied to
another picture is read from the waves that lie on nothing alone.
"""

import torch
from jaxtyping import Bool, Complex64, Float
from torch import Tensor

from . import convolutional_code
from .watermark import BITS, FrequencyPlan, Payload, payload

FIT_SHARE = 0.38
"""How strong the bound waves are beside the others where the mark fits its picture, at least."""

OTHER_SHARE = 0.3
"""And where it was made for another one, at most; between the two nothing is said."""

OLDER_SHARE = 0.4
"""How strong they are without the content beside the others in marks of older versions, at least."""

MIN_FIT = 4.0
"""The score of the bound waves from which the mark fits: chance gives 0 +- 1."""

MIN_SURE = 16.0
"""The score of the others from which bound waves that do not answer mean another picture."""


def read(
    plain: Complex64[Tensor, " data"],
    laid: Complex64[Tensor, " data"],
    weight: Float[Tensor, " data"],
    plan: FrequencyPlan,
) -> tuple[Payload | None, bool | None]:
    """The message, None where its checksum is wrong, and whether it fits the picture, None if unknown.

    `plain`: the data's waves; `laid`: the same after the picture was multiplied with its content;
    `weight`: how well each came through.
    """
    bound, signs = plan.bound.to(plain.device), plan.signs.to(plain.device)
    places = plan.places.to(plain.device)
    free = torch.where(bound, 0, plain)
    for values in (torch.where(bound, laid, plain), plain, free):
        soft = torch.view_as_real((values * weight).contiguous()) * signs
        coded = soft.new_zeros(convolutional_code.coded_length(BITS)).index_add_(
            0, places.flatten(), soft.flatten()
        )
        message, right = convolutional_code.decode(coded[None])
        if right:
            expected = convolutional_code.encode(message)[0][places] * signs
            return payload(message[0]), _fits(plain, laid, expected, bound)
    return None, None


def _fits(
    plain: Tensor, laid: Tensor, expected: Float[Tensor, "data 2"], bound: Bool[Tensor, " data"]
) -> bool | None:
    """Whether the bound waves say what the message makes them say, on this picture's content."""
    sure = _score(plain[~bound], expected[~bound])
    fit, unbound = (_score(values[bound], expected[bound]) for values in (laid, plain))
    if unbound >= max(MIN_FIT, OLDER_SHARE * sure) and unbound > fit:
        return None  # made by an older version
    if fit >= max(MIN_FIT, FIT_SHARE * sure):
        return True
    return False if sure >= MIN_SURE and fit <= OTHER_SHARE * sure else None


def _score(values: Complex64[Tensor, " some"], expected: Float[Tensor, "some 2"]) -> float:
    """How well waves agree with what is expected; chance gives 0 +- 1."""
    found = torch.view_as_real(values.contiguous())
    return float((found * expected).sum() / found.square().sum().sqrt().clamp(min=1e-9))
