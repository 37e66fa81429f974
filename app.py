"""The demo: `python app.py`, or a Hugging Face Space as it is. `GRADIO_SERVER_NAME` and `GRADIO_SERVER_PORT` say where it listens.

`FACEHUB_CONTENT` and its like (demo/jobs.py) lend training what it needs; `FACEHUB_RUNS` names a folder in which unfinished trainings outlive the page.
"""

import os
import signal
import sys
from pathlib import Path

from demo.visits import Visits, private_folder

uploads = private_folder()
os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": str(uploads)}  # gradio reads them when it is imported

import torch  # noqa: E402

from demo.handlers import EXAMPLES, Handlers  # noqa: E402
from demo.jobs import Jobs, Tools  # noqa: E402
from demo.outlook import Outlook  # noqa: E402
from demo.page import LOOK, build  # noqa: E402
from demo.train_handlers import TrainHandlers  # noqa: E402
from facehub.faces import Finder  # noqa: E402
from facehub.hub import identities  # noqa: E402
from facehub.swap import Swapper  # noqa: E402
from train.config import Config  # noqa: E402

device = "cuda" if torch.cuda.is_available() else "cpu"
finder, visits = Finder(), Visits(uploads)
work = {"Optimised faces": Config().target_faces, "imitate at half size": Config().coarse_steps, "imitate": Config().fine_steps, "losses": Config().steps}
tools = Tools.of(os.environ, samples=EXAMPLES, credits="Sample inputs: NASA (public domain); Face Research Lab London Set, DeBruine & Jones (CC BY 4.0).")
runs = Path(os.environ.get("FACEHUB_RUNS") or private_folder())
training = TrainHandlers(Jobs(runs, tools, Outlook(work, known=device == "cpu")), visits)
handlers = Handlers(
    identities(),
    lambda one: Swapper(one.generator(device), finder=finder, device=device),
    visits,
    examples=EXAMPLES,
    elsewhere=[training.find],
)
demo = build(handlers, training)

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # end tidily, so that the uploads go
    demo.launch(**LOOK)
