"""The page as an MCP server, at /gradio_api/mcp over streamable HTTP: identities, swap, mask and check for
programs that speak the Model Context Protocol.

In place of gradio's own (`launch(mcp_server=True)`), see CONVENTIONS.md. Nothing is kept between two
requests: each call of a tool is a visit of its own, whose files are deleted with its end.
"""

import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import CallToolResult, TextContent, Tool
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from facehub.errors import FaceHubError
from facehub.marks.origin import VERSION

from .errors import SORRY, printable
from .limits import SPARE_BYTES, Limits
from .tools import TOOLS, checked
from .visit import PREFIX, Visit

PATH = f"{PREFIX}/mcp"

INSTRUCTIONS = (
    "facehub swaps the face on a photo for that of an identity. First list the identities, then swap. Send "
    "pictures as data URLs or base64; larger ones by POST /gradio_api/upload (multipart, field files), whose "
    "answer is a list with the path. Addresses are not fetched. Use photos of people who agree to it, and "
    "say of each result that it is AI-generated."
)

log = logging.getLogger(__name__)


def max_body_bytes(limits: Limits) -> int:
    """Of one MCP message: base64 takes four bytes for three."""
    return int(limits.mcp_mb * 1e6 * 4 / 3) + SPARE_BYTES


async def list_tools() -> list[Tool]:
    """All four."""
    return [tool.description for tool in TOOLS.values()]


async def call_tool(name: str, arguments: dict[str, Any], request: Any) -> CallToolResult:
    """Run a tool for whoever made the HTTP request. What is refused is an answer with a sentence."""
    try:
        tool = TOOLS.get(name)
        if tool is None or not isinstance(request, Request):
            raise FaceHubError(f'No tool is called "{name[:60]}": there are {", ".join(TOOLS)}.')
        given = checked(tool.description, arguments)
        async with Visit(request.scope) as visit:
            return await tool.run(visit, given)
    except FaceHubError as refused:
        sentence = printable(str(refused))
        log.warning("MCP tool %s refused: %s", printable(name)[:60], sentence)
    except Exception:
        sentence = SORRY
        log.exception("MCP tool %s failed", printable(name)[:60])
    return CallToolResult(content=[TextContent(type="text", text=sentence)], isError=True)


def make_server() -> Server:
    """The server with its tools."""
    server: Server = Server("facehub", version=VERSION, instructions=INSTRUCTIONS)

    async def call(name: str, arguments: dict[str, Any]) -> CallToolResult:
        return await call_tool(name, arguments, server.request_context.request)

    server.list_tools()(list_tools)
    server.call_tool(validate_input=False)(call)  # it would refuse in words of its own
    return server


class McpRoute:
    """The route and its lifespan, for an app that is started any number of times. The guard in front of it
    limits what is sent (`max_body_bytes`) and knows the hosts."""

    def __init__(self, limits: Limits):
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["app"].state.mcp.handle_request(scope, receive, send)

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """Answer for as long as the app runs."""
        manager = StreamableHTTPSessionManager(
            make_server(), stateless=True, max_request_body_size=max_body_bytes(self.limits)
        )
        async with manager.run():
            app.state.mcp = manager
            yield

    def options(self) -> dict[str, Any]:
        """The arguments of the app that open the route."""
        return {"routes": [Route(path, self) for path in (PATH, f"{PATH}/")], "lifespan": self.lifespan}
