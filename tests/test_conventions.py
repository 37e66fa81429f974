"""CONVENTIONS.md line by line: its snippets run; imports and side effects are checked in the code."""

import ast
import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest
import torch

from demo.server import validators
from demo.server.limits import Limits
from facehub import image
from facehub.blending.alignment import align, blend, warp_to_photo
from facehub.blending.masks import SegmentationMasker
from facehub.detection.finder import Finder
from facehub.geometry import invert, transform_points, warp
from facehub.hub.allowed_files import is_allowed
from facehub.networks.generator import Generator
from facehub.text import one_line
from train import losses

ROOT = pathlib.Path(__file__).parent.parent
SOURCES = [p for folder in ("facehub", "train", "demo") for p in (ROOT / folder).rglob("*.py")]


def test_the_snippets_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    known = (
        torch,
        image,
        align,
        blend,
        warp_to_photo,
        Finder,
        SegmentationMasker,
        invert,
        transform_points,
        warp,
        losses,
        one_line,
        is_allowed,
        validators,
    )
    names = {thing.__name__.split(".")[-1]: thing for thing in (*known, Limits)}
    snippets = re.findall(r"```python\n(.*?)```", (ROOT / "CONVENTIONS.md").read_text(), re.S)
    assert len(snippets) == 8
    for snippet in snippets:
        exec(snippet, names)


def test_no_device_is_fixed_and_no_default_is_set():
    for source in SOURCES:
        text = source.read_text()
        assert not re.search(r"\.cuda\(\)|set_default_(dtype|device|tensor_type)", text), source


def test_imagenets_numbers_live_in_one_place():
    assert [p.name for p in SOURCES if "0.485" in p.read_text()] == ["vgg.py"]


def test_no_file_is_called_utils():
    assert not [p for p in SOURCES if p.stem in ("utils", "helpers", "common", "misc")]


def test_pil_is_opened_at_the_border_only():
    """import-linter holds this too, for whole modules; here also for imports inside functions."""
    allowed = {
        "facehub/image.py",
        "facehub/decoding.py",
        "facehub/sheets.py",
        "facehub/marks/visible_label.py",
    }
    for source in SOURCES:
        name = source.relative_to(ROOT).as_posix()
        roots = {
            (alias.name if isinstance(node, ast.Import) else node.module or "").split(".")[0]
            for node in ast.walk(ast.parse(source.read_text()))
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for alias in node.names
        }
        assert "PIL" not in roots or name in allowed or name.startswith("demo/"), name
        assert "dlib" not in roots or name.startswith("facehub/detection/"), name
        assert "gradio" not in roots or name.startswith("demo/"), name
        assert "huggingface_hub" not in roots or name.startswith("facehub/hub/"), name


def test_importing_the_package_loads_nothing_heavy():
    heavy = ("torch", "dlib", "PIL", "cv2", "gradio", "huggingface_hub")
    code = f"import sys, facehub; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there():
    import facehub

    for name in facehub.__all__:
        assert getattr(facehub, name) is not None


def test_seeds_do_not_leak():
    """A training run leaves torch's generator as it was."""
    from train.run import seeded

    torch.manual_seed(3)
    first = torch.rand(1)
    torch.manual_seed(3)
    seeded(0, lambda: Generator(16))
    assert torch.equal(torch.rand(1), first)


DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_places_that_the_documents_name_are_there(document):
    """CHANGELOG.md is history and may name what is gone."""
    if document.name == "CHANGELOG.md":
        return
    text = document.read_text()
    places = re.findall(
        r"(?<![\w/.-])((?:facehub|train|demo|tests|benchmarks|scripts|docs)/[\w./-]*[\w/])", text
    )
    missing = [place for place in places if not (ROOT / place).exists() and "NAME" not in place]
    commands = re.findall(r"python -m ((?:facehub|train|benchmarks)[\w.]*\w)", text)
    missing += [command for command in commands if importlib.util.find_spec(command) is None]
    assert missing == []
