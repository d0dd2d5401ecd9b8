"""Envoy configurations: reads one of `envoy/`, changes what a run needs, writes it elsewhere.

Nothing here is a template: whatever the pack says and is not changed by a call stays as it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
WASM_TYPE = "envoy.extensions.filters.http.wasm.v3.Wasm"
STRING_TYPE = "type.googleapis.com/google.protobuf.StringValue"


def mappings(node: Any) -> Iterator[dict[str, Any]]:
    """In: any part of a document. Out: every mapping in it, outermost first."""
    if isinstance(node, dict):
        yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from mappings(child)


class Pack:
    """One YAML document of the pack: a bootstrap, or the filter's configuration in a file of its own."""

    def __init__(self, path: str | Path) -> None:
        self.document: Any = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))

    def filters(self) -> list[dict[str, Any]]:
        """Out: the wasm filters' `config` (a PluginConfig each)."""
        return [node["config"] for node in mappings(self.document) if str(node.get("@type", "")).endswith(WASM_TYPE)]

    def listen(self, port: int) -> None:
        """In: the port for every listener that has one, always on loopback; 0 lets Envoy choose."""
        for listener in self.document["static_resources"]["listeners"]:
            if "internal_listener" in listener:
                continue
            listener["address"] = _address("127.0.0.1", port)

    def admin(self) -> None:
        """Moves the admin interface to a free port of loopback; Envoy's `--admin-address-path` tells which."""
        self.document.setdefault("admin", {})["address"] = _address("127.0.0.1", 0)

    def upstream(self, host: str, port: int) -> None:
        """In: the IP address and port of Ollama."""
        for cluster in self.document["static_resources"]["clusters"]:
            if cluster["name"] != "ollama":
                continue
            endpoints = [{"endpoint": {"address": _address(host, port)}}]
            cluster["load_assignment"]["endpoints"] = [{"lb_endpoints": endpoints}]

    def plugin(self, configuration: str | dict[str, Any] | list[Any] | None) -> None:
        """In: the gate's configuration; text goes in as it is, so that broken JSON can be tried."""
        text = configuration if isinstance(configuration, str) else json.dumps(configuration, indent=2)
        for config in self.filters():
            config["configuration"] = {"@type": STRING_TYPE, "value": text}

    def plugins(self) -> list[str]:
        """Out: the gate's configuration of each wasm filter, as text."""
        return [config["configuration"]["value"] for config in self.filters()]

    def module(self, path: str | Path) -> None:
        """In: where the built module is."""
        for config in self.filters():
            config["vm_config"]["code"]["local"]["filename"] = str(path)

    def hold_heads(self, held: bool) -> None:
        """In: whether Envoy lets the filter hold a head."""
        for node in mappings(self.document):
            if "root_id" in node:
                node["allow_on_headers_stop_iteration"] = held

    def environment(self, names: list[str]) -> None:
        """In: the variables of Envoy's environment that the gate may see."""
        for config in self.filters():
            config["vm_config"]["environment_variables"] = {"host_env_keys": list(names)}

    def watch(self, path: Path) -> None:
        """In: the file that holds the filter's configuration; its folder is what Envoy watches."""
        for node in mappings(self.document):
            source = node.get("path_config_source")
            if source:
                source["path"] = str(path)
                source["watched_directory"]["path"] = str(path.parent)

    def write(self, path: Path) -> None:
        """In: where to. The file appears there at once and whole, as a person's `mv` would do it."""
        draft = path.with_name(f".{path.name}.new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            yaml.safe_dump(self.document, file, sort_keys=False)
        os.replace(draft, path)


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
