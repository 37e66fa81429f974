"""The demo: `python app.py`, or a Hugging Face Space as it is. `GRADIO_SERVER_NAME` and
`GRADIO_SERVER_PORT` say where it listens.

Training is on where the page is alone on its machine; `FACEHUB_TRAINING=on` opens it elsewhere.
`FACEHUB_CONTENT` and its like (demo/training/records.py) lend it other photos and networks; unfinished
trainings outlive the page in the folder `FACEHUB_RUNS`. `FACEHUB_VIDEO_SECONDS` is the length of the
longest video that is taken, 60 if not set. `FACEHUB_LABEL` says whether pictures get the visible AI mark:
on (the default), choice (each visitor may leave it out) or off. `FACEHUB_HOSTS` names further hosts under
which the page is reached, `FACEHUB_FRAME_ANCESTORS` sites that may frame it (demo/server/hosts.py).
`FACEHUB_LIMITS` says how much one visitor may ask, as in "seconds=30 waiting=50" (demo/server/limits.py).
`FACEHUB_CLUSTER` (auto or HOST:PORT) has a Ray cluster swap, with `FACEHUB_REPLICAS` processes, as in 2 or
1-8 (docs/scale.md). `FACEHUB_FINDER` chooses what looks for faces: yunet (the usual) or dlib.
`FACEHUB_PRECISION` chooses the networks' arithmetic: auto (the usual: int8 or bfloat16 where the processor
has instructions for it), float32, bfloat16 or int8.
"""

import atexit
import contextlib
import gc
import os
import signal
import sys
from pathlib import Path

from demo.server.limits import Limits
from demo.server.sessions import SessionFiles, private_folder
from facehub.errors import BadSetting

try:
    limits = Limits.parse(os.environ.get("FACEHUB_LIMITS", ""))  # said before the imports, which take seconds
except BadSetting as problem:
    raise SystemExit(str(problem)) from problem
uploads = private_folder()
os.environ |= {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_TEMP_DIR": str(uploads),
}  # gradio reads them when it is imported
os.environ |= {
    "GRADIO_ANALYTICS_MAX_EVENTS": "1"
}  # what it remembers of each call, in memory alone, but without need
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # and huggingface_hub this

import torch  # noqa: E402

from demo.handlers.hub import HubHandlers  # noqa: E402
from demo.handlers.live import LiveHandlers  # noqa: E402
from demo.handlers.swap import Handlers  # noqa: E402
from demo.handlers.train import TrainHandlers  # noqa: E402
from demo.handlers.uploads import CREDITS, EXAMPLES  # noqa: E402
from demo.handlers.video import MAX_SECONDS, VideoHandlers  # noqa: E402
from demo.page import LAUNCH_OPTIONS, build  # noqa: E402
from demo.server.bounded_log import bound_log  # noqa: E402
from demo.server.hosts import Hosts  # noqa: E402
from demo.server.middleware import launch_options  # noqa: E402
from demo.server.sessions import OpenPages  # noqa: E402
from demo.server.slow_headers import limit_header_time  # noqa: E402
from demo.settings import cluster_setting, label_setting, seconds_setting  # noqa: E402
from demo.training.eta import SLOW, TimeEstimate  # noqa: E402
from demo.training.jobs import Jobs  # noqa: E402
from demo.training.records import TrainingAssets  # noqa: E402
from facehub import memory  # noqa: E402
from facehub.detection.finder import finder_by_name as finder_with  # noqa: E402
from facehub.hub.api import Hub  # noqa: E402
from facehub.networks.precision import bf16_pays, inference_dtype  # noqa: E402
from facehub.registry import identities  # noqa: E402
from facehub.swapper import Swapper  # noqa: E402
from facehub.training_progress import Stage  # noqa: E402
from train.config import PairConfig  # noqa: E402

memory.enable_huge_pages()
device = "cuda" if torch.cuda.is_available() else "cpu"
alone = "SPACE_ID" not in os.environ and os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1") in (
    "127.0.0.1",
    "localhost",
)
held = contextlib.ExitStack()
try:
    inference_dtype(torch.device(device))  # a wrong setting is said at once
    looks = os.environ.get("FACEHUB_FINDER", "yunet")
    finder, visits = finder_with(looks), SessionFiles(uploads)
    workers = cluster_setting(os.environ, looks, held)
except BadSetting as problem:
    raise SystemExit(str(problem)) from problem
atexit.register(held.close)  # after Ray's own, so that it is done before
visits.start_cleanup()
hub = HubHandlers(Hub(token=None if alone else False), visits)  # the owner's own token is for the owner only
work = {Stage.PAIRS: PairConfig().steps}
slowdown = None if device == "cuda" else 1.0 if bf16_pays(torch.device(device)) else SLOW
tools = TrainingAssets.from_environment(os.environ, alone=alone, samples=tuple(EXAMPLES), credits=CREDITS)
jobs = Jobs(Path(os.environ.get("FACEHUB_RUNS") or private_folder()), tools, TimeEstimate(work, slowdown))
pages = OpenPages()
training = TrainHandlers(jobs, visits, hub, is_open=pages.is_open)
handlers = Handlers(
    identities(),
    lambda one: (
        workers.swapper(one.generator())
        if workers
        else Swapper(one.generator(device), finder=finder, device=device)
    ),
    visits,
    examples=EXAMPLES,
    elsewhere=[training.find, hub.find],
    limits=limits,
    at_once=workers.at_once if workers else 1,
    **label_setting(os.environ.get("FACEHUB_LABEL", "on")),
)
films = VideoHandlers(
    handlers, max_seconds=seconds_setting(os.environ.get("FACEHUB_VIDEO_SECONDS", str(MAX_SECONDS)))
)
demo = build(
    handlers,
    training,
    hub,
    films=films,
    webcam=LiveHandlers(handlers, alone=alone),
    login="OAUTH_CLIENT_ID" in os.environ,
)

if __name__ == "__main__":
    # without it the interpreter visits every object once more at its end: 10 s and more on a busy machine
    atexit.register(gc.freeze)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # end tidily, so that the uploads go
    limit_header_time()
    bound_log()
    demo.launch(**LAUNCH_OPTIONS | launch_options(limits, uploads, Hosts.from_environment(os.environ), pages))
