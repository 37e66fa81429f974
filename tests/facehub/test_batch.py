"""Many photos: in order, none stopped by another, and not made twice."""

import json
import pathlib

import pytest
import torch

from facehub import batch, image
from facehub.batch import Job, Settings, swap_all
from facehub.cli.paths import expand_photos
from facehub.cli.report import BatchReport, format_record
from facehub.detection.finder import Finder
from facehub.errors import BadSetting, NoFace
from facehub.identity import folder
from facehub.networks.generator import Generator
from facehub.sheets import comparison_sheet
from facehub.swapper import Swapper
from tests.facehub.test_swapper import Answer
from tests.identities import make


@pytest.fixture(scope="module")
def finder():
    return Finder(turn=False)


@pytest.fixture(scope="module")
def ada(tmp_path_factory):
    return folder.read(make(tmp_path_factory.mktemp("identities") / "ada", size=16))


@pytest.fixture(scope="module")
def swapper(ada, finder):
    return Swapper(ada.generator(), finder=finder)


@pytest.fixture
def jobs(examples, tmp_path):
    """A face, no picture, no face, another face of another size."""
    photos = [
        examples / "astronaut.png",
        tmp_path / "broken.jpg",
        tmp_path / "gray.png",
        examples / "london_012_03.jpg",
    ]
    photos[1].write_bytes(b"no picture")
    image.write(photos[2], torch.full((3, 100, 120), 128, dtype=torch.uint8), generated=False)
    (tmp_path / "out").mkdir()
    return [Job(photo, {"out": tmp_path / "out" / f"{photo.stem}.png"}) for photo in photos]


def bytes_of(jobs) -> list[bytes]:
    return [file.read_bytes() for job in jobs for file in job.outputs.values() if file.exists()]


@pytest.mark.parametrize("together", [1, 3])
def test_one_bad_photo_stops_no_other(swapper, ada, jobs, together):
    records = list(swap_all(swapper, ada, jobs, Settings(), batch=together))
    assert [record["photo"] for record in records] == [str(job.photo) for job in jobs], (
        "in the order of the jobs"
    )
    assert ["error" in record for record in records] == [False, True, True, False]
    assert "broken.jpg is not a picture" in records[1]["error"]
    assert "gray.png: No face" in records[2]["error"]
    assert [job.outputs["out"].exists() for job in jobs] == [True, False, False, True]
    assert json.loads(json.dumps(records)) == records


def test_different_sizes_at_once_are_each_by_itself(swapper, astronaut, london):
    together = swapper.swap_stacks(
        [astronaut[None], torch.full((1, 3, 90, 100), 128, dtype=torch.uint8), london[None]]
    )
    assert isinstance(together[1], NoFace)
    for result, photo in zip(together[::2], (astronaut, london), strict=True):
        alone = swapper(photo[None])
        assert (result.blended.int() - alone.blended.int()).abs().max() <= 1, (
            "a batch may sum in another order"
        )
        assert list(result.seconds) == list(alone.seconds)


def again(swapper, ada, jobs, settings=Settings(), *, records) -> list[bool]:  # noqa: B008
    """Which of the jobs with a face are skipped, after a report of `records`."""
    earlier = {record["photo"]: record for record in json.loads(json.dumps(records))}
    return [
        "skipped" in record
        for record in swap_all(swapper, ada, jobs, settings, earlier=earlier)
        if "error" not in record
    ]


def test_what_is_done_and_still_so_is_skipped(swapper, ada, jobs):
    records = list(swap_all(swapper, ada, jobs, Settings()))
    before = bytes_of(jobs)
    assert again(swapper, ada, jobs, records=records) == [True, True]
    assert bytes_of(jobs) == before
    assert again(swapper, ada, jobs, Settings(strength=0.5), records=records) == [False, False], (
        "other settings"
    )


def test_what_changed_is_made_again(swapper, ada, jobs, examples, tmp_path):
    copy = tmp_path / "copy.png"
    copy.write_bytes((examples / "astronaut.png").read_bytes())
    jobs = [Job(copy, jobs[0].outputs), jobs[3]]
    records = list(swap_all(swapper, ada, jobs, Settings()))
    output = jobs[0].outputs["out"]
    output.write_bytes(output.read_bytes()[:-1])
    assert again(swapper, ada, jobs, records=records) == [False, True], (
        "an output that is not as it was written"
    )
    records = list(swap_all(swapper, ada, jobs, Settings()))
    output.unlink()
    assert again(swapper, ada, jobs, records=records) == [False, True], "an output that is gone"
    records = list(swap_all(swapper, ada, jobs, Settings()))
    copy.write_bytes(copy.read_bytes() + b"\0")
    assert again(swapper, ada, jobs, records=records) == [False, True], "another input"


