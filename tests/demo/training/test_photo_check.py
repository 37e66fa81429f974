"""The photos of a run: which can be used, under the visitor's own names."""

import pytest

from facehub.errors import BadPhoto


def test_photos_keep_the_visitors_names_on_the_page_only(jobs, snapshots):
    key = jobs.create()
    files = snapshots(3, 1)
    broken = files[0].with_name("broken.jpg")
    broken.write_bytes(b"no picture")
    heard = []
    assert jobs.add(key, [*files, broken]) == 5
    report = jobs.inspect(key, lambda done, total: heard.append((done, total)))
    assert heard[-1] == (5, 5)
    assert report.kept == 3
    assert [photo.name for photo in report.photos] == [*(file.name for file in files), "broken.jpg"]
    assert report.photos[3].reason == "no face was found"
    assert report.photos[4].reason == "broken.jpg is not a picture that can be opened"
    assert sorted(path.name for path in (jobs.root / key / "photos").iterdir())[-1] == "005.jpg"
    assert jobs.report(key) == report
    jobs.add(key, files[:1])
    assert jobs.report(key) is None, "photos came in since"


def test_photos_without_a_face_are_refused_and_kept(jobs, snapshots):
    key = jobs.create()
    with pytest.raises(BadPhoto, match="There are no photos yet"):
        jobs.inspect(key)
    jobs.add(key, snapshots(0, 2))
    with pytest.raises(BadPhoto, match="^No photo shows a face"):
        jobs.inspect(key)
    jobs.add(key, snapshots(1))
    assert jobs.inspect(key).kept == 1
