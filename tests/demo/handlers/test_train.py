"""What the train tab's buttons do, called as plain functions."""

import zipfile
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from demo.training.eta import Position, TimeEstimate
from demo.training.records import PhotoReport, PhotoVerdict
from demo.training.status import Status
from demo.views import html
from demo.views.training import EMPTY_PAGE, FIELD_MEANINGS
from facehub import image
from facehub.identity.schema import CONSENT as FIELDS

from ..conftest import CONSENT, eventually, files_in, photo_of

VISITOR, OTHER = gr.Request(session_hash="visitor"), gr.Request(session_hash="other")


@pytest.fixture
def dropped(handlers, snapshots):
    """Puts photos where gradio puts uploads, and gives their paths."""

    def put(usable: int = 20, black: int = 1) -> list[str]:
        paths = []
        for number, file in enumerate(snapshots(usable, black)):
            upload = handlers.visits.cache / f"hash{number}" / file.name
            upload.parent.mkdir(exist_ok=True)
            upload.write_bytes(file.read_bytes())
            paths.append(str(upload))
        return paths

    return put


def consent(**changes):
    return {"request": VISITOR} | CONSENT | changes


def finished(training, dropped, request=VISITOR) -> str:
    """The key of a run that is done."""
    key = training.take_photos(dropped(), "", request, progress=lambda *_, **__: None).key
    training.start(key, "Zoë", **consent(request=request))
    assert eventually(lambda: training.jobs.status(key).state == "done")
    return key


def test_photos_come_in_and_are_told_apart(training, dropped):
    heard = []
    taken = training.take_photos(
        dropped(3, 2), "", VISITOR, progress=lambda share, desc: heard.append((share, desc))
    )
    assert [name for _, name in taken.kept] == [f"Zoë at the sea {number}.png" for number in range(3)]
    assert [name for _, name in taken.left_out] == [
        f"Zoë at the sea {number}.png: no face was found" for number in (3, 4)
    ]
    assert all(image.read(small).photo.shape[1:] == (160, 160) for small, _ in taken.kept + taken.left_out)
    assert "3 of 5 photos" in taken.summary
    assert "at least 40 are wanted" in taken.summary
    assert (0.9, "5 of 5 photos checked") in heard
    assert [share for share, _ in heard] == sorted(share for share, _ in heard)
    more = training.take_photos(dropped(1), taken.key, VISITOR, progress=lambda *_, **__: None)
    assert more.key == taken.key
    assert len(more.kept) == 4


def test_uploads_are_where_the_page_serves_them_no_longer(training, dropped, handlers):
    paths = dropped(2, 0)
    claimed = handlers.visits.adopt("other", Path(paths[0]))
    training.take_photos(paths, "", VISITOR, progress=lambda *_, **__: None)
    assert Path(paths[0]).exists(), "somebody else needs it"
    assert claimed.exists()
    assert not Path(paths[1]).exists()
    assert all(
        path.suffix == ".webp"
        for path in files_in(handlers.visits.cache)
        if path not in (Path(paths[0]), claimed)
    )
    assert handlers.visits.cache not in training.jobs.root.parents


def test_every_field_of_the_consent_record_is_asked_for(training, dropped):
    key = training.take_photos(dropped(), "", VISITOR, progress=lambda *_, **__: None).key
    assert list(FIELD_MEANINGS) == list(FIELDS)
    for field in FIELDS:
        with pytest.raises(
            gr.Error, match=f"Please also say {FIELD_MEANINGS[field]}: without it a face may not be used"
        ):
            training.start(key, "Zoë", **consent(**{field: "  "}))
    with pytest.raises(gr.Error, match="what it may be used for and whom to ask for withdrawal"):
        training.start(key, "Zoë", **consent(scope="", contact=""))
    with pytest.raises(gr.Error, match="Please also say the name that the page will show and what it may"):
        training.start(key, " ", **consent(scope=""))
    with pytest.raises(gr.Error, match='"yesterday" is no date: write it as 2026-01-31'):
        training.start(key, "Zoë", **consent(date="yesterday"))
    with pytest.raises(gr.Error, match="on what basis the face is used and the licence"):
        training.start(key, "Zoë", **consent(basis=None, licence=None))
    with pytest.raises(gr.Error, match="basis 'mine'"):
        training.start(key, "Zoë", **consent(basis="mine"))
    with pytest.raises(gr.Error, match="There are no photos yet"):
        training.start("", "Zoë", **consent())
    assert training.jobs.status(key).state == "photos"
    assert training.jobs.report(key).kept == 20


