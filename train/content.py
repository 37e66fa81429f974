"""Folders of other people's photos: on the disk, or a dataset of a hub (`hub:user/dataset[@revision]`)."""

import pathlib
from collections.abc import Sequence

from facehub.hub.api import Hub
from facehub.hub.photo_set import PREFIX, PhotoSet
from facehub.training_progress import ProgressCallback

from .progress import tell_fetched


def on_hub(given: pathlib.Path) -> bool:
    """Whether what `--content` names is a dataset of a hub."""
    return given.as_posix().startswith(PREFIX)


def content_folders(
    given: Sequence[pathlib.Path],
    *,
    offline: bool = False,
    report: ProgressCallback,
    hub: Hub | None = None,
) -> tuple[list[pathlib.Path], list[PhotoSet]]:
    """The folders to read, and which of them are datasets, fetched where they are not in the cache.

    Raises what facehub.hub.photo_set.pull raises.
    """
    folders, datasets = [], []
    for content in given:
        if on_hub(content):
            counted = tell_fetched(report, lambda done, total: f"Fetching photos: {done} of {total}.")
            photos = (hub or Hub()).photo_set(content.as_posix(), offline=offline, on_progress=counted)
            datasets.append(photos)
            folders.append(photos.folder)
        else:
            folders.append(content)
    return folders, datasets


def dataset_records(datasets: Sequence[PhotoSet]) -> list[dict[str, str]]:
    """Which photos of a hub a training saw, for its record."""
    return [{"dataset": photos.repo, "commit": photos.commit} for photos in datasets]
