"""Spoil inputs: any bytes; JSON and PNG so that the spoiled place is reached."""

import json
import random
import struct
import zlib
from collections.abc import Sequence
from typing import Any

NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    8,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x10000,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    2**63 - 1,
    2**64 - 1,
)

VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    1.5,
    -1e308,
    1e308,
    float("nan"),
    float("inf"),
    2**31,
    2**63,
    2**64,
    10**300,
    "",
    "0",
    "all",
    "ada",
    "A" * 5000,
    "../../etc/passwd",
    "/etc/passwd",
    "..\\..\\x",
    "C:\\x",
    "~/x",
    "a\x00b",
    "\n",
    "\u202e",
    "\u0000",
    "é" * 300,
    "<script>alert(1)</script>",
    "http://127.0.0.1:1/x",
    "http://169.254.169.254/latest/meta-data",
    "https://localhost/x",
    "file:///etc/passwd",
    "data:image/png;base64,AAAA",
    "{}",
    "[]",
    "%s%n",
    "${x}",
    "';--",
    [],
    {},
    [[]],
    {"path": "/etc/passwd"},
    {"path": "http://127.0.0.1:1/x", "meta": {"_type": "gradio.FileData"}},
    {"__type__": "update"},
    {"path": "x", "url": "http://[::1]:1/x", "meta": {"_type": "gradio.FileData"}, "is_stream": True},
    [0] * 500,
    {str(n): n for n in range(50)},
)
"""What is put where another value was expected."""


def spoiled(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """A few changes at random places, by kinds that decoders are known to trip over."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and chance.random() < 0.5:
        return png(data, chance)
    if data[:1] in (b"{", b"[") and chance.random() < 0.75:
        return spoiled_json(data, chance)
    spoilt = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 5, 9, 20))):
        place = chance.randrange(len(spoilt)) if spoilt else 0
        if chance.random() < 0.4:
            place = min(place, chance.randrange(64))  # headers are where it hurts
        kind = chance.randrange(9)
        if kind <= 1 and spoilt:
            spoilt[place] ^= 1 << chance.randrange(8)
        elif kind == 2 and spoilt:
            spoilt[place] = chance.randrange(256)
        elif kind == 3:
            width, end = chance.choice((1, 2, 4, 8)), chance.choice("<>")
            spoilt[place : place + width] = struct.pack(f"{end}Q", chance.choice(NUMBERS))[
                -width if end == ">" else 0 :
            ][:width]
        elif kind == 4:
            spoilt = spoilt[: chance.randrange(len(spoilt) + 1)]
        elif kind == 5:
            spoilt[place:place] = chance.randbytes(chance.choice((1, 2, 4, 16, 300)))
        elif kind == 6:
            del spoilt[place : place + chance.choice((1, 2, 4, 16, 300))]
        elif kind == 7:
            start = chance.randrange(len(spoilt) + 1)
            spoilt[place:place] = spoilt[start : start + chance.choice((4, 64, 1000))]
        elif others:
            other = chance.choice(others)
            spoilt[place:] = other[chance.randrange(len(other) + 1) :]
    return bytes(spoilt)


def png(data: bytes, chance: random.Random) -> bytes:
    """Spoils a chunk of a PNG file, leaves one out, or doubles it; the checksums are right."""
    chunks, place = [], 8
    while place + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        chunks.append((kind, bytearray(data[place + 8 : place + 8 + length])))
        place += 12 + length
    number = chance.randrange(len(chunks))
    kind, body = chunks[number]
    what = chance.randrange(6)
    if what <= 2 and body:
        body[chance.randrange(len(body))] = chance.choice((0, 1, 2, 3, 4, 8, 16, 127, 255))
    elif what == 3:
        del chunks[number]
    elif what == 4:
        chunks.insert(chance.randrange(len(chunks) + 1), (kind, body))
    else:
        new = chance.choice(
            (
                b"acTL",
                b"fcTL",
                b"fdAT",
                b"tRNS",
                b"PLTE",
                b"iCCP",
                b"zTXt",
                b"iTXt",
                b"eXIf",
                b"caBX",
                b"cHRM",
                b"gAMA",
                b"IDAT",
            )
        )
        content = chance.choice(
            (
                b"",
                chance.randbytes(20),
                b"x\0\0" + zlib.compress(bytes(5_000_000)),
                struct.pack(">7I", *([2**31 - 1] * 7)),
            )
        )
        chunks.insert(chance.randrange(1, len(chunks) + 1), (new, bytearray(content)))
    return data[:8] + b"".join(
        struct.pack(">I", len(part)) + name + bytes(part) + struct.pack(">I", zlib.crc32(name + bytes(part)))
        for name, part in chunks
    )


def spoiled_json(data: bytes, chance: random.Random) -> bytes:
    """Replaces, removes, doubles or wraps values anywhere in a JSON text."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return data[: chance.randrange(len(data) + 1)]
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        tree = _changed(tree, chance, depth=chance.randrange(5))
    text = json.dumps(tree, ensure_ascii=chance.random() < 0.5, allow_nan=True)
    if chance.random() < 0.02:
        text = text.replace('"', '"\\ud800', 1)
    return text.encode(errors="surrogatepass")


def _changed(tree: Any, chance: random.Random, depth: int) -> Any:
    if isinstance(tree, dict) and tree and depth:
        key = chance.choice(list(tree))
        what = chance.random()
        if what < 0.1:
            return {k: v for k, v in tree.items() if k != key}
        if what < 0.15:
            return tree | {str(chance.choice(VALUES))[:300]: chance.choice(VALUES)}
        return tree | {key: _changed(tree[key], chance, depth - 1)}
    if isinstance(tree, list) and tree and depth:
        place = chance.randrange(len(tree))
        what = chance.random()
        if what < 0.1:
            return tree[:place] + tree[place + 1 :]
        if what < 0.15:
            return tree + [tree[place]] * chance.choice((1, 10, 1000))
        return [*tree[:place], _changed(tree[place], chance, depth - 1), *tree[place + 1 :]]
    what = chance.random()
    if what < 0.1:
        nested: Any = tree
        for _ in range(chance.choice((1, 20, 400))):
            nested = [nested]
        return nested
    if what < 0.2 and isinstance(tree, (int, float)) and not isinstance(tree, bool):
        return tree * chance.choice((-1, 0, 2, 1000, 10**12))
    if what < 0.3 and isinstance(tree, str):
        return tree * chance.choice((0, 2, 500)) + chance.choice(("", "/..", "\x00", "\u202e"))
    return chance.choice(VALUES)
