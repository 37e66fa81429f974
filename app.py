"""The demo: `python app.py`, or a Hugging Face Space as it is. `GRADIO_SERVER_NAME` and `GRADIO_SERVER_PORT` say where it listens.

`FACEHUB_LABEL` says whether pictures get the visible AI mark: on (the default), choice (each visitor may leave it out) or off.
"""

import os
import signal
import sys

from demo.visits import Visits, private_folder

uploads = private_folder()
os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": str(uploads)}  # gradio reads them when it is imported

import torch  # noqa: E402

from demo.handlers import EXAMPLES, Handlers, label_setting  # noqa: E402
from demo.page import LOOK, build  # noqa: E402
from facehub.faces import Finder  # noqa: E402
from facehub.hub import identities  # noqa: E402
from facehub.swap import Swapper  # noqa: E402

device = "cuda" if torch.cuda.is_available() else "cpu"
finder = Finder()
demo = build(
    Handlers(
        identities(),
        lambda one: Swapper(one.generator(device), finder=finder, device=device),
        Visits(uploads),
        examples=EXAMPLES,
        **label_setting(os.environ.get("FACEHUB_LABEL", "on")),
    )
)

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # end tidily, so that the uploads go
    demo.launch(**LOOK)
