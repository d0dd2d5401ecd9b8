"""What Envoy answers by itself behind the pack: in the dialect of the path, and never as a success."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from demo.pack import ROOT, Pack, mappings
from support.ports import port_to_keep
from support.resources import resources
from support.world import CHAT, Gate, Reach, StandIn, World

GRPC = ("application/grpc", "application/grpc+proto", "application/grpc+json")
LUA = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"


def without(pack: Pack) -> dict[str, Any]:
    """In: the static pack. Takes the answers of Envoy's own out of it. Out: its connection manager."""
    (manager,) = [node for node in mappings(pack.document) if "local_reply_config" in node]
    del manager["local_reply_config"]
    manager["http_filters"] = [one for one in manager["http_filters"] if one["name"] != "plain-status"]
    for host in manager["route_config"]["virtual_hosts"]:
        host["routes"] = [route for route in host["routes"] if "typed_per_filter_config" not in route]
    return manager


def istio(pack: Pack) -> None:
    """In: the static pack. Gives it what the resources for Istio have, where Istio puts it."""
    manager = without(pack)
    (edge,) = [one for one in resources(ROOT / "istio") if one["kind"] == "EnvoyFilter"]
    merged, plain = edge["spec"]["configPatches"]
    manager["local_reply_config"] = merged["patch"]["value"]["typed_config"]["local_reply_config"]
    assert (plain["applyTo"], plain["patch"]["operation"]) == ("HTTP_FILTER", "INSERT_BEFORE")
    before = plain["match"]["listener"]["filterChain"]["filter"]["subFilter"]["name"]
    place = [one["name"] for one in manager["http_filters"]].index(before)
    manager["http_filters"].insert(place, plain["patch"]["value"])


def envoy_gateway(pack: Pack) -> None:
    """In: the static pack. Gives it what the resources for Envoy Gateway have, where Envoy Gateway puts it."""
    manager = without(pack)
    by_kind = {one["kind"]: one["spec"] for one in resources(ROOT / "envoy-gateway")}
    (patch,) = by_kind["EnvoyPatchPolicy"]["jsonPatches"]
    assert patch["operation"]["path"] == "/filter_chains/0/filters/0/typed_config/local_reply_config"
    manager["local_reply_config"] = patch["operation"]["value"]
    (lua,) = by_kind["EnvoyExtensionPolicy"]["lua"]
    code = {"@type": LUA, "default_source_code": {"inline_string": lua["inline"]}}
    # Lua stands before wasm there.
    manager["http_filters"].insert(0, {"name": "lua", "typed_config": code})


EDGES = {"envoy": lambda pack: None, "istio": istio, "envoy-gateway": envoy_gateway}


def edge(world: World, name: str) -> Pack:
    """In: a gateway of Envoy's. Out: the static pack with that gateway's answers of its own."""
    pack = world.pack()
    EDGES[name](pack)
    return pack


@pytest.fixture(scope="module", params=EDGES)
def down(request: pytest.FixtureRequest, world: World) -> Gate:
    """A gate before an Ollama that does not run."""
    pack = edge(world, request.param)
    pack.upstream("127.0.0.1", port_to_keep())
    return world.start(f"down-{request.param}", pack)


@pytest.fixture(scope="module", params=EDGES)
def gate(request: pytest.FixtureRequest, world: World) -> Gate:
    """A gate before an Ollama that runs."""
    return world.start(f"replies-{request.param}", edge(world, request.param))


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize("content_type", ["application/json", *GRPC])
def test_an_ollama_that_is_down_is_told_in_the_dialect_of_the_path(down: Gate, path: str, content_type: str) -> None:
    answer = down.post(path, key=down.keys.inference, headers=[("Content-Type", content_type)])
    assert (answer.status, answer.headers["content-type"]) == (503, "application/json")
    assert (answer.code, answer.headers["retry-after"]) == ("upstream_unavailable", "5")
    body = answer.json()
    error = body["error"]
    message = error if path.startswith("/api/") else error["message"]
    assert message.startswith("the gateway got no answer from Ollama (UF)")
    assert path.startswith("/api/") or error["type"] == "api_error"
    assert (body.get("type") == "error" and bool(body["request_id"])) == (path == "/v1/messages")


def test_a_refusal_before_an_ollama_that_is_down_is_the_gates_own(down: Gate) -> None:
    assert down.post("/api/chat").code == "missing_credential"


@pytest.mark.parametrize("content_type", GRPC)
def test_a_refusal_keeps_its_status_and_body_whatever_the_request_calls_its_content(
    gate: Gate, standin: StandIn, content_type: str
) -> None:
    keys = gate.keys
    with Reach(standin, gate) as reach:
        for path, key, status, code in (
            ("/api/chat", None, 401, "missing_credential"),
            ("/v1/chat/completions", keys.expired, 401, "expired_key"),
            ("/v1/messages", keys.read, 403, "scope_denied"),
            ("/api/nothing", keys.inference, 404, "unknown_route"),
            ("/api/tags", keys.inference, 405, "method_not_allowed"),
        ):
            plain = gate.post(path, key)
            answer = gate.post(path, key, headers=[("Content-Type", content_type)])
            assert (answer.status, answer.code) == (status, code), path
            assert answer.headers["content-type"] == "application/json"
            bodies = [one.json() for one in (plain, answer)]
            for body in bodies:
                body.pop("request_id", None)
            assert bodies[0] == bodies[1], path
            assert not {"grpc-status", "grpc-message", "x-ollama-gate-status"} & set(answer.headers), path
        assert reach.targets() == []


def test_the_same_holds_over_http2_and_what_is_allowed_goes_on(gate: Gate, standin: StandIn) -> None:
    headers = {"Content-Type": "application/grpc"}
    with httpx.Client(base_url=gate.url, http1=False, http2=True, timeout=60) as client, Reach(standin, gate) as reach:
        refused = client.post("/api/chat", headers=headers, content=CHAT)
        assert (refused.status_code, refused.json()["code"]) == (401, "missing_credential")
        good = {**headers, "Authorization": f"Bearer {gate.keys.inference}"}
        allowed = client.post("/api/chat", headers=good, content=CHAT)
        assert allowed.status_code == 200 and allowed.json()["message"]
        assert reach.targets() == ["POST /api/chat"]
