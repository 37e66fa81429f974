"""bfloat16 only where the processor has instructions for it."""

import pytest
import torch

from train import precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("able", "pays"),
    [
        ({"avx2": True}, False),
        ({"avx512_f": True, "avx512_bf16": False}, False),
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
    ],
)
def test_a_cpu_is_asked_what_it_can(monkeypatch, able, pays):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    assert precision.bf16_pays(CPU) is pays
    with precision.autocast(CPU):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if pays else torch.float32)


def test_where_the_cpu_cannot_be_asked_it_is_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not precision.bf16_pays(CPU)
