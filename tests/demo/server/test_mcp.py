"""The page as an MCP server, asked by the official client over streamable HTTP, through the guard."""

import asyncio
import base64
import time

import httpx
import pytest
import torch
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult

from demo.page import LAUNCH_OPTIONS, build
from demo.server.limits import Limits
from demo.server.middleware import launch_options
from demo.server.tools import picture_value
from demo.server.visit import Visit
from facehub import image
from facehub.image import read_statement

from ..conftest import eventually, files_in, photo_of, served


@pytest.fixture
def guarded(handlers, monkeypatch):
    """The page with small limits; a picture within a call has at most 0.2 MB."""
    limits = Limits(mcp_mb=0.2, upload_mb=2.0)
    handlers.limits = limits
    options = LAUNCH_OPTIONS | launch_options(limits, handlers.visits.cache)
    monkeypatch.setattr("tests.demo.conftest.LAUNCH_OPTIONS", options)
    with served(build(handlers)) as url:
        yield url


def with_session(url: str, action):
    """What an action of the official client's session comes to."""

    async def acted():
        async with (
            streamable_http_client(f"{url}gradio_api/mcp") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await action(session)

    return asyncio.run(acted())


def ask(url: str, tool: str, **given) -> CallToolResult:
    """One call of a tool."""
    return with_session(url, lambda session: session.call_tool(tool, given))


def data_url(file: bytes, media: str = "image/png") -> str:
    return f"data:{media};base64,{base64.b64encode(file).decode()}"


def png(photo) -> bytes:
    return image.encode(photo, format="png", generated=False)


def test_four_tools_are_listed_and_no_others(guarded):
    tools = {tool.name: tool for tool in with_session(guarded, lambda session: session.list_tools()).tools}
    assert set(tools) == {"identities", "swap", "mask", "check"}
    assert tools["swap"].inputSchema["required"] == ["photo", "identity"]


def test_a_photo_is_swapped_and_nothing_stays(guarded, handlers):
    photo = photo_of((90, 160, 120))
    names = ask(guarded, "identities").structuredContent["identities"]
    answer = ask(guarded, "swap", photo=data_url(png(photo)), identity=names[1]["name"])
    assert not answer.isError, answer.content
    picture, told = answer.content
    file = base64.b64decode(picture.data)
    assert picture.mimeType == "image/jpeg" and read_statement(file), "marked, and not written anew"
    assert (image.read(file).photo.float() - photo.float()).abs().max() > 10
    assert "AI-generated" in told.text
    record = ask(guarded, "check", picture=data_url(file, "image/jpeg")).structuredContent
    assert record["marked"] and record["layers"]["manifest"]["found"]
    assert eventually(lambda: not files_in(handlers.visits.cache))


def test_every_option_is_reached(guarded):
    photo = photo_of((90, 160, 120))
    given = {"photo": base64.b64encode(png(photo)).decode(), "identity": "ben"}
    answer = ask(guarded, "swap", **given, faces="1", strength=0, masker="landmarks", file="PNG")
    assert answer.content[0].mimeType == "image/png"
    result = image.read(base64.b64decode(answer.content[0].data)).photo
    assert (result.float() - photo.float()).abs().mean() < 3, "strength 0: the watermark alone"
    mask = ask(guarded, "mask", photo=given["photo"], faces="0").content[0]
    white = image.read(base64.b64decode(mask.data)).photo.float()
    assert white.shape[-2:] == photo.shape[-2:]
    assert white[..., :115].max() == 255 and white[..., 115:].max() == 0, "the large face, on the left"


def test_an_uploaded_picture_is_named_by_its_path(guarded, handlers):
    """By gradio's upload route, up to the limit of every upload."""
    noise = torch.randint(0, 256, (3, 500, 500), generator=torch.Generator().manual_seed(1))
    large = png(noise.byte())
    assert 0.3e6 < len(large) < 2e6
    (path,) = httpx.post(f"{guarded}gradio_api/upload", files={"files": ("mine.png", large)}).json()
    answer = ask(guarded, "swap", photo=path, identity="ada")
    assert not answer.isError, answer.content
    assert eventually(lambda: not files_in(handlers.visits.cache))


ADDRESSES = [
    "http://127.0.0.1:9/a.png",
    "https://example.org/face.jpg",
    "HTTPS://example.org/face.jpg",
    "ftp://example.org/a.png",
    "file:///etc/passwd",
    " http://127.0.0.1:9/a.png",
]


def test_no_address_is_fetched(guarded):
    for address in ADDRESSES:
        for tool, given in (("swap", {"photo": address, "identity": "ada"}), ("check", {"picture": address})):
            answer = ask(guarded, tool, **given)
            assert answer.isError, address
            assert "fetches none from an address" in answer.content[0].text, address


REFUSED = [
    ("swap", {"photo": "/etc/passwd", "identity": "ada"}, "no file that was uploaded here"),
    ("swap", {"photo": "data:image/svg+xml,<svg/>", "identity": "ada"}, "photo is no picture"),
    ("swap", {"photo": "data:image/png;base64,%%%", "identity": "ada"}, "photo is no picture"),
    ("swap", {"photo": data_url(b"no picture at all"), "identity": "ada"}, "is not a picture that can be"),
    ("swap", {"identity": "ada"}, "photo is missing"),
    ("swap", {"photo": data_url(b""), "identity": 7}, "identity is missing"),
    ("swap", {"photo": "PHOTO", "identity": "<b>nobody</b>"}, 'No identity is called "<b>nobody</b>"'),
    ("swap", {"photo": "PHOTO", "identity": "ada", "strength": 2}, "Strength is 2"),
    ("swap", {"photo": "PHOTO", "identity": "ada", "faces": ["0"]}, "Faces"),
    ("swap", {"photo": "PHOTO", "identity": "ada", "label": False}, "swap does not take"),
    ("mask", {"photo": "PHOTO", "masker": "none"}, "must be one of"),
    ("train", {}, 'No tool is called "train"'),
]


def test_a_refusal_is_a_sentence(guarded, capfd):
    photo = data_url(png(photo_of((90, 160, 120))))
    for tool, given, sentence in REFUSED:
        given = {name: photo if value == "PHOTO" else value for name, value in given.items()}
        answer = ask(guarded, tool, **given)
        assert answer.isError, sentence
        assert sentence in answer.content[0].text
    assert "Traceback" not in capfd.readouterr().err


def leaves(problem: BaseException) -> list[BaseException]:
    """The single problems of a group."""
    return [leaf for one in getattr(problem, "exceptions", ()) for leaf in leaves(one)] or [problem]


def test_a_picture_of_100_mb_is_refused(guarded, handlers):
    photo = data_url(bytes(100_000_000))
    with pytest.raises(Exception) as refused:
        ask(guarded, "swap", photo=photo, identity="ada")
    assert any("413" in str(leaf) for leaf in leaves(refused.value))
    params = {"name": "swap", "arguments": {"photo": photo, "identity": "ada"}}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    answer = httpx.post(f"{guarded}gradio_api/mcp", json=call, timeout=60)
    assert answer.status_code == 413
    assert "More was sent than the 1 MB" in answer.json()["error"]["message"]
    assert files_in(handlers.visits.cache) == []


def test_the_address_is_for_mcp_clients_of_this_host(guarded):
    address = f"{guarded}gradio_api/mcp"
    assert httpx.get(address).status_code == 405
    assert "MCP clients" in httpx.get(address).text
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"accept": "application/json, text/event-stream"}
    for headers in ({"host": "attacker.example"}, {"origin": "https://attacker.example"}):
        assert httpx.post(address, json=call, headers=accept | headers).status_code == 403
    for body in (b"", b"[]", b"{", b'{"a":' * 50 + b"1" + b"}" * 50):
        answer = httpx.post(address, content=body, headers=accept | {"content-type": "application/json"})
        assert answer.status_code == 400, body[:9]
        assert answer.json()["error"]["message"]
    for more in ("/sse", "/messages", "/schema"):
        assert httpx.get(f"{address}{more}").status_code == 404


