"""Report mode: put before traffic that runs, it changes nothing, and counts what it would have refused."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from demo.pack import Pack, mappings
from support.world import CHAT, WATCHED_HOST, Gate, Reach, World, eventually, settled

ROUNDS = 40


def running(world: World, plugin: dict[str, Any] | None = None) -> Pack:
    """Out: an Envoy that led to Ollama before there was a gate, and therefore writes Host itself."""
    pack = world.pack(plugin=plugin)
    for node in mappings(pack.document):
        if "cluster" in node.get("route", {}):
            node["route"]["host_rewrite_literal"] = WATCHED_HOST
    return pack


@pytest.fixture(scope="module")
def watching(world: World) -> Gate:
    """A gate that only reports."""
    return world.start("report", running(world, {**world.keys.plugin(), "mode": "report"}))


@pytest.fixture(scope="module")
def without(world: World) -> Gate:
    """The same Envoy without the filter."""
    pack = running(world)
    for node in mappings(pack.document):
        filters = node.get("http_filters")
        if filters:
            node["http_filters"] = [one for one in filters if "wasm" not in one["typed_config"]["@type"]]
    return world.start("without", pack)


def requests(gate: Gate) -> list[tuple[str, str, dict[str, Any], str | None]]:
    """Out: method, path, what else is sent, and the code of the refusal that would come."""
    keys = gate.keys
    cookies = [("Cookie", "token=abc"), ("X-Forwarded-User", "root"), ("Origin", "https://app.example.com")]
    return [
        ("GET", "/api/tags", {"key": keys.read}, None),
        ("POST", "/api/chat?x=%20y", {"key": keys.inference, "body": CHAT}, None),
        ("GET", "/api/tags", {}, "missing_credential"),
        ("GET", "/api/tags", {"headers": cookies}, "missing_credential"),
        ("GET", "/v1/models", {"key": keys.expired}, "expired_key"),
        ("GET", "/v1/models", {"key": "sk-not-a-key-of-this-gate"}, "unknown_key"),
        ("POST", "/api/chat", {"key": keys.read, "body": CHAT}, "scope_denied"),
        ("GET", "/metrics", {"key": keys.read}, "unknown_route"),
    ]


def heads(world: World, gate: Gate) -> list[tuple[Any, ...]]:
    """Out: what the stand-in saw of each request that was sent through `gate`, and its status."""
    seen = []
    for method, path, more, _ in requests(gate):
        with Reach(world.standin, gate) as reach:
            answer = gate.send(method, path, **more)
            (request,) = reach.requests()
        fields = sorted((name.lower(), value) for name, value in request["headers"] if name.lower() != "x-request-id")
        seen.append((answer.status, request["method"], request["target"], request["length"], fields))
    return seen


def test_ollama_sees_what_it_would_see_without_the_filter(world: World, watching: Gate, without: Gate) -> None:
    assert heads(world, watching) == heads(world, without)


def test_every_decision_is_logged_and_counted_and_enforced_on_nobody(watching: Gate) -> None:
    names = Counter(code for *_, code in requests(watching))

    def counts() -> Counter[str | None]:
        denied = {code: watching.envoy.counter(f"ollama_gate_report_denied_{code}_total") for code in names if code}
        return Counter({**denied, None: watching.envoy.counter("ollama_gate_report_allowed_total")})

    before, lines = settled(counts), len(watching.decisions())
    for _ in range(ROUNDS):
        statuses = {watching.send(method, path, **more).status for method, path, more, _ in requests(watching)}
        # No refusal of the gate's: Ollama has no /metrics, and refuses foreign pages itself.
        assert statuses == {200, 403, 404}
    expected = Counter({code: count * ROUNDS for code, count in names.items()})
    eventually(lambda: counts() - before == expected, what="the counters")
    events = eventually(
        lambda: len(found := watching.decisions()[lines:]) >= expected.total() and found, what="the lines"
    )
    assert Counter(event.get("code") for event in events) == expected
    assert {event["mode"] for event in events} == {"report"}


def test_it_is_said_at_the_start_that_nothing_is_enforced(watching: Gate, gate: Gate) -> None:
    assert "NOTHING IS ENFORCED" in watching.envoy.child.output()
    assert "NOTHING IS ENFORCED" not in gate.envoy.child.output()
