"""The tools of the MCP server, each one a call of the page's API (visit.py)."""

import base64
import binascii
import json
import re
import string
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from mcp.types import CallToolResult, ImageContent, TextContent, Tool, ToolAnnotations

from facehub.choices import MASKERS
from facehub.errors import BadPhoto, BadSetting
from facehub.formats import by_content, by_suffix

from .blocks import NO_FETCHING
from .validators import quote
from .visit import Visit, file_value, name_of

NO_PICTURE = (
    "{name} is no picture: send a data URL (data:image/jpeg;base64,...), base64 alone, or the path that "
    "POST /gradio_api/upload answered."
)

ADDRESS = re.compile(r"\s*[A-Za-z][\w.+-]{0,30}:")
BASE64 = re.compile(r"[A-Za-z0-9+/]{64,}={0,2}")
"""A picture's bytes are longer than that, and a path of ours holds a hyphen or a dot."""

SPACES = dict.fromkeys(map(ord, string.whitespace))
"""Dropped by `str.translate`, in linear time: a pattern that allows them holds the page up for hours."""

PICTURE = {
    "type": "string",
    "description": "a picture as data URL or base64, or the path that POST /gradio_api/upload answered; "
    "never an address, for none is fetched",
}
FACES = {
    "type": "string",
    "default": "all",
    "description": 'all, largest, numbers of faces such as "0,2" (0 is the largest), or an identity for each '
    'as in "0=tom_cruise,1=will_smith"',
}
MASKER = {
    "type": "string",
    "enum": list(MASKERS),
    "default": "learned",
    "description": "learned keeps hair, hands and glasses in front of the face; landmarks paints over them",
}

Run = Callable[[Visit, dict[str, Any]], Awaitable[CallToolResult]]


class PageTool(NamedTuple):
    """One tool: how it is described, and what it does in a visit."""

    description: Tool
    run: Run


async def identities(visit: Visit, _: dict[str, Any]) -> CallToolResult:
    """Names, titles and consent bases."""
    (listed,) = await visit.call("identities")
    return CallToolResult(
        content=[TextContent(type="text", text=json.dumps(listed))], structuredContent={"identities": listed}
    )


async def swap(visit: Visit, given: dict[str, Any]) -> CallToolResult:
    """The marked result, and notes on the faces."""
    photo = await picture_value(visit, given, "photo")
    options = [given.get("strength", 1), given.get("faces", "all"), given.get("masker", "learned")]
    file, notes = await visit.call("swap_file", photo, given["identity"], *options, given.get("file", "JPEG"))
    told = f"{notes}\n\nThis picture is marked as AI-generated: say so where you show it.".strip()
    return CallToolResult(content=[await picture_content(visit, file), TextContent(type="text", text=told)])


async def mask(visit: Visit, given: dict[str, Any]) -> CallToolResult:
    """Where a swap changes a photo, as a picture."""
    photo = await picture_value(visit, given, "photo")
    (file,) = await visit.call("mask", photo, given.get("faces", "all"), given.get("masker", "learned"))
    return CallToolResult(content=[await picture_content(visit, file)])


async def check(visit: Visit, given: dict[str, Any]) -> CallToolResult:
    """What a picture's marks say, in a sentence and as a record."""
    _, record = await visit.call("check", await picture_value(visit, given, "picture"))
    return CallToolResult(
        content=[TextContent(type="text", text=json.dumps(record))], structuredContent=record
    )


async def picture_value(visit: Visit, given: dict[str, Any], name: str) -> dict[str, Any]:
    """A picture of the arguments as a value of a call: it is uploaded first unless it was. Raises BadPhoto
    for an address and for what is no picture, and what `Visit.upload` raises."""
    text = given[name]
    if text.startswith("data:"):
        head, _, text = text.partition(",")
        if not head.endswith(";base64"):
            raise BadPhoto(NO_PICTURE.format(name=name))
    elif ADDRESS.match(text):
        raise BadPhoto(NO_FETCHING)
    elif not BASE64.fullmatch(text.translate(SPACES)):
        return file_value(text)
    try:
        file = base64.b64decode(text.translate(SPACES), validate=True)
    except (binascii.Error, ValueError) as problem:
        raise BadPhoto(NO_PICTURE.format(name=name)) from problem
    kind = by_content(file[:16])
    suffix = kind.suffixes[0] if kind else ".bin"
    return file_value(await visit.upload(file, f"{name}{suffix}"))


async def picture_content(visit: Visit, file: dict[str, Any]) -> ImageContent:
    """A file of the page as part of an answer, byte for byte: written anew, it would lose its marks."""
    kind = by_suffix("." + name_of(file).rpartition(".")[2])
    data = base64.b64encode(await visit.read(file)).decode()
    return ImageContent(type="image", data=data, mimeType=kind.media if kind else "image/png")


def _tool(run: Run, title: str, text: str, required: tuple[str, ...] = (), **properties: dict) -> PageTool:
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    hints = ToolAnnotations(readOnlyHint=True, openWorldHint=False)
    described = Tool(name=run.__name__, title=title, description=text, inputSchema=schema, annotations=hints)
    return PageTool(described, run)


TOOLS = {
    tool.description.name: tool
    for tool in (
        _tool(
            identities,
            "List identities",
            "List the identities whose face swap puts on a photo: name, title, and the basis on which the "
            "face is used.",
        ),
        _tool(
            swap,
            "Swap faces",
            "Put an identity's face on a photo, keeping pose, expression and light. The result is marked as "
            "AI-generated. For research and demonstration; use photos of people who agree to it.",
            ("photo", "identity"),
            photo=PICTURE,
            identity={"type": "string", "description": "a name that the tool identities lists"},
            strength={"type": "number", "minimum": 0, "maximum": 1, "default": 1, "description": "1: all"},
            faces=FACES,
            masker=MASKER,
            file={"type": "string", "enum": ["JPEG", "PNG"], "default": "JPEG", "description": "File type"},
        ),
        _tool(
            mask,
            "Show the mask",
            "Show where a swap changes a photo: a picture of its size, white where the new face goes.",
            ("photo",),
            photo=PICTURE,
            faces=FACES,
            masker=MASKER,
        ),
        _tool(
            check,
            "Check a picture",
            "Check whether a picture's marks say that it was made or changed with AI. Send the original "
            "file: a copy may have lost its marks.",
            ("picture",),
            picture=PICTURE,
        ),
    )
}
"""By name."""


def checked(tool: Tool, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call. Raises BadSetting for a name that the tool does not take, one that is
    missing, and a picture that is no text; the page's validators look at the other values."""
    known, needed = tool.inputSchema["properties"], tool.inputSchema["required"]
    for name in given:
        if name not in known:
            raise BadSetting(
                f"{tool.name} does not take {quote(name)}: it takes {', '.join(known) or 'nothing'}."
            )
    for name in needed:
        if not isinstance(given.get(name), str) or not given[name].strip():
            raise BadSetting(f"{name} is missing, or no text: send {known[name]['description'].rstrip('.')}.")
    return {name: value for name, value in given.items() if value is not None}
