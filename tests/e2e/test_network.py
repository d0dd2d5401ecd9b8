"""Where requests come from, as a real Envoy sees it: the connection's address, and X-Forwarded-For behind a proxy."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest
from demo.pack import mappings
from support.world import Gate, StandIn, World

HERE, THERE = "127.0.0.1", "127.0.0.2"
LAN = "10.0.0.0/8"


def start(world: World, name: str, real_peer: bool = True, **changed: Any) -> Gate:
    """In: a name, whether Envoy takes the connection's address, sections to set. Out: the running gate."""
    pack = world.pack(plugin={**world.keys.plugin(), **changed})
    if not real_peer:
        managers = [node for node in mappings(pack.document) if "use_remote_address" in node]
        assert managers
        for manager in managers:
            manager["use_remote_address"] = False
    return world.start(name, pack)


def verdict(
    gate: Gate, source: str = HERE, forwarded: list[str] | None = None, key: str | None = None, path: str = "/api/tags"
) -> tuple[int, str]:
    """In: where to connect from, lines of X-Forwarded-For, a key. Out: the status, and the code of a refusal."""
    connection = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=60, source_address=(source, 0))
    try:
        connection.putrequest("GET", path)
        if key != "":
            connection.putheader("Authorization", f"Bearer {key or gate.keys.inference}")
        for line in forwarded or []:
            connection.putheader("X-Forwarded-For", line)
        connection.endheaders()
        response = connection.getresponse()
        body = response.read()
        return response.status, json.loads(body).get("code", "") if response.status != 200 else ""
    finally:
        connection.close()


DENIED, UNKNOWN, ALLOWED = (403, "network_denied"), (403, "address_unknown"), (200, "")


@pytest.fixture(scope="module")
def direct(world: World) -> Gate:
    """A gate that lets in one address of loopback, and a range that nobody here has."""
    return start(world, "network-direct", network={"allow": [f"{THERE}/32", LAN]})


@pytest.fixture(scope="module")
def proxied(world: World) -> Gate:
    """A gate with one trusted proxy before it."""
    return start(world, "network-proxied", network={"allow": [LAN], "trusted_proxies": 1})


def test_the_address_of_the_connection_decides(direct: Gate, standin: StandIn) -> None:
    assert verdict(direct, THERE) == ALLOWED
    before = len(standin.requests())
    assert verdict(direct, HERE) == DENIED
    assert verdict(direct, HERE, path="/") == DENIED, "the public is restricted too"
    assert verdict(direct, HERE, key="") == (401, "missing_credential")
    assert len(standin.requests()) == before, "nothing that was refused reached Ollama"
    assert verdict(direct, THERE, path="/") == ALLOWED


def test_the_log_names_the_address(direct: Gate) -> None:
    assert verdict(direct, HERE) == DENIED
    last = [entry for entry in direct.decisions() if entry.get("code") == "network_denied"][-1]
    assert (last["address"], last["id"]) == (HERE, "inference-key")


@pytest.mark.parametrize(
    "forwarded", [["10.0.0.1"], ["127.0.0.2"], ["10.0.0.1, 10.0.0.1"], ["10.0.0.1", "127.0.0.2"], [""], ["garbage"]]
)
def test_an_invented_forwarded_for_moves_nobody(direct: Gate, forwarded: list[str]) -> None:
    assert verdict(direct, HERE, forwarded) == DENIED
    assert verdict(direct, THERE, forwarded) == ALLOWED


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        (["10.0.0.1"], ALLOWED),
        (["::ffff:10.0.0.1"], ALLOWED),
        (["10.0.0.1:4711"], ALLOWED),
        (["203.0.113.9, 10.0.0.1"], ALLOWED),
        (["203.0.113.9", "10.0.0.1"], ALLOWED),
        (["203.0.113.9"], DENIED),
        (["10.0.0.1, 203.0.113.9"], DENIED),
        (["10.0.0.1", "203.0.113.9"], DENIED),
        ([], UNKNOWN),
        (["garbage"], UNKNOWN),
        (["10.0.0.1, garbage"], UNKNOWN),
        (["10.0.0.1%eth0"], UNKNOWN),
    ],
)
def test_one_trusted_proxy_is_believed_and_nobody_before_it(
    proxied: Gate, forwarded: list[str], expected: tuple[int, str]
) -> None:
    assert verdict(proxied, HERE, forwarded) == expected


def test_an_address_that_envoy_took_from_the_header_is_unknown(world: World) -> None:
    gate = start(world, "network-claimed", real_peer=False, network={"allow": [LAN, "127.0.0.0/8"]})
    assert verdict(gate, HERE) == ALLOWED
    assert verdict(gate, HERE, ["10.0.0.1"]) == UNKNOWN


def test_a_sidecar_behind_one_proxy_agrees_with_envoys_own_reading(world: World) -> None:
    rules = {"allow": [LAN], "trusted_proxies": 1}
    gate = start(world, "network-sidecar", real_peer=False, network=rules)
    assert verdict(gate, HERE, ["203.0.113.9, 10.0.0.1"]) == ALLOWED
    assert verdict(gate, HERE, ["10.0.0.1, 203.0.113.9"]) == DENIED
    assert verdict(gate, HERE) == UNKNOWN


def test_a_key_has_a_network_of_its_own_and_two_methods_can_be_required(world: World) -> None:
    keys = world.keys.plugin()["api_keys"]
    for record in keys["keys"]:
        if record["id"] == "inference-key":
            record["allow_from"] = [THERE]
    require = {"at_least": 2, "of": ["network", "api_key", "jwt"]}
    gate = start(world, "network-require", api_keys=keys, require=require, hosts=["gate.example.com", "127.0.0.1"])
    assert verdict(gate, THERE) == ALLOWED
    assert verdict(gate, HERE) == DENIED
    assert verdict(gate, THERE, key=gate.keys.read) == (401, "insufficient_methods")
    assert verdict(gate, THERE, key=gate.keys.unknown) == (401, "unknown_key")
