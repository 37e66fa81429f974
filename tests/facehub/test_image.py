"""Every kind of picture in, sRGB bytes out; every kind of bad file, one sentence."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from facehub.errors import BadPhoto, BadSetting
from facehub.formats import FORMATS, WRITE_SUFFIXES
from facehub.image import MIN_SIDE_PX, PNG_XMP, encode, from_pil, read, read_statement, to_pil, write
from facehub.marks import manifest, xmp
from facehub.marks.origin import Marks


def pixels(height: int = 70, width: int = 90, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth enough for lossy formats: a coarse pattern, enlarged."""
    coarse = np.random.default_rng(seed).integers(
        0, 256, (height // 10 + 1, width // 10 + 1, channels), dtype=np.uint8
    )
    return coarse.repeat(10, 0).repeat(10, 1)[:height, :width]


def saved(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def hwc(photo: torch.Tensor) -> np.ndarray:
    return photo.permute(1, 2, 0).numpy()


@pytest.mark.parametrize(
    "format, mean", [("PNG", 0), ("BMP", 0), ("TIFF", 0), ("WEBP", 8), ("JPEG", 20), ("AVIF", 8), ("GIF", 8)]
)
def test_formats(format, mean):
    picture = read(saved(Image.fromarray(pixels()), format))
    difference = np.abs(hwc(picture.photo).astype(int) - pixels())
    assert picture.photo.shape == (3, 70, 90) and picture.alpha is None
    assert difference.mean() <= mean


@settings(max_examples=25, deadline=None)
@given(
    st.integers(64, 99),
    st.integers(64, 99),
    st.integers(0, 99),
    st.sampled_from(["PNG", "TIFF", "BMP"]),
    st.booleans(),
)
def test_lossless_round_trip(height, width, seed, format, with_alpha):
    random = np.random.default_rng(seed)
    photo = torch.from_numpy(random.integers(0, 256, (3, height, width), dtype=np.uint8))
    alpha = (
        torch.from_numpy(random.integers(0, 255, (1, height, width), dtype=np.uint8))
        if with_alpha and format != "BMP"
        else None
    )
    picture = read(encode(photo, format=format, alpha=alpha, generated=False))
    assert torch.equal(picture.photo, photo)
    assert (picture.alpha is None) == (alpha is None)
    assert alpha is None or torch.equal(picture.alpha, alpha)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(orientation):
    """Against the EXIF standard's own words: where the first row and the first column of the file belong."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = pixels()
    upright = {
        1: stored, 2: stored[:, ::-1], 3: stored[::-1, ::-1], 4: stored[::-1],
        5: stored.transpose(1, 0, 2), 6: stored[::-1].transpose(1, 0, 2),
        7: stored[::-1, ::-1].transpose(1, 0, 2), 8: stored[:, ::-1].transpose(1, 0, 2),
    }[orientation]  # fmt: skip
    np.testing.assert_array_equal(hwc(read(saved(Image.fromarray(stored), "PNG", exif=exif)).photo), upright)


def test_gray_palette_and_bits_become_rgb():
    gray = pixels(channels=1)[..., 0]
    for mode in ("L", "1", "P"):
        image = Image.fromarray(gray).convert(mode)
        expected = np.asarray(image.convert("RGB"))
        np.testing.assert_array_equal(hwc(read(saved(image, "PNG")).photo), expected)


def test_alpha_is_kept_apart():
    rgba = pixels(channels=4)
    picture = read(saved(Image.fromarray(rgba), "PNG"))
    np.testing.assert_array_equal(hwc(picture.photo), rgba[..., :3])
    np.testing.assert_array_equal(picture.alpha[0].numpy(), rgba[..., 3])
    la = Image.fromarray(rgba).convert("LA")
    np.testing.assert_array_equal(read(saved(la, "PNG")).alpha[0].numpy(), rgba[..., 3])


def test_palette_with_a_transparent_colour():
    image = Image.fromarray(pixels(channels=1)[..., 0]).quantize(8)
    picture = read(saved(image, "PNG", transparency=3))
    np.testing.assert_array_equal(picture.alpha[0].numpy() == 0, np.asarray(image) == 3)


def test_cmyk_becomes_rgb():
    cmyk = Image.fromarray(pixels()).convert("CMYK")
    got = hwc(read(saved(cmyk, "TIFF")).photo)
    np.testing.assert_array_equal(got, np.asarray(cmyk.convert("RGB")))


def test_sixteen_bits_keep_their_upper_half():
    deep = pixels(channels=1)[..., 0].astype(np.uint16) * 257
    for format in ("PNG", "TIFF"):
        got = read(saved(Image.fromarray(deep), format)).photo
        np.testing.assert_array_equal(got[0].numpy(), deep // 257)


def test_floats_with_holes():
    values = pixels(channels=1)[..., 0].astype(np.float32) / 255
    values[0, :3] = [np.nan, np.inf, -np.inf]
    got = read(saved(Image.fromarray(values), "TIFF")).photo[0].numpy()
    assert got[0, :3].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(got[1:], pixels(channels=1)[1:, :, 0])


def test_floats_of_any_size_are_spread_over_their_own_range():
    """Differences that no float holds among them."""
    ramp = np.linspace(0, 1, 70 * 90, dtype=np.float64).reshape(70, 90)
    for low, high in ((-1.0, 3.0), (0.0, 1e-3), (-3.4e38, 3.4e38), (1e30, 1.5e30), (-1e-30, 0.0)):
        values = (low + (high - low) * ramp).astype(np.float32)
        got = read(saved(Image.fromarray(values), "TIFF")).photo[0].numpy()
        span = 1.0 if low >= 0 and high <= 1 else max(float(values.max()) - float(values.min()), 1e-12)
        expected = (values.astype(np.float64) - (0.0 if span == 1.0 else values.min())) / span * 255
        assert np.abs(got - expected.clip(0, 255)).max() <= 0.51, (low, high)
    constant = read(saved(Image.fromarray(np.full((70, 90), 1e30, np.float32)), "TIFF")).photo
    assert constant.max() == 0


def test_icc_profile_is_converted():
    """Lab's (L 60, a 40, b 20) becomes what the profile says, not its bytes."""
    lab = Image.new("LAB", (80, 70), (153, 168, 148))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    expected = ImageCms.profileToProfile(
        lab, profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
    ).getpixel((0, 0))
    picture = read(saved(lab, "TIFF", icc_profile=profile.tobytes()))
    assert tuple(picture.photo[:, 0, 0].tolist()) == expected
    assert abs(expected[0] - 208) < 12 and expected[1] < 130, "a warm red"


def test_broken_profile_is_left_aside():
    np.testing.assert_array_equal(
        hwc(read(saved(Image.fromarray(pixels()), "PNG", icc_profile=b"no profile")).photo), pixels()
    )


def test_first_frame_of_an_animation():
    frames = [Image.fromarray(pixels(channels=1, seed=s)[..., 0]) for s in (1, 2)]
    got = read(saved(frames[0], "GIF", save_all=True, append_images=frames[1:])).photo
    np.testing.assert_array_equal(got[0].numpy(), np.asarray(frames[0]))


@pytest.mark.parametrize(
    "data, sentence",
    [
        (b"", "is empty"),
        (b"not a picture at all" * 9, "not a picture"),
        (b"%PDF-1.7\n" + bytes(200), "not a picture"),
        (saved(Image.fromarray(pixels()), "PNG")[:400], "damaged or cut off"),
        (saved(Image.fromarray(pixels()), "JPEG")[:900], "damaged or cut off"),
        (saved(Image.fromarray(pixels(MIN_SIDE_PX - 1, 200)), "PNG"), "at least 64"),
        (saved(Image.fromarray(pixels()), "PPM"), "not a picture"),
    ],
)
def test_bad_files_are_told_in_a_sentence(data, sentence):
    with pytest.raises(BadPhoto, match=sentence) as caught:
        read(data)
    assert str(caught.value).count(". ") == 0 and len(str(caught.value)) < 200


def test_paths_that_lead_nowhere(tmp_path):
    with pytest.raises(BadPhoto, match="does not exist"):
        read(tmp_path / "absent.jpg")
    with pytest.raises(BadPhoto, match="is a folder"):
        read(tmp_path)


def test_too_many_pixels_are_told_from_the_header():
    """A bomb: 900 megapixels of nothing in under a megabyte. Decoding it would take gigabytes."""
    header = saved(Image.new("1", (30_000, 30_000)), "PNG")
    with pytest.raises(BadPhoto, match="megapixels"):
        read(header)
    with pytest.raises(BadPhoto, match=r"90 x 70 pixels .* at most 0.005"):
        read(saved(Image.fromarray(pixels()), "PNG"), max_megapixels=0.005)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([format.name for format in FORMATS]), st.integers(0, 10_000), st.integers(1, 20))
def test_mutated_files_never_raise_anything_else(format, seed, count):
    random = np.random.default_rng(seed)
    data = bytearray(saved(Image.fromarray(pixels()), format))
    for position in random.integers(0, len(data), count):
        data[position] = random.integers(256)
    try:
        read(bytes(data[: len(data) if seed % 3 else random.integers(len(data))]))
    except BadPhoto:
        pass


@pytest.mark.parametrize("suffix", sorted(WRITE_SUFFIXES))
def test_written_files_are_marked_and_carry_nothing_else(tmp_path, suffix):
    path = tmp_path / f"result{suffix}"
    write(path, torch.from_numpy(pixels()).permute(2, 0, 1))
    assert Image.open(path).size == (90, 70)
    mark = read_statement(path.read_bytes())
    assert mark is None if suffix == ".bmp" else mark.program.startswith("facehub 0.")
    signed = manifest.read(path.read_bytes())
    assert signed is None if suffix == ".bmp" else signed.state == "valid", (
        "after all the rest, or it would not fit the file"
    )
    assert not torch.equal(read(path).photo, torch.from_numpy(pixels()).permute(2, 0, 1)), (
        "the watermark is in the pixels"
    )
    assert not Image.open(path).getexif().get_ifd(0x8825), "no place"
    assert [p.name for p in tmp_path.iterdir()] == [path.name], "no partial file stays"


def test_a_png_holds_its_packet_as_xmp_says():
    """As international text behind the header, in the pixels nothing lost; Pillow and libpng read it."""
    photo = torch.from_numpy(pixels(channels=1)).permute(2, 0, 1)
    alpha = torch.full_like(photo, 9)
    file = encode(photo, alpha=alpha, marks=Marks(label=False, watermark=False, manifest=False))
    opened = Image.open(io.BytesIO(file))
    assert file[37:41] == b"iTXt" and xmp.read(opened.text[PNG_XMP])
    assert torch.equal(read(file).photo, photo.expand(3, -1, -1)) and torch.equal(read(file).alpha, alpha)
    assert torch.equal(read(encode(photo, alpha=alpha, generated=False)).alpha, alpha)


def test_unmarked_when_asked():
    assert read_statement(encode(torch.zeros(3, 64, 64, dtype=torch.uint8), generated=False)) is None


def test_what_cannot_be_written_is_told(tmp_path):
    photo = torch.zeros(3, 64, 64, dtype=torch.uint8)
    with pytest.raises(BadSetting, match="no suffix"):
        write(tmp_path / "result.xyz", photo)
    with pytest.raises(BadSetting, match="does not exist"):
        write(tmp_path / "absent" / "result.png", photo)
    with pytest.raises(BadSetting, match="cannot be written"):
        encode(photo, format="PDF")


def test_pil_and_back():
    photo = torch.from_numpy(pixels(channels=4)).permute(2, 0, 1)
    picture = from_pil(to_pil(photo[:3], photo[3:]))
    assert torch.equal(picture.photo, photo[:3]) and torch.equal(picture.alpha, photo[3:])
    assert to_pil(photo[:1]).mode == "L"


def test_the_assets(assets):
    """All pictures that came with the project: each is read, or refused for what it is."""
    refused = {}
    for path in sorted(assets.glob("photos/formats/*")):
        try:
            picture = read(path)
            assert (
                picture.photo.shape[1:] == (4096, 4096)
                if "4096" in path.name
                else picture.photo.shape[0] == 3
            )
            assert (picture.alpha is not None) == (path.stem.endswith(("rgba", "la")))
        except BadPhoto as problem:
            refused[path.name] = str(problem)
    assert set(refused) == {"astronaut_48px.png", "not_an_image.jpg", "truncated.jpg"}


def test_the_turned_assets_are_the_same_picture(assets):
    """One is stored upside down, one on its side."""
    first, second = (
        read(assets / f"photos/formats/astronaut_exif_orientation_{turned}.jpg").photo.float()
        for turned in (3, 6)
    )
    assert first.shape == second.shape == (3, 512, 400)
    assert (first - second).abs().mean() < 6
