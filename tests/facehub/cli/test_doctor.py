"""`facehub doctor`: every finding has a sentence, and what is wrong has a next step."""

import json

import pytest

from facehub.cli import doctor
from facehub.errors import BadSetting
from tests.identities import make


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """One identity, an empty cache, no operator's settings."""
    monkeypatch.setattr("facehub.registry.SHIPPED", tmp_path / "demo" / "identities")
    monkeypatch.setenv("FACEHUB_IDENTITIES", str(tmp_path / "mine"))
    monkeypatch.setenv("FACEHUB_CACHE", str(tmp_path / "cache"))
    for name in ("FACEHUB_SIGNING", "FACEHUB_CONTENT", "FACEHUB_CLUSTER"):
        monkeypatch.delenv(name, raising=False)
    make(tmp_path / "mine" / "ada")
    return tmp_path


def test_all_is_well_here(command):
    done = command("doctor", "--json")
    assert done.returncode == 0, done.stdout
    findings = {finding["name"]: finding for finding in map(json.loads, done.stdout.splitlines())}
    assert all(finding["sentence"].endswith(".") for finding in findings.values())
    assert findings["identities"]["details"]["names"] == ["ada"]
    assert findings["device"]["details"]["precision"] in ("float32", "bfloat16", "int8", "float16")
    assert findings["libraries"]["details"]["torch"]
    assert findings["hub"]["details"]["token"] is False
    assert findings["disk"]["details"]["free_gb"] > 0
    assert "Not measured" in findings["speed"]["sentence"], "there is no example photo here"


@pytest.mark.parametrize("word, told", [("", "bfloat16;"), ("float32", "float32 (by FACEHUB_PRECISION);")])
def test_the_precision_is_told(monkeypatch, word, told):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setenv("FACEHUB_PRECISION", word)
    finding = doctor.device()
    assert f" in {told} CPU instructions: amx_bf16." in finding.sentence
    assert finding.details["precision"] == told.split()[0].strip(";")


def test_a_swap_is_timed(place, examples):
    (place / "demo" / "examples").mkdir(parents=True)
    (place / "demo" / "examples" / "astronaut.png").write_bytes((examples / "astronaut.png").read_bytes())
    finding = doctor.speed()
    assert finding.ok and finding.details["milliseconds"] > 0
    assert "with ada" in finding.sentence


def test_what_is_wrong_has_a_next_step(place, monkeypatch):
    monkeypatch.setattr(doctor, "MIN_FREE_GB", 1e9)
    (place / "mine" / "ada" / "consent.json").unlink()
    monkeypatch.setattr(doctor, "LIBRARIES", ("torch", "no-such-library"))
    for finding in (doctor.disk(), doctor.identities(), doctor.libraries()):
        assert not finding.ok and finding.next_step, finding
    assert "pip install no-such-library" in doctor.format_finding(doctor.libraries())
    assert "consent.json" in doctor.identities().sentence


@pytest.mark.parametrize(
    ("version", "address", "ok", "sentence"),
    [
        (None, "", True, "Ray is not installed."),
        (None, "auto", False, "FACEHUB_CLUSTER is auto, but Ray is not installed."),
        ("2.60.0", "", True, "Ray 2.60.0; the page swaps on this machine."),
        ("2.60.0", "auto", True, "Ray 2.60.0; the page swaps on auto."),
        ("2.60.0", "127.0.0.1:1", False, "No cluster answers at 127.0.0.1:1, which FACEHUB_CLUSTER names ("),
        ("2.60.0", "nonsense", False, "No cluster answers at nonsense, which FACEHUB_CLUSTER names ("),
    ],
)
def test_the_cluster_is_told(monkeypatch, version, address, ok, sentence):
    monkeypatch.setattr("facehub.cluster.version_of_ray", lambda: version)
    monkeypatch.setenv("FACEHUB_CLUSTER", address)
    finding = doctor.cluster()
    assert finding.ok == ok and finding.sentence.startswith(sentence)
    assert finding.next_step or ok


def test_a_check_that_fails_is_a_finding(command, monkeypatch):
    def refuse():
        raise BadSetting("The key cannot be read: make another.")

    monkeypatch.setattr(doctor, "marks", refuse)
    monkeypatch.setattr(doctor, "speed", doctor.program)
    done = command("doctor")
    assert done.returncode == 1
    assert "!!  marks      The key cannot be read: make another.\n" in done.stdout