def test_another_revision_of_the_identity_is_made_anew(swapper, ada, jobs, tmp_path):
    records = list(swap_all(swapper, ada, jobs, Settings()))
    torch.manual_seed(1)
    other = folder.read(make(tmp_path / "ada", generator=Generator(16)))
    assert other.handle == ada.handle
    assert again(swapper, other, jobs, records=records) == [False, False]


def test_no_more_is_read_than_can_be_worked_on(swapper, ada, jobs):
    """However long the list, the jobs taken from it stay a few ahead of the records."""
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield jobs[1]

    records = swap_all(swapper, ada, endless(), Settings(), workers=2, batch=2)
    for _ in range(20):
        next(records)
    records.close()
    assert taken <= 20 + 2 * (2 + 2) + 2 * 2 + 2


def test_a_report_is_kept_and_a_wrong_one_refused(tmp_path):
    file = tmp_path / "report.json"
    first = BatchReport(str(file))
    first.add({"photo": "a.png"})
    first.add({"photo": "b.png", "error": "No."})
    first.save()
    assert json.loads(file.read_text())["counts"] == {"made": 1, "failed": 1}
    second = BatchReport(str(file))
    assert second.earlier.keys() == {"a.png", "b.png"}
    second.add({"photo": "b.png"})
    second.save()
    assert {r["photo"]: "error" in r for r in json.loads(file.read_text())["photos"]} == {
        "a.png": False,
        "b.png": False,
    }
    for wrong in ("no json", "[]", '{"photos": [1]}', '{"photos": [{"photo": 1}, 2]}'):
        file.write_text(wrong)
        with pytest.raises(BadSetting, match=r"report\.json is no report"):
            BatchReport(str(file))


def test_a_note_says_which_face_it_speaks_of():
    faces = [{"number": 0, "note": ""}, {"number": 2, "note": "Turned."}]
    record = {"photo": "a.png", "outputs": {"out": "b.png"}, "seconds": {"find": 0.5}, "faces": faces}
    assert format_record(record) == "a.png -> b.png: 2 face(s), 0.50 s\n  face 2: Turned."
    assert format_record(record | {"faces": faces[1:]}) == "a.png -> b.png: 1 face(s), 0.50 s\n  Turned."


def test_patterns_and_folders(tmp_path):
    for name in ("a.png", "b.jpg", "c.txt", "inner/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [[p.name for p in expand_photos([tmp_path / pattern])] for pattern in ("", "*.png", "**/*")]
    assert names == [["a.png", "b.jpg"], ["a.png"], ["a.png", "b.jpg", "d.png"]]
    with pytest.raises(BadSetting, match="holds no pictures"):
        expand_photos([pathlib.Path(tmp_path / "*.gif")])


def test_what_nobody_asks_for_is_not_made(astronaut, finder):
    calls = []

    def function(crop):
        calls.append(len(crop))
        return 1 - crop

    swapped = Swapper(Answer(function), finder=finder)(astronaut[None])
    assert calls == [1]
    assert swapped.output is swapped.output and calls == [1, 1], "made once, when it is asked for"
    assert torch.equal(swapped.output, 1 - swapped.faces.crop)


def test_a_sheet_shows_the_photo_and_each_identity(astronaut, finder):
    generators = {
        name: Answer(lambda crop, level=level: crop * 0 + level, size=16)
        for name, level in (("Dark", 0.0), ("Light", 1.0))
    }
    sheet = comparison_sheet(astronaut, generators, finder, side=64, columns=2)
    bar = sheet.shape[1] // 2 - 64
    assert sheet.shape == (3, 2 * (64 + bar), 2 * 64)
    photo, first, second = (
        sheet[:, y : y + 64, x : x + 64].float() for y, x in ((bar, 0), (bar, 64), (64 + 2 * bar, 0))
    )
    assert (first - photo).abs().mean() > 1 and (second - photo).abs().mean() > 1
    with pytest.raises(BadSetting, match="too large"):
        comparison_sheet(astronaut, generators, finder, side=9000, columns=2)


def test_memory_that_runs_out_is_told_in_a_sentence(astronaut, finder, ada, monkeypatch, jobs):
    def broken(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    swapper = Swapper(Generator(16), finder=finder, masker=broken)
    record = next(swap_all(swapper, ada, jobs[:1], Settings()))
    assert "can't allocate memory): make it smaller" in record["error"]
    monkeypatch.setattr(batch.image, "read", lambda path: (_ for _ in ()).throw(MemoryError))
    assert "more memory than there is" in next(swap_all(swapper, ada, jobs[:1], Settings()))["error"]
