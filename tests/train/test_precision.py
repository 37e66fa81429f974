"""bfloat16 only where the processor has instructions for it."""

import pytest
import torch

from train.precision import autocast


@pytest.mark.parametrize(
    ("able", "pays"), [({"avx2": True}, False), ({"avx512_bf16": True}, True), ({"amx_bf16": True}, True)]
)
def test_a_cpu_is_asked_what_it_can(monkeypatch, able, pays):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    with autocast("cpu"):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if pays else torch.float32)
