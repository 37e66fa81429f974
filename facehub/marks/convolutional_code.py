"""The watermark's error-correcting code: a checksum, then a convolutional code, read back from soft values.

Rate 1/4, constraint length 9, free distance 24: the code of cdma2000 (3GPP2 C.S0002, section 2.1.3.1.4.1.2).
Decoded by the Viterbi algorithm (1967), which finds the one most likely message among all, however weak each
single value is.

Written here because no small library has it: sionna's decoder comes with a whole radio stack on TensorFlow or
PyTorch, and PyPI's `viterbi` decodes hard bits, which costs about 2 dB where the watermark is weakest.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

GENERATOR_POLYNOMIALS = (0o765, 0o671, 0o513, 0o473)
"""One a coded sign: which of the last nine bits it is the parity of."""
MEMORY = 8
"""Earlier bits that each output depends on; as many zeros end the message."""

CHECK_BITS = 16
"""Length of the checksum."""


def checksum(bits: Bool[Tensor, "messages bits"]) -> Bool[Tensor, "messages check"]:
    """CRC-16/CCITT-FALSE of messages of whole bytes or not, bit by bit."""
    register = torch.full((len(bits),), 0xFFFF, dtype=torch.long, device=bits.device)
    for bit in bits.long().unbind(1):
        top = (register >> 15) ^ bit
        register = ((register << 1) & 0xFFFF) ^ top * 0x1021
    return _bits(register, CHECK_BITS)


def encode(bits: Bool[Tensor, "messages bits"]) -> Float[Tensor, "messages coded"]:
    """Signs, +1 for a one: four for each bit of message, checksum and tail."""
    state = torch.zeros(len(bits), dtype=torch.long, device=bits.device)
    outputs, following = _trellis(bits.device)
    signs = []
    for bit in torch.nn.functional.pad(torch.cat([bits, checksum(bits)], 1), (0, MEMORY)).long().unbind(1):
        signs.append(outputs[state, bit])
        state = following[state, bit]
    return torch.cat(signs, 1)


def coded_length(bits: int) -> int:
    """Signs that a message of so many bits becomes."""
    return (bits + CHECK_BITS + MEMORY) * len(GENERATOR_POLYNOMIALS)


def decode(
    values: Float[Tensor, "messages coded"],
) -> tuple[Bool[Tensor, "messages bits"], Bool[Tensor, " messages"]]:
    """The likeliest messages for noisy signs, and whether their checksums agree."""
    outputs, following = _trellis(values.device)
    states = len(outputs)
    # the two transitions, as 2 * state + bit, that lead to each state
    came_from = following.flatten().argsort(stable=True).view(states, 2)
    before, gain = came_from // 2, outputs.flatten(0, 1)[came_from]
    score = values.new_full((len(values), states), -torch.inf)
    score[:, 0] = 0
    choices = []
    for received in values.view(len(values), -1, len(GENERATOR_POLYNOMIALS)).unbind(1):
        score, choice = (score[:, before] + (gain * received[:, None, None]).sum(-1)).max(-1)
        choices.append(choice)
    rows, decided = torch.arange(len(values), device=values.device), []
    state = torch.zeros_like(rows)
    for choice in reversed(choices):
        transition = came_from[state, choice[rows, state]]
        decided.append(transition % 2)
        state = transition // 2
    message = torch.stack(decided[::-1], 1)[:, : -MEMORY - CHECK_BITS].bool()
    found = torch.stack(decided[::-1], 1)[:, -MEMORY - CHECK_BITS : -MEMORY].bool()
    return message, (found == checksum(message)).all(1)


def _trellis(device: torch.device) -> tuple[Float[Tensor, "states 2 4"], Tensor]:
    """The signs that each state gives for each bit, and the next state."""
    # the bit is the topmost, earlier ones below it
    register = torch.arange(2 << MEMORY, device=device).view(2, -1).T
    parity = torch.stack(
        [_bits(register.flatten() & taps, MEMORY + 1).sum(1) % 2 for taps in GENERATOR_POLYNOMIALS], 1
    )
    return (parity * 2.0 - 1).view(*register.shape, len(GENERATOR_POLYNOMIALS)), register >> 1


def _bits(numbers: Tensor, count: int) -> Bool[Tensor, "numbers count"]:
    """Most significant first."""
    return (numbers[:, None] >> torch.arange(count - 1, -1, -1, device=numbers.device) & 1).bool()
