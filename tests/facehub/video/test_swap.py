"""A film from end to end, with a network that paints one colour and faces that are where the test says."""

import gc
import json
import secrets
import subprocess
import sys
import threading
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch

from facehub.checker import check
from facehub.errors import BadSetting, NoFace, Stopped
from facehub.marks.origin import Marks, Origin
from facehub.marks.watermark_detector import detect
from facehub.swapper import Swapper
from facehub.types import Detections
from facehub.video import pipeline, swap
from facehub.video.reader import Reader
from facehub.video.swap import swap_video
from tests import clips

from .stand_ins import SIZE, Stripes, Told


def changed(before: list[np.ndarray], after: list[np.ndarray]) -> list[tuple[bool, bool]]:
    """For each frame whether its left and its right face were painted over."""
    stripes = [np.abs(a.astype(int) - b).max(2) > 60 for a, b in zip(after, before, strict=True)]
    return [
        (bool(one[60:160, 20:120].mean() > 0.01), bool(one[50:190, 180:300].mean() > 0.01)) for one in stripes
    ]


def test_every_frame_with_a_face_is_swapped_and_every_frame_is_marked(tmp_path, source, swapper):
    steps = []
    with Reader(source) as reader:
        filmed = swap_video(
            swapper,
            reader,
            tmp_path / "out.mp4",
            tracker=Told(without={0, 5, 6}),
            origin=Origin(identity="ada"),
            progress=steps.append,
        )
    assert (filmed.frames, filmed.swapped, filmed.faces, filmed.notes) == (11, 8, 1, ())
    (before, times), (after, kept) = clips.read(source), clips.read(tmp_path / "out.mp4")
    assert times == kept
    assert changed(before, after) == [(index not in {0, 5, 6}, False) for index in range(11)]
    assert clips.packets(source) == clips.packets(tmp_path / "out.mp4")
    assert [step.frames for step in steps] == [4, 8, 11] and {step.total for step in steps} == {11}
    report = check(tmp_path / "out.mp4")
    found = {"manifest": True, "statement": True, "watermark": True}
    assert {layer.name: layer.found for layer in report.layers} == found
    manifest, _, watermark = report.layers
    assert (
        manifest.details["identity"] == "ada"
        and manifest.details["watermark"] == watermark.details["watermark"]
    )
    assert "this video" in report.verdict.lower()
    stills = [torch.from_numpy(after[index].transpose(2, 0, 1).copy()) for index in (0, 5, 10)]
    first, *later = [detect(still, handled=False) for still in stills]
    assert first.payload and all(one.payload == first.payload for one in later), "each still can be told"
    assert min(one.score for one in later) > 0.8 * first.score, "none carries a keyframe's mark, moved along"


def test_the_same_film_and_number_give_the_same_pictures(tmp_path, source, swapper, monkeypatch):
    """x264 with more threads than one gave others now and then."""
    monkeypatch.setattr(secrets, "randbits", lambda bits: 7)
    films = []
    for name in ("one.mp4", "two.mp4", "three.mp4"):
        with Reader(source) as reader:
            swap_video(swapper, reader, tmp_path / name, tracker=Told())
        films.append(clips.read(tmp_path / name))
    for pictures, times in films[1:]:
        assert times == films[0][1]
        assert all(np.array_equal(a, b) for a, b in zip(pictures, films[0][0], strict=True))


def test_an_unmarked_film_is_not_marked(source):
    report = check(source)
    assert not report.marked and "does not prove" in report.verdict
    assert report.layers[2].details["frames"].startswith("0 of")


def test_a_film_that_was_changed_after_signing_is_told(tmp_path, source, swapper):
    with Reader(source) as reader:
        swap_video(swapper, reader, tmp_path / "out.mp4", tracker=Told())
    data = bytearray((tmp_path / "out.mp4").read_bytes())
    data[data.rfind(b"mdat") + 3000] ^= 1
    (tmp_path / "out.mp4").write_bytes(data)
    assert "was changed after signing" in check(tmp_path / "out.mp4").layers[0].sentence


def test_a_matroska_file_has_no_manifest_but_the_other_marks(tmp_path, source, swapper):
    with Reader(source) as reader:
        swap_video(swapper, reader, tmp_path / "out.mkv", tracker=Told())
    found = {layer.name: layer.found for layer in check(tmp_path / "out.mkv").layers}
    assert found == {"manifest": False, "statement": True, "watermark": True}


def test_the_visible_label_is_in_every_frame_that_should_have_it(tmp_path, source, swapper):
    for name, label in (("plain.mp4", False), ("labelled.mp4", True)):
        with Reader(source) as reader:
            swap_video(swapper, reader, tmp_path / name, tracker=Told(), marks=Marks(label=label))
    plain, labelled = (clips.read(tmp_path / name)[0] for name in ("plain.mp4", "labelled.mp4"))
    corner = [
        np.abs(a[-24:, -40:].astype(int) - b[-24:, -40:]).max() for a, b in zip(plain, labelled, strict=True)
    ]
    assert min(corner) > 80


def test_the_largest_stays_with_one_face(tmp_path, source, swapper):
    with Reader(source) as reader:
        filmed = swap_video(swapper, reader, tmp_path / "out.mp4", tracker=Told(second=4), faces="largest")
    assert filmed.faces == 1
    assert changed(clips.read(source)[0], clips.read(tmp_path / "out.mp4")[0]) == [(True, False)] * 11
    with Reader(source) as reader:
        swap_video(swapper, reader, tmp_path / "all.mp4", tracker=Told(second=4))
    assert changed(clips.read(source)[0], clips.read(tmp_path / "all.mp4")[0]) == [
        (True, index >= 4) for index in range(11)
    ]


