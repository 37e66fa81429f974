"""Identities for tests: whole folders with random weights, and ways to spoil them."""

import pathlib

import torch

from facehub.identity.folder import save
from facehub.networks.generator import Generator

CONSENT = {
    "basis": "synthetic",
    "whose": "nobody: random weights",
    "scope": "tests",
    "date": "2026-11-24",
    "contact": "none@example.org",
    "licence": "Apache-2.0",
}


def make(folder: pathlib.Path, *, size: int = 16, title: str = "Ada Random", **changes) -> pathlib.Path:
    torch.manual_seed(0)
    fields = {
        "generator": Generator(size),
        "title": title,
        "consent": CONSENT,
        "metrics": {"nme_percent": 4.5, "faces": 100},
        "training": {"command": "python -m train ..."},
        "samples": {"one": torch.zeros(3, 64, 80, dtype=torch.uint8)},
    } | changes
    return save(folder, **fields)
