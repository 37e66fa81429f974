"""The watermark: invisible, read back after what people do to pictures, and not found where there is none."""

import io

import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate, pad

from facehub import image, watermark
from facehub.watermark import Payload, bits, embed, payload
from facehub.watermark_reader import PRESENT, detect

MARK = Payload("0.2.0", 0xC0FFEE42)


def resized(photo: torch.Tensor, height: int, width: int) -> torch.Tensor:
    return interpolate(photo[None].float(), (height, width), mode="bicubic", antialias=True)[0].round().clamp(0, 255).byte()


def jpeg(photo: torch.Tensor, quality: int) -> torch.Tensor:
    buffer = io.BytesIO()
    image.to_pil(photo).save(buffer, "JPEG", quality=quality)
    return image.from_pil(Image.open(buffer)).photo


def psnr(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(10 * torch.log10(255**2 / (one.float() - other.float()).square().mean()))


@pytest.fixture(scope="module")
def small(examples) -> torch.Tensor:
    """(3, 240, 210) bytes."""
    return resized(image.read(examples / "london_012_03.jpg").photo, 240, 210)


@pytest.fixture(scope="module")
def marked(astronaut) -> torch.Tensor:
    return embed(astronaut[None], [MARK])[0]


ATTACKS = {
    "as it is": lambda p: p,
    "JPEG 70": lambda p: jpeg(p, 70),
    "half and back": lambda p: resized(resized(p, p.shape[1] // 2, p.shape[2] // 2), *p.shape[1:]),
    "a tenth cropped": lambda p: p[:, p.shape[1] // 15 :, : -(p.shape[2] // 10)],
    "another size, framed, JPEG 80": lambda p: jpeg(pad(resized(p, p.shape[1] * 6 // 7, p.shape[2] * 6 // 7), (31, 9, 57, 12), value=245), 80),
    "brighter": lambda p: (p.float() * 1.15 + 8).clamp(0, 255).byte(),
    "redder": lambda p: (p.float() * torch.tensor([1.15, 1.0, 0.85])[:, None, None]).clamp(0, 255).byte(),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_mark_survives(marked, attack):
    assert detect(ATTACKS[attack](marked)).payload == MARK


def test_a_busy_photo_keeps_the_mark_in_its_quiet_places():
    """Noise takes no more than is allowed in all, and does not take it from the wall beside it."""
    wall = torch.full((1, 3, 256, 256), 128, dtype=torch.uint8)
    busy = wall.clone()
    busy[..., 64:] = torch.randint(28, 228, (1, 1, 256, 192), dtype=torch.uint8)
    changes = [(embed(photo, [MARK])[0].float() - photo[0].float())[:, :, 4:52] for photo in (wall, busy)]
    alone, beside = (change.square().mean().sqrt() for change in changes)
    assert beside > 0.95 * alone
    assert psnr(embed(busy, [MARK])[0], busy[0]) > 41.2


def test_small_photos_carry_it_too(small):
    assert detect(jpeg(embed(small[None], [MARK])[0], 80)).payload == MARK


def test_a_large_photo_made_small_keeps_it(astronaut):
    large = resized(astronaut, 1500, 1500)
    assert detect(jpeg(resized(embed(large[None], [MARK])[0], 400, 400), 80)).payload == MARK


def test_it_is_faint(astronaut, marked, small):
    assert psnr(astronaut, marked) > 41
    assert psnr(small, embed(small[None], [MARK])[0]) > 41
    assert (marked.int() - astronaut.int()).abs().max() <= 40


def test_unmarked_photos_have_none(examples, astronaut, small):
    photos = [astronaut, small, astronaut.flip(2), torch.full((3, 90, 120), 128, dtype=torch.uint8)]
    found = [detect(photo) for photo in photos]
    assert not any(one.present for one in found)
    assert max(one.score for one in found) < PRESENT - 1


def test_a_fence_is_no_mark():
    """Strong waves at the mark's own frequencies, but not with its phases."""
    y, x = torch.meshgrid(torch.arange(300.0), torch.arange(400.0), indexing="ij")
    fence = 128 + 60 * (torch.sin(2 * torch.pi * x * 16 / watermark.TILE) + torch.sin(2 * torch.pi * y * 20 / watermark.TILE))
    assert not detect(fence.clamp(0, 255).byte().expand(3, -1, -1).contiguous()).present


def test_a_stack_is_its_photos_and_the_argument_is_left_alone(astronaut):
    photos = torch.stack([astronaut, astronaut.flip(2)])
    before, payloads = photos.clone(), [MARK, Payload("0.3.1", 7)]
    together = embed(photos, payloads)
    assert torch.equal(photos, before)
    for index in range(2):
        alone = embed(photos[index : index + 1], payloads[index : index + 1])[0]
        assert (together[index].int() - alone.int()).abs().max() <= 1
        assert detect(together[index]).payload == payloads[index]


@pytest.mark.parametrize("size", [(64, 64), (64, 700), (65, 97)])
def test_any_size_can_be_marked_and_searched(size):
    photo = (torch.rand(1, 3, *size) * 255).byte()
    assert embed(photo, [MARK]).shape == photo.shape
    detect(photo[0])


def test_payload_and_back():
    for one in (MARK, Payload("15.63.63", 2**32 - 1), Payload("0.0.0", 0)):
        assert payload(bits([one])[0]) == one
    assert payload(bits([Payload("1.2.3rc4", 5)])[0]) == Payload("1.2.3", 5)
    assert payload(bits([Payload("99.99.99", 5)])[0]).version == "15.63.63"
    assert bits([MARK]).shape == (1, watermark.BITS)


def test_the_key_never_changes():
    """Pictures that are out there must stay readable: these waves are part of the format."""
    waves = watermark.waves()
    assert waves.pilots[:3].tolist() == [[7, 27], [24, 11], [-10, 21]]
    assert waves.places[:2].tolist() == [[220, 264], [16, 16]]
