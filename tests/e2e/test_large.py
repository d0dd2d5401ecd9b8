"""Large bodies: who has no rule for bodies sends them through an Envoy with its default limits."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.pack import mappings
from support.world import Gate, World

MEGABYTE = 1 << 20
BLOB = 200 * MEGABYTE
IMAGES = 60 * MEGABYTE
# Envoy itself, and what it keeps of a connection. The body is several times this.
MOST_GROWTH_KB = 64 * 1024


@pytest.fixture(scope="module")
def gate(world: World) -> Gate:
    """A gate with the limits that Envoy has by itself."""
    plugin = world.keys.plugin()
    for key in plugin["api_keys"]["keys"]:
        if key["id"] == "read-key":
            key["models"] = ["llama3.2"]
    pack = world.pack(plugin=plugin)
    for node in mappings(pack.document):
        node.pop("request_body_buffer_limit", None)
    return world.start("large", pack)


def memory_kb(gate: Gate, name: str) -> int:
    """In: `VmRSS`, or `VmHWM` for the peak. Out: Envoy's, in kB."""
    status = Path(f"/proc/{gate.envoy.child.pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{name}:"))


def send(gate: Gate, path: str, key: str, size: int, parts: Iterator[bytes]) -> tuple[int, bytes]:
    """In: a request's body in parts. Out: status and body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=120)
    headers = {"Authorization": f"Bearer {key}", "Content-Length": str(size)}
    connection.request("POST", path, body=parts, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_a_blob_of_200_mb_and_a_chat_of_60_mb_pass_and_are_held_nowhere(world: World, gate: Gate) -> None:
    before = memory_kb(gate, "VmRSS")
    block = bytes(range(256)) * (MEGABYTE // 256)
    digest = hashlib.sha256(block * (BLOB // MEGABYTE)).hexdigest()
    parts = (block for _ in range(BLOB // MEGABYTE))
    status, _ = send(gate, f"/api/blobs/sha256:{digest}", gate.keys.manage, BLOB, parts)
    assert status == 201
    assert [event["bytes"] for event in world.standin.events() if event["event"] == "body"][-1] == BLOB
    image = "iVBORw0K" * (IMAGES // 8)
    chat = {"model": "llama3.2", "stream": False, "messages": [{"role": "user", "content": "?", "images": [image]}]}
    body = json.dumps(chat).encode()
    status, _ = send(gate, "/api/chat", gate.keys.inference, len(body), iter([body]))
    assert status == 200
    peak = memory_kb(gate, "VmHWM")
    print(f"memory of Envoy: {before} kB before, {peak} kB at its peak")
    assert peak - before < MOST_GROWTH_KB


def test_where_a_rule_looks_into_it_a_large_body_is_refused_before_it_is_sent(gate: Gate) -> None:
    status, body = send(gate, "/api/show", gate.keys.read, 2 * MEGABYTE, iter([b"{"]))
    assert (status, json.loads(body)["code"]) == (413, "body_too_large")
