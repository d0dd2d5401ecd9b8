"""The alert rules of `examples/monitoring/`: promtool takes them, Envoy has what they ask for, and they fire."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from support.world import Gate
from test_metrics import PROMTOOL, needs_promtool

RULES = Path(__file__).resolve().parents[2] / "examples" / "monitoring" / "alerts.yaml"
NAME = re.compile(r"ollama_gate_\w+_total")


def promtool(*arguments: str) -> str:
    """In: what promtool is to do. Out: what it says; it has to be content."""
    assert PROMTOOL
    run = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@needs_promtool
def test_promtool_takes_the_rules() -> None:
    assert "5 rules found" in promtool("check", "rules", str(RULES))


def test_each_counter_that_a_rule_asks_for_is_one_of_a_running_gate(gate: Gate) -> None:
    exposed = set(NAME.findall(gate.envoy.admin("/stats/prometheus")[1]))
    asked = set(NAME.findall(RULES.read_text(encoding="utf-8")))
    assert asked
    assert asked <= exposed


@needs_promtool
@pytest.mark.parametrize(
    ("series", "alert", "at"),
    [
        ("ollama_gate_fetch_failed_total", "OllamaGateFetchesNothing", "25m"),
        ("ollama_gate_fetch_failed_total", "OllamaGateFetchesFail", "90m"),
        ("ollama_gate_denied_keys_unavailable_total", "OllamaGateKeysUnavailable", "10m"),
        ("ollama_gate_denied_expired_key_total", "OllamaGateExpiredKeysInUse", "30m"),
        ("ollama_gate_key_previous_secret_total", "OllamaGatePreviousKeyInUse", "9d"),
    ],
)
def test_each_rule_fires_for_what_it_is_about_and_for_nothing_else(
    series: str, alert: str, at: str, tmp_path: Path
) -> None:
    for name, values, fires in [("grows", "0+3x20000", True), ("stands", "7x20000", False)]:
        wanted = [{"exp_labels": {}}] if fires else []
        rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
        (rule,) = [one for one in rules["groups"][0]["rules"] if one["alert"] == alert]
        for one in wanted:
            one["exp_labels"] = dict(rule["labels"])
            one["exp_annotations"] = dict(rule["annotations"])  # type: ignore[assignment]
        test = {
            "rule_files": [str(RULES)],
            "evaluation_interval": "1m",
            "tests": [
                {
                    "interval": "1m",
                    "input_series": [{"series": series, "values": values}],
                    "alert_rule_test": [{"eval_time": at, "alertname": alert, "exp_alerts": wanted}],
                }
            ],
        }
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(test), encoding="utf-8")
        promtool("test", "rules", str(path))
