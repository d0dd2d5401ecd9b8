"""The guard behind the gate in APISIX: what it answers with the gate and without it.

The plugin's function is run as APISIX would run it, in Lua 5.1, with a stand-in for what it uses of nginx.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest
from demo.pack import ROOT
from support import plugins

LUA = shutil.which("lua5.1") or shutil.which("luajit")
PROOF = "7d1f0c92ab48e36500f9c2d7b1a4e86f"
STAND_IN = """
local wanted, found = arg[1], arg[2]
os.getenv = function(name) return name == "OLLAMA_GATE_PROOF" and wanted ~= "-" and wanted or nil end
local cleared = "kept"
ngx = { var = { http_x_ollama_gate_proof = found ~= "-" and found or nil },
        req = { clear_header = function(name) cleared = name end } }
local guard = assert(loadstring(io.read("*a")))()
local status, body = guard({}, {})
print(status, body and body.error, cleared)
"""


def route() -> dict[str, Any]:
    """Out: the plugins of the guarded route."""
    (document,) = plugins.documents(ROOT / "apisix/guard.yaml")
    (one,) = document["routes"]
    return one["plugins"]


def answers(wanted: str, found: str) -> str:
    """In: the secret of the environment and the header's value, `-` for none. Out: what the guard does."""
    (function,) = route()["serverless-post-function"]["functions"]
    command = [str(LUA), "-e", f"arg = {{ [1] = '{wanted}', [2] = '{found}' }}\n{STAND_IN}"]
    ran = subprocess.run(command, input=function, capture_output=True, text=True, check=True, timeout=20)
    return ran.stdout.strip()


def test_the_guard_runs_after_the_gate_and_reads_the_header_that_the_gate_sets() -> None:
    gate, guard = route()["ollama-gate"]["conf"], route()["serverless-post-function"]
    assert gate["upstream"]["proof"] == {"header": "X-Ollama-Gate-Proof", "secret": "$env://OLLAMA_GATE_PROOF"}
    assert guard["phase"] == "access"
    (config,) = plugins.documents(ROOT / "apisix/config.yaml")
    assert config["wasm"]["plugins"][0]["http_request_phase"] == "rewrite"
    assert "OLLAMA_GATE_PROOF" in config["nginx_config"]["envs"]


@pytest.mark.skipif(LUA is None, reason="no Lua on this machine: apt-get install lua5.1")
def test_the_guard_lets_on_what_has_come_through_the_gate_and_nothing_else() -> None:
    refused = "503\tthe gate is not active on this route\tkept"
    assert answers(PROOF, PROOF) == "nil\tnil\tX-Ollama-Gate-Proof"
    for wanted, found in [
        (PROOF, "-"),  # the module is missing, or the plugin is not on the route
        (PROOF, "guess"),
        (PROOF, f"{PROOF}, {PROOF}"),
        (PROOF, PROOF.upper()),
        ("-", "-"),  # the variable is missing: closed too
        ("-", PROOF),
        ("short", "short"),
    ]:
        assert answers(wanted, found) == refused, (wanted, found)
