"""Valid pictures to start from: every accepted format and mode, and hostile ones that must be refused."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from facehub import image


def pixels(height: int = 70, width: int = 90, channels: int = 3) -> np.ndarray:
    """Smooth, so that lossy formats have something to do."""
    y, x = np.mgrid[:height, :width]
    return np.stack([(x * (c + 1) + y * 2) % 256 for c in range(channels)], -1).astype(np.uint8)


def saved(picture: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(
    width: int, height: int, *, bits: int = 8, colour: int = 2, data: bytes = b"", extra: bytes = b""
) -> bytes:
    """A PNG file that tells any size, with any data behind it."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + extra
        + png_chunk(b"IDAT", zlib.compress(data))
        + png_chunk(b"IEND", b"")
    )


def valid() -> dict[str, bytes]:
    """Pictures that can be read."""
    rgb, rgba, gray = (
        Image.fromarray(pixels()),
        Image.fromarray(pixels(channels=4)),
        Image.fromarray(pixels()[..., 0]),
    )
    frames = [Image.fromarray(np.roll(pixels(), 9 * n, 1)) for n in range(1, 4)]
    holes = pixels()[..., 0].astype(np.float32) / 255
    holes[:3, :3] = [[np.nan] * 3, [np.inf] * 3, [-np.inf] * 3]
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "x" * 300
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "<x/>" * 50, zip=True)
    text.add_text("Comment", "x" * 500, zip=True)
    made = {name.lower(): saved(rgb, name) for name in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")}
    made |= {
        f"{name.lower()}_animated": saved(frames[0], name, save_all=True, append_images=frames)
        for name in ("GIF", "WEBP", "PNG", "TIFF", "AVIF")
    }
    made |= {
        f"png_{mode}": saved(picture, "PNG")
        for mode, picture in {
            "rgba": rgba,
            "gray": gray,
            "la": rgba.convert("LA"),
            "one_bit": gray.convert("1"),
            "palette": rgb.quantize(17),
            "deep": Image.fromarray(pixels()[..., 0].astype(np.uint16) * 257),
        }.items()
    }
    made |= {
        f"tiff_{how}": saved(rgb, "TIFF", compression=how)
        for how in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    }
    return made | {
        "tiff_float": saved(Image.fromarray(holes), "TIFF"),
        "tiff_cmyk": saved(rgb.convert("CMYK"), "TIFF"),
        "jpeg_cmyk": saved(rgb.convert("CMYK"), "JPEG"),
        "tiff_int": saved(Image.fromarray(pixels()[..., 0].astype(np.int32) * 70_000), "TIFF"),
        "tiff_lab": saved(rgb.convert("LAB"), "TIFF"),
        "jpeg_progressive": saved(rgb, "JPEG", progressive=True, exif=exif, icc_profile=profile),
        "webp_lossless": saved(rgba, "WEBP", lossless=True, exif=exif),
        "png_texts": saved(rgb, "PNG", pnginfo=text, exif=exif, icc_profile=profile),
        "gif_see_through": saved(rgb.quantize(9), "GIF", transparency=3),
        "wide": saved(Image.new("RGB", (60_000, 64)), "PNG"),
        "tall": saved(Image.new("L", (64, 60_000)), "JPEG"),
    }


def large() -> dict[str, bytes]:
    """Pictures at the limit of what is taken, 39 megapixels; one just above it."""
    side = 6244
    holes = Image.new("F", (side, side))
    holes.putpixel((5, 5), float("nan"))
    return {
        "one_bit": png_of(side, side, bits=1, colour=0, data=bytes((side + 8) // 8 * side + side)),
        "deep": png_of(side, side, bits=16, colour=6, data=bytes((side * 8 + 1) * side)),
        "float": saved(holes, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg": saved(Image.new("CMYK", (side, side)), "JPEG"),
        "above": png_of(side + 200, side, bits=1, colour=0, data=bytes(9_000_000)),
    }


def polyglots() -> dict[str, bytes]:
    """Pictures that are something else as well; as pictures they are fine."""
    png, gif, jpeg = (saved(Image.fromarray(pixels()), name) for name in ("PNG", "GIF", "JPEG"))
    script = b"<script>alert(1)</script><?php system('id'); ?>"
    return {
        "png_zip": png + b"PK\x03\x04" + bytes(60) + b"PK\x05\x06" + bytes(18),
        "gif_script": gif + b"/*" + script + b"*/",
        "jpeg_html": jpeg + script,
        "png_pdf": png + b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
        "jpeg_jpeg": jpeg + jpeg,
    }


def hostile() -> dict[str, bytes]:
    """Files that must be refused, in a sentence and before they cost anything."""
    jpeg, gif = saved(Image.fromarray(pixels()), "JPEG"), saved(Image.fromarray(pixels()), "GIF")
    png = saved(Image.fromarray(pixels()), "PNG")
    start = jpeg.index(b"\xff\xc0") + 5
    bomb = zlib.compress(bytes(100_000_000))
    return {
        "empty": b"",
        "zeros": bytes(1000),
        "text": b"not a picture " * 30,
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        "one_pixel": saved(Image.new("RGB", (1, 1)), "PNG"),
        "one_pixel_gif": saved(Image.new("L", (1, 1)), "GIF"),
        "thin": saved(Image.new("RGB", (60_000, 1)), "PNG"),
        "900_megapixels": png_of(30_000, 30_000, bits=1, colour=0, data=bytes(1000)),
        "most_pixels": png_of(2**31 - 1, 2**31 - 1),
        "no_pixels": png_of(0, 0),
        "no_height": png_of(90, 0),
        "jpeg_huge": jpeg[:start] + b"\xff\xff\xff\xff" + jpeg[start + 4 :],
        "gif_huge": gif[:6] + b"\xff\xff\xff\xff" + gif[10:],
        "bmp_huge": b"BM"
        + struct.pack("<IIIIiiHHIIiiII", 100, 0, 54, 40, 2**31 - 1, -(2**31), 1, 24, 0, 0, 0, 0, 0, 0),
        "webp_huge": b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff" + bytes(30),
        "no_data": png_of(90, 70),
        "cut_png": png[: len(png) // 2],
        "cut_jpeg": jpeg[:700],
        "cut_gif": gif[:300],
        "text_bomb": png_of(90, 70, data=bytes(70 * 271), extra=png_chunk(b"zTXt", b"x\0\0" + bomb)),
        "colour_bomb": png_of(90, 70, extra=png_chunk(b"iCCP", b"x\0\0" + bomb)),
        "tiff_loop": b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
        "tiff_many": b"II*\0\x08\0\0\0\xff\xff" + b"\0\1\4\0\xff\xff\xff\xff\x08\0\0\0" * 200,
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 90 70\n",
        "pdf": b"%PDF-1.7\n" + bytes(300),
        "ico": b"\0\0\1\0\1\0" + bytes(100),
        "psd": b"8BPS\0\1" + bytes(100),
    }


def marked() -> dict[str, bytes]:
    """Pictures of ours, with every mark: manifests to spoil."""
    import torch

    photo = torch.from_numpy(pixels(96, 128)).permute(2, 0, 1)
    return {
        f"marked_{name.lower()}": image.encode(photo, format=name)
        for name in ("PNG", "JPEG", "WEBP", "TIFF", "AVIF")
    }
