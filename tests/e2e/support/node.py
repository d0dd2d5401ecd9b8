"""Ollama's JavaScript client, installed from `node/package-lock.json` and run in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "node"
SECONDS = 120


def install() -> None:
    """Installs the client once, and again when the lock file changed. Skips the test where there is no Node."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program} here to run Ollama's JavaScript client with")
    lock, stamp = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".installed"
    if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
        return
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, f"npm could not install the client: {done.stdout}{done.stderr}"
    stamp.write_bytes(lock.read_bytes())


def run(url: str, key: str | None, *steps: str, header: str = "Authorization") -> list[dict[str, Any]]:
    """In: the gate's address, a key, steps of `client.mjs`. Out: what the client saw at each."""
    environment = {"PATH": os.environ["PATH"], "GATE_URL": url, "GATE_KEY": key or "", "GATE_HEADER": header}
    done = subprocess.run(
        ["node", "client.mjs", *steps],
        cwd=FOLDER,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
