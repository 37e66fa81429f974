"""The watermark's code: what is encoded is decoded, through noise, and its checksum tells when it is not."""

import torch

from facehub.marks import convolutional_code


def messages(count: int) -> torch.Tensor:
    return torch.rand(count, 48) > 0.5


def test_the_checksum_is_the_one_it_is_named_after():
    """CRC-16/CCITT-FALSE of "123456789" is 29B1, as every catalogue of checksums says."""
    bits = torch.tensor([[bit == "1" for byte in b"123456789" for bit in f"{byte:08b}"]])
    assert int("".join(str(int(bit)) for bit in convolutional_code.checksum(bits)[0]), 2) == 0x29B1


def test_what_is_encoded_is_decoded():
    sent = messages(5)
    coded = convolutional_code.encode(sent)
    assert coded.shape == (5, convolutional_code.coded_length(48))
    got, right = convolutional_code.decode(coded)
    assert torch.equal(got, sent)
    assert right.all()


def test_noise_that_turns_every_fifth_sign_is_withstood():
    sent = messages(40)
    coded = convolutional_code.encode(sent)
    noisy = coded + 1.15 * torch.randn_like(coded)
    assert 0.15 < ((noisy > 0) != (coded > 0)).float().mean() < 0.25
    got, right = convolutional_code.decode(noisy)
    assert (got == sent).all(1).float().mean() > 0.9
    assert torch.equal(right, (got == sent).all(1))


def test_noise_alone_has_no_right_checksum():
    _, right = convolutional_code.decode(torch.randn(300, convolutional_code.coded_length(48)))
    assert not right.any()
