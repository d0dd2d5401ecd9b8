"""The packs say what their hosts understand, and all of them say the same to the gate."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from demo.pack import ROOT, Pack, mappings
from support import plugins
from support.resources import Definitions, resources
from support.world import CHAT, Gate, Reach, World

PACKS = {
    "istio": Definitions("istio-fields.json"),
    "envoy-gateway": Definitions("envoy-gateway-fields.json"),
}
# Kinds of Kubernetes itself: nobody has to look their fields up.
PLAIN = {"Deployment", "Service", "NetworkPolicy"}
SCHEMA = json.loads((ROOT / "docs" / "plugin.schema.json").read_text(encoding="utf-8"))
GOOD: dict[str, Any] = {
    "api_keys": {"keys": [{"id": "a", "key": {"env": "A_KEY"}}]},
    "jwt": [{"name": "j", "algorithms": ["HS256"], "secrets": [{"env": "A_SECRET"}]}],
    "upstream": {"identity_headers": {"subject": "X-User"}},
    "host": {"name": "envoy"},
}


def read(path: str) -> Any:
    """In: a file of the tree. Out: its only document."""
    (document,) = plugins.documents(ROOT / path)
    return document


def gate_in(path: str) -> dict[str, Any]:
    """In: a file of the tree. Out: the configuration of the gate in it, of which there is one."""
    nodes = [node for document in plugins.documents(ROOT / path) for node in mappings(document)]
    found = [configuration for node in nodes for configuration in plugins.configured(node)]
    (one,) = [json.loads(text) if isinstance(text, str) else text for text in found]
    return one


def changed(path: list[str | int], value: Any) -> dict[str, Any]:
    """In: a path into GOOD and what to put there; None takes it out. Out: GOOD with that."""
    document = copy.deepcopy(GOOD)
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


def accepts(document: Any) -> bool:
    """Whether the schema takes the document."""
    return jsonschema.Draft4Validator(SCHEMA).is_valid(document)


# The schema


def test_the_schema_is_a_draft_4_schema() -> None:
    jsonschema.Draft4Validator.check_schema(SCHEMA)
    assert read("kong/ollama_gate.meta.json") == {"config_schema": SCHEMA}


@pytest.mark.parametrize(("where", "text"), list(plugins.plugins()), ids=lambda value: value if "#" in value else "")
def test_the_schema_takes_every_configuration_in_the_tree(where: str, text: str) -> None:
    jsonschema.validate(json.loads(text), SCHEMA, jsonschema.Draft4Validator)


def test_the_schema_takes_what_the_other_tests_use(world: World) -> None:
    jsonschema.validate(world.keys.plugin(), SCHEMA, jsonschema.Draft4Validator)
    assert accepts(GOOD)


EMPTY = [
    changed(["jwt"], {}),
    changed(["jwt"], []),
    changed(["upstream"], []),
    changed(["upstream", "identity_headers"], []),
    changed(["log"], []),
    changed(["public"], {}),
    changed(["api_keys", "keys", 0, "scopes"], {}),
    changed(["api_keys", "keys"], {}),
]


@pytest.mark.parametrize("document", EMPTY, ids=json.dumps)
def test_an_empty_list_may_come_as_an_empty_object_and_the_other_way_round(world: World, document: Any) -> None:
    assert accepts(document)
    accepted, output = plugins.parse(world, json.dumps(document))
    assert accepted, output


MISTAKES = {
    "an unknown section": changed(["api_key"], {"keys": []}),
    "a section of a later version": changed(["login"], {}),
    "an unknown member of a key": changed(["api_keys", "keys", 0, "expire_at"], "2027-01-31T00:00:00Z"),
    "neither a key nor its digest": changed(["api_keys", "keys", 0, "key"], None),
    "a key and its digest": changed(["api_keys", "keys", 0, "sha256"], "0" * 64),
    "a digest that is too short": changed(["api_keys", "keys", 0], {"id": "a", "sha256": "0" * 63}),
    "a key without an id": changed(["api_keys", "keys", 0, "id"], None),
    "keys that are no list": changed(["api_keys", "keys"], {"id": "a", "key": "sk-0123456789abcdef"}),
    "a scope that there is not": changed(["api_keys", "keys", 0, "scopes"], ["admin"]),
    "a text for a list": changed(["jwt", 0, "audiences"], "ollama"),
    "an empty list of audiences": changed(["jwt", 0, "audiences"], []),
    "an empty list of audiences, as Kong has it": changed(["jwt", 0, "audiences"], {}),
    "another algorithm": changed(["jwt", 0, "algorithms"], ["none"]),
    "no secret": changed(["jwt", 0, "secrets"], []),
    "a variable that is none": changed(["jwt", 0, "secrets", 0], {"env": "not a name"}),
    "a secret with an unknown member": changed(["jwt", 0, "secrets", 0], {"env": "A", "default": "b"}),
    "a text for a boolean": changed(["jwt", 0, "require_expiry"], "yes"),
    "a number for a duration": changed(["jwt", 0, "leeway"], 30),
    "a scope that cannot be public": changed(["public"], ["read"]),
    "a path that ends in a slash": changed(["path_prefix"], "/ollama/"),
    "a host with a scheme": changed(["upstream", "host"], "http://localhost"),
    "a gateway that there is not": changed(["host", "name"], "nginx"),
    "a host section without a name": changed(["host"], {}),
    "no credential section": {"host": {"name": "envoy"}},
    "null in a list": changed(["public"], [None]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_schema_and_the_gate_refuse_the_same_mistakes(world: World, mistake: str) -> None:
    assert not accepts(MISTAKES[mistake])
    accepted, output = plugins.parse(world, json.dumps(MISTAKES[mistake]))
    assert not accepted
    assert "ollama-gate: configuration" in output


def test_the_schema_stays_clear_of_a_mistake_in_kongs_validator() -> None:
    # lua-resty-ljsonschema 1.2.0, which Kong 3.9 has, stops with an error at a keyword for strings beside
    # `properties` when the value is an object.
    strings = {"minLength", "maxLength", "pattern", "format"}
    assert not [node for node in mappings(SCHEMA) if "properties" in node and strings.intersection(node)]
    # And it does not know what came after draft 4.
    assert not [node for node in mappings(SCHEMA) if {"const", "if", "$id", "examples"}.intersection(node)]


# All hosts


FIRST = (
    "envoy/envoy.yaml",
    "envoy/struct.yaml",
    "apisix/apisix.yaml",
    "apisix/route.json",
    "kong/kong.yaml",
    "kong/filter-chain.json",
    "istio/wasm-plugin.yaml",
    "istio/traffic-extension.yaml",
    "envoy-gateway/gate.yaml",
)


@pytest.mark.parametrize("path", FIRST)
def test_every_pack_starts_with_the_same_gate(path: str) -> None:
    gate = gate_in(path)
    assert gate["api_keys"]["keys"][0] in (
        {"id": "first", "key": {"env": "OLLAMA_GATE_KEY"}},
        {"id": "first", "key": "$env://OLLAMA_GATE_KEY"},
    )
    assert gate["public"] == ["health"]
    # In a cluster the only name is the operator's own, on a machine it is that machine's.
    in_cluster = path.startswith(("istio/", "envoy-gateway/"))
    assert ("ollama.example.com" in gate["hosts"], "localhost" in gate["hosts"]) == (in_cluster, not in_cluster)
    # Kong sets Host by itself and would not hear of another.
    assert gate.get("upstream") == (None if path.startswith("kong/") else {"host": "localhost:11434"})
    named = path.partition("/")[0]
    held = {"hold_head": True, "body_limit": "64MiB"} if named == "envoy" else {}
    assert gate["host"] == {"name": "envoy" if named == "envoy-gateway" else named, **held}


# Envoy with a Struct


def test_the_struct_pack_is_the_static_pack_with_the_same_configuration() -> None:
    static, struct = Pack("envoy/envoy.yaml"), Pack("envoy/struct.yaml")
    assert gate_in("envoy/struct.yaml") == json.loads(static.plugins()[0])
    for pack in (static, struct):
        for config in pack.filters():
            del config["configuration"]
    assert struct.document == static.document


def struct_pack(world: World, plugin: dict[str, Any]) -> Pack:
    """In: a configuration of the gate. Out: the Struct pack with it, fitted to the world."""
    pack = world.pack("envoy/struct.yaml", plugin=plugin)
    # `fit_filters` writes JSON text; here it is to stay a Struct.
    for config in pack.filters():
        config["configuration"] = {"@type": "type.googleapis.com/google.protobuf.Struct", "value": plugin}
    return pack


@pytest.fixture(scope="module")
def struct(world: World) -> Gate:
    """A gate whose configuration is a Struct."""
    return world.start("struct", struct_pack(world, world.keys.plugin()))


def test_a_configuration_as_struct_gives_the_same_decisions_as_json(gate: Gate, struct: Gate, world: World) -> None:
    keys = world.keys
    credentials = {
        name: getattr(keys, name)
        for name in ("inference", "read", "manage", "expired", "future", "from_env", "powerless", "unknown")
    }
    credentials.update(jwt=keys.jwt, expired_jwt=keys.expired_jwt, forged_jwt=keys.forged_jwt, nothing=None)
    requests = (
        ("GET", "/", None),
        ("GET", "/api/tags", None),
        ("GET", "/v1/models", None),
        ("POST", "/api/chat", CHAT),
        ("POST", "/v1/messages", CHAT),
        ("POST", "/api/pull", b'{"model": "llama3.2"}'),
        ("GET", "/api/unknown", None),
        ("GET", "/api/../api/tags", None),
    )
    seen = set()
    for name, credential in credentials.items():
        for method, path, body in requests:
            pair = [host.send(method, path, credential, body=body) for host in (gate, struct)]
            verdicts = [(answer.status, answer.code, answer.headers.get("content-type")) for answer in pair]
            assert verdicts[0] == verdicts[1], (name, method, path)
            seen.add(verdicts[0][:2])
    assert len(seen) >= 8, "the requests are to bring about many kinds of decision"


def test_secrets_of_the_environment_work_in_a_struct(struct: Gate, world: World) -> None:
    with Reach(world.standin, struct) as reach:
        assert struct.get("/api/tags", key=world.keys.from_env).status == 200
        assert struct.get("/api/tags", key=world.keys.jwt).status == 200
        assert reach.targets() == ["GET /api/tags"] * 2


def test_a_struct_with_a_mistake_is_refused_with_its_path(world: World) -> None:
    plugin = world.keys.plugin()
    plugin["jwt"][0]["audiences"] = "ollama"
    path = world.folder / "broken-struct.yaml"
    struct_pack(world, plugin).write(path)
    accepted, output = plugins.validate(world.binary, path, world.keys.environment())
    assert not accepted
    assert "jwt[0].audiences: expected a non-empty list of strings, found `ollama`" in output


# A name of one's own on the listener, as Istio and Envoy Gateway would have it


def test_a_listener_with_a_name_of_its_own_works_if_the_gate_keeps_that_name(world: World) -> None:
    plugin = {**world.keys.plugin(), "upstream": {"host": "gate.example.com"}}
    pack = world.pack(plugin=plugin)
    for node in mappings(pack.document):
        if node.get("domains") == ["*"]:
            node["domains"] = ["gate.example.com"]
        if node.get("cluster") == "ollama":
            node["host_rewrite_literal"] = "localhost:11434"
    named = world.start("named", pack)
    # The canary of `Reach` comes under the same name.
    with Reach(world.standin, named) as reach:
        assert named.get("/api/tags", key=world.keys.read).status == 200
        assert named.get("/api/tags").status == 401
        (request,) = reach.requests()
    hosts = [value for name, value in request["headers"] if name.lower() == "host"]
    assert hosts == ["localhost:11434"]


# Istio, Envoy Gateway


@pytest.mark.parametrize("pack", PACKS)
def test_the_resources_have_only_fields_that_their_definitions_have(pack: str) -> None:
    definitions = PACKS[pack]
    found = resources(ROOT / pack)
    assert {resource["kind"] for resource in found if not definitions.knows(resource)} <= PLAIN
    known = [resource for resource in found if definitions.knows(resource)]
    assert known
    assert [error for resource in known for error in definitions.errors(resource)] == []


def test_a_wrong_field_or_word_in_a_resource_is_found() -> None:
    (plugin,) = [one for one in resources(ROOT / "istio") if one["kind"] == "WasmPlugin"]
    for path, value in (
        (["failStrategy"], "FAIL_CLOSED"),
        (["phase"], "AUTHENTICATION"),
        (["plugin_config"], {}),
        (["vmConfig", "env", 0, "valueFrom"], "SECRET"),
        (["vmConfig", "env", 0], {"valueFrom": "HOST"}),
        (["selector"], {"matchLabels": {"istio": 1}}),
    ):
        broken = copy.deepcopy(plugin)
        place = broken["spec"]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        assert len(PACKS["istio"].errors(broken)) == 1, path


def test_every_definition_names_its_source() -> None:
    for definitions in PACKS.values():
        for kind, definition in definitions.kinds.items():
            source = definition["source"]
            assert len(source["commit"]) == 40 and source["repository"] and source["file"], kind


def test_istios_two_forms_say_the_same() -> None:
    old, new = read("istio/wasm-plugin.yaml")["spec"], read("istio/traffic-extension.yaml")["spec"]
    wasm = new.pop("wasm")
    assert old == {**new, **wasm}
    assert old["phase"] == "AUTHN" and old["failStrategy"] == "FAIL_CLOSE"


def test_istios_edge_has_the_values_of_envoys() -> None:
    patch, _ = read("istio/envoy-filter.yaml")["spec"]["configPatches"]
    edge = patch["patch"]["value"]["typed_config"]
    (manager,) = [node for node in mappings(Pack("envoy/envoy.yaml").document) if node.get("@type") == edge["@type"]]
    for name, value in edge.items():
        if name != "stream_idle_timeout":
            assert value == manager[name], name
    routes = [node["route"] for node in mappings(manager) if "cluster" in node.get("route", {})]
    assert {edge["stream_idle_timeout"]} == {route["idle_timeout"] for route in routes}
    # What is left out there: what Istio sets by itself, what stands in other resources, and HTTP/1.0, which is
    # off unless somebody switches it on.
    left_out = {"stat_prefix", "codec_type", "upgrade_configs", "http_filters", "route_config", "http_protocol_options"}
    assert set(manager) - set(edge) == left_out


def test_the_gate_and_what_belongs_to_it_meet_at_the_same_gateway() -> None:
    label = {"istio": "ollama-gateway"}
    by_kind: dict[str, Any] = {resource["kind"]: resource["spec"] for resource in resources(ROOT / "istio")}
    pod = by_kind["Deployment"]["template"]
    assert label.items() <= pod["metadata"]["labels"].items()
    assert by_kind["WasmPlugin"]["selector"] == {"matchLabels": label}
    assert by_kind["TrafficExtension"]["selector"] == {"matchLabels": label}
    assert by_kind["EnvoyFilter"]["workloadSelector"] == {"labels": label}
    assert by_kind["Service"]["selector"] == by_kind["Gateway"]["selector"] == label
    given = {entry["name"] for entry in pod["spec"]["containers"][0]["env"]}
    assert {entry["name"] for entry in by_kind["WasmPlugin"]["vmConfig"]["env"]} <= given
    by_kind = {resource["kind"]: resource["spec"] for resource in resources(ROOT / "envoy-gateway")}
    target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "ollama"}
    assert by_kind["EnvoyExtensionPolicy"]["targetRefs"] == by_kind["ClientTrafficPolicy"]["targetRefs"] == [target]
    (wasm,) = by_kind["EnvoyExtensionPolicy"]["wasm"]
    assert wasm["failOpen"] is False
    container = by_kind["EnvoyProxy"]["provider"]["kubernetes"]["envoyDeployment"]["container"]
    assert set(wasm["env"]["hostKeys"]) <= {entry["name"] for entry in container["env"]}


@pytest.mark.parametrize("path", [*FIRST, "envoy/tls.yaml", "envoy/watched/gate.yaml"])
def test_the_gateway_hands_on_every_variable_that_the_gate_asks_for(path: str) -> None:
    wanted = {node["env"] for node in mappings(gate_in(path)) if isinstance(node.get("env"), str)}
    nodes = [node for document in plugins.documents(ROOT / path) for node in mappings(document)]
    given = {name for node in nodes for key in ("host_env_keys", "hostKeys") for name in node.get(key, [])}
    given |= {node["name"] for node in nodes if node.get("valueFrom") == "HOST"}
    if path.startswith("kong/"):
        given = {read("kong/docker-compose.yaml")["services"]["kong"]["environment"]["KONG_NGINX_MAIN_ENV"]}
    assert wanted <= given


# Kong


def kong_conf() -> dict[str, str]:
    """Out: the settings of kong.conf."""
    lines = (ROOT / "kong" / "kong.conf").read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name.strip(): value.strip() for name, _, value in pairs}


def test_kong_finds_the_filter_under_the_name_that_its_chain_uses() -> None:
    kong = read("kong/docker-compose.yaml")["services"]["kong"]
    environment = kong["environment"]
    mounts = dict(reversed(volume.split(":")[:2]) for volume in kong["volumes"])
    folder, name = environment["KONG_WASM_FILTERS_PATH"], environment["KONG_WASM_FILTERS"]
    assert mounts[f"{folder}/{name}.wasm"] == "../dist/ollama_gate.wasm"
    assert mounts[f"{folder}/{name}.meta.json"] == f"./{name}.meta.json"
    assert mounts[environment["KONG_DECLARATIVE_CONFIG"]] == "./kong.yaml"
    assert all((ROOT / "kong" / source).exists() for source in mounts.values() if "dist/" not in source)
    (service,) = read("kong/kong.yaml")["services"]
    (chain,) = service["filter_chains"]
    assert [entry["name"] for entry in chain["filters"]] == [name]
    # On the service: no route to Ollama is without it.
    assert not any("filter_chains" in route for route in service["routes"])


def test_kongs_two_files_and_two_forms_of_settings_say_the_same() -> None:
    (chain,) = read("kong/kong.yaml")["services"][0]["filter_chains"]
    other = read("kong/filter-chain.json")
    assert other.pop("service") == {"name": "ollama"}
    assert {"name": "ollama-gate", **other} == chain  # the chain; its filter is `ollama_gate`
    environment = read("kong/docker-compose.yaml")["services"]["kong"]["environment"]
    settings = kong_conf()
    assert settings.pop("wasm_filters_path").endswith("/filters")
    assert settings == {name: environment[f"KONG_{name.upper()}"] for name in settings}


def test_a_list_that_kong_turns_into_an_object_changes_nothing(world: World) -> None:
    gate = {**gate_in("kong/kong.yaml"), "jwt": {}, "upstream": []}
    assert accepts(gate)
    accepted, output = plugins.parse(world, json.dumps(gate))
    assert accepted, output


# The files themselves


def test_no_pack_names_a_file_that_is_not_there() -> None:
    for folder in ("kong", "istio", "envoy-gateway", "apisix", "envoy"):
        for path in Path(ROOT, folder).glob("*.md"):
            for line in path.read_text(encoding="utf-8").splitlines():
                for target in (part.partition(")")[0] for part in line.split("](")[1:]):
                    if not target.startswith(("http", "#")):
                        assert (path.parent / target.partition("#")[0]).exists(), f"{path}: {target}"


def test_yaml_files_of_the_packs_have_no_key_twice() -> None:
    class Strict(yaml.SafeLoader):
        """As the safe loader, but a key that stands twice is an error."""

    def mapping(loader: Strict, node: yaml.MappingNode) -> dict[str, Any]:
        names = [loader.construct_object(key) for key, _ in node.value]
        assert len(names) == len(set(names)), f"line {node.start_mark.line + 1}: a key stands twice"
        return yaml.SafeLoader.construct_mapping(loader, node, deep=True)

    Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    for folder in ("envoy", "apisix", "kong", "istio", "envoy-gateway"):
        for path in sorted(Path(ROOT, folder).rglob("*.yaml")):
            list(yaml.load_all(path.read_text(encoding="utf-8"), Strict))
