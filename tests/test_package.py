"""The installed wheel swaps a photo from another folder; each import contract can break."""

import os
import pathlib
import shutil
import site
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGED = ("facehub", "train", "demo")


def run(*command: object, cwd: pathlib.Path, **environment: str) -> subprocess.CompletedProcess:
    """A command whose Python sees nothing of the source tree."""
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def source(target: pathlib.Path) -> pathlib.Path:
    """A copy of what a build reads, so that the checkout stays clean."""
    for name in PACKAGED:
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE", *map(str, ROOT.glob("requirements*.txt"))):
        shutil.copy(ROOT / file, target)
    return target


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A fresh environment with the wheel; what the wheel needs is lent by this one."""
    place = tmp_path_factory.mktemp("package")
    built = source(place / "source")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "wheel", built, "--no-deps", "--no-build-isolation", "-w", place / "wheel", cwd=place)
    run(sys.executable, "-m", "venv", "--without-pip", place / "venv", cwd=place)
    packages = next((place / "venv" / "lib").glob("python*/site-packages"))
    (wheel,) = (place / "wheel").glob("facehub-*.whl")
    run(*pip, "--python", place / "venv" / "bin" / "python", "install", "--no-deps", wheel, cwd=place)
    (packages / "lent.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    shutil.rmtree(built)
    return place / "venv" / "bin"


def test_the_command_swaps_a_photo_from_another_folder(installed, tmp_path):
    shutil.copy(ROOT / "demo" / "examples" / "astronaut.png", tmp_path)
    listed = run(installed / "facehub", "identities", cwd=tmp_path).stdout
    assert "tom_cruise" in listed
    run(
        installed / "facehub",
        "swap",
        "astronaut.png",
        "--identity",
        "tom_cruise",
        "--out",
        "new.png",
        cwd=tmp_path,
    )
    run(installed / "facehub", "check", "new.png", cwd=tmp_path)  # exit code 0: the marks are there
    assert (tmp_path / "new.png").read_bytes() != (tmp_path / "astronaut.png").read_bytes()


def test_the_page_and_training_find_their_files(installed, tmp_path):
    code = (
        "import facehub, demo.theme, train.lighting, train.landmarks\n"
        "train.lighting.read(), train.landmarks.read()\n"
        "from demo.handlers.uploads import EXAMPLES\n"
        "assert EXAMPLES and demo.theme.LAUNCH_OPTIONS['css_paths'].is_file()\n"
        "from train.data.people import check_people\n"
        "check_people()\n"
        "import demo.page, sys\n"
        "assert 'torchvision' not in sys.modules, 'a third of the page\\'s start'\n"
        "print(facehub.__file__)"
    )
    where = run(installed / "python", "-c", code, cwd=tmp_path).stdout.strip()
    assert pathlib.Path(where).is_relative_to(installed.parent)


BREAKS = [
    ("facehub/geometry.py", "from .swapper import Swapper", "Floors of the library"),
    ("facehub/types.py", "import gradio", "gradio stays in the demo"),
    ("facehub/errors.py", "from train import config", "The demo and training are strangers"),
    ("train/losses.py", "import dlib", "dlib stays in facehub.detection"),
    ("demo/settings.py", "import av", "PyAV stays in facehub.video"),
    ("facehub/registry.py", "import huggingface_hub", "huggingface_hub stays in facehub.hub"),
    ("facehub/batch.py", "import ray", "Ray stays in facehub.cluster and facehub.serving"),
    ("facehub/geometry.py", "import PIL", "PIL stays at the borders"),
    ("train/config.py", "def later():\n    from . import loop", "No circles among siblings"),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return source(tmp_path_factory.mktemp("tree"))


@pytest.mark.parametrize(("file", "line", "contract"), BREAKS, ids=[contract for *_, contract in BREAKS])
def test_each_contract_can_break(tree, file, line, contract):
    """One forbidden import, written into a copy, is reported by the contract that forbids it."""
    kept = (tree / file).read_text()
    (tree / file).write_text(f"{kept}\n\n{line}\n")
    try:
        lint = shutil.which("lint-imports", path=str(pathlib.Path(sys.executable).parent))
        done = subprocess.run([lint, "--no-cache"], cwd=tree, capture_output=True, text=True, timeout=120)
    finally:
        (tree / file).write_text(kept)
    broken = [row for row in done.stdout.splitlines() if "BROKEN" in row]
    assert done.returncode == 1
    assert any(row.startswith(contract) for row in broken), done.stdout