def test_files_that_are_moved_while_one_looks_are_no_error(training, dropped, monkeypatch):
    key = training.take_photos(dropped(), "", VISITOR, progress=lambda *_, **__: None).key
    now = training.jobs.status(key)
    monkeypatch.setattr(training.jobs, "status", lambda key: replace(now, preview=Path("moved.png")))
    assert training.watch(key, VISITOR).preview is None


def test_a_run_from_start_to_use(training, dropped, handlers, upload, gate, loads):
    key = training.take_photos(dropped(), "", VISITOR, progress=lambda *_, **__: None).key
    view = training.start(key, "Zoë <b>", **consent())
    assert view.at_work
    assert "Zoë &lt;b&gt;" in view.status
    gate.step(3)
    assert eventually(lambda: "3 of 6" in training.watch(key, VISITOR).status)
    view = training.watch(key, VISITOR)
    assert view.curves.count("<figure>") == 3
    assert "Place of eyes, mouth and jaw: from" in view.curves, "the landmark loss too"
    assert view.preview.is_file()
    assert training.watch(key, VISITOR).preview == view.preview, "one copy as long as nothing is new"
    assert not training.stop(key, VISITOR).at_work or eventually(
        lambda: training.watch(key, VISITOR).at_work is False
    )
    assert eventually(lambda: 'data-state="stopped"' in training.watch(key, VISITOR).status)
    with pytest.raises(gr.Error, match="not done yet"):
        training.identity_name(key)
    training.resume(key, VISITOR)
    gate.step(3)
    assert eventually(lambda: 'data-state="done"' in training.watch(key, VISITOR).status)
    view = training.watch(key, VISITOR)
    assert "98%" in view.measures
    assert not view.at_work
    with zipfile.ZipFile(view.download) as packed:
        assert {"zoe_b/model.safetensors", "zoe_b/consent.json"} <= set(packed.namelist())
    name = training.identity_name(key)
    shelf = handlers.add_identity(name, ["ada", "ben"], VISITOR)
    assert shelf.names == ["ada", "ben", name]
    assert shelf.cards[-1][1] == "Zoë <b>"
    assert Path(shelf.cards[-1][0]).is_relative_to(handlers.visits.root)
    assert "<b>" not in handlers.describe(name, VISITOR)
    assert name not in str(handlers.list_identities())


def test_who_has_the_key_comes_back_and_nobody_else(training, dropped, handlers):
    key = training.take_photos(dropped(3, 1), "", VISITOR, progress=lambda *_, **__: None).key
    back = training.open_run(f" {key} ", OTHER)
    assert (back.key, len(back.kept), len(back.left_out)) == (key, 3, 1)
    theirs, ours = back.kept[0][0].parents[1], training.open_run(key, VISITOR).kept[0][0].parents[1]
    assert theirs != ours
    with pytest.raises(gr.Error, match="No training has this key"):
        training.open_run("A" * 22, OTHER)
    with pytest.raises(gr.Error, match="Paste the key"):
        training.open_run("", OTHER)
    assert training.restore_run("A" * 22, OTHER) == EMPTY_PAGE == training.restore_run("", OTHER)
    assert training.restore_run(key, OTHER).key == key
    for name in ("trained:", "trained:" + "A" * 22, "trained:../" + key):
        with pytest.raises(gr.Error):
            handlers.describe(name, OTHER)


def test_who_leaves_before_it_began_leaves_nothing(training, dropped, gate):
    begun = training.take_photos(dropped(), "", VISITOR, progress=lambda *_, **__: None).key
    training.start(begun, "Zoë", **consent())
    draft = training.take_photos(dropped(), "", VISITOR, progress=lambda *_, **__: None).key
    others = training.take_photos(dropped(), "", OTHER, progress=lambda *_, **__: None).key
    training.on_unload(VISITOR)
    assert not (training.jobs.root / draft).exists()
    assert (training.jobs.root / others).exists()
    assert training.jobs.status(begun).state == "running"


def test_discarded_it_is_gone_from_the_swap_tab_too(training, dropped, handlers):
    key = finished(training, dropped)
    name = training.identity_name(key)
    handlers.add_identity(name, ["ada"], VISITOR)
    assert training.discard(key) == EMPTY_PAGE
    assert handlers.add_identity("ben", ["ada", name], VISITOR).names == ["ada", "ben"]
    with pytest.raises(gr.Error, match="No training has this key"):
        handlers.describe(name, VISITOR)


def status(**changes):
    fields = {
        "state": "running",
        "title": "T",
        "position": Position(),
        "left_seconds": 60.0,
        "error": "",
        "rows": [],
        "preview": None,
        "identity": None,
    }
    return Status(**(fields | changes))


