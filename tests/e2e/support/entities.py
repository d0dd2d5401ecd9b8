"""What a configuration of APISIX or Kong is made of, each part with the name that its definition has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from demo.pack import mappings

from .resources import Definitions

# What APISIX takes in the configuration of every plugin (apisix/plugin.lua).
COMMON = "_meta"
# The lists of a Kong consumer that are entities of their own.
CREDENTIALS = ("acls", "jwt_secrets", "keyauth_credentials", "basicauth_credentials")


def errors(definitions: Definitions, host: str, document: Any) -> list[str]:
    """In: the definitions of `apisix` or `kong`, which of them, a document of it. Out: each field that does not fit."""
    parts = _of_apisix(definitions, document) if host == "apisix" else _of_kong(document)
    return [error for name, value in parts for error in definitions.misfits(name, value, name)]


def _of_apisix(definitions: Definitions, document: Any) -> Iterator[tuple[str, Any]]:
    for section, name in (("routes", "route"), ("upstreams", "upstream"), ("consumers", "consumer")):
        for entity in document.get(section, []) if isinstance(document, dict) else []:
            yield name, entity
    for node in mappings(document):
        if "uri" in node and "plugins" in node and "routes" not in node:
            yield "route", node
        if isinstance(node.get("upstream"), dict) and "nodes" in node["upstream"]:
            yield "upstream", node["upstream"]
        plugins = node.get("plugins")
        for name, settings in plugins.items() if isinstance(plugins, dict) else ():
            of_consumer = f"{name} of a consumer"
            known = "username" in node and of_consumer in definitions.kinds
            yield from _plugin(of_consumer if known else name, settings)


def _plugin(name: str, settings: Any) -> Iterator[tuple[str, Any]]:
    yield name, {member: value for member, value in settings.items() if member != COMMON}
    if name == "multi-auth":
        for one in settings["auth_plugins"]:
            for inner, inner_settings in one.items():
                yield from _plugin(inner, inner_settings)
    if name == "workflow":
        for rule in settings["rules"]:
            for action, action_settings in rule["actions"]:
                # `return` is an action and no plugin.
                if action != "return":
                    yield from _plugin(action, action_settings)


def _of_kong(document: Any) -> Iterator[tuple[str, Any]]:
    for node in mappings(document):
        for name in ("consumer", "service", "route", "filter_chain", "filter"):
            entities = node.get(f"{name}s")
            yield from ((name, entity) for entity in entities or [] if isinstance(entity, dict))
        for name in CREDENTIALS:
            yield from ((name, entity) for entity in node.get(name, []))
        plugins = node.get("plugins")
        for plugin in plugins if isinstance(plugins, list) else ():
            yield "plugin", plugin
            yield f"config of {plugin['name']}", plugin.get("config", {})
