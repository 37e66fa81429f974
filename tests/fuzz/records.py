"""Fuzz targets for what lies beside pictures and weights: XMP packets, checkpoints, logs, consent records."""

import contextlib
import io
import json
import os
import pathlib
import pickle
import time
import zipfile
from collections.abc import Callable, Iterator

import torch

from facehub.marks import xmp
from facehub.networks.generator import Generator
from train.checkpoint import CHECKPOINT, LOG, load_checkpoint
from train.provenance import read_consent
from train.run import Run

XMP_SECONDS_PER_BYTE = 20e-6
"""Of computing: a packet is read in time linear in its length."""


def packet(data: bytes, folder: pathlib.Path) -> None:
    """An XMP packet, as it stands in a picture: what it says is one line."""
    begun = time.thread_time()
    said = xmp.read(data)
    seconds = time.thread_time() - begun
    assert seconds < 0.2 + XMP_SECONDS_PER_BYTE * len(data), f"{seconds:.2f} s for {len(data):,} bytes"
    assert said is None or (said.program.isprintable() and len(said.program) <= xmp.MAX_PROGRAM_LETTERS)


def packet_seeds() -> dict[str, bytes]:
    """Ours, one with elements, and packets that grow, nest or never end."""
    ours = xmp.mark()
    description = ours[ours.index(b"<rdf:Description") : ours.index(b"/>") + 2]
    term = description[description.index(b"http://cv.iptc") : -3]
    elements = (
        description.split(b"\n")[0] + b' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
    )
    elements += b"<Iptc4xmpExt:DigitalSourceType>%s</Iptc4xmpExt:DigitalSourceType></rdf:Description>" % term
    lol = b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'
    attributes = b" ".join(b'a%d="1"' % number for number in range(20_000))
    return {
        "ours": ours,
        "elements": ours.replace(description, elements),
        "utf-16": ours.decode().encode("utf-16"),
        "entities": lol + ours.replace(b"facehub", b"&c;"),
        "deep": b"<a>" * 100_000,
        "attributes": ours.replace(b"<rdf:Description", b"<rdf:Description " + attributes),
        "long text": ours.replace(description, elements.replace(term, b"x" * 300_000)),
        "two": ours + ours,
    }


@contextlib.contextmanager
def run_folder(name: str) -> Iterator[Callable[[bytes, pathlib.Path], None]]:
    """A run's folder, one file of which is spoiled."""
    whole = run_files()

    def run(data: bytes, folder: pathlib.Path) -> None:
        for file, content in (whole | {name: data}).items():
            (folder / file).write_bytes(content)
        load_checkpoint(folder, torch.device("cpu"))

    yield run


def run_files() -> dict[str, bytes]:
    """A run after its first step, as `train.checkpoint` writes it."""
    rows = [{"name": "paper", "stage": 0, "step": step, "losses": {"content": 0.5}} for step in range(3)]
    return {CHECKPOINT: saved(run_state()), LOG: "".join(json.dumps(row) + "\n" for row in rows).encode()}


def run_state() -> dict:
    """What a checkpoint holds after the first step."""
    run = Run(Generator(16))
    sum(weight.sum() for weight in run.generator.parameters()).backward()
    run.optimiser.step()
    run.step = 1
    return run.state()


def saved(content: object) -> bytes:
    data = io.BytesIO()
    torch.save(content, data)
    return data.getvalue()


def checkpoint_seeds() -> dict[str, bytes]:
    """Ours, others with a value that no run has, one that runs a program, one that unpacks to 200 MB."""

    class Program:
        def __reduce__(self):
            return os.system, ("true",)

    state = run_state()
    made = {"ours": saved(state), "list": saved([1, 2]), "empty": saved({})}
    made |= {
        f"size {size}": saved(state | {"size": size}) for size in (0, -16, 17, 2**20, 10**400, 16.0, "16")
    }
    made |= {f"step {step}": saved(state | {"step": step}) for step in (-1, 10**400, None, [0])}
    made["program"] = pickle.dumps(Program())
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(200_000_000))
    return made | {"bomb": bomb.getvalue()}


def log_seeds() -> dict[str, bytes]:
    """One of ours, and lines that are deep or no rows."""
    return {"ours": run_files()[LOG], "deep": b"[" * 100_000, "numbers": b"1\n2\n", "empty": b""}


def consent(data: bytes, folder: pathlib.Path) -> None:
    """A consent record that `python -m train --consent` is given."""
    file = folder / "consent.json"
    file.write_bytes(data)
    assert all(isinstance(value, str) for value in read_consent(file).values())


def consent_seeds() -> dict[str, bytes]:
    """One that is whole, and some that are none."""
    from tests.identities import CONSENT

    return {
        "whole": json.dumps(CONSENT).encode(),
        "list": b"[1, 2]",
        "deep": b"[" * 100_000,
        "long": b'{"basis": "' + b"x" * 2_000_000 + b'"}',
    }
