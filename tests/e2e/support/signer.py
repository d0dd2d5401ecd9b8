"""The `ollama` CLI's signature: with keys of ssh-keygen, and as Go makes it."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

SECONDS = 120
GO_FOLDER = Path(__file__).resolve().parent.parent / "go"


def need(program: str) -> str:
    """In: a program. Out: its path. Skips the test where it is not installed."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"there is no {program} here")
    return path


def run(*command: str, environment: dict[str, str] | None = None, folder: Path | None = None) -> str:
    """In: a command, and what differs in its environment. Out: what it printed; fails if it failed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Key:
    """A key made by ssh-keygen, and what the CLI makes of it."""

    def __init__(self, path: Path, comment: str, kind: str = "ed25519") -> None:
        run(need("ssh-keygen"), "-q", "-t", kind, "-N", "", "-C", comment, "-f", str(path))
        self.line = path.with_suffix(".pub").read_text(encoding="ascii").strip()
        self.blob = self.line.split(" ")[1]
        self._key = load_ssh_private_key(path.read_bytes(), None)

    def sign(self, message: str) -> str:
        """In: a message. Out: its signature in base64."""
        return base64.b64encode(self._key.sign(message.encode())).decode()

    def call(self, method: str, path: str, at: int | None = None) -> tuple[str, list[tuple[str, str]]]:
        """In: a call, and when it is made, in seconds; now, if that is left out. Out: its target and its headers."""
        query = f"?ts={int(time.time()) if at is None else at}"
        return path + query, [("Authorization", f"{self.blob}:{self.sign(f'{method},{path}{query}')}")]


class GoCli:
    """A key of Go's, and the program that signs with it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._program = str(folder / "go-cli")
        self._seed = str(folder / f"{name}.seed")
        go = {"GOTOOLCHAIN": "local", "GOFLAGS": "", "GOCACHE": str(folder / "go-cache")}
        run(need("go"), "build", "-o", self._program, ".", environment=go, folder=GO_FOLDER)
        self.line = run(self._program, "key", self._seed, name).strip()

    def call(self, host: str, method: str, path: str, body: str = "") -> tuple[int, str]:
        """In: OLLAMA_HOST and a call. Out: the status and the answer."""
        output = run(self._program, "call", self._seed, method, path, body, environment={"OLLAMA_HOST": host})
        status, _, text = output.partition("\n")
        return int(status), text
