"""The lock pins all that requirements.txt asks for, with hashes, and what the tests run with."""

import pathlib
import re
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = pathlib.Path(__file__).parent.parent


def requirements(text: str) -> list[Requirement]:
    """The lines of a requirements file that name a package which this Python needs."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    named = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return [one for one in named if one.marker is None or one.marker.evaluate()]


def locked(text: str) -> dict[str, str]:
    """Version of each package in a lock. Raises ValueError for a package without a version or a hash."""
    versions = {}
    for block in re.split(r"\n(?=\w)", text.strip()):
        pin = re.match(r"([\w.-]+)==([\w.!+-]+)", block)
        if not pin or not re.search(r"--hash=sha256:[0-9a-f]{64}", block):
            raise ValueError(f"{block.splitlines()[0]} is not pinned")
        versions[canonicalize_name(pin[1])] = pin[2]
    return versions


def unmet(wanted: list[Requirement], versions: dict[str, str]) -> list[str]:
    """Names of the requirements that the lock does not satisfy."""
    return [
        one.name
        for one in wanted
        if (version := versions.get(canonicalize_name(one.name))) is None
        or not one.specifier.contains(Version(version), prereleases=True)
    ]


@pytest.fixture(scope="module")
def lock():
    return locked((ROOT / "requirements.lock").read_text())


def test_it_satisfies_requirements(lock):
    for name in ("requirements.txt", "requirements-train.txt"):
        assert unmet(requirements((ROOT / name).read_text()), lock) == [], "run scripts/lock"


def test_it_is_what_is_installed(lock):
    """The tests say something about these versions only if they ran with them."""
    installed = {name: metadata.version(name).partition("+")[0] for name in lock}
    assert installed == lock, "run scripts/lock"


def test_the_space_runs_the_gradio_that_is_locked(lock):
    readme = (ROOT / "README.md").read_text()
    assert re.search(r"^sdk_version: (.+)$", readme, re.M)[1] == lock["gradio"]


def test_what_is_missing_or_too_old_is_found():
    wanted = requirements("gradio>=999  # new\nno-such-package\n\n# a line\npillow\n")
    assert unmet(wanted, {"gradio": "6.31.0", "pillow": "12.3.0"}) == ["gradio", "no-such-package"]
    for text in ("pillow>=12\n", "pillow==12.3.0\n"):
        with pytest.raises(ValueError, match="is not pinned"):
            locked(text)