def test_what_others_wrote_is_never_markup():
    nasty = "<script>alert(1)</script>"
    for told in (
        html.training(status(title=nasty, error=nasty, state="failed"), TimeEstimate({})),
        html.measures({"table": {"blended": {"retrieved": nasty, "light": 0.5}}}),
        html.measures({"table": {nasty: {nasty: nasty}}}),
        html.measures({"table": nasty}),
        html.search_message(0, nasty, nasty),
        html.unreachable(nasty),
    ):
        assert "<script" not in told


def test_measures_are_numbers_or_nothing():
    row = {"retrieved": 0.5, "pose_degrees": True, "light": float("nan"), "nme_percent": 1e300}
    assert "50%" in html.measures({"table": {"blended": row}})
    assert "nan" not in html.measures({"table": {"blended": row}})
    assert "Landmarks" not in html.measures({"table": {"blended": row}})
    assert "Pose" not in html.measures({"table": {"blended": row}})
    assert html.measures({}) == ""


def test_curves_fall_where_the_losses_fall():
    rows = [{"losses": {"total": 1000.0 / (step + 1)}} for step in range(1000)]
    drawn = html.curves(rows)
    points = [
        tuple(map(float, point.split(","))) for point in drawn.split('points="')[1].split('"')[0].split()
    ]
    assert len(points) <= 2 * html.POINTS
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted(y for _, y in points), "down the page is less"
    assert html.curves(rows[:1]) == ""


def test_photos_are_told_in_one_line_and_a_line_for_each_warning(tmp_path):
    looked = [PhotoVerdict(tmp_path, "a", ""), PhotoVerdict(tmp_path, "b", "blurred")]
    assert html.photos(PhotoReport(looked, ["Add photos."])).splitlines() == [
        "**1 of 2 photos** will be used for training. 1 is left out, each for the reason below it.",
        "",
        "- Add photos.",
    ]


def test_several_faces_on_one_photo_are_marked_pngs(handlers, upload, loads):
    from facehub.image import read_statement

    photo = upload(photo_of((90, 160, 120)))
    compared = handlers.compare(photo, ["ada", "ben"], 1.0, "largest")
    assert [title for _, title in compared] == ["Ada <b>Example</b>", "Ben <b>Example</b>"]
    assert loads == ["ada", "ben"]
    red, blue = (image.read(path).photo.int() for path, _ in compared)
    assert red.shape == image.read(photo).photo.shape
    assert all(read_statement(path.read_bytes()) for path, _ in compared)
    alone = image.read(handlers.swap(photo, "ada", 1.0, "largest").result).photo.int()
    assert (red - alone).abs().float().mean() < 3, "each file has a watermark of its own, and no more"
    assert (red - blue).abs().max() > 20, "skin takes the photo's colour; eyes and lips differ"
    with pytest.raises(gr.Error, match="No identity is chosen"):
        handlers.compare(photo, [])
    with pytest.raises(gr.Error, match="13 identities are more than the 12"):
        handlers.compare(photo, ["ada"] * 13)
    with pytest.raises(gr.Error, match="nobody"):
        handlers.compare(photo, ["ada", "nobody"])


def silent(*_: object, **__: object) -> None:
    pass


def test_refused_photos_leave_no_run(training, dropped):
    """49 calls whose photos showed no face locked training for a day."""
    for _ in range(5):
        with pytest.raises(gr.Error, match="No photo shows a face"):
            training.take_photos(dropped(0, 2), "", VISITOR, progress=silent)
    assert training.jobs.folders.keys() == []
    key = training.take_photos(dropped(2, 0), "", VISITOR, progress=silent).key
    assert training.jobs.folders.keys() == [key]


def test_callers_without_an_open_page_leave_no_run(training, dropped):
    training.is_open = lambda session: session == "visitor"
    for request in (None, gr.Request(), OTHER):
        with pytest.raises(gr.Error, match="needs an open page"):
            training.take_photos(dropped(2, 0), "", request, progress=silent)
    assert training.jobs.folders.keys() == []
    assert training.take_photos(dropped(2, 0), "", VISITOR, progress=silent).key


def test_a_session_has_three_runs_that_were_not_started(training, dropped, gate):
    keys = [training.take_photos(dropped(), "", VISITOR, progress=silent).key for _ in range(3)]
    with pytest.raises(gr.Error, match="You have 3 trainings that were not started"):
        training.take_photos(dropped(1, 0), "", VISITOR, progress=silent)
    assert training.take_photos(dropped(1, 0), "", OTHER, progress=silent).key, "others may"
    training.start(keys[0], "Zoë", **consent())
    assert training.take_photos(dropped(1, 0), "", VISITOR, progress=silent).key, "one was started"
