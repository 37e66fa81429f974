"""Names of a package that are loaded when first used, so that importing the package costs nothing.

Imports nothing of ours.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def load_lazily(
    package: str, homes: Mapping[str, str], names: list[str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The package's `__getattr__` and `__dir__`. `names`: its `__all__`.

    `homes`: the module of each name, within the package; empty for a name that is a module itself.
    """

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = importlib.import_module(f".{homes[name] or name}", package)
        return getattr(home, name) if homes[name] else home

    return load, lambda: names
