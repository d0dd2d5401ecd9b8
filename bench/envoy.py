"""One Envoy with a listener for each contender, and the processor time of its worker."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from . import sessions
from .contenders import TYPES, Contender, key_document

INTERNAL = "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener"
MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
# As the packs have it: the wasm filter's lines are written at info.
OPTIONS = ["--use-dynamic-base-id", "--concurrency", "1", "-l", "warning", "--component-log-level", "wasm:info"]


# What docs/hosts/envoy.md has of a request, and what the gate's line has beside.
ACCESS_LOG = "%START_TIME% %REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %REQ(X-REQUEST-ID)%" + "".join(
    f" %FILTER_STATE(wasm.ollama_gate.{name}:PLAIN)%" for name in ("method", "credential_id", "subject", "scope")
)
FILE = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"


def _access_log() -> dict[str, Any]:
    text = {"text_format_source": {"inline_string": f"{ACCESS_LOG}\n"}}
    return {"name": "file", "typed_config": {"@type": FILE, "path": "/dev/null", "log_format": text}}


def _listener(
    name: str, own: dict[str, Any] | None, address: dict[str, Any], body: str = "{}", access_log: bool = False
) -> dict[str, Any]:
    # The router answers by itself: no upstream blurs what the filter costs.
    route = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": body}}}
    router = {"name": "router", "typed_config": {"@type": f"{TYPES}.router.v3.Router"}}
    manager = {
        "@type": MANAGER,
        "stat_prefix": name,
        "http_filters": [*([own] if own else []), router],
        "access_log": [_access_log()] if access_log else [],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
    }
    return {"name": name, **address, "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}]}


def write_config(file: Path, contenders: list[Contender], people: int) -> None:
    """Writes the configuration of an Envoy with these listeners, and `people`, the port of a provider."""
    loopback = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}}
    endpoint = {"endpoint": {"address": {"envoy_internal_address": {"server_listener_name": "keys"}}}}
    keys = {"cluster_name": "keys", "endpoints": [{"lb_endpoints": [endpoint]}]}
    address = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": people}}}
    provider = {"cluster_name": sessions.CLUSTER, "endpoints": [{"lb_endpoints": [{"endpoint": address}]}]}
    sealing = [
        {"name": name, "generic_secret": {"secret": {"inline_string": text}}} for name, text in sessions.SECRETS.items()
    ]
    config = {
        "admin": loopback,
        "bootstrap_extensions": [{"name": "internal", "typed_config": {"@type": INTERNAL}}],
        "static_resources": {
            "listeners": [
                *(_listener(one.name, one.filter, loopback, access_log=one.access_log) for one in contenders),
                _listener("keys", None, {"internal_listener": {}}, key_document()),
            ],
            "clusters": [
                {"name": "keys", "connect_timeout": "1s", "load_assignment": keys},
                {"name": sessions.CLUSTER, "connect_timeout": "1s", "load_assignment": provider},
            ],
            "secrets": sealing,
        },
    }
    file.write_text(json.dumps(config), encoding="utf-8")


def refusal(binary: str, file: Path, contender: Contender, people: int) -> str | None:
    """Out: why Envoy does not take the contender's configuration, or None if it does."""
    write_config(file, [contender], people)
    command = [binary, "--mode", "validate", *OPTIONS, "-c", str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if ended.returncode == 0:
        return None
    lines = [line for line in ended.stderr.splitlines() if "ollama-gate: configuration:" in line]
    return (lines or ended.stderr.strip().splitlines() or ["no word"])[-1][-200:]


class Envoy:
    """A running Envoy, and its numbers."""

    def __init__(self, binary: str, file: Path, contenders: list[Contender], people: int) -> None:
        write_config(file, contenders, people)
        admin = file.with_suffix(".admin")
        admin.unlink(missing_ok=True)
        command = [binary, *OPTIONS, "--admin-address-path", str(admin), "-c", str(file)]
        # Its log lines are formatted and written, to a place that takes them without delay.
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 300
        while not self._ready(admin):
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise SystemExit("bench: Envoy did not come up")
            time.sleep(0.1)
        found = json.loads(self.get("/listeners?format=json"))["listener_statuses"]
        addresses = {one["name"]: one["local_address"] for one in found}
        for contender in contenders:
            contender.port = addresses[contender.name]["socket_address"]["port_value"]
        self._worker = self._find_worker()

    def _ready(self, admin: Path) -> bool:
        if not admin.exists() or not admin.read_text():
            return False
        self._admin = admin.read_text().strip()
        try:
            return "LIVE" in self.get("/ready")
        except OSError:
            return False

    def get(self, path: str) -> str:
        """In: a path of the admin port. Out: the answer's body."""
        with urlopen(f"http://{self._admin}{path}", timeout=10) as answer:
            return answer.read().decode()

    def _find_worker(self) -> Path:
        for task in Path(f"/proc/{self._process.pid}/task").iterdir():
            if (task / "comm").read_text().startswith("wrk:worker"):
                return task / "schedstat"
        raise SystemExit("bench: Envoy has no worker thread")

    def worker_ns(self) -> int:
        """Out: the processor time that the worker has used, in nanoseconds."""
        return int(self._worker.read_text().split()[0])

    def memory_kb(self) -> int:
        """Out: the resident memory of the process, in kB."""
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return 0

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait(30)
