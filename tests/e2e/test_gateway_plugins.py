"""The pages for those who come from APISIX's and Kong's own plugins, and the recipes: their blocks are true.

What the gate decides in the examples is decided by the native tests, which read the pages' tables.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from demo.pack import ROOT
from support import entities, plugins
from support.resources import Definitions
from support.world import World

HOSTS = ("apisix", "kong")
DEFINITIONS = {host: Definitions(f"{host}-fields.json") for host in HOSTS}
FOLDERS = ("migration", "recipes", "hosts")
PAGES = [(host, ROOT / "docs" / folder / f"{host}.md") for host in HOSTS for folder in FOLDERS]
# Those with whole configurations of the gateway; a page in hosts/ has pieces.
WHOLE = [(host, path) for host, path in PAGES if path.parent.name != "hosts"]
SCHEMA = json.loads((ROOT / "docs" / "plugin.schema.json").read_text(encoding="utf-8"))


def name(value: Any) -> str:
    """In: a parameter. Out: how a failing test names it."""
    return str(value.relative_to(ROOT)) if isinstance(value, Path) else str(value)


def errors(host: str, documents: list[Any]) -> list[str]:
    """In: documents of a gateway. Out: each field in them that its definitions do not have."""
    return [error for one in documents for error in entities.errors(DEFINITIONS[host], host, one)]


@pytest.mark.parametrize(("host", "path"), PAGES, ids=name)
def test_the_blocks_of_a_page_have_only_fields_that_the_gateway_knows(host: str, path: Path) -> None:
    assert errors(host, plugins.fenced_documents(path)) == []


@pytest.mark.parametrize("host", HOSTS)
def test_the_pack_has_only_fields_that_the_gateway_knows(host: str) -> None:
    files = [path for path in sorted((ROOT / host).iterdir()) if path.suffix in (".yaml", ".json")]
    routes = [path for path in files if path.stem in ("apisix", "route", "kong", "guard")]
    assert routes
    assert errors(host, [document for path in routes for document in plugins.documents(path)]) == []


@pytest.mark.parametrize(("host", "path"), WHOLE, ids=name)
def test_every_configuration_of_the_gate_on_a_page_is_looked_at(host: str, path: Path) -> None:
    places = [where for where, _ in plugins.plugins() if where.startswith(name(path) + "#")]
    text = path.read_text(encoding="utf-8")
    written = text.count("      ollama-gate:\n") if host == "apisix" else text.count("filter_chains:\n")
    assert len(places) == written >= 2


def every_configuration(path: Path) -> list[str]:
    """In: a page. Out: the gate's configurations in its YAML."""
    return [text for document in plugins.fenced_documents(path) for _, text in plugins.within(document)]


def broken(path: Path, old: str, new: str) -> list[Any]:
    """In: a page, and what to put in the place of what. Out: the documents of its YAML with that."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    blocks = plugins.fenced(text.replace(old, new), "yaml")
    return [document for block in blocks for document in yaml.safe_load_all(block)]


@pytest.mark.parametrize(
    ("host", "folder", "old", "new"),
    [
        ("apisix", "migration", "whitelist: [", "allowlist: ["),
        ("apisix", "migration", "hide_credentials: true", "hide_credential: true"),
        ("apisix", "migration", "bearer_only: true", 'bearer_only: "yes"'),
        ("apisix", "migration", "algorithm: HS256", "algorithm: HS257"),
        ("apisix", "migration", "upstream_id: ollama", "upstreams_id: ollama"),
        ("apisix", "migration", "required: true", "require: true"),
        ("apisix", "recipes", "key_type: var\n", "key_kind: var\n"),
        ("apisix", "recipes", "{ count: 20, ", "{ counts: 20, "),
        ("apisix", "recipes", "concat_method: new_line", "concat_method: lines"),
        ("apisix", "recipes", "phase: rewrite", "phase: rewriting"),
        ("kong", "migration", "keyauth_credentials:\n", "key_auth_credentials:\n"),
        ("kong", "migration", "claims_to_verify: [exp, nbf]", "claims_to_verify: [exp, iat]"),
        ("kong", "migration", "maximum_expiration: 86400", "max_expiration: 86400"),
        ("kong", "migration", "strip_path: false", "strip_paths: false"),
        ("kong", "recipes", "limit_by: consumer", "limit_by: caller"),
        ("kong", "recipes", "custom_fields_by_lua:", "custom_fields:"),
        ("kong", "recipes", "key_in_query: false", "key_in_query: 0"),
    ],
)
def test_a_wrong_field_in_a_block_is_found(host: str, folder: str, old: str, new: str) -> None:
    assert errors(host, broken(ROOT / "docs" / folder / f"{host}.md", old, new))


@pytest.mark.parametrize("host", HOSTS)
def test_a_mistake_in_the_gates_part_of_a_block_is_found(world: World, host: str) -> None:
    path = ROOT / "docs" / "migration" / f"{host}.md"
    right = json.loads(every_configuration(path)[0])
    for section, old, new in (("network", "allow", "whitelist"), ("api_keys", "keys", "key_names")):
        wrong = copy.deepcopy(right)
        wrong[section][new] = wrong[section].pop(old)
        assert not jsonschema.Draft4Validator(SCHEMA).is_valid(wrong)
        accepted, output = plugins.parse(world, json.dumps(wrong))
        assert not accepted
        assert f"{section}.{new}: unknown field" in output


def test_every_definition_names_its_source() -> None:
    for definitions in DEFINITIONS.values():
        for kind, definition in definitions.kinds.items():
            source = definition["source"]
            assert len(source["commit"]) == 40 and source["repository"] and source["file"], kind


# Istio


def test_istios_filters_are_those_of_envoys_page() -> None:
    (resource,) = plugins.fenced_documents(ROOT / "docs/recipes/istio.md")
    assert Definitions("istio-fields.json").errors(resource) == []
    limit, route, log = [patch["patch"]["value"] for patch in resource["spec"]["configPatches"]]
    text = (ROOT / "docs/hosts/envoy.md").read_text(encoding="utf-8")
    section = text.partition("## Who calls, for the rest of Envoy\n")[2].partition("\n## ")[0]
    access, _, limits, rates = (yaml.safe_load(block) for block in plugins.fenced(section, "yaml"))
    assert [limit] == limits
    assert route == {"route": rates}
    assert log["typed_config"]["access_log"] == access["access_log"]
