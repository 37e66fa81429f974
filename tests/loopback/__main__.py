"""`python -m tests.loopback [FOLDER...]`: a hub on this machine with these identities, to try commands and
the page on.

It says its address and a token, and forgets all when it ends. Identities for research are gated, as
everywhere.
"""

import pathlib
import shutil
import sys
import tempfile
import threading

from facehub.identity import card
from facehub.identity.folder import read

from . import LoopbackHub


def serve(hub: LoopbackHub, folder: pathlib.Path) -> None:
    """A copy of the folder as user `demo` would have pushed it."""
    with tempfile.TemporaryDirectory() as place:
        identity = read(shutil.copytree(folder, pathlib.Path(place, folder.name)))
        card.update_front_matter(
            identity.folder,
            title=identity.title,
            size=identity.size,
            consent=identity.consent,
            metrics=identity.metrics,
        )
        hub.put(
            f"demo/{identity.name}",
            identity.folder,
            gated="manual" if identity.consent["basis"] == "research" else False,
        )


if __name__ == "__main__":
    with LoopbackHub() as hub:
        for folder in map(pathlib.Path, sys.argv[1:]):
            serve(hub, folder)
        print(f"HF_ENDPOINT={hub.endpoint} HF_TOKEN={hub.token('demo')}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(*hub.complaints, sep="\n")
