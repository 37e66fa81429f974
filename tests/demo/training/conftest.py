"""What tests of the page's training share."""

import pytest

from ..conftest import eventually


@pytest.fixture
def ready(jobs, snapshots):
    """Makes a run whose photos have been looked at, and gives its key."""

    def make(usable: int = 20, black: int = 2) -> str:
        key = jobs.create()
        jobs.add(key, snapshots(usable, black))
        jobs.inspect(key)
        return key

    return make


def reaches(jobs, key, state):
    return eventually(lambda: jobs.status(key).state == state)
