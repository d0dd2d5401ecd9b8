"""The counters as Prometheus reads them: from Envoy's admin interface, and as Kong's plugin writes them."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from support.world import Gate, eventually

PROMTOOL = shutil.which("promtool")
# Debian's `prometheus` has it; `make test-e2e` installs that where it may.
needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="there is no `promtool` here: apt install prometheus")
# What the gateways do not write. promtool's other complaints would be about the gate's own names.
NO_HELP = "no help text"


def complaints(exposition: str) -> list[str]:
    """In: metrics as Prometheus scrapes them. Out: what promtool says of them, but for absent help texts."""
    assert PROMTOOL
    run = subprocess.run([PROMTOOL, "check", "metrics"], input=exposition, capture_output=True, text=True, check=False)
    lines = (run.stdout + run.stderr).splitlines()
    # 3 means that a metric could be named better, and has to come with a line that says so.
    assert run.returncode in (0, 1, 3) and (lines or not run.returncode)
    return [line for line in lines if not line.endswith(NO_HELP)]


def of_kong(filter_name: str, counters: dict[str, int]) -> str:
    """Out: the metrics as Kong's Prometheus plugin writes those of a filter (`pw.FILTER.COUNTER`, dots replaced)."""
    text = ""
    for counter, value in counters.items():
        name = f"pw.{filter_name}.{counter}".replace(".", "_")
        kind = "counter" if counter.endswith("_total") else "gauge"
        text += f"# HELP {name}\n# TYPE {name} {kind}\n{name} {value}\n"
    return text


@pytest.fixture(scope="module")
def counters(gate: Gate) -> dict[str, int]:
    """Out: every counter of the gate by its name, after an allowed request and two refused ones."""
    ask(gate)
    found = re.findall(r"^wasmcustom\.(ollama_gate\S*): (\d+)$", gate.envoy.admin("/stats")[1], re.MULTILINE)
    return {name: int(value) for name, value in found}


def ask(gate: Gate) -> None:
    """Sends a request that is allowed and two that are not, and waits until they are counted."""
    before = gate.envoy.counter("ollama_gate_allowed_total")
    assert gate.get("/api/tags", key=gate.keys.read).status == 200
    assert gate.get("/api/tags").status == 401
    assert gate.post("/api/chat", key=gate.keys.read).status == 403
    eventually(lambda: gate.envoy.counter("ollama_gate_allowed_total") > before, what="the counter")


@needs_promtool
def test_prometheus_takes_the_counters_from_envoy(gate: Gate) -> None:
    ask(gate)
    page = gate.envoy.admin("/stats/prometheus")[1]
    lines = [line for line in page.splitlines() if re.match(r"(# TYPE )?ollama_gate_", line)]
    assert any(line.startswith("ollama_gate_denied_scope_denied_total") for line in lines)
    assert (said := complaints("\n".join(lines) + "\n")) == [], said


@needs_promtool
def test_prometheus_takes_the_counters_from_kong(counters: dict[str, int]) -> None:
    assert {"ollama_gate_allowed_total", "ollama_gate_denied_unknown_key_total"} <= set(counters)
    assert complaints(of_kong("ollama_gate", counters)) == []
    # With a hyphen in the filter's name nothing of the page can be read, and with dots in a counter's nothing
    # would replace them on a gateway that takes names as they are.
    assert "invalid metric name" in " ".join(complaints(of_kong("ollama-gate", counters)))
