"""The command line's dealings with a hub, as a process: the variables are read when huggingface_hub is
imported.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from facehub.hub.session import open_session
from tests.identities import CONSENT, make

ROOT = pathlib.Path(__file__).parents[3]

SCRIPT = """
import shlex, sys, time
from facehub import __main__ as commands
from facehub.hub import download  # PyTorch is not what is timed
for line in sys.argv[1:]:
    sys.argv = ["facehub", *shlex.split(line)]
    begun = time.monotonic()
    print(f"{line.split()[0]} -> {commands.main()}", flush=True)
    print(f"{time.monotonic() - begun:.3f} s", file=sys.stderr)
"""


def process(*lines: str, **environment: str) -> subprocess.CompletedProcess:
    """Commands one after the other in one new process."""
    settings = os.environ | {"OMP_NUM_THREADS": "1"} | environment
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *lines],
        cwd=ROOT,
        env=settings,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_all_the_way(loopback, tmp_path):
    """Push with HF_TOKEN to HF_ENDPOINT, find it there, pull it; then without any network."""
    cache = {"FACEHUB_CACHE": str(tmp_path / "cache"), "HF_TOKEN": loopback.token("ada")}
    lines = [f"push {make(tmp_path / 'ada')} ada/face", "search", "look ada/face", "pull ada/face"]
    done = process(*lines, HF_ENDPOINT=loopback.endpoint, **cache)
    said = (
        f"Published: {loopback.endpoint}/ada/face, at",
        "synthetic",
        "nobody: random weights",
        "4.5 landmarks moved",
        "Ada Random is here, at",
    )
    for text in (*said, "push -> 0", "search -> 0", "look -> 0", "pull -> 0"):
        assert text in done.stdout
    loopback.log.clear()
    lines = ["pull ada/face"] * 3 + [
        "search",
        "pull eve/face",
        "pull ada/face --update --json",
        "identities --json",
    ]
    offline = process(*lines, HF_ENDPOINT=loopback.endpoint, HF_HUB_OFFLINE="1", **cache)
    assert "pull -> 0\nsearch -> 1\npull -> 1\npull -> 1" in offline.stdout
    assert offline.stderr.count("HF_HUB_OFFLINE is set") == 3
    seconds = [float(line[:-2]) for line in offline.stderr.splitlines() if re.fullmatch(r"[0-9.]+ s", line)]
    assert min(seconds[:3]) < 1, "a second pull takes less than a second"
    assert any(
        json.loads(line)["name"].startswith("ada/face@")
        for line in offline.stdout.splitlines()
        if line.startswith("{")
    )
    assert loopback.log == []


@pytest.fixture
def run(loopback, tmp_path, monkeypatch, command):
    """A command in this process, with a hub of one's own; returns its exit code, output and errors."""
    monkeypatch.setenv("FACEHUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("facehub.hub.api.Hub.session", property(lambda hub: made()))

    def made():
        return open_session(loopback.endpoint, tokens[0], "", "", patience_s=4.0, deadline_s=60.0)

    tokens: list[str | bool] = [False]

    def asked(*arguments, token: str | bool = False):
        tokens[0] = token
        return command(*arguments)

    return asked


def test_json(loopback, run, tmp_path):
    folder, token = make(tmp_path / "ada"), loopback.token("ada")
    pushed = json.loads(run("push", folder, "ada/face", "--json", token=token)[1])
    assert pushed["commit"] == loopback.repositories["ada/face"].refs["main"]
    assert json.loads(run("search", "face", "--json")[1])["repo"] == "ada/face"
    assert json.loads(run("look", "ada/face", "--json")[1])["consent"] == CONSENT
    pulled = json.loads(run("pull", "ada/face", "--json")[1])
    assert pulled["name"] == f"ada/face@{pushed['commit']}"
    assert "holds just this already" in run("push", folder, "ada/face", token=token)[1]
    assert (
        "Proposed: "
        in run(
            "push", make(folder, title="Ada By Eve"), "ada/face", "--create-pr", token=loopback.token("eve")
        )[1]
    )


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["pull", "ada/nobody"], "is not on"),
        (["pull", "nobody"], "write it as user/name"),
        (["look", "ada/nobody"], "is not on"),
        (["push", "{folder}", "ada/face"], "Nobody is logged in"),
        (["push", "absent", "ada/face"], "is no folder"),
        (
            ["swap", "x.png", "--identity", "ada/face", "--out", "y.png"],
            "run `python -m facehub pull ada/face`",
        ),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run, tmp_path, arguments, sentence):
    folder = make(tmp_path / "ada")
    code, out, err = run(*(argument.format(folder=folder) for argument in arguments))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert sentence in err


def test_a_terminal_obeys_nobody_else(loopback, run, tmp_path):
    """Escapes in a consent record, a title, a measure's name: none reaches the terminal."""
    evil = "Ada \x1b]0;owned\x07\x1b[2J\u202e\x9b1m"
    folder = make(tmp_path / "ada", consent=CONSENT | {"whose": evil, "scope": evil, "licence": evil})
    text = (folder / "README.md").read_text()
    front = f"---\ntags: [facehub, per-identity]\nmodel_name: {json.dumps(evil)}\n---\n"
    (folder / "README.md").write_text(front + text.split("---\n", 2)[2])
    loopback.put("ada/face", folder)
    said = "".join(
        map(str, [*run("search"), *run("look", "ada/face"), *run("pull", "ada/face"), *run("identities")])
    )
    assert "nobody" in said or "Ada" in said
    assert not [letter for letter in said if letter != "\n" and not letter.isprintable()]


def test_what_is_quoted_is_made_harmless(run, tmp_path):
    folder = make(tmp_path / "ada")
    code, out, err = run("push", folder, "ada/\x1b[2J")
    assert code == 1
    assert "\x1b" not in out + err


def test_nothing_found(run):
    assert run("search", "nobody") == (0, "", "Nothing was found: search for less.\n")


def test_closed_repositories_are_shown_as_such(loopback, run, tmp_path):
    loopback.put("ada/face", make(tmp_path / "ada", consent=CONSENT | {"basis": "research"}), gated="manual")
    assert run("search")[1].rstrip().endswith("research gated")
    code, out, _ = run("look", "ada/face")
    assert code == 0
    assert "ada/face is gated: log in" in out