def test_strength_zero_is_the_film_as_it_was(tmp_path, source, swapper):
    with Reader(source) as reader:
        swap_video(swapper, reader, tmp_path / "out.mp4", tracker=Told(), strength=0.0)
    before, after = (np.stack(clips.read(file)[0]).astype(int) for file in (source, tmp_path / "out.mp4"))
    assert np.abs(before - after).mean() < 4


def test_a_film_without_a_face_writes_nothing(tmp_path, source, swapper):
    (tmp_path / "out.mp4").write_text("what was there before")
    with (
        Reader(source) as reader,
        pytest.raises(NoFace, match="No face was found in the 11 frames of film.mp4, so nothing was written"),
    ):
        swap_video(swapper, reader, tmp_path / "out.mp4", tracker=Told(without=range(11)))
    assert (tmp_path / "out.mp4").read_text() == "what was there before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out.mp4"]


def test_stopping_leaves_nothing_behind(tmp_path, source, swapper):
    stop = threading.Event()
    with Reader(source) as reader, pytest.raises(Stopped, match="nothing was written"):
        swap_video(
            swapper, reader, tmp_path / "out.mp4", tracker=Told(), stop=stop, progress=lambda _: stop.set()
        )
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert not [thread for thread in threading.enumerate() if thread.name == pipeline.THREAD_NAME]


def test_what_goes_wrong_in_a_thread_is_raised_and_leaves_nothing_behind(tmp_path, source, swapper):
    class Broken(Told):
        def __call__(self, photo, seconds):
            if self.index == 6:
                raise ZeroDivisionError
            return super().__call__(photo, seconds)

    with Reader(source) as reader, pytest.raises(ZeroDivisionError):
        swap_video(swapper, reader, tmp_path / "out.mp4", tracker=Broken())
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert not [thread for thread in threading.enumerate() if thread.name == pipeline.THREAD_NAME]


def test_a_film_that_was_cut_off_is_swapped_as_far_as_it_goes(tmp_path, source, swapper):
    with Reader(source) as reader:
        reader.info = replace(reader.info, seconds=9.0)
        filmed = swap_video(swapper, reader, tmp_path / "out.mp4", tracker=Told())
    assert filmed.frames == 11
    assert filmed.notes == ("film.mp4 was cut off: what is complete, 0.4 seconds, was swapped.",)


@pytest.mark.parametrize(
    ("name", "words"),
    [("out.webm", "suffix"), ("nowhere/out.mp4", "does not exist"), ("in/film.mp4", "overwritten")],
)
def test_what_cannot_be_written_is_told_beforehand(tmp_path, source, swapper, name, words):
    with Reader(source) as reader, pytest.raises(BadSetting, match=words):
        swap_video(swapper, reader, tmp_path / name, tracker=Told())


@pytest.mark.parametrize("length", [32, 64])
def test_no_more_frames_are_held_however_long_the_film_is(tmp_path, source, swapper, length):
    alive, most, gone = 0, 0, threading.Lock()

    def died() -> None:
        nonlocal alive
        with gone:
            alive -= 1

    class Long(Reader):
        def __iter__(self):
            nonlocal alive, most
            first = next(super().__iter__())
            for index in range(length):
                photo = first.photo.clone()
                with gone:
                    alive += 1
                    most = max(most, alive)
                weakref.finalize(photo, died)
                yield replace(first, photo=photo, pts=index * 512)
                del photo

    with Long(source) as reader:
        swap_video(swapper, reader, tmp_path / "out.mp4", tracker=Told())
    gc.collect()
    assert most <= swap.BATCH_FRAMES * (swap.PREFETCH_BATCHES + swap.MAX_WORKERS + 6)


def test_a_films_batches_are_swapped_side_by_side(tmp_path, source, swapper):
    """As many as the caller has cores, though threads of one core each make them."""
    usual, both, inside = torch.get_num_threads(), threading.Event(), []

    class Watched(Swapper):
        def __call__(self, *arguments, **options):
            inside.append(threading.get_ident())
            if len(set(inside)) > 1:
                both.set()
            assert both.wait(20), "two are at work at the same time"
            return super().__call__(*arguments, **options)

    torch.set_num_threads(2)
    try:
        with Reader(source) as reader:
            swap_video(Watched(Stripes()), reader, tmp_path / "out.mp4", tracker=Told())
    finally:
        torch.set_num_threads(usual)
    assert len(set(inside)) == 2


def run(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "facehub", *map(str, arguments)], capture_output=True, text=True, timeout=200
    )


def test_the_command_swaps_a_film_and_check_tells_it(tmp_path, astronaut, command):
    frames = [clips.frame(astronaut, clips.motion((160 + index, 120)), SIZE) for index in range(3)]
    source, out = clips.write(tmp_path / "film.mp4", frames), tmp_path / "out.mp4"
    done = run("video", source, "--identity", "tom_cruise", "--out", out, "--label", "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert (record["frames"], record["swapped"], record["faces"], record["path"]) == (3, 3, 1, str(out))
    assert command("check", out).returncode == 0
    unmarked = command("check", source)
    assert unmarked.returncode == 3 and "does not prove" in unmarked.stdout
    wrong = command(
        "video", tmp_path / "missing.mp4", "--identity", "tom_cruise", "--out", tmp_path / "new.mp4"
    )
    assert (wrong.returncode, wrong.stderr) == (1, "missing.mp4 does not exist: check the path.\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "out.mp4"]


def test_together_says_which_frame_a_face_is_of():
    tracks = [Told(second=0)(None, 0.0).tracks, Told()(None, 0.0).tracks]
    found = swap.stack_tracks(tracks)
    assert (
        isinstance(found, Detections)
        and found.photo.tolist() == [0, 0, 1]
        and found.landmarks.shape == (3, 68, 2)
    )
