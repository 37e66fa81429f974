"""The watermark: invisible, read back after what people do to pictures, and not found where there is none."""

import io

import pytest
import torch
from PIL import Image
from torch.nn.functional import avg_pool2d, grid_sample, interpolate, pad

from facehub import image
from facehub.marks import handling as handling_module
from facehub.marks import visibility, watermark
from facehub.marks.watermark import Payload, bits, embed, payload
from facehub.marks.watermark_detector import PRESENT_THRESHOLD, detect

MARK = Payload("0.2.0", 0xC0FFEE42)


def resized(photo: torch.Tensor, height: int, width: int) -> torch.Tensor:
    return (
        interpolate(photo[None].float(), (height, width), mode="bicubic", antialias=True)[0]
        .round()
        .clamp(0, 255)
        .byte()
    )


def encoded(photo: torch.Tensor, format: str, quality: int) -> torch.Tensor:
    buffer = io.BytesIO()
    image.to_pil(photo).save(buffer, format, quality=quality)
    return image.from_pil(Image.open(buffer)).photo


def jpeg(photo: torch.Tensor, quality: int) -> torch.Tensor:
    return encoded(photo, "JPEG", quality)


def turned(photo: torch.Tensor, degrees: float) -> torch.Tensor:
    return image.from_pil(image.to_pil(photo).rotate(degrees, Image.Resampling.BICUBIC)).photo


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
    "WebP 50": lambda p: encoded(p, "WEBP", 50),
    "half and back": lambda p: resized(resized(p, p.shape[1] // 2, p.shape[2] // 2), *p.shape[1:]),
    "a tenth cropped": lambda p: p[:, p.shape[1] // 15 :, : -(p.shape[2] // 10)],
    "another size, framed, JPEG 80": lambda p: jpeg(
        pad(resized(p, p.shape[1] * 6 // 7, p.shape[2] * 6 // 7), (31, 9, 57, 12), value=245), 80
    ),
    "brighter": lambda p: (p.float() * 1.15 + 8).clamp(0, 255).byte(),
    "redder": lambda p: (p.float() * torch.tensor([1.15, 1.0, 0.85])[:, None, None]).clamp(0, 255).byte(),
    "three times the size": lambda p: resized(p, p.shape[1] * 3, p.shape[2] * 3),
    "mirrored": lambda p: p.flip(2),
    "turned by a quarter, JPEG 80": lambda p: jpeg(torch.rot90(p, 1, (1, 2)), 80),
    "mirrored and upside down": lambda p: torch.rot90(p.flip(2), 2, (1, 2)),
    "turned by 2.9 degrees": lambda p: turned(p, 2.9),
    "turned by -1.3 degrees, JPEG 75": lambda p: jpeg(turned(p, -1.3), 75),
    "ten percent wider": lambda p: resized(p, p.shape[1], p.shape[2] * 11 // 10),
    "ten percent lower": lambda p: resized(p, p.shape[1] * 9 // 10, p.shape[2]),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_mark_survives(marked, attack):
    found = detect(ATTACKS[attack](marked))
    assert (found.payload, found.fits) == (MARK, True)


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
    assert max(one.score for one in found) < PRESENT_THRESHOLD - 1


def test_what_is_done_to_a_photo_is_undone(astronaut):
    """Each handling, done to a drawn photo by a transform of its own, gives the drawn photo back."""
    photo = resized(resized(astronaut, 48, 40), 240, 200)
    for handling in handling_module.handlings():
        (a, b), (c, d) = handling.turn
        # frequencies move by the inverse transpose of what moves pixels
        moves = torch.linalg.inv(torch.tensor([[a, b], [c, d]], dtype=torch.float64)).T
        back = torch.linalg.inv(moves)
        size = moves.abs() @ torch.tensor([240.0, 200.0], dtype=torch.float64)
        height, width = (2 * round(side / 2) for side in size.tolist())
        down = torch.arange(height).double()[:, None] - (height - 1) / 2
        right = torch.arange(width).double()[None] - (width - 1) / 2
        where = torch.stack(
            [(back[1, 0] * down + back[1, 1] * right) / 100, (back[0, 0] * down + back[0, 1] * right) / 120],
            -1,
        )
        done = grid_sample(photo[None].double(), where[None], align_corners=False)[0]
        again = handling.undo(done.round().clamp(0, 255).byte())
        if (
            max(handling.turn[0][0], handling.turn[1][1]) > 1
        ):  # squeezed: of the size that it had, up to a pixel
            assert max(abs(again.shape[1] - 240), abs(again.shape[2] - 200)) <= 1
            again = resized(again, 240, 200)
        middle = [slice((side - 100) // 2, (side + 100) // 2) for side in again.shape[1:]]
        difference = again[:, middle[0], middle[1]].float() - photo[:, 70:170, 50:150]
        assert difference.abs().mean() < 1.5, handling.turn


def test_a_photo_shrunk_to_a_quarter_keeps_it(examples):
    photo = image.read(examples / "london_012_03.jpg").photo
    large = resized(photo, 800, 800)
    assert detect(resized(embed(large[None], [MARK])[0], 200, 200)).payload == MARK


def test_a_portrait_keeps_it_in_avif_at_30(examples):
    photo = resized(image.read(examples / "london_012_03.jpg").photo, 720, 720)
    assert detect(encoded(embed(photo[None], [MARK])[0], "AVIF", 30)).payload == MARK


def test_handled_photos_are_searched_only_when_asked(marked):
    assert detect(marked.flip(2), handled=False).payload is None


def test_flat_places_are_hardly_touched(examples):
    """A studio's gray wall, which showed the old mark as mottling (48 dB with one level, 50 and more now)."""
    wall = image.read(examples / "london_012_03.jpg").photo
    gray = watermark.luma(wall[None])
    mean = avg_pool2d(gray, 16)
    flat = (avg_pool2d(gray * gray, 16) - mean * mean).clamp(min=0).sqrt() < 3
    assert flat.float().mean() > 0.4
    error = avg_pool2d((embed(wall[None], [MARK]).float() - wall).square().mean(1, keepdim=True), 16)
    assert 10 * torch.log10(255**2 / error[flat].mean()) > 50


def test_a_wall_stays_clean_up_to_an_edge():
    """Strong detail hides the mark, but an edge does not hide it on the wall beside it."""
    wall = torch.full((1, 3, 256, 256), 180, dtype=torch.uint8)
    wall[..., 128:] = 40
    change = (embed(wall, [MARK]).float() - wall.float())[0, 0]
    beside, far = change[:, 112:126], change[:, 40:80]
    assert beside.square().mean().sqrt() < 1.3 * far.square().mean().sqrt()


def test_the_visible_threshold_follows_the_models(astronaut):
    for level, factor in ((127.0, 1.0), (255.0, 2.0), (0.0, visibility.MAX_DARK_FACTOR)):
        flat = torch.full((1, 1, 64, 64), level)
        assert torch.allclose(
            visibility.levels(flat), torch.tensor(visibility.FLAT_LEVELS * factor), rtol=0.01
        )
    noise = 127 + 10 * torch.randn(1, 1, 256, 256)
    masked = visibility.levels(noise).mean() / visibility.FLAT_LEVELS
    assert 0.7 * 10**visibility.MASKING_EXPONENT < masked < 10**visibility.MASKING_EXPONENT


def test_a_fence_is_no_mark():
    """Strong waves at the mark's own frequencies, but not with its phases."""
    y, x = torch.meshgrid(torch.arange(300.0), torch.arange(400.0), indexing="ij")
    fence = 128 + 60 * (
        torch.sin(2 * torch.pi * x * 16 / watermark.TILE) + torch.sin(2 * torch.pi * y * 20 / watermark.TILE)
    )
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
    waves = watermark.frequency_plan()
    assert waves.pilots[:3].tolist() == [[7, 27], [24, 11], [-10, 21]]
    assert waves.places[:2].tolist() == [[220, 264], [16, 16]]
