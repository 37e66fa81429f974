"""Other people's photos, from the disk and from a hub."""

from facehub.hub.api import Hub
from train.content import content_folders, dataset_records
from train.progress import tell_fetched
from train.provenance import named


def test_a_dataset_becomes_a_folder_and_is_in_the_record(loopback, tmp_path):
    (tmp_path / "lfw").mkdir()
    commit = loopback.put("datasets/ada/faces", tmp_path / "lfw", extra={"ben/1.jpg": b"photo"}).oid
    hub, told = Hub(loopback.endpoint, False, tmp_path / "cache"), []
    given = [tmp_path / "lfw", type(tmp_path)("hub:ada/faces@main")]
    folders, datasets = content_folders(given, report=told.append, hub=hub)
    assert folders[0] == tmp_path / "lfw" and (folders[1] / "ben/1.jpg").read_bytes() == b"photo"
    assert dataset_records(datasets) == [{"dataset": "ada/faces", "commit": commit}]
    assert told[-1].message == "Fetching photos: 1 of 1."
    assert content_folders(given, offline=True, report=told.append, hub=hub) == (folders, datasets)


def test_the_record_names_the_dataset_and_no_folder_of_this_machine():
    assert named("hub:ada/faces@main") == "hub:ada/faces@main"
    assert named("/home/ada/photos/ben") == "ben"


def test_a_download_is_told_once_a_second_and_at_its_end():
    told, seconds = [], iter([0.0, 0.2, 0.9, 1.1, 1.2])
    moment = [0.0]
    tell = tell_fetched(told.append, "{} of {}".format, now=lambda: moment[0])
    for done in range(1, 6):
        moment[0] = next(seconds)
        tell(done, 5)
    assert [record.message for record in told] == ["1 of 5", "4 of 5", "5 of 5"]