class Recorder:
    """An app that notes who asked it with which headers."""

    def __init__(self):
        self.seen = []

    async def __call__(self, scope, receive, send):
        if not scope["path"].endswith("/upload"):
            return
        self.seen.append((scope["client"], dict(scope["headers"])))
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"[1]"})


@pytest.mark.parametrize("client", [("203.0.113.7", 5), None])
def test_a_caller_from_elsewhere_stays_one(client):
    """The page asks itself for the caller, which must not make the caller this machine's owner."""
    app = Recorder()
    headers = [(b"host", b"localhost:1"), (b"x-forwarded-for", b"1.2.3.4"), (b"cookie", b"a=b")]
    scope = {"type": "http", "app": app, "client": client, "headers": headers, "scheme": "http"}

    async def visit():
        async with Visit(scope) as one:
            await one.upload(b"", "a.png")

    asyncio.run(visit())
    ((asked_by, sent),) = app.seen
    assert asked_by == (client or ("", 0))
    assert sent[b"x-forwarded-for"] == b"1.2.3.4" and sent[b"host"] == b"localhost:1"
    assert b"cookie" not in sent


@pytest.mark.parametrize("text", ["A" * 64 + " " * 4_000_000 + "!", "A " * 2_000_000 + "!"])
def test_a_picture_of_white_space_is_looked_at_in_linear_time(text):
    """A pattern that backtracked held the GIL, so the page of everybody, for hours at 16 MB."""
    begun = time.thread_time()
    value = asyncio.run(picture_value(None, {"picture": text}, "picture"))  # pyright: ignore[reportArgumentType]
    assert value["path"] == text
    assert time.thread_time() - begun < 4
