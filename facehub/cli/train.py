"""`facehub train ...`: the same as `python -m train ...`, a package that this one does not import."""

import importlib.util
import runpy
import sys
from collections.abc import Sequence
from typing import Any

from ..errors import BadSetting


def add_to(commands: Any) -> None:
    """List the command in --help. `main` passes its arguments on before they are parsed here."""
    help_text = "train an identity from photos; `train --help` lists its flags"
    commands.add_parser("train", help=help_text, add_help=False)


def run_training(arguments: Sequence[str]) -> int:
    """Run `python -m train` in this process. Raises BadSetting when training is not installed."""
    if importlib.util.find_spec("train") is None:
        raise BadSetting(
            "Training is not installed: run it from a checkout of the project, or install facehub[train]."
        )
    before = sys.argv
    sys.argv = ["train", *arguments]
    try:
        runpy.run_module("train", run_name="__main__", alter_sys=True)
    finally:
        sys.argv = before
    return 0
