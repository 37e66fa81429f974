"""HTTP of the loopback hub: reads a request strictly, finds its answer in `routes`, and misbehaves where a
fault says so.
"""

import json
import re
import socket
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from .answers import Answer, Refusal
from .repositories import Account
from .routes import ROUTES, STORAGE_ROUTES

if TYPE_CHECKING:
    from . import LoopbackHub


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    hub: "LoopbackHub"
    storage: bool
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *arguments) -> None:
        pass

    def do(self) -> None:
        parts = urlsplit(self.path)
        self.query = parse_qs(parts.query, keep_blank_values=True)
        self.data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = f"{self.command} {unquote(parts.path)}"
        with self.hub.guard:
            fault = next((f for f in self.hub.faults if f.meets(request)), None)
        if fault and fault.hold:
            fault.hold.wait(60)
        if fault and (fault.status or fault.body is not None):
            answer = Answer(
                fault.status or 200,
                fault.body if fault.body is not None else b"out of order",
                dict(fault.headers),
            )
        else:
            answer = self.redirected() or self.answered(parts.path)
        if fault and fault.change:
            answer.body = fault.change(answer.body)
        self.hub.log.append(f"{self.command} {self.path} -> {answer.status}")
        self.send(answer, fault.cut if fault else None)
        if fault and fault.after:
            fault.after()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do

    def redirected(self) -> Answer | None:
        """https://huggingface.co/docs/hub/repositories-settings: the old name of a renamed repository
        redirects.
        """
        for old, new in self.hub.renamed.items():
            for before in (f"/api/models/{old}", f"/{old}"):
                if self.path.partition("?")[0].startswith((before + "/", before)) and old in self.path:
                    return Answer(307, b"", {"Location": self.path.replace(old, new, 1)})
        return None

    def answered(self, path: str) -> Answer:
        try:
            with self.hub.guard:
                if not self.headers.get("User-Agent"):
                    raise Refusal(400, "no user agent", complaint=True)
                for method, pattern, answer in STORAGE_ROUTES if self.storage else ROUTES:
                    if found := re.fullmatch(pattern, path):
                        if method != ("GET" if self.command == "HEAD" else self.command):
                            continue
                        return answer(self, *map(unquote, found.groups()))
                raise Refusal(404, f"nothing answers {self.command} {path}", complaint=True)
        except Refusal as refusal:
            if refusal.complaint:
                self.hub.complaints.append(f"{self.command} {self.path}: {refusal.sentence}")
            headers = {"X-Error-Message": refusal.sentence} | (
                {"X-Error-Code": refusal.code} if refusal.code else {}
            )
            return Answer(
                refusal.status,
                json.dumps({"error": refusal.sentence}).encode(),
                headers | {"Content-Type": "application/json"},
            )

    def send(self, answer: Answer, cut: int | None) -> None:
        body = answer.body
        try:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body if cut is None else body[:cut])
            if cut is not None:
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
        except OSError:  # whoever asked has gone
            self.close_connection = True

    def account(self) -> Account | None:
        """Whose token came along. huggingface_hub/utils/_headers.py, `build_hf_headers`: `authorization:
        Bearer ...`.
        """
        given = self.headers.get("Authorization")
        if given is None:
            return None
        account = self.hub.accounts.get(given.removeprefix("Bearer "))
        if not given.startswith("Bearer ") or account is None:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return account

    def json(self, *keys: str, optional: tuple[str, ...] = ()) -> dict[str, Any]:
        """The body, which must be a JSON object with these keys."""
        self.expect("application/json", "application/vnd.git-lfs+json")
        record = json.loads(self.data)
        if (
            not isinstance(record, dict)
            or not record.keys() >= set(keys)
            or record.keys() - set(keys) - set(optional)
        ):
            raise Refusal(400, f"keys {sorted(record)} instead of {sorted(keys)}", complaint=True)
        return record

    def expect(self, *kinds: str) -> None:
        if (kind := (self.headers.get("Content-Type") or "").partition(";")[0]) not in kinds:
            raise Refusal(400, f"content type {kind!r} instead of {kinds}", complaint=True)

    def asks(self, *known: str) -> None:
        """No parameters but these."""
        if unknown := self.query.keys() - set(known):
            raise Refusal(400, f"unknown parameters {sorted(unknown)}", complaint=True)
