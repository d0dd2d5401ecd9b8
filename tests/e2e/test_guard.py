"""The guards behind the gate in APISIX and Kong: what they answer with the gate and without it.

The function of APISIX's plugin is run as APISIX would run it, in Lua 5.1, with a stand-in for what it uses of
nginx. Kong's guard has no function: its routes are read, and matched as Kong's documentation says it does.
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


def kong_service(name: str) -> dict[str, Any]:
    """Out: a service of Kong's guarded configuration."""
    (document,) = plugins.documents(ROOT / "kong/guard.yaml")
    return next(service for service in document["services"] if service["name"] == name)


def kong_route(host: str, headers: dict[str, str]) -> dict[str, Any]:
    """In: Host and headers of a request. Out: the route it takes: of those that match, the one with most conditions."""

    def matches(route: dict[str, Any]) -> bool:
        wanted = {name: values for name, values in route.get("headers", {}).items()}
        named = host.partition(":")[0] in route.get("hosts", [host.partition(":")[0]])
        return named and all(headers.get(name) in values for name, values in wanted.items())

    (document,) = plugins.documents(ROOT / "kong/guard.yaml")
    routes = [route for service in document["services"] for route in service["routes"]]
    return max(filter(matches, routes), key=lambda route: len(set(route) & {"hosts", "headers", "paths"}))


def test_kongs_guard_lets_on_what_carries_the_gates_secret_and_nothing_else() -> None:
    (chain,) = kong_service("ollama-gate")["filter_chains"]
    proof = chain["filters"][0]["config"]["upstream"]["proof"]
    assert proof == {"header": "X-Ollama-Gate-Proof", "secret": {"env": "OLLAMA_GATE_PROOF"}}
    # What the gate lets on comes back to Kong by this name, and with the secret.
    back = kong_service("ollama-gate")["url"].removeprefix("http://")
    (secret,) = next(r for r in kong_service("ollama")["routes"] if "headers" in r)["headers"][proof["header"]]
    for host, headers, route in [
        ("gate.example.com", {}, "clients"),
        ("gate.example.com", {proof["header"]: "guess"}, "clients"),
        (back, {proof["header"]: secret}, "proved"),
        (back, {}, "unproved"),  # the filter chain is off, or a client knows the name
        (back, {proof["header"]: "guess"}, "unproved"),
        (back, {proof["header"]: ""}, "unproved"),
    ]:
        assert kong_route(host, headers)["name"] == route, (host, headers)
    (refusal,) = kong_route(back, {})["plugins"]
    assert (refusal["name"], refusal["config"]["status_code"]) == ("request-termination", 503)
    (cleaner,) = kong_route(back, {proof["header"]: secret})["plugins"]
    assert proof["header"] in cleaner["config"]["remove"]["headers"]


def test_only_the_guarded_service_of_kong_leads_to_ollama() -> None:
    (document,) = plugins.documents(ROOT / "kong/guard.yaml")
    (pack,) = plugins.documents(ROOT / "kong/kong.yaml")
    ollama = pack["services"][0]["url"]
    assert [service["name"] for service in document["services"] if service["url"] == ollama] == ["ollama"]
    names = [host for route in kong_service("ollama")["routes"] for host in route["hosts"]]
    assert set(names) == {"ollama-guard"}
