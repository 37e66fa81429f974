"""What the train tab's buttons do, called as plain functions."""

import zipfile
from pathlib import Path

import gradio as gr
import pytest

from demo import pieces
from demo.outlook import Outlook, Place
from demo.runs import Looked, Report, Status
from demo.train_handlers import NOTHING, WANTED
from facehub import image
from facehub.identity import CONSENT as FIELDS

from .conftest import CONSENT, eventually, files_in, photo_of

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
    taken = training.take_photos(dropped(3, 2), "", VISITOR, progress=lambda share, desc: heard.append((share, desc)))
    assert [name for _, name in taken.kept] == [f"Zoë at the sea {number}.png" for number in range(3)]
    assert [name for _, name in taken.left_out] == [f"Zoë at the sea {number}.png: no face was found" for number in (3, 4)]
    assert all(image.read(small).photo.shape[1:] == (160, 160) for small, _ in taken.kept + taken.left_out)
    assert "3 of 5 photos" in taken.told
    assert "at least 40 are wanted" in taken.told
    assert (0.9, "5 of 5 photos looked at") in heard
    assert [share for share, _ in heard] == sorted(share for share, _ in heard)
    more = training.take_photos(dropped(1), taken.key, VISITOR, progress=lambda *_, **__: None)
    assert more.key == taken.key
    assert len(more.kept) == 4


def test_uploads_are_where_the_page_serves_them_no_longer(training, dropped, handlers):
    paths = dropped(2, 0)
    claimed = handlers.visits.claim("other", Path(paths[0]))
    training.take_photos(paths, "", VISITOR, progress=lambda *_, **__: None)
    assert Path(paths[0]).exists(), "somebody else needs it"
    assert claimed.exists()
    assert not Path(paths[1]).exists()
    assert all(path.suffix == ".webp" for path in files_in(handlers.visits.cache) if path not in (Path(paths[0]), claimed))
    assert handlers.visits.cache not in training.jobs.root.parents


def test_every_field_of_the_consent_record_is_asked_for(training, dropped):
    key = training.take_photos(dropped(), "", VISITOR, progress=lambda *_, **__: None).key
    assert list(WANTED) == list(FIELDS)
    for field in FIELDS:
        with pytest.raises(gr.Error, match=f"Please also say {WANTED[field]}: without it a face may not be used"):
            training.start(key, "Zoë", **consent(**{field: "  "}))
    with pytest.raises(gr.Error, match="what it may be used for and whom to ask for withdrawal"):
        training.start(key, "Zoë", **consent(scope="", contact=""))
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


def test_a_run_from_start_to_use(training, dropped, handlers, upload, gate, loads):
    key = training.take_photos(dropped(), "", VISITOR, progress=lambda *_, **__: None).key
    view = training.start(key, "Zoë <b>", **consent())
    assert view.at_work
    assert "Zoë &lt;b&gt;" in view.told
    gate.step(3)
    assert eventually(lambda: "3 of 6" in training.watch(key, VISITOR).told)
    view = training.watch(key, VISITOR)
    assert view.curves.count("<figure>") == 2
    assert view.preview.is_file()
    assert training.watch(key, VISITOR).preview == view.preview, "one copy as long as nothing is new"
    assert not training.stop(key, VISITOR).at_work or eventually(lambda: training.watch(key, VISITOR).at_work is False)
    assert eventually(lambda: 'data-state="stopped"' in training.watch(key, VISITOR).told)
    with pytest.raises(gr.Error, match="not done yet"):
        training.name_of(key)
    training.resume(key, VISITOR)
    gate.step(3)
    assert eventually(lambda: 'data-state="done"' in training.watch(key, VISITOR).told)
    view = training.watch(key, VISITOR)
    assert "98%" in view.measures
    assert not view.at_work
    with zipfile.ZipFile(view.download) as packed:
        assert {"zoe_b/model.safetensors", "zoe_b/consent.json"} <= set(packed.namelist())
    name = training.name_of(key)
    shelf = handlers.shelve(name, ["ada", "ben"], VISITOR)
    assert shelf.names == ["ada", "ben", name]
    assert shelf.cards[-1][1] == "Zoë <b>"
    assert Path(shelf.cards[-1][0]).is_relative_to(handlers.visits.root)
    assert "<b>" not in handlers.introduce(name, VISITOR).about
    assert name not in str(handlers.listed())


def test_who_has_the_key_comes_back_and_nobody_else(training, dropped, handlers):
    key = training.take_photos(dropped(3, 1), "", VISITOR, progress=lambda *_, **__: None).key
    back = training.come_back(f" {key} ", OTHER)
    assert (back.key, len(back.kept), len(back.left_out)) == (key, 3, 1)
    theirs, ours = back.kept[0][0].parents[1], training.come_back(key, VISITOR).kept[0][0].parents[1]
    assert theirs != ours
    with pytest.raises(gr.Error, match="No training goes by this key"):
        training.come_back("A" * 22, OTHER)
    with pytest.raises(gr.Error, match="Paste the key"):
        training.come_back("", OTHER)
    assert training.remembered("A" * 22, OTHER) == NOTHING == training.remembered("", OTHER)
    assert training.remembered(key, OTHER).key == key
    for name in ("trained:", "trained:" + "A" * 22, "trained:../" + key):
        with pytest.raises(gr.Error):
            handlers.introduce(name, OTHER)


