"""`share_identity`: the access log, RBAC and rate limits of Envoy know who calls."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import yaml
from demo.pack import ROOT, mappings
from support.world import CHAT, Gate, Reach, World, eventually


def page() -> tuple[Any, Any, Any, Any]:
    """Out: the YAML of docs/hosts/envoy.md about it: access log, rules, rate limit, and that of the virtual host."""
    text = (ROOT / "docs" / "hosts" / "envoy.md").read_text(encoding="utf-8")
    section = text.partition("## Who calls, for the rest of Envoy\n")[2].partition("\n## ")[0]
    access, rules, limit, route = (
        yaml.safe_load(block.partition("```")[0]) for block in section.split("```yaml\n")[1:]
    )
    return access, rules, limit, route


def start(
    world: World, name: str, filters: list[Any], virtual_host: dict[str, Any] | None = None, **changed: Any
) -> tuple[Gate, Path]:
    """In: filters behind the gate, what to add to its virtual host, sections to set. Out: the gate and its access log."""
    pack = world.pack(plugin={**world.keys.plugin(), "share_identity": True, **changed})
    connections = next(node for node in mappings(pack.document) if "http_filters" in node)
    log = world.folder / f"{name}-access.log"
    access = page()[0]
    # The page's log goes to the output; here it needs a file of its own.
    typed = access["access_log"][0]["typed_config"]
    typed["@type"] = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
    typed["path"] = str(log)
    connections.update(access)
    connections["http_filters"][1:1] = filters
    (virtual,) = connections["route_config"]["virtual_hosts"]
    virtual.update(virtual_host or {})
    return world.start(name, pack), log


def logged(log: Path, count: int) -> list[str]:
    """In: an access log and how many lines it has to have. Out: the lines. Envoy writes them by and by."""

    def lines() -> list[str]:
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []

    return eventually(lambda: len(lines()) >= count and lines(), what="the access log")


@pytest.fixture(scope="module")
def plain(world: World) -> tuple[Gate, Path]:
    """A gate that shares, with an access log and nothing else behind it."""
    return start(world, "share", [])


def test_the_access_log_names_whoever_proved_it_and_nobody_else(plain: tuple[Gate, Path]) -> None:
    gate, log = plain
    keys = gate.keys
    hostile = keys.token(sub='x" 200 -\r\nPOST 200 api_key root root manage \u00fc')
    written = "x%22%20200%20-%0D%0APOST%20200%20api_key%20root%20root%20manage%20%C3%BC"
    expected = [
        ("POST", "/api/chat", keys.inference, "POST 200 api_key inference-key alice inference"),
        ("GET", "/api/tags", keys.jwt, "GET 200 jwt issuer jwt-person read"),
        ("GET", "/api/tags", hostile, f"GET 200 jwt issuer {written} read"),
        ("POST", "/api/chat", keys.read, "POST 403 api_key read-key read-key inference"),
        ("GET", "/api/tags", keys.unknown, "GET 401 - - - read"),
        ("GET", "/api/tags", None, "GET 401 - - - read"),
        ("GET", "/api/version", keys.inference, "GET 200 - - - health"),
        ("GET", "/api//tags", keys.inference, "GET 200 api_key inference-key alice read"),
        ("GET", "/metrics", keys.inference, "GET 404 api_key inference-key alice -"),
        ("GET", "/api/tags", keys.token(sub="x" * 257), "GET 403 - - - read"),
    ]
    for method, path, key, _ in expected:
        gate.send(method, path, key=key, body=CHAT if method == "POST" else None)
    # Each worker writes its own, at the end of a request.
    assert sorted(logged(log, len(expected))) == sorted(line for *_, line in expected)


def test_the_next_request_of_a_connection_is_not_taken_for_the_one_before(plain: tuple[Gate, Path]) -> None:
    gate, log = plain
    gate.get("/api/blobs/mark", key=gate.keys.inference)
    mark = "GET 405 api_key inference-key alice -"
    eventually(lambda: log.exists() and log.read_text(encoding="utf-8").endswith(mark + "\n"), what="the mark")
    before = len(log.read_text(encoding="utf-8").splitlines())
    key = {"Authorization": f"Bearer {gate.keys.inference}"}
    connection = HTTPConnection("127.0.0.1", gate.port)
    for headers in (key, {}, key):
        for path in ("/api/version", "/api/tags"):
            connection.request("GET", path, headers=headers)
            connection.getresponse().read()
    connection.close()
    lines = logged(log, before + 6)[before:]
    alice = "GET 200 api_key inference-key alice read"
    assert lines[1::2] == [alice, "GET 401 - - - read", alice]
    assert set(lines[::2]) == {"GET 200 - - - health"}


def test_a_rule_of_envoy_goes_by_the_subject(world: World) -> None:
    gate, _ = start(world, "share-rules", page()[1])
    keys = world.keys
    for path, key, status in (
        ("/api/tags", keys.inference, 200),
        ("/api/tags", keys.token(sub="alice"), 200),
        ("/api/tags", keys.token(sub="bob"), 403),
        ("/api/tags", keys.token(sub="alice "), 403),
        ("/api/tags", keys.read, 403),
        ("/api/tags", None, 401),
        ("/api/version", None, 200),
    ):
        with Reach(world.standin, gate) as reach:
            answer = gate.get(path, key=key)
            assert answer.status == status, path
            assert len(reach.requests()) == (status == 200)
        if status == 403:
            assert b"RBAC" in answer.body, "it is Envoy's refusal, not the gate's"


@pytest.mark.parametrize("hold_head", [True, False])
def test_a_rule_of_envoy_knows_the_caller_before_a_body_that_decides(world: World, hold_head: bool) -> None:
    keys = world.keys.plugin()["api_keys"]
    keys["keys"][0]["models"] = ["llama3.2"]
    host = {"name": "envoy", "hold_head": hold_head}
    gate, _ = start(world, f"share-body-{hold_head}", page()[1], api_keys=keys, host=host)
    for key, model, status, who in (
        (gate.keys.inference, "llama3.2", 200, b""),
        (gate.keys.inference, "qwen3", 403, b"model_denied"),
        (gate.keys.jwt, "llama3.2", 403, b"RBAC"),
    ):
        answer = gate.post("/api/chat", key=key, body=json.dumps({"model": model, "stream": False}).encode())
        assert answer.status == status, (model, answer.body)
        assert who in answer.body


def test_a_rate_limit_of_envoy_counts_each_subject_by_itself(world: World) -> None:
    _, _, limit, route = page()
    bucket = limit[0]["typed_config"]["descriptors"][0]["token_bucket"]
    bucket.update(max_tokens=3, tokens_per_fill=3, fill_interval="3600s")
    gate, _ = start(world, "share-limit", limit, route)
    for key in (world.keys.inference, world.keys.jwt):
        statuses = [gate.get("/api/tags", key=key).status for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        # The pack has a route of its own for these, which is no way round. gRPC has no 429.
        assert gate.get("/api/tags", key=key, headers=[("Content-Type", "application/grpc")]).status == 503


def test_an_expression_of_envoy_knows_the_subject(world: World) -> None:
    _, _, limit, route = page()
    # One descriptor for everybody who is not alice.
    (action,) = route["rate_limits"][0]["actions"]
    typed = action["extension"]["typed_config"]
    typed["text"] = "filter_state['wasm.ollama_gate.subject'] == b'alice' ? 'alice' : 'other'"
    limit[0]["typed_config"]["descriptors"] = [
        {"entries": [{"key": "subject", "value": "other"}], "token_bucket": {"max_tokens": 1, "fill_interval": "3600s"}}
    ]
    gate, _ = start(world, "share-expression", limit, route)
    keys = (world.keys.inference, world.keys.inference, world.keys.read, world.keys.jwt, world.keys.inference)
    assert [gate.get("/api/tags", key=key).status for key in keys] == [200, 200, 200, 429, 200]
