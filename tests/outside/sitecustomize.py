"""Python reads this at its start where PYTHONPATH names this folder: every name that is looked up and every
connection that is made is written down, but for this machine's own.
"""

import os
import sys

INSIDE = ("127.", "::1", "localhost", "0.0.0.0", "None", "/")


def _heard(event: str, details: tuple) -> None:
    if event == "socket.connect":
        address = details[1]
        told = str(address[0] if isinstance(address, tuple) else address)
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        told = str(details[0].decode() if isinstance(details[0], bytes) else details[0])
    else:
        return
    if not told.startswith(INSIDE):
        with open(os.environ["OUTSIDE_LOG"], "a") as log:
            log.write(f"{event} {told}\n")


sys.addaudithook(_heard)
