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
NAME = re.compile(r"\bollama_gate_\w+")
WEEK = 7 * 86400


def promtool(*arguments: str) -> str:
    """In: what promtool is to do. Out: what it says; it has to be content."""
    assert PROMTOOL
    run = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@needs_promtool
def test_promtool_takes_the_rules() -> None:
    assert "13 rules found" in promtool("check", "rules", str(RULES))


@needs_promtool
def test_promtool_takes_the_configuration() -> None:
    assert "SUCCESS" in promtool("check", "config", str(RULES.with_name("prometheus.yaml")))


def test_each_metric_that_a_rule_asks_for_is_one_of_a_running_gate(gate: Gate) -> None:
    exposed = set(NAME.findall(gate.envoy.admin("/stats/prometheus")[1]))
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"][0]["rules"]
    asked = {name for rule in rules for name in NAME.findall(rule["expr"])}
    assert asked
    assert asked <= exposed


def test_the_page_has_each_gauge_of_a_running_gate(gate: Gate) -> None:
    page = (RULES.parents[2] / "docs" / "monitoring.md").read_text(encoding="utf-8")
    on_the_page = {name for name in re.findall(r"`(ollama_gate_\w+)` \|", page) if not name.endswith("_total")}
    exposed = gate.envoy.admin("/stats/prometheus")[1]
    gauges = set(re.findall(r"^# TYPE (ollama_gate_\w+) gauge$", exposed, re.MULTILINE))
    assert gauges == on_the_page


@needs_promtool
@pytest.mark.parametrize(
    ("series", "alert", "at"),
    [
        ("ollama_gate_fetch_failed_total", "OllamaGateFetchesNothing", "25m"),
        ("ollama_gate_fetch_failed_total", "OllamaGateFetchesFail", "90m"),
        ("ollama_gate_denied_keys_unavailable_total", "OllamaGateKeysUnavailable", "10m"),
        ("ollama_gate_denied_expired_key_total", "OllamaGateExpiredKeysInUse", "30m"),
        ("ollama_gate_key_previous_secret_total", "OllamaGatePreviousKeyInUse", "9d"),
        ("ollama_gate_denied_expired_token_total", "OllamaGateTokensExpireInUse", "30m"),
        ("ollama_gate_denied_upstream_credential_refused_total", "OllamaGateUpstreamCredentialRefused", "10m"),
        ("ollama_gate_denied_upstream_credential_unavailable_total", "OllamaGateUpstreamCredentialUnavailable", "10m"),
    ],
)
def test_each_rule_fires_for_what_it_is_about_and_for_nothing_else(
    series: str, alert: str, at: str, tmp_path: Path
) -> None:
    rows = [("0+3x20000", True), ("7x20000", False)]
    expect([(alert, at, {series: values}, fires) for values, fires in rows], tmp_path)


# The clock of promtool's tests begins in 1970, so a moment is the number of seconds until it.
@needs_promtool
@pytest.mark.parametrize(
    ("series", "alert", "at", "fires", "does_not"),
    [
        ("keys_next_expiry", "OllamaGateKeyExpiresSoon", "1h", [7200, WEEK + 3000], [0, WEEK + 4000]),
        ("keys_last_success", "OllamaGateKeysStale", "1h", [1, 2900], [0, 3500, 9000]),
        ("jwks_last_success", "OllamaGateIssuerKeysStale", "3h", [1, 3500], [0, 3700]),
        ("upstream_credential_expiry", "OllamaGateUpstreamCredentialExpired", "1h", [1, 3500], [0, 3700]),
        (
            *("upstream_credential_expiry", "OllamaGateUpstreamCredentialExpiresSoon", "1h"),
            *([3700, WEEK], [0, 3500, WEEK + 4000]),
        ),
    ],
)
def test_each_rule_about_a_moment_fires_in_time(
    series: str, alert: str, at: str, fires: list[int], does_not: list[int], tmp_path: Path
) -> None:
    rows = []
    for moment in [*fires, *does_not]:
        values = {f"ollama_gate_{series}_timestamp_seconds": f"{moment}x200"}
        values.setdefault("ollama_gate_upstream_credential_last_success_timestamp_seconds", "0x200")
        rows.append((alert, at, values, moment in fires))
    expect(rows, tmp_path)


def expect(rows: list[tuple[str, str, dict[str, str], bool]], folder: Path) -> None:
    """In: alerts, moments, values of series by name, and whether the alert fires with them then. Has promtool see it."""
    rules = {rule["alert"]: rule for rule in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"][0]["rules"]}
    tests = []
    for alert, at, series, fires in rows:
        wanted = {"exp_labels": rules[alert]["labels"], "exp_annotations": rules[alert]["annotations"]}
        tests.append(
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "alert_rule_test": [{"eval_time": at, "alertname": alert, "exp_alerts": [wanted] if fires else []}],
            }
        )
    # Each rule is evaluated for each minute, so there is none beside those that are asked about.
    asked = {"groups": [{"name": "asked", "rules": [rules[alert] for alert in {row[0] for row in rows}]}]}
    (folder / "rules.yaml").write_text(yaml.safe_dump(asked), encoding="utf-8")
    path = folder / "tests.yaml"
    test = {"rule_files": [str(folder / "rules.yaml")], "evaluation_interval": "1m", "tests": tests}
    path.write_text(yaml.safe_dump(test), encoding="utf-8")
    promtool("test", "rules", str(path))
