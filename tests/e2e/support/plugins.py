"""Finds every configuration of the gate in the tree, and puts each through the gate's own parser."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from demo import credentials
from demo.envoy import validate
from demo.pack import ROOT, WASM_TYPE, mappings

from .world import FULL, World

SKIPPED = {".git", ".venv", ".run", "target", "dist", "node_modules", "__pycache__", ".pytest_cache", ".ruff_cache"}
FENCE = re.compile(r"^```(json|yaml)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# A digest that nobody has a key for, as examples have it. The gate refuses it until it is replaced.
EXAMPLE = re.compile(r"\b0{32}[0-9a-f]{32}\b")
REFERENCE = re.compile(r"^\$env://(\w+)$")
# A fenced JSON with one of these is a whole configuration, not an answer or a piece.
SECTIONS = {"api_keys", "jwt", "login", "ollama_cli"}


def files(*suffixes: str) -> list[Path]:
    """In: suffixes with their dot. Out: the tree's files with them, in a stable order."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        # Not entered at all: a `target` holds more files than the rest of the tree.
        folders[:] = [name for name in folders if name not in SKIPPED]
        found += [Path(folder, name) for name in names if name.endswith(suffixes)]
    return sorted(found)


def documents(path: Path) -> list[Any]:
    """In: a YAML or JSON file. Out: what is in it; raises when it does not parse."""
    text = path.read_text(encoding="utf-8")
    return [json.loads(text)] if path.suffix == ".json" else list(yaml.safe_load_all(text))


def bootstraps() -> list[Path]:
    """Out: the files that are a whole configuration of Envoy."""
    return [
        path for path in files(".yaml", ".yml") if any("static_resources" in (doc or {}) for doc in documents(path))
    ]


def variables(path: Path) -> set[str]:
    """In: an Envoy file. Out: the variables its filters read."""
    nodes = [node for document in documents(path) for node in mappings(document)]
    return {name for node in nodes for name in node.get("host_env_keys", [])}


def configured(node: dict[str, Any]) -> Iterator[Any]:
    """In: any mapping. Out: the gate's configuration in it, in the form in which the host at hand has it."""
    if str(node.get("@type", "")).endswith(WASM_TYPE):
        yield node["config"]["configuration"]["value"]
    inner = node.get("ollama-gate")
    if isinstance(inner, dict) and "conf" in inner:  # APISIX
        yield inner["conf"]
    if node.get("pluginName") == "ollama-gate":  # Istio
        yield node["pluginConfig"]
    if node.get("name") in ("ollama-gate", "ollama_gate") and isinstance(node.get("config"), dict):
        # Kong, Envoy Gateway
        yield node["config"]


def fenced(text: str, language: str) -> list[str]:
    """In: Markdown, and `json` or `yaml`. Out: its fenced blocks of that language."""
    return [block for kind, block in FENCE.findall(text) if kind == language]


def fenced_documents(path: Path) -> list[Any]:
    """In: a page. Out: what is in its fenced YAML; raises when that does not parse."""
    blocks = fenced(path.read_text(encoding="utf-8"), "yaml")
    return [document for block in blocks for document in yaml.safe_load_all(block)]


def within(document: Any) -> Iterator[tuple[int, str]]:
    """In: a document. Out: each configuration of the gate in it, numbered, as the gate would get it."""
    for number, node in enumerate(mappings(document)):
        for found in configured(node):
            yield number, found if isinstance(found, str) else json.dumps(found)


def plugins() -> Iterator[tuple[str, str]]:
    """Out: each configuration of the gate in the tree: where it stands, and its text as the gate would get it."""
    for path in files(".yaml", ".yml", ".json"):
        name = str(path.relative_to(ROOT))
        for document in documents(path):
            for number, text in within(document):
                yield f"{name}#{number}", text
    for path in files(".md"):
        name = str(path.relative_to(ROOT))
        for number, block in enumerate(fenced(path.read_text(encoding="utf-8"), "json")):
            # Every fenced JSON has to parse, whether it is a configuration or an answer.
            value = json.loads(block)
            if isinstance(value, dict) and SECTIONS.intersection(value):
                yield f"{name}#{number}", block
        for place, document in enumerate(fenced_documents(path)):
            for number, text in within(document):
                yield f"{name}#yaml{place}.{number}", text


def with_digests(text: str) -> str:
    """In: a configuration. Out: the same with digests of fresh keys for those of the examples."""
    return EXAMPLE.sub(lambda _: hashlib.sha256(credentials.new_key().encode()).hexdigest(), text)


def resolved(text: str) -> tuple[str, set[str]]:
    """In: a configuration. Out: the same with `$env://` resolved as APISIX does it, and the `env` names it uses."""
    text = with_digests(text)
    # Read and written again only for another host: else the gate is to see what a person wrote.
    host = json.loads(text).get("host", {})
    elsewhere = host.get("name") in ("apisix", "kong")
    if "$env://" in text or elsewhere:

        def replace(node: Any) -> Any:
            if isinstance(node, dict):
                return {name: replace(child) for name, child in node.items()}
            if isinstance(node, list):
                return [replace(child) for child in node]
            return credentials.new_key() if isinstance(node, str) and REFERENCE.match(node) else node

        configuration = replace(json.loads(text))
        if elsewhere:
            # The gate finds out that it runs in Envoy here, and would rightly refuse to be told otherwise.
            configuration["host"] = {**host, "name": "envoy"}
        text = json.dumps(configuration)
    names = {node["env"] for node in mappings(json.loads(text)) if isinstance(node.get("env"), str)}
    return text, names


def parse(world: World, text: str) -> tuple[bool, str]:
    """In: the text of a configuration. Out: whether the gate takes it, and what it says.

    The one place that knows how to ask the gate: here, Envoy in its validation mode.
    """
    text, names = resolved(text)
    pack = world.pack(plugin=text)
    pack.module(FULL)
    pack.environment(sorted(names))
    path = world.folder / "parsed.yaml"
    pack.write(path)
    # An unset secret is an error of the machine, not of the file: every variable gets a fresh value.
    keys = [node["private_key"] for node in mappings(json.loads(text)) if isinstance(node.get("private_key"), dict)]
    fresh = {name: credentials.new_secret() for name in names}
    return validate(world.binary, path, {**fresh, **{key["env"]: signing_key() for key in keys}})


def signing_key() -> str:
    """Out: a fresh private key of P-256, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*form).decode()
