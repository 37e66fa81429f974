"""The page: layout and wiring only. One function per tab; `build` puts them together, and `LOOK` goes to its `launch()`."""

import gradio as gr
from gradio.events import Dependency, api

from . import asked
from .check_tab import check_tab
from .handlers import NO_SAMPLE, Handlers
from .hub_handlers import HubHandlers
from .hub_tab import hub_tab
from .look import AT_ONCE, LOOK
from .reception import Reception
from .swap_tab import swap_tab
from .train_handlers import TrainHandlers
from .train_tab import train_tab
from .video_handlers import VideoHandlers
from .video_tab import video_tab
from .visits import KEEP_SECONDS
from .webcam import Webcam
from .webcam_tab import webcam_tab

__all__ = ["LOOK", "build"]

SWEEP_SECONDS = 60
"""How often gradio looks for files older than `KEEP_SECONDS`."""

HEADER = """
<h1>facehub</h1>
<p class="promise">Another face on your photo, with your pose, your expression and your light.</p>
<p class="terms">For research and demonstration. Every result is marked as AI-generated. Use photos of people who agree to it.</p>
"""

ABOUT = f"""
### What happens to a photo
Faces are found and aligned by 68 landmarks. A small convolutional network, trained for one identity, paints that person's face in the same
pose, expression and light; the Poisson equation blends it in, so that colours meet at the edge. Hair, background and everything outside the
mask stay as they were, bit for bit. The method is that of
[Fast Face-swap Using Convolutional Neural Networks](https://arxiv.org/abs/1611.09577) (Korshunova, Shi, Dambre, Theis; ICCV 2017).

### What happens to your files
Your photo or video and its results lie where only you find them. They are deleted when you close the page, and {KEEP_SECONDS // 60:.0f} minutes
later at the latest. What your camera sees in "Live" becomes no file at all. Nothing is kept, learned from, or reported to anyone.

Photos that you give to training lie where not even this page serves them. They are deleted when you close the page before training began, and
otherwise when it is done, when you delete it, or a day after anybody last went on with it. Nobody finds a training without its key. In what comes of
it, and in what you publish, are no photos, and no names of your files.

### What it is for
Research and demonstration. Do not use it to deceive, to harass, or on people who did not agree. Every picture that comes out says that it is
generated: in a signed manifest, in an invisible watermark, and, unless whoever runs
this page turned it off, in a small mark in its corner. "Check a picture" reads them.
The landmark model was trained on iBUG 300-W, whose terms exclude commercial use.

### Example photos
Eileen Collins: NASA, public domain. The others: [Face Research Lab London Set](https://doi.org/10.6084/m9.figshare.5047666), DeBruine and
Jones, CC BY 4.0.
"""


def build(
    handlers: Handlers,
    training: TrainHandlers | None = None,
    hub: HubHandlers | None = None,
    *,
    films: VideoHandlers | None = None,
    webcam: Webcam | None = None,
    login: bool = False,
) -> gr.Blocks:
    """The whole page, ready for `launch(**LOOK)`. `login`: it runs in a Space, where people can say who they are on the hub."""
    gr.set_static_paths([NO_SAMPLE, *handlers.examples, *(sample for one in handlers.identities.values() for sample in one.samples)])
    options = {"title": "facehub", "analytics_enabled": False, "delete_cache": (SWEEP_SECONDS, int(KEEP_SECONDS))}
    with Reception(handlers.visits.cache, **options) as page:
        gr.HTML(HEADER, elem_id="header")
        wanted = gr.Textbox(label="Wanted", visible=False)
        wanted.preprocess = asked.text("The name", 300)
        with gr.Tabs() as tabs:
            chosen = swap_tab(handlers)

            def bring(name: str, shelf: list[str], request: gr.Request) -> tuple:
                """Shows an identity from another tab among the cards of the swap tab, chosen."""
                if not name:
                    return (gr.skip(),) * 5
                shelved = handlers.shelve(name, shelf, request)
                titles = [(title, name) for name, (_, title) in zip(shelved.names, shelved.cards, strict=True)]
                shown = gr.Gallery(shelved.cards, selected_index=shelved.names.index(name))
                return shelved.names, shown, gr.CheckboxGroup(titles), name, gr.Tabs(selected="swap")

            def brought(event: Dependency) -> None:
                event.success(bring, [wanted, chosen.shelf], [*chosen, tabs], api_visibility="private", **AT_ONCE)

            if films:
                video_tab(films, chosen)
                page.unload(films.leave)
            if webcam:
                webcam_tab(webcam, chosen)
                page.unload(webcam.leave)
            if hub:
                name, use = hub_tab(hub, login=login)
                fetching = {"concurrency_id": "hub", "show_progress_on": use}
                brought(use.click(hub.pull, name, wanted, api_name="pull", **fetching))
                brought(page.load(hub.arrive, None, wanted, api_visibility="private", concurrency_id="hub", show_progress_on=chosen.cards))
                page.unload(hub.leave)
            if training:
                key, use = train_tab(training, page, login=login)
                brought(use.click(training.name_of, key, wanted, api_name="name_of_trained", **AT_ONCE))
                page.unload(training.leave)
            check_tab(handlers)
            about_tab()
        api(handlers.listed, api_name="identities", queue=False)
        page.unload(handlers.leave)
    page.queue(api_open=False, max_size=handlers.limits.waiting)  # nobody passes those who wait
    return page


def about_tab() -> None:
    """How it works, what becomes of the visitor's files, and whose photos the examples are."""
    with gr.Tab("About", id="about"):
        gr.Markdown(ABOUT, elem_id="about")
