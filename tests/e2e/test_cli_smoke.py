"""`ollama-gate smoke` against the real pack in a real Envoy, and against an Ollama that nothing guards."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from support.world import Gate, World


def smoke(program: Path, url: str, environment: dict[str, str], *options: str) -> tuple[int, dict[str, Any]]:
    """In: an address and variables with keys. Out: the exit code and the report."""
    command = [str(program), "--json", "smoke", url, "--ollama-port", "1", *options]
    ran = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300, check=False
    )
    for key in environment.values():
        assert key not in ran.stdout + ran.stderr
    return ran.returncode, json.loads(ran.stdout)


def test_the_pack_is_guarded(program: Path, gate: Gate) -> None:
    keys = {"GOOD": gate.keys.inference, "OVER": gate.keys.expired}
    code, report = smoke(program, gate.url, keys, "--key-env", "GOOD", "--expired-key-env", "OVER")
    # The configuration of this gate has no `hosts`, which is told and is no hole.
    told = {check["check"]: check["verdict"] for check in report["checks"] if check["verdict"] != "guarded"}
    assert (code, report["result"], told) == (0, "guarded", {"foreign_host": "warning"}), report


def test_a_key_that_may_manage_is_found_and_a_good_gate_is_guarded_with_it(program: Path, gate: Gate) -> None:
    keys = {"GOOD": gate.keys.manage}
    code, report = smoke(program, gate.url, keys, "--key-env", "GOOD")
    found = [check["check"] for check in report["checks"] if check["verdict"] == "open"]
    assert (code, found) == (1, ["scope"]), report


def test_an_ollama_without_a_gate_is_open(program: Path, world: World) -> None:
    code, report = smoke(program, f"http://127.0.0.1:{world.standin.port}", {})
    assert (code, report["result"]) == (1, "open")
    found = {check["check"] for check in report["checks"] if check["verdict"] == "open"}
    assert {"no_key", "no_key_v1", "no_key_manage", "bad_key", "forged_token"} <= found, report
