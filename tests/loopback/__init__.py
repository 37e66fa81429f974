"""A hub on the loopback, for the real client: `with LoopbackHub() as hub: Hub(hub.endpoint, hub.token("ada"),
...)`.

It speaks what huggingface_hub 2.4 asks for, and nothing else: what is asked in another way is refused with
400 and noted in `complaints`, which each test looks at. Where a shape comes from stands at each answer, as
the file and function of the client that reads it.
"""

import pathlib
import secrets
import threading
from http.server import ThreadingHTTPServer

from .faults import Fault
from .handler import Handler
from .repositories import ATTRIBUTES, Account, Blob, Commit, Repository

__all__ = ["Blob", "Fault", "LoopbackHub", "Repository"]


class LoopbackHub:
    """Two servers on 127.0.0.1: the hub, and another origin for large files, which must never see a token."""

    def __init__(self, *, page: int = 100, multipart_over: int = 10**9):
        self.page = page
        """Entries of a listing before it goes on behind a Link."""
        self.multipart_over = multipart_over
        """Bytes from which an upload goes in parts."""
        self.named = ""
        """What it calls itself in links to more of a listing, as a mirror does that passes on another hub's
        answers.
        """
        self.accounts: dict[str, Account] = {}
        self.repositories: dict[str, Repository] = {}
        self.renamed: dict[str, str] = {}
        """New names of repositories, by their old ones, which are redirected."""
        self.faults: list[Fault] = []
        self.log: list[str] = []
        """Each request as `METHOD /path?query -> status`."""
        self.complaints: list[str] = []
        self.parts: dict[str, dict[int, bytes]] = {}
        self.guard = threading.RLock()
        self.servers = [
            ThreadingHTTPServer(("127.0.0.1", 0), type("H", (Handler,), {"hub": self, "storage": kind}))
            for kind in (False, True)
        ]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.servers[0].server_port}"

    @property
    def storage(self) -> str:
        return f"http://127.0.0.1:{self.servers[1].server_port}"

    def __enter__(self) -> "LoopbackHub":
        for server in self.servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.heal()
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def token(self, user: str, role: str = "write") -> str:
        """A new token of a user."""
        token = f"hf_{secrets.token_hex(8)}"
        self.accounts[token] = Account(user, role)
        return token

    def make(self, repo: str, **settings) -> Repository:
        """A repository as `create` makes it."""
        made = self.repositories[repo] = Repository(repo, **settings)
        made.commit({".gitattributes": Blob(ATTRIBUTES.encode(), False)}, "initial commit")
        return made

    def rename(self, old: str, new: str) -> None:
        """Give a repository another name. The old one leads there."""
        found = self.repositories.pop(old)
        found.id = new
        self.repositories[new], self.renamed[old] = found, new

    def put(
        self,
        repo: str,
        folder: pathlib.Path,
        *,
        extra: dict[str, bytes] | None = None,
        without: tuple[str, ...] = (),
        **settings,
    ) -> Commit:
        """A commit with a folder's files, without asking anybody; `extra` files by name."""
        there = self.repositories.get(repo) or self.make(repo, **settings)
        data = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        } | (extra or {})
        files = {
            name: Blob(d, there.is_lfs(name, d[:512], len(d)))
            for name, d in data.items()
            if name not in without
        }
        return there.commit({".gitattributes": Blob(ATTRIBUTES.encode(), False)} | files, "put")

    def fail(self, pattern: str, **how) -> Fault:
        """From now on, requests that match fail so."""
        self.faults.insert(0, Fault(pattern, **how))
        return self.faults[0]

    def heal(self) -> None:
        """No faults any more; what they held up goes on."""
        for fault in self.faults:
            if fault.hold:
                fault.hold.set()
        self.faults = []

    def asked(self, part: str) -> list[str]:
        """Requests of the log that contain a text."""
        return [line for line in self.log if part in line]
