"""The precision of a swap: which one is chosen, and that the picture stays the same."""

import pytest
import torch

from facehub import registry
from facehub.blending.masks import SegmentationMasker
from facehub.errors import BadSetting
from facehub.networks import precision
from facehub.networks.folded import for_inference
from facehub.networks.generator import Generator
from facehub.networks.precision import bf16_pays, inference_dtype
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
    assert bf16_pays(CPU) is (dtype == torch.bfloat16)
    assert inference_dtype(CPU) == inference_dtype(CPU, "auto") == dtype
    assert for_inference(Generator(16), CPU).precision == dtype
    assert SegmentationMasker().precision == dtype
    assert inference_dtype(CUDA) == torch.float16


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
    with pytest.raises(BadSetting, match="int4.*FACEHUB_PRECISION to auto or float32 or bfloat16"):
        Swapper(Generator(16))


@pytest.mark.parametrize("name", ["tom_cruise", "will_smith", "serena_williams"])
def test_the_picture_in_bfloat16_is_float32s(name, astronaut):
    """At least 45 dB over the changed pixels alone, network and mask in bfloat16; and the same each time."""
    generator = registry.load(name).generator()
    exact, fast = (Swapper(generator, precision=word) for word in ("float32", "bfloat16"))
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
