"""The precision of a swap: which one is chosen, and that the picture stays the same."""

import pytest
import torch

from facehub import registry
from facehub.blending.masks import SegmentationMasker
from facehub.errors import BadSetting
from facehub.networks import precision
from facehub.networks.folded import for_inference
from facehub.networks.generator import Generator
from facehub.networks.precision import bf16_pays, float_dtype, inference_dtype, int8_pays
from facehub.swapper import Swapper

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def psnr(one: torch.Tensor, other: torch.Tensor, peak: float) -> float:
    return float(10 * (peak * peak / (one.double() - other.double()).square().mean()).log10())


@pytest.fixture
def able(monkeypatch):
    """Set the processor's instructions."""
    monkeypatch.delenv(precision.VARIABLE, raising=False)
    return lambda **flags: monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags, raising=False)


@pytest.mark.parametrize(
    ("flags", "dtype"),
    [
        ({"avx2": True}, torch.float32),
        ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, torch.float32),
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
    ],
)
def test_a_cpus_instructions_choose(able, flags, dtype):
    able(**flags)
    assert bf16_pays(CPU) is (dtype == torch.bfloat16) and not int8_pays(CPU)
    assert inference_dtype(CPU) == inference_dtype(CPU, "auto") == dtype
    assert for_inference(Generator(16), CPU).precision == dtype
    assert SegmentationMasker().precision == dtype
    assert inference_dtype(CUDA) == torch.float16


@pytest.mark.parametrize(
    ("flags", "floats"),
    [
        ({"avx512_vnni": True}, torch.float32),
        ({"avx512_vnni": True, "avx512_bf16": True}, torch.bfloat16),
        ({"amx_int8": True, "amx_bf16": True}, torch.bfloat16),
    ],
)
def test_8_bit_integers_go_before_bfloat16(able, monkeypatch, flags, floats):
    """What is no product of integers runs in what the processor has."""
    able(**flags)
    assert inference_dtype(CPU) == inference_dtype(CPU, "int8") == torch.int8
    assert float_dtype(torch.int8) == SegmentationMasker().precision == floats
    assert float_dtype(torch.float16) == inference_dtype(CUDA) == torch.float16
    monkeypatch.delattr(torch.ops.onednn, "qconv2d_pointwise", raising=False)
    monkeypatch.setattr(torch.ops, "onednn", object())
    assert inference_dtype(CPU) == floats


def test_8_bit_integers_are_refused_where_they_do_not_pay(able):
    able(avx2=True)
    with pytest.raises(BadSetting, match="processor is not used.*FACEHUB_PRECISION to auto"):
        inference_dtype(CPU, "int8")
    able(avx512_vnni=True)
    with pytest.raises(BadSetting, match="GPU is not used"):
        inference_dtype(CUDA, "int8")


def test_where_the_cpu_cannot_be_asked_it_is_float32(monkeypatch):
    monkeypatch.delenv(precision.VARIABLE, raising=False)
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert inference_dtype(CPU) == torch.float32


@pytest.mark.parametrize("flags", [{}, {"amx_bf16": True}])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_setting_and_the_argument_go_before_the_instructions(able, monkeypatch, flags, dtype):
    able(**flags)
    word = str(dtype).removeprefix("torch.")
    for device in (CPU, CUDA):
        assert inference_dtype(device, word) == dtype
    asked = Swapper(Generator(16), precision=word)
    assert asked.generator.precision == asked.masker.precision == dtype  # pyright: ignore
    monkeypatch.setenv(precision.VARIABLE, word)
    assert inference_dtype(CPU) == Swapper(Generator(16)).generator.precision == dtype  # pyright: ignore


def test_an_unknown_word_is_refused_with_those_that_are_known(monkeypatch):
    monkeypatch.setenv(precision.VARIABLE, "int4")
    with pytest.raises(BadSetting, match="int4.*FACEHUB_PRECISION to auto or float32 or bfloat16 or int8"):
        Swapper(Generator(16))


INT8 = pytest.param("int8", marks=pytest.mark.skipif(not int8_pays(CPU), reason="no instructions for it"))


@pytest.mark.parametrize("word", ["bfloat16", INT8])
@pytest.mark.parametrize("name", ["tom_cruise", "will_smith", "serena_williams"])
def test_the_picture_is_float32s(name, word, astronaut):
    """At least 45 dB over the changed pixels alone, network and mask as fast as may be; and the same each
    time."""
    generator = registry.load(name).generator()
    exact, fast = (Swapper(generator, precision=choice) for choice in ("float32", word))
    one, other = exact(astronaut[None]), fast(astronaut[None])
    changed = (one.blended != astronaut).any(1)[0]
    assert changed.sum() > 5000
    assert not torch.equal(one.blended, other.blended)
    assert psnr(one.blended[..., changed], other.blended[..., changed], peak=255) > 45
    assert psnr(one.mask / 255, other.mask / 255, peak=1) > 45
    assert torch.equal(fast(astronaut[None]).blended, other.blended)


@pytest.mark.parametrize("name", ["tom_cruise", "serena_williams"])
def test_windows_in_bfloat16_are_the_wholes_to_80_db(name):
    """Sums may be taken in another order on another window, and then rounded apart."""
    generator = registry.load(name).generator()
    served, size = for_inference(generator, CPU, torch.bfloat16), generator.size
    crop = torch.rand(1, 3, size // 16, size // 16)
    crop = torch.nn.functional.interpolate(crop, size=size, mode="bicubic").clamp(0, 1)
    with torch.no_grad():
        whole = served(crop)
        for window in [(0, size, 0, size // 2), (size // 4, size * 7 // 8, size // 5, size * 4 // 5)]:
            top, bottom, left, right = window
            part = served(crop, window)
            assert psnr(part, whole[..., top:bottom, left:right], peak=1) > 80
