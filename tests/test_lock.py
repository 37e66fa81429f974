"""The lock pins all that requirements.txt asks for, as it wants it, and what the tests run with."""

import importlib.util
import pathlib
import re
from importlib import metadata

import pytest

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture(scope="module")
def lock():
    spec = importlib.util.spec_from_file_location("lock", ROOT / "scripts" / "lock.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_satisfies_requirements(lock):
    assert lock.unmet(lock.asked(ROOT / "requirements.txt"), lock.read()) == []


def test_it_is_what_is_installed(lock):
    """The tests say something about these versions only if they ran with them."""
    installed = {name: metadata.version(name).partition("+")[0] for name in lock.read()}
    assert installed == lock.read(), "run scripts/lock"


def test_the_space_runs_the_gradio_that_is_locked(lock):
    assert re.search(r"^sdk_version: (.+)$", (ROOT / "README.md").read_text(), re.M)[1] == lock.read()["gradio"]


def test_what_is_missing_or_too_old_is_told(lock, tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text("gradio>=999  # new\nno-such-package\n\n# a line\npillow\n")
    told = lock.unmet(lock.asked(file), {"gradio": "6.31.0", "pillow": "12.3.0"})
    assert told == [
        "requirements.lock has gradio 6.31.0, but requirements.txt wants >=999: run scripts/lock.",
        "requirements.lock lacks no-such-package: run scripts/lock.",
    ]
    file.write_text("pillow>=12\n")
    with pytest.raises(ValueError, match="pins no version"):
        lock.read(file)


def test_the_closure_holds_what_a_package_needs(lock):
    found = lock.closure([lock.Requirement("gradio")])
    assert {"gradio", "fastapi", "pydantic", "starlette"} <= found.keys()
    assert "pytest" not in found
