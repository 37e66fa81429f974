"""The lock: names and versions of all that requirements.txt needs, as installed. Reads the installed packages alone, so it needs no network."""

import pathlib
import re
import sys
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = pathlib.Path(__file__).parent.parent
LOCK = ROOT / "requirements.lock"
PYTHON = ".".join(map(str, sys.version_info[:2]))
HEAD = f"""# Exact versions of everything that the page runs on, made by `scripts/lock` (Python {PYTHON}, Linux, x86-64).
# To install just these: `pip install -r requirements.lock`; a Space that is to stay as it was tested gets it as its requirements.txt.
"""


def asked(file: pathlib.Path) -> list[Requirement]:
    """The lines of a requirements file."""
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def closure(requirements: list[Requirement]) -> dict[str, str]:
    """Name and installed version of each requirement, and of all that those need on this system."""
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    left = [(one, extra) for one in requirements for extra in ("", *one.extras)]
    while left:
        one, extra = left.pop()
        name = canonicalize_name(one.name)
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        package = metadata.distribution(name)
        found[name] = package.version.partition("+")[0]  # a build's own suffix is not on the index
        for line in package.requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                left += [(needed, part) for part in ("", *needed.extras)]
    return dict(sorted(found.items()))


def unmet(requirements: list[Requirement], locked: dict[str, str]) -> list[str]:
    """A sentence for each requirement that the lock does not satisfy."""
    told = []
    for one in requirements:
        version = locked.get(canonicalize_name(one.name))
        if version is None:
            told.append(f"requirements.lock lacks {one.name}: run scripts/lock.")
        elif not one.specifier.contains(Version(version), prereleases=True):
            told.append(f"requirements.lock has {one.name} {version}, but requirements.txt wants {one.specifier}: run scripts/lock.")
    return told


def read(file: pathlib.Path = LOCK) -> dict[str, str]:
    """Name and version of each line of the lock. Raises ValueError for a line that pins nothing."""
    found = {}
    for one in asked(file):
        pinned = re.fullmatch(r"==([\w.!+-]+)", str(one.specifier))
        if not pinned:
            raise ValueError(f"{one} pins no version")
        found[canonicalize_name(one.name)] = pinned[1]
    return found


def main() -> int:
    requirements = asked(ROOT / "requirements.txt")
    if "--check" in sys.argv[1:]:
        problems = unmet(requirements, read())
        print("\n".join(problems) or "requirements.lock satisfies requirements.txt.")
        return 1 if problems else 0
    locked = closure(requirements)
    LOCK.write_text(HEAD + "".join(f"{name}=={version}\n" for name, version in locked.items()))
    print(f"{LOCK.name}: {len(locked)} packages.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
