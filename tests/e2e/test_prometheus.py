"""A real Prometheus scrapes a real Envoy, evaluates the rules of `examples/monitoring/`, and alerts fire.

The rules are those of the file, their windows 120 times as short: fifteen minutes without a fetch are seven seconds.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from demo.process import Child
from support.front import Front
from support.oidc import cluster
from support.ports import port_to_keep
from support.world import FULL, Gate, World, eventually
from test_key_sources import Files

MONITORING = Path(__file__).resolve().parents[2] / "examples" / "monitoring"
PROMETHEUS = shutil.which("prometheus")
TIMES_AS_SHORT = 120
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
FRONT_TOKEN = "front-5a10c7e39d8b42f6"
KEY = "sk-prometheus-2f9c61d8b7e30a54"

pytestmark = pytest.mark.skipif(not PROMETHEUS, reason="there is no `prometheus` here: apt install prometheus")


def shortened(text: str) -> str:
    """In: a window, or a text with windows in brackets. Out: it with windows that are shorter."""
    parts = re.fullmatch(r"(\d+)([smhd])", text)
    if parts:
        return f"{int(parts[1]) * SECONDS[parts[2]] * 1000 // TIMES_AS_SHORT}ms"
    return re.sub(r"\[(\d+[smhd])\]", lambda window: f"[{shortened(window[1])}]", text)


class Prometheus:
    """A running Prometheus, with the configuration of the examples, that asks each second."""

    def __init__(self, folder: Path, admin: int) -> None:
        folder.mkdir()
        rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text(encoding="utf-8"))
        for rule in rules["groups"][0]["rules"]:
            rule["expr"] = shortened(rule["expr"])
            if "for" in rule:
                rule["for"] = shortened(rule["for"])
        (folder / "alerts.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
        scraped = yaml.safe_load((MONITORING / "prometheus.yaml").read_text(encoding="utf-8"))
        scraped["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        scraped["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{admin}"]}]
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(scraped), encoding="utf-8")
        self._port = port_to_keep()
        assert PROMETHEUS
        self.child = Child(
            [
                *(PROMETHEUS, f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'data'}"),
                f"--web.listen-address=127.0.0.1:{self._port}",
            ],
            folder,
        )

    def _ask(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=60) as answer:
            return json.load(answer)["data"]

    def value(self, name: str) -> float | None:
        """In: a metric. Out: what it was when it was last scraped; none if it was not."""
        try:
            found = self._ask(f"/api/v1/query?query={name}")["result"]
        except OSError:
            return None
        return float(found[0]["value"][1]) if found else None

    def firing(self) -> set[str]:
        """Out: the alerts that fire."""
        alerts = self._ask("/api/v1/alerts")["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


def document(days: int) -> list[dict[str, str]]:
    """In: when its key expires, in days. Out: a document of one key."""
    end = datetime.now(timezone.utc) + timedelta(days=days)
    return [
        {
            "id": "dated",
            "sha256": hashlib.sha256(KEY.encode()).hexdigest(),
            "expires_at": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    ]


class Setting:
    """A file server of keys, a server in front of Ollama, a gate between them, and a Prometheus that looks."""

    def __init__(self, world: World, folder: Path) -> None:
        self.files = Files(folder / "files")
        self.files.put(document(30))
        self.front = Front(FRONT_TOKEN).__enter__()
        plugin = world.keys.plugin()
        for key in plugin["api_keys"]["keys"]:
            key.pop("expires_at", None)
        plugin["api_keys"]["source"] = {**self.files.source(), "every": "1s"}
        plugin["upstream"] = {"credential": {"value": FRONT_TOKEN}}
        pack = world.pack(plugin=plugin)
        pack.module(FULL)
        pack.upstream("127.0.0.1", self.front.port)
        pack.document["static_resources"]["clusters"].append(cluster("keys", self.files.port))
        self.gate: Gate = world.start("prometheus", pack)
        self.prometheus = Prometheus(folder / "prometheus", self.gate.envoy.admin_port())

    def stop(self) -> None:
        """Ends all."""
        self.prometheus.child.stop()
        self.gate.envoy.stop()
        self.front.__exit__()


@pytest.fixture
def setting(world: World, tmp_path: Path) -> Iterator[Setting]:
    """One."""
    world.secrets += [FRONT_TOKEN, KEY]
    setting = Setting(world, tmp_path)
    yield setting
    setting.stop()


def test_alerts_fire_for_a_key_that_expires_soon_a_source_that_is_down_and_a_credential_that_is_refused(
    setting: Setting,
) -> None:
    gate, prometheus = setting.gate, setting.prometheus
    expiry = "ollama_gate_keys_next_expiry_timestamp_seconds"
    eventually(lambda: (prometheus.value(expiry) or 0) > time.time(), what="the first look")
    assert gate.get("/api/tags", key=KEY).status == 200
    assert prometheus.firing() == set()

    setting.files.put(document(2))
    eventually(lambda: prometheus.firing() == {"OllamaGateKeyExpiresSoon"}, what="the alert of the key")
    # Two workers write to one gauge: they do not add up.
    (record,) = json.loads((setting.files.folder / "keys.json").read_text(encoding="utf-8"))
    end = datetime.strptime(record["expires_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    assert prometheus.value(expiry) == end.timestamp()
    assert prometheus.value("ollama_gate_keys_expiring_soon") == 1
    had = prometheus.value("ollama_gate_keys_last_success_timestamp_seconds")
    assert had and abs(time.time() - had) < 3600
    lines = [line for line in list(gate.envoy.child.lines) if '"key_expires_soon"' in line]
    assert lines and '"id":"dated"' in lines[0] and '"source":"keys"' in lines[0]

    setting.front.good.clear()
    assert gate.get("/api/tags", key=KEY).status == 502
    refused = "OllamaGateUpstreamCredentialRefused"
    eventually(lambda: refused in prometheus.firing(), what="the alert of the credential")

    setting.files.stop()
    eventually(lambda: "OllamaGateFetchesNothing" in prometheus.firing(), 60, "the alert of the source")
    assert gate.get("/api/tags", key=KEY).status == 502, "the key is still known"
