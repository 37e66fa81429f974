"""The page: `build` puts the tabs together; `LAUNCH_OPTIONS` goes to its `launch()`."""

import gradio as gr
from gradio.events import Dependency, api

from .handlers.hub import HubHandlers
from .handlers.identities import NO_SAMPLE, linked_identity
from .handlers.live import LiveHandlers
from .handlers.swap import Handlers
from .handlers.train import TrainHandlers
from .handlers.video import VideoHandlers
from .server import validators
from .server.blocks import GuardedBlocks
from .server.sessions import KEEP_SECONDS
from .tabs.check import check_tab
from .tabs.hub import hub_tab
from .tabs.inputs import AT_ONCE
from .tabs.live import live_tab
from .tabs.swap import swap_tab
from .tabs.train import train_tab
from .tabs.video import video_tab
from .theme import LAUNCH_OPTIONS

__all__ = ["LAUNCH_OPTIONS", "build"]

HEADER = """
<header class="masthead">
<h1>facehub</h1>
<p>Another face on your photo, with your pose, your expression and your light.</p>
<p class="terms">For research and demonstration. Every result is marked as AI-generated.
Use photos of people who agree to it.</p>
</header>
"""

ABOUT = f"""
### What happens to a photo
Faces are found and aligned by 68 landmarks. A small convolutional network, trained for one identity, paints
that person's face in the same pose, expression and light; the Poisson equation blends it in, so that colours
meet at the edge. Hair, background and everything outside the mask stay bit for bit as they were. The method
is that of [Fast Face-swap Using Convolutional Neural Networks](https://arxiv.org/abs/1611.09577) (Korshunova,
Shi, Dambre, Theis; ICCV 2017).

### What happens to your files
Only you can reach your photo or video and its results. They are deleted when you close the page, and
{KEEP_SECONDS // 60:.0f} minutes later at the latest. "Live" writes no camera picture to a file. Nothing is
kept, learned from, or reported to anyone.

The page does not serve photos that you give to training. They are deleted when you close the page before
training starts, and otherwise when training is done, when you delete it, or a day after it was last resumed.
Nobody finds a training without its key. Its result, and what you publish, contain no photos and no names of
your files.

### What it is for
Research and demonstration. Do not use it to deceive, to harass, or on people who did not agree. Every result
says that it is generated: in a signed manifest, in an invisible watermark, and, unless whoever runs this page
turned it off, in a small mark in its corner. "Check a picture" reads these marks. The landmark model was
trained on iBUG 300-W, whose terms exclude commercial use.

### Example photos
Eileen Collins: NASA, public domain. The others: [Face Research Lab London
Set](https://doi.org/10.6084/m9.figshare.5047666), DeBruine and Jones, CC BY 4.0.
"""


def build(
    handlers: Handlers,
    training: TrainHandlers | None = None,
    hub: HubHandlers | None = None,
    *,
    films: VideoHandlers | None = None,
    webcam: LiveHandlers | None = None,
    login: bool = False,
) -> gr.Blocks:
    """The whole page, ready for `launch(**LAUNCH_OPTIONS)`. `login`: it runs in a Space, where people can say
    who they are on the hub."""
    gr.set_static_paths(
        [
            NO_SAMPLE,
            *handlers.examples,
            *(sample for one in handlers.identities.values() for sample in one.samples),
        ]
    )
    # gradio's own sweep (delete_cache) goes by the wall clock: ours does its work (server/sessions.py)
    with GuardedBlocks(handlers.visits.cache, title="facehub", analytics_enabled=False) as page:
        gr.HTML(HEADER, apply_default_css=False, elem_id="header")
        wanted = gr.Textbox(label="Wanted", visible=False)
        wanted.preprocess = validators.text("The name", 300)
        with gr.Tabs() as tabs:
            chosen = swap_tab(handlers, page)

            def bring(name: str, shelf: list[str], request: gr.Request) -> tuple:
                """Add an identity from another tab to the cards of the swap tab, and choose it."""
                if not name:
                    return (gr.skip(),) * 5
                shelved = handlers.add_identity(name, shelf, request)
                titles = [
                    (title, name) for name, (_, title) in zip(shelved.names, shelved.cards, strict=True)
                ]
                shown = handlers.cards_html(shelved.names, name, "identities", request.session_hash)
                return shelved.names, shown, gr.CheckboxGroup(titles), name, gr.Tabs(selected="swap")

            def brought(event: Dependency) -> None:
                event.success(
                    bring, [wanted, chosen.shelf], [*chosen, tabs], api_visibility="private", **AT_ONCE
                )

            if films:
                video_tab(films, chosen)
                page.unload(films.on_unload)
            if webcam:
                live_tab(webcam, chosen)
                page.unload(webcam.on_unload)
            if hub:
                name, use = hub_tab(hub, login=login)
                fetching = {"concurrency_id": "hub", "show_progress_on": use}
                brought(use.click(hub.pull, name, wanted, api_name="pull", **fetching))
                page.unload(hub.on_unload)
            if training:
                key, use = train_tab(training, page, login=login)
                brought(
                    use.click(
                        training.identity_name,
                        key,
                        wanted,
                        api_name="name_of_trained",
                        api_visibility="undocumented",
                        **AT_ONCE,
                    )
                )
                page.unload(training.on_unload)
            check_tab(handlers)
            about_tab()
        opened = page.load(
            hub.open_link if hub else linked_identity,
            None,
            wanted,
            api_visibility="private",
            concurrency_id="hub",
            show_progress="minimal",
            show_progress_on=chosen.cards,
        )
        brought(opened)
        api(handlers.list_identities, api_name="identities", queue=False)
        page.unload(handlers.on_unload)
    page.queue(api_open=False, max_size=handlers.limits.waiting)  # nobody jumps the queue
    return page


def about_tab() -> None:
    """How it works, what happens to files, and whose photos the examples are."""
    with gr.Tab("About", id="about"):
        gr.Markdown(ABOUT, elem_id="about")
