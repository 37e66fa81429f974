"""`facehub train ...` and `facehub train-many ...` run `python -m train ...` and `python -m train.many ...`,
a package that this one does not import."""

import importlib.util
import runpy
import sys
from collections.abc import Sequence
from typing import Any

from ..errors import BadSetting

MODULES = {"train": "train", "train-many": "train.many"}
"""Command -> module that is run in its place."""


def add_to(commands: Any) -> None:
    """List the commands in --help. `main` passes their arguments on before they are parsed here."""
    for command, what in (
        ("train", "train an identity from photos"),
        ("train-many", "train several, one after another or on a cluster"),
    ):
        commands.add_parser(command, help=f"{what}; `{command} --help` lists its flags", add_help=False)


def run_training(command: str, arguments: Sequence[str]) -> int:
    """Run a command's module in this process. Raises BadSetting when training is not installed."""
    if importlib.util.find_spec("train") is None:
        raise BadSetting(
            "Training is not installed: run it from a checkout of the project, or install facehub[train]."
        )
    before = sys.argv
    sys.argv = [command, *arguments]
    try:
        runpy.run_module(MODULES[command], run_name="__main__", alter_sys=True)
    finally:
        sys.argv = before
    return 0