def test_who_leaves_before_it_began_leaves_nothing(training, dropped, gate):
    begun = training.take_photos(dropped(), "", VISITOR, progress=lambda *_, **__: None).key
    training.start(begun, "Zoë", **consent())
    draft = training.take_photos(dropped(), "", VISITOR, progress=lambda *_, **__: None).key
    others = training.take_photos(dropped(), "", OTHER, progress=lambda *_, **__: None).key
    training.leave(VISITOR)
    assert not (training.jobs.root / draft).exists()
    assert (training.jobs.root / others).exists()
    assert training.jobs.status(begun).state == "running"


def test_discarded_it_is_gone_from_the_swap_tab_too(training, dropped, handlers):
    key = finished(training, dropped)
    name = training.name_of(key)
    handlers.shelve(name, ["ada"], VISITOR)
    assert training.discard(key) == NOTHING
    assert handlers.shelve("ben", ["ada", name], VISITOR).names == ["ada", "ben"]
    with pytest.raises(gr.Error, match="No training goes by this key"):
        handlers.introduce(name, VISITOR)


def status(**changes):
    fields = {"state": "running", "title": "T", "place": Place(), "left_seconds": 60.0, "sentence": "", "rows": [], "preview": None, "identity": None}
    return Status(**(fields | changes))


def test_what_others_wrote_is_never_markup():
    nasty = "<script>alert(1)</script>"
    for told in (
        pieces.training(status(title=nasty, sentence=nasty, state="failed"), Outlook({})),
        pieces.measures({"table": {"blended": {"retrieved": nasty, "light": 0.5}}}),
        pieces.measures({"table": {nasty: {nasty: nasty}}}),
        pieces.measures({"table": nasty}),
        pieces.found(0, nasty, nasty),
        pieces.unreachable(nasty),
    ):
        assert "<script" not in told


def test_measures_are_numbers_or_nothing():
    row = {"retrieved": 0.5, "pose_degrees": True, "light": float("nan"), "nme_percent": 1e300}
    assert "50%" in pieces.measures({"table": {"blended": row}})
    assert "nan" not in pieces.measures({"table": {"blended": row}})
    assert "Landmarks" not in pieces.measures({"table": {"blended": row}})
    assert "Pose" not in pieces.measures({"table": {"blended": row}})
    assert pieces.measures({}) == ""


def test_curves_fall_where_the_losses_fall():
    rows = [{"losses": {"total": 1000.0 / (step + 1)}} for step in range(1000)]
    drawn = pieces.curves(rows)
    points = [tuple(map(float, point.split(","))) for point in drawn.split('points="')[1].split('"')[0].split()]
    assert len(points) <= 2 * pieces.POINTS
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted(y for _, y in points), "down the page is less"
    assert pieces.curves(rows[:1]) == ""


def test_photos_are_told_in_one_line_and_a_line_for_each_warning(tmp_path):
    looked = [Looked(tmp_path, "a", ""), Looked(tmp_path, "b", "blurred")]
    assert pieces.photos(Report(looked, ["Add photos."])).splitlines() == [
        "**1 of 2 photos** will be learned from. 1 is left out, each for the reason below it.",
        "",
        "- Add photos.",
    ]


def test_several_faces_on_one_photo_are_marked_pngs(handlers, upload, loads):
    from facehub.provenance import read_mark

    photo = upload(photo_of((90, 160, 120)))
    compared = handlers.swap_all(photo, ["ada", "ben"], 1.0, "largest")
    assert [title for _, title in compared] == ["Ada <b>Example</b>", "Ben <b>Example</b>"]
    assert loads == ["ada", "ben"]
    red, blue = (image.read(path).photo.int() for path, _ in compared)
    assert red.shape == image.read(photo).photo.shape
    assert all(read_mark(path.read_bytes()) for path, _ in compared)
    alone = image.read(handlers.swap(photo, "ada", 1.0, "largest").result).photo.int()
    assert (red - alone).abs().float().mean() < 3, "each file has a watermark of its own, and no more"
    assert (red - blue).abs().max() > 50
    with pytest.raises(gr.Error, match="No face is chosen"):
        handlers.swap_all(photo, [])
    with pytest.raises(gr.Error, match="13 faces are more than the 12"):
        handlers.swap_all(photo, ["ada"] * 13)
    with pytest.raises(gr.Error, match="nobody"):
        handlers.swap_all(photo, ["ada", "nobody"])
