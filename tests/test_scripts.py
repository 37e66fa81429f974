"""The set-up script says in one sentence what is missing: each test takes something away."""

import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture
def copy(tmp_path):
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup", tmp_path / "scripts" / "setup")
    (tmp_path / "requirements.txt").write_text("no-such-package-of-facehub==1.0\n")
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in (
        "bash",
        "dirname",
        "cat",
        "cksum",
        "tr",
        "df",
        "awk",
        "grep",
        "tail",
        "rm",
        "mktemp",
        "basename",
        "env",
    ):
        os.symlink(shutil.which(tool), tools / tool)
    return tmp_path


def setup(copy, **environment) -> subprocess.CompletedProcess:
    return subprocess.run(
        [copy / "scripts" / "setup"],
        env={"PATH": str(copy / "bin")} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def tool(copy, name, script):
    path = copy / "bin" / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!{shutil.which('bash')}\n{script}\n")
    path.chmod(0o755)


def test_no_python(copy):
    done = setup(copy)
    assert done.returncode == 1
    assert done.stderr.startswith("Python 3.10 or newer is missing")
    assert len(done.stderr.splitlines()) == 1


def test_old_python(copy):
    tool(copy, "python3", 'case "$*" in *version_info*) exit 1;; esac')
    assert setup(copy).stderr.startswith("Python 3.10 or newer is missing")


def test_no_venv_module(copy):
    tool(copy, "python3", 'case "$*" in *venv*) exit 1;; --version) echo Python 3.12.0;; esac')
    done = setup(copy)
    assert done.returncode == 1
    assert "venv module is missing" in done.stderr
    assert not (copy / ".venv").exists()


def with_python(copy, pip: str) -> None:
    """A Python whose venv holds no torch, and whose pip does as told."""
    inner = f'case "$*" in *"import torch"*) exit 1;; *"pip install"*) {pip};; esac'
    tool(copy, "inner", inner)
    os.symlink(shutil.which("mkdir"), copy / "bin" / "mkdir")
    os.symlink(shutil.which("cp"), copy / "bin" / "cp")
    tool(
        copy,
        "python3",
        f'case "$*" in *venv*) mkdir -p .venv/bin && cp {copy}/bin/inner .venv/bin/python;;'
        " --version) echo Python 3.12.0;; esac",
    )


def test_no_disk(copy):
    with_python(copy, "true")
    tool(copy, "df", 'printf "head\\nx 1 1 2097152 1%% /\\n"')
    done = setup(copy)
    assert done.returncode == 1
    assert "There are 2 GB free here, but PyTorch" in done.stderr


@pytest.mark.parametrize(
    "output, sentence",
    [
        ("WARNING: Retrying after connection broken", "check the network"),
        ("OSError: No space left on device", "disk is full"),
        ("error: bad wheel", "could not be installed"),
    ],
)
def test_pip_fails(copy, output, sentence):
    with_python(copy, f"echo '{output}' >&2; exit 1")
    tool(copy, "df", 'printf "head\\nx 1 1 99999999 1%% /\\n"')
    done = setup(copy)
    assert done.returncode == 1
    assert sentence in done.stderr.splitlines()[-1]
    assert "what is there is kept" in done.stderr


def test_a_second_start_installs_nothing(copy):
    with_python(copy, "echo once >>installs")
    tool(copy, "df", 'printf "head\\nx 1 1 99999999 1%% /\\n"')
    assert setup(copy).returncode == 0
    again = setup(copy)
    assert (again.returncode, again.stdout) == (0, "")
    assert (copy / "installs").read_text() == "once\n"
    (copy / "requirements.txt").write_text("another==1\n")
    assert setup(copy).returncode == 0
    assert (copy / "installs").read_text() == "once\nonce\n"


AUDITED = "Name   Skip Reason\\n------ ----\\n"
SKIPPED = "%s Dependency not found on PyPI and could not be audited: %s (1.0)\\n"


@pytest.mark.parametrize(
    "output, code, expected, told",
    [
        ("No known vulnerabilities found\\n", 0, 0, "2 of 2 versions were looked up."),
        ("Name Version ID Fix Versions\\nada 1.0 PYSEC-1 1.1\\n", 1, 1, "ada 1.0 PYSEC-1 1.1"),
        (AUDITED + SKIPPED % ("ada", "ada"), 0, 0, "1 of 2 versions were looked up."),
        (AUDITED + SKIPPED % ("ada", "ada") + SKIPPED % ("ben", "ben"), 0, 3, "could not be asked from here"),
        ("requests.exceptions.ConnectionError: no network\\n", 1, 3, "could not be asked from here"),
    ],
)
def test_audit(tmp_path, output, code, expected, told):
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "audit", tmp_path / "scripts" / "audit")
    (tmp_path / "requirements.lock").write_text("# made by hand\nada==1.0\nben==1.0\n")
    (tmp_path / ".runs" / "audit" / "bin").mkdir(parents=True)
    for name, script in (
        ("scripts/setup", ""),
        (".runs/audit/bin/pip-audit", f"printf '{output}'; exit {code}"),
    ):
        (tmp_path / name).write_text(f"#!{shutil.which('bash')}\n{script}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run([tmp_path / "scripts" / "audit"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, told in done.stdout + done.stderr) == (expected, True), done.stdout + done.stderr


@pytest.mark.parametrize(("checks", "tests", "expected"), [(0, 0, 0), (1, 0, 1), (0, 3, 3)])
def test_checks_run_beside_the_tests_and_both_count(tmp_path, checks, tests, expected):
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "test", tmp_path / "scripts" / "test")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name, script in (
        ("scripts/setup", ""),
        ("scripts/check", f"echo checked; exit {checks}"),
        (".venv/bin/python", f'echo "tested $*"; exit {tests}'),
    ):
        (tmp_path / name).write_text(f"#!{shutil.which('bash')}\n{script}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [tmp_path / "scripts" / "test", "--all", "-k", "one"], capture_output=True, text=True, timeout=60
    )
    tested, checked = done.stdout.splitlines()
    assert tested.endswith("-m not gpu -k one") and checked == "checked"
    assert done.returncode == expected
