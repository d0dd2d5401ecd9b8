"""The gate of a run: `ollama-gate` makes it, adds the credentials to try it with, and runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .credentials import from_now, new_secret
from .pack import ROOT
from .process import Child

SECRET_ENV = "OLLAMA_GATE_JWT_SECRET"
ISSUER, AUDIENCE = "ollama-gate-demo", "ollama"
# By how clients on this machine call it, and containers.
NAMES = "127.0.0.1,host.docker.internal"
# It ends Envoy first.
END_SECONDS = 20.0
# How the line ends after which it shows decisions.
UP = "What the gate decides:"
MARK = "ollama-gate: "


class Refused(Exception):
    """`ollama-gate` could not do what it was asked to; the text is its sentence."""


def program() -> Path:
    """Out: where cargo puts the program."""
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "debug" / "ollama-gate"


class Gate:
    """A gate in a directory, without TLS on loopback, with fresh credentials. `variables` are for people."""

    def __init__(self, folder: Path, port: int, upstream: str, module: Path) -> None:
        self._folder = folder
        self._secret = new_secret()
        self.url = f"http://127.0.0.1:{port}"
        shutil.rmtree(folder, ignore_errors=True)
        line = ["--tls", "off", "--listen", f"127.0.0.1:{port}", "--upstream", upstream, "--name", NAMES]
        made = self._ask("init", str(folder), *line, "--key", "demo", "--days", "1", "--module", str(module))
        self.variables = {
            "OLLAMA_HOST": self.url,
            "OLLAMA_API_KEY": made["keys"][0]["key"],
            "OLLAMA_JWT": self._token(),
            "READ_KEY": self._key("demo-read", "--scopes", "read", "--days", "1"),
            "EXPIRED_KEY": self._key("demo-expired", "--expires", from_now(hours=-1)),
            "EXPIRED_JWT": self._token("--at", from_now(hours=-25)),
        }
        self._accept_tokens()

    def start(self, envoy: str, watch: Callable[[str], None]) -> Child:
        """In: the Envoy, and who wants to see each line. Out: the running gate."""
        command = [str(program()), "up", str(self._folder), "--envoy", envoy]
        return Child(command, ROOT, {SECRET_ENV: self._secret}, watch=watch)

    def _key(self, identifier: str, *rest: str) -> str:
        return self._ask("key", "new", str(self._folder / "gate.json"), "--id", identifier, *rest)["key"]

    def _token(self, *rest: str) -> str:
        claims = ["--issuer", ISSUER, "--audience", AUDIENCE, "--subject", "demo-jwt", "--expires-in", "24h"]
        return self._ask("token", "mint", "--secret-env", SECRET_ENV, *claims, *rest)["token"]

    def _accept_tokens(self) -> None:
        path = self._folder / "gate.json"
        configuration = json.loads(path.read_text(encoding="utf-8"))
        configuration["jwt"] = [
            {
                "name": "demo-jwt",
                "algorithms": ["HS256"],
                "secrets": [{"env": SECRET_ENV}],
                "issuer": ISSUER,
                "audiences": [AUDIENCE],
            }
        ]
        path.write_text(json.dumps(configuration, indent=2) + "\n", encoding="utf-8")

    def _ask(self, *line: str) -> Any:
        # A session of its own: Ctrl-C in the terminal reaches this process alone, which ends where nothing is left.
        ran = subprocess.run(
            [str(program()), "--json", *line],
            env={**os.environ, SECRET_ENV: self._secret},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            check=False,
        )
        report = json.loads(ran.stdout)
        if ran.returncode:
            raise Refused(report["error"])
        return report


def reason(lines: list[str]) -> str:
    """In: what a gate printed that ended by itself. Out: why, in its own words."""
    sentences = [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]
    return sentences[-1] if sentences else "\n".join(["the gate ended:", *lines[-8:]])
