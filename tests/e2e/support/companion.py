"""The program `ollama-gate`, as cargo builds it."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

from demo.gate import program
from demo.pack import ROOT


@functools.cache
def companion() -> Path:
    """Builds it, the first time. Out: where it is."""
    subprocess.run(["cargo", "build", "--locked", "--quiet", "-p", "ollama-gate-cli"], cwd=ROOT, check=True)
    return program()
