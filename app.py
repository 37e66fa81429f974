"""The demo: `python app.py`, or a Hugging Face Space as it is. `GRADIO_SERVER_NAME` and `GRADIO_SERVER_PORT` say where it listens.

`FACEHUB_CONTENT` and its like (demo/runs.py) lend training what it needs; unfinished trainings outlive the page in the folder `FACEHUB_RUNS`.
`FACEHUB_VIDEO_SECONDS` is the length of the longest video that is taken, 60 if not set.
`FACEHUB_LABEL` says whether pictures get the visible AI mark: on (the default), choice (each visitor may leave it out) or off.
`FACEHUB_LIMITS` says how much one visitor may ask, as in "seconds=30 waiting=50" (demo/limits.py).
`FACEHUB_FINDER` chooses what looks for faces: yunet (the usual) or dlib.
"""

import os
import signal
import sys
from pathlib import Path

from demo.visits import Visits, private_folder

uploads = private_folder()
os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": str(uploads)}  # gradio reads them when it is imported
os.environ |= {"GRADIO_ANALYTICS_MAX_EVENTS": "1"}  # what it remembers of each call, in memory alone, but without need
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # and huggingface_hub this

import torch  # noqa: E402

from demo.door import door  # noqa: E402
from demo.handlers import CREDITS, EXAMPLES, Handlers  # noqa: E402
from demo.hub_handlers import HubHandlers  # noqa: E402
from demo.jobs import Jobs  # noqa: E402
from demo.limits import Limits  # noqa: E402
from demo.outlook import SLOW, Outlook  # noqa: E402
from demo.page import LOOK, build  # noqa: E402
from demo.runs import Tools  # noqa: E402
from demo.train_handlers import TrainHandlers  # noqa: E402
from demo.video_handlers import MAX_SECONDS, VideoHandlers  # noqa: E402
from demo.webcam import Webcam  # noqa: E402
from demo.wishes import label_setting, seconds_setting  # noqa: E402
from facehub import memory  # noqa: E402
from facehub.errors import BadSetting  # noqa: E402
from facehub.faces import finder as finder_with  # noqa: E402
from facehub.hub import Hub, identities  # noqa: E402
from facehub.swap import Swapper  # noqa: E402
from train.config import Config  # noqa: E402
from train.precision import bf16_pays  # noqa: E402

memory.in_huge_pages()
device = "cuda" if torch.cuda.is_available() else "cpu"
alone = "SPACE_ID" not in os.environ and os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1") in ("127.0.0.1", "localhost")
try:
    limits = Limits.of(os.environ.get("FACEHUB_LIMITS", ""))
    finder, visits = finder_with(os.environ.get("FACEHUB_FINDER", "yunet")), Visits(uploads)
except BadSetting as problem:
    raise SystemExit(str(problem)) from problem
visits.watch()
hub = HubHandlers(Hub(token=None if alone else False), visits)  # the owner's own token is for the owner only
work = {
    "Optimised faces": Config().target_faces,
    "imitate at half size": Config().coarse_steps,
    "imitate": Config().fine_steps,
    "losses": Config().steps,
}
usual = None if device == "cuda" else 1.0 if bf16_pays(torch.device(device)) else SLOW
tools = Tools.of(os.environ, samples=tuple(EXAMPLES), credits=CREDITS)
jobs = Jobs(Path(os.environ.get("FACEHUB_RUNS") or private_folder()), tools, Outlook(work, usual))
training = TrainHandlers(jobs, visits, hub)
handlers = Handlers(
    identities(),
    lambda one: Swapper(one.generator(device), finder=finder, device=device),
    visits,
    examples=EXAMPLES,
    elsewhere=[training.find, hub.find],
    limits=limits,
    **label_setting(os.environ.get("FACEHUB_LABEL", "on")),
)
films = VideoHandlers(handlers, max_seconds=seconds_setting(os.environ.get("FACEHUB_VIDEO_SECONDS", str(MAX_SECONDS))))
demo = build(handlers, training, hub, films=films, webcam=Webcam(handlers), login="OAUTH_CLIENT_ID" in os.environ)

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # end tidily, so that the uploads go
    demo.launch(**LOOK | door(limits, uploads))
