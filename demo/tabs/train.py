"""The train tab: photos, whose face it is, training, and what came of it. Which of its parts are to be seen,
theme.css tells by the run's state."""

import datetime
import functools
from collections.abc import Callable

import gradio as gr

from facehub.choices import MIN_TRAINING_FACE_PX
from facehub.formats import READ_SUFFIXES

from ..handlers.train import TrainHandlers, TrainPage, TrainView
from ..server import validators
from ..views.html import BASIS
from .inputs import AT_ONCE, gallery, picture

POLL_SECONDS = 2.0

REMEMBER_KEY_JS = "(key) => { sessionStorage.setItem('facehub-training', key); return key }"
FORGET_KEY_JS = "() => sessionStorage.removeItem('facehub-training')"
READ_KEY_JS = "() => sessionStorage.getItem('facehub-training') ?? ''"
"""A reload of the page keeps the key, and closing the tab forgets it: the next person at this computer finds
nothing."""

CONFIRM_JS = """() => {
    if (!confirm('Delete the photos, the checkpoints and the result of this training for good?'))
        throw new Error('kept');
}"""
"""Asks before something is deleted; the chain ends here when the answer is no."""

HINT = f"""
60 to 100 photos of one person, with nobody else in them: different poses, expressions and light, no
sunglasses. Faces should be large: 100 pixels wide or more is good, and one that is less than
{MIN_TRAINING_FACE_PX} pixels wide, from ear to ear, is left out. Nothing else is needed.
"""

KEEP = "Training goes on when you close this page. To come back from another one, keep this key:"

SHARING = """
On the hub it is a folder of weights, pictures, and the record above, which says whose face it is. Faces for
research only can't be public.
"""

ACCESS = [("Anybody", "public"), ("Whom I grant it to", "gated"), ("Only me", "private")]

TOKEN = "From the hub’s settings, with the right to write. It is used once and not kept."

LICENCES = ["research only", "CC BY-NC 4.0", "CC BY 4.0", "Apache-2.0", "no use without my consent"]


def train_tab(
    training: TrainHandlers, page: gr.Blocks, *, login: bool = False
) -> tuple[gr.Textbox, gr.Button]:
    """Gives the run's key, hidden, and the button that takes what came of it to the swap tab. `login`: people
    publish under their own name."""
    missing = training.jobs.workspace.assets.missing()
    with gr.Tab("Train a face", id="train"), gr.Column(elem_id="train"):
        key = gr.Textbox(label="Its key", visible=False)
        timer = gr.Timer(POLL_SECONDS, active=False)
        gr.Markdown(
            f"**Training is not set up here.** {missing}", visible=bool(missing), elem_id="not-set-up"
        )
        with gr.Row(visible=not missing, elem_id="set-up"):
            with gr.Column(min_width=300):
                gr.Markdown("## 1 · Photos", elem_classes="step")
                gr.Markdown(HINT, elem_classes="hint")
                dropped = gr.File(
                    label="Photos of one person",
                    file_count="multiple",
                    file_types=list(READ_SUFFIXES),
                    height=150,
                    elem_id="dropped",
                    elem_classes="framed",
                )
                dropped.preprocess = validators.files
                told = gr.Markdown(elem_id="photos-summary")
                anew = gr.Button("Remove these photos", size="sm", elem_id="anew")
            with gr.Column(min_width=300):
                gr.Markdown("## 2 · Whose face it is", elem_classes="step")
                gr.Markdown(
                    "This goes with the result, wherever it goes. Without it a face may not be used.",
                    elem_classes="hint",
                )
                with gr.Group():
                    title = gr.Textbox(
                        label="Name", info="As the page will show it", max_length=80, elem_id="title"
                    )
                    basis = gr.Dropdown(
                        [(meaning, name) for name, meaning in BASIS.items()],
                        value=None,
                        label="On what basis the face is used",
                        elem_id="basis",
                    )
                    whose = gr.Textbox(
                        label="Whose face it is",
                        info="Who this is, and whether they were asked",
                        elem_id="whose",
                    )
                    scope = gr.Textbox(label="What it may be used for", elem_id="scope")
                    contact = gr.Textbox(
                        label="Whom to ask for withdrawal",
                        info="An address that is answered",
                        elem_id="contact",
                    )
                    with gr.Row():
                        date = gr.Textbox(
                            str(datetime.date.today()),
                            label="When this was settled",
                            min_width=140,
                            elem_id="date",
                        )
                        licence = gr.Dropdown(
                            LICENCES,
                            value=None,
                            allow_custom_value=True,
                            label="Licence of the result",
                            min_width=140,
                            elem_id="licence",
                        )
        left_out = gallery("left-out", "Left out", object_fit="cover", allow_preview=False)
        kept = gallery("kept", "Learned from", object_fit="cover", allow_preview=False)
        with gr.Column(visible=not missing):
            gr.Markdown("## 3 · Training", elem_classes="step", elem_id="third")
            gr.Markdown(training.duration(), elem_id="duration", elem_classes="hint")
            start = gr.Button(
                "Start training", variant="primary", size="lg", interactive=not missing, elem_id="start"
            )
        status = gr.HTML(elem_id="status")
        with gr.Row(elem_id="steer"):
            stop = gr.Button("Stop", elem_id="stop")
            resume = gr.Button("Go on", variant="primary", elem_id="resume")
        with gr.Column(elem_id="finished"):
            measures = gr.HTML(elem_id="measures")
            with gr.Row():
                use = gr.Button("Try it on a photo", variant="primary", elem_id="use-trained")
                saved = gr.DownloadButton("Download", elem_id="download-trained")
            with gr.Column(visible=training.hub is not None, elem_id="publishing"):
                gr.Markdown("## Share it", elem_classes="step")
                gr.Markdown(SHARING, elem_classes="hint")
                with gr.Row():
                    repository = gr.Textbox(
                        label="Where",
                        placeholder="your-name/name-of-the-face",
                        max_lines=1,
                        min_width=240,
                        elem_id="repository",
                    )
                    access = gr.Radio(
                        ACCESS, value="gated", label="Who may use it", min_width=240, elem_id="access"
                    )
                token = gr.Textbox(
                    label="Your token",
                    info=TOKEN,
                    type="password",
                    max_lines=1,
                    visible=not login,
                    elem_id="token",
                )
                if login:
                    gr.LoginButton(elem_id="login-train")
                publish = gr.Button("Publish", variant="primary", elem_id="publish")
                published = gr.HTML(elem_id="published")
        preview = picture(
            "preview",
            "People it never saw, and what it makes of them",
            alt_text="Held-out faces above, the same with the new face below",
        )
        curves = gr.HTML(elem_id="curves")
        keep = gr.Textbox(label=KEEP, interactive=False, buttons=["copy"], elem_id="keep")
        discard = gr.Button("Delete everything of this training", size="sm", elem_id="discard")
        with (
            gr.Accordion("Come back to a training", open=False, visible=not missing, elem_id="come-back"),
            gr.Row(equal_height=True),
        ):
            known = gr.Textbox(label="Its key", scale=4, elem_id="known-key")
            back = gr.Button("Open it", elem_id="back")

    for box in (key, title, basis, whose, scope, date, contact, licence, repository, token, known):
        box.preprocess = validators.text(str(box.label))
    access.preprocess = validators.choice("Who may use it", [word for _, word in ACCESS])

    photos, view = [key, told, kept, left_out], [keep, status, curves, preview, measures, saved, timer]
    form = [key, title, basis, whose, scope, date, contact, licence]
    dropped.upload(
        training.take_photos,
        [dropped, key],
        photos,
        api_name="take_photos",
        concurrency_id="photos",
        concurrency_limit=1,
        show_progress_on=dropped,
    ).then(None, js="() => null", outputs=dropped)
    started = start.click(with_timer(training.start), form, view, api_name="train", **AT_ONCE)
    started.success(None, key, js=REMEMBER_KEY_JS)
    resume.click(
        with_timer(training.resume),
        key,
        view,
        api_name="resume_training",
        api_visibility="undocumented",
        **AT_ONCE,
    )
    stop.click(with_timer(training.stop), key, view, api_name="stop_training", **AT_ONCE)
    timer.tick(
        with_timer(training.watch), key, view, api_name="watch_training", trigger_mode="once", **AT_ONCE
    )
    back.click(
        with_timer(training.open_run),
        known,
        photos + view,
        api_name="come_back",
        api_visibility="undocumented",
        **AT_ONCE,
    ).success(None, known, js=REMEMBER_KEY_JS)
    page.load(
        with_timer(training.restore_run),
        key,
        photos + view,
        js=READ_KEY_JS,
        api_visibility="private",
        **AT_ONCE,
    )
    for button in (anew, discard):
        button.click(None, js=CONFIRM_JS).success(
            with_timer(training.discard),
            key,
            photos + view,
            api_name="discard_training",
            api_visibility="undocumented",
            **AT_ONCE,
        ).success(None, js=FORGET_KEY_JS)
    publish.click(
        training.publish,
        [key, repository, access, token],
        published,
        api_name="publish",
        api_visibility="undocumented",
        concurrency_id="hub",
        show_progress_on=publish,
    ).success(None, js="() => ''", outputs=token)
    return key, use


def with_timer(handler: Callable[..., TrainView | TrainPage]) -> Callable[..., tuple]:
    """The handler, whose last answer sets the page's timer going or at rest."""

    @functools.wraps(handler)
    def wrapped(*args, **kwargs):
        *seen, at_work = handler(*args, **kwargs)
        return (*seen, gr.Timer(active=at_work))

    return wrapped
