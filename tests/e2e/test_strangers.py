"""What somebody can take from everybody else: memory by bodies that never end, places by connections that say nothing."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from demo.pack import mappings
from support.oidc import cluster
from support.threads import Threads
from support.wire import build
from support.world import CHAT, Gate, StandIn, World, eventually

MEGABYTE = 1 << 20
# A body of the size that the attack was found with, and how many of them.
BODY, BODIES = 59 * MEGABYTE, 20
# As much as the configuration lets all workers hold, and what Envoy may take for itself.
ROOM = 700 * MEGABYTE


def memory(gate: Gate) -> int:
    """In: a gate. Out: the memory of its Envoy, in bytes."""
    status = Path(f"/proc/{gate.envoy.child.pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


@contextmanager
def unfinished(gate: Gate, credential: str) -> Iterator[socket.socket]:
    """In: a credential. Out: the connection of a chat whose body comes and does not end."""
    head = build("POST", "/api/chat", [("Authorization", f"Bearer {credential}"), ("Content-Length", str(BODY + 1))])
    with socket.create_connection(("127.0.0.1", gate.port), timeout=5) as connection:
        try:
            connection.sendall(head + b'{"model":"llama3.2","x":"')
            for _ in range(BODY // MEGABYTE):
                connection.sendall(b"a" * MEGABYTE)
        except OSError:
            pass  # refused, or no longer read
        yield connection


def flood(gate: Gate, credentials: list[str]) -> int:
    """In: a credential for each body. Out: the memory that they came to, while a good caller is served."""
    with ExitStack() as stack, ThreadPoolExecutor(len(credentials)) as pool:
        opened = [unfinished(gate, credential) for credential in credentials]
        for connection in pool.map(lambda body: body.__enter__(), opened):
            stack.callback(connection.close)
        most = memory(gate)
        assert gate.get("/api/tags", key=gate.keys.read).status == 200
        return most


def held(world: World) -> dict[str, Any]:
    """Out: a configuration with a key whose bodies are held."""
    plugin = world.keys.plugin()
    key = next(key for key in plugin["api_keys"]["keys"] if key["id"] == "inference-key")
    key["models"] = ["llama3.2"]
    return {**plugin, "host": {"name": "envoy", "hold_head": True, "body_limit": "64MiB"}}


def test_bodies_that_never_end_take_no_more_than_the_operator_gave(world: World) -> None:
    gate = world.start("strangers-bodies", world.pack(plugin=held(world)))
    before = memory(gate)
    most = flood(gate, [world.keys.inference] * BODIES)
    print(f"{BODIES} unfinished bodies of {BODY // MEGABYTE} MiB: {before // MEGABYTE} to {most // MEGABYTE} MiB")
    assert most < before + ROOM
    assert gate.post("/api/chat", key=world.keys.inference, body=CHAT).status == 200


def crowd(gate: Gate, count: int, first: bytes) -> list[socket.socket]:
    """In: how many connections, and what each says. Out: those that were opened."""
    opened = []
    for _ in range(count):
        connection = socket.socket()
        connection.settimeout(5)
        try:
            connection.connect(("127.0.0.1", gate.port))
            connection.sendall(first)
        except OSError:
            connection.close()
            break
        opened.append(connection)
    return opened


def served(gate: Gate) -> bool:
    """Out: whether somebody who comes now is served."""
    try:
        return gate.get("/api/tags", key=gate.keys.read).status == 200
    except OSError:
        return False


@pytest.mark.parametrize("first", [b"", b"GET /api/tags HTTP/1.1\r\nHost: a\r\nX-A: "], ids=["silent", "half a head"])
def test_connections_that_ask_for_nothing_go_and_others_get_in(world: World, first: bytes) -> None:
    pack = world.pack()
    places = 100
    for node in mappings(pack.document):
        if "max_active_downstream_connections" in node:
            node["max_active_downstream_connections"] = places
    gate = world.start(f"strangers-crowd-{len(first)}", pack)
    assert served(gate)
    opened: list[socket.socket] = []

    def taken() -> bool:
        opened.extend(crowd(gate, places + 10, first))
        return not served(gate)

    # Each worker of Envoy takes up its connections by itself, so one crowd may not be enough.
    eventually(taken, what="that the places are taken")
    start = time.monotonic()
    eventually(lambda: served(gate), seconds=60, what="the first good answer")
    print(f"{len(opened)} connections: the first good answer after {time.monotonic() - start:.1f} s")
    for connection in opened:
        connection.close()


class Reconnecting(Threads):
    """Clients that open one connection after the other, ask or do not ask, and are gone."""

    def __init__(self, port: int, first: bytes) -> None:
        super().__init__(8)
        self._port, self._first, self.opened = port, first, 0

    def run(self, number: int) -> None:
        """Opens and closes until it is stopped."""
        while not self.stop.is_set():
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=2) as connection:
                connection.sendall(self._first)
                self.opened += 1


@pytest.mark.parametrize("first", [b"", build("GET", "/api/tags", [])], ids=["silent", "with a request"])
def test_clients_that_reconnect_without_end_lock_nobody_out(world: World, first: bytes) -> None:
    gate = world.start_gate(f"reconnecting-{len(first)}")
    with Reconnecting(gate.port, first) as strangers:
        eventually(lambda: strangers.opened > 500, what="the flood")
        # A machine that stops for as long as a connection may be silent ends good ones too: those who ask again get in.
        for _ in range(50):
            eventually(lambda: served(gate), what="a good answer beside the flood")
        eventually(lambda: strangers.opened > 2000, what="more of it")
        eventually(lambda: served(gate), what="a good answer after it")
    gate.envoy.stop()


def test_bodies_with_forged_tokens_are_not_held_while_keys_are_looked_for(world: World) -> None:
    # A provider that takes the connection and says nothing.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        plugin = world.keys.plugin()
        address = "https://sso.example.com"
        plugin["jwt"].append(
            {
                "name": "sso",
                "algorithms": ["ES256"],
                "issuer": address,
                "audiences": ["ollama"],
                # So long that all of them have come before it is given up.
                "jwks": {"upstream": "sso", "url": f"{address}/certs", "timeout": "30s"},
            }
        )
        plugin["host"] = {"name": "envoy", "hold_head": True, "body_limit": "64MiB"}
        pack = world.pack(plugin=plugin)
        pack.document["static_resources"]["clusters"].append(cluster("sso", silent.getsockname()[1]))
        gate = world.start("strangers-forged", pack)
        claims = {"iss": address, "aud": "ollama", "sub": "nobody", "exp": int(time.time()) + 3600}
        parts = [{"alg": "ES256", "kid": "made-up"}, claims]
        texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        token = ".".join([*texts, base64.urlsafe_b64encode(b"s" * 64).decode().rstrip("=")])
        before = memory(gate)
        most = flood(gate, [token] * BODIES)
        print(f"{BODIES} bodies with forged tokens: {before // MEGABYTE} to {most // MEGABYTE} MiB")
        assert most < before + 200 * MEGABYTE
        refused = [event for event in gate.decisions() if event["decision"] == "denied"]
        assert [event["code"] for event in refused] == ["keys_pending"] * BODIES


def drip(gate: Gate, credential: str, more: bytes) -> bytes:
    """In: a credential, and what is sent of a body five times a second once it has begun. Out: the answer."""
    head = build("POST", "/api/chat", [("Authorization", f"Bearer {credential}"), ("Content-Length", str(BODY))])
    answer = b""
    with socket.create_connection(("127.0.0.1", gate.port), timeout=0.2) as connection:
        connection.sendall(head + b'{"model":"llama3.2","x":"')
        for _ in range(300):
            try:
                part = connection.recv(1 << 16)
            except socket.timeout:
                connection.sendall(more)
                continue
            answer += part
            if not part or b"body_timeout" in answer:
                return answer
    raise AssertionError(f"no answer to a body that does not end, but {answer!r}")


@pytest.mark.parametrize(
    ("more", "deadline"), [(b"a", {"held_for": "3s"}), (b"", {"held_idle": "2s"})], ids=["trickle", "silence"]
)
def test_bodies_that_do_not_end_are_answered_and_reach_nobody(
    world: World, standin: StandIn, more: bytes, deadline: dict[str, str]
) -> None:
    plugin = held(world)
    plugin["host"].update(deadline)
    gate = world.start(f"strangers-{next(iter(deadline))}", world.pack(plugin=plugin))
    before = len(standin.requests())
    start = time.monotonic()
    with ThreadPoolExecutor(BODIES) as pool:
        dripping = [pool.submit(drip, gate, world.keys.inference, more) for _ in range(BODIES)]
        assert gate.post("/api/chat", key=world.keys.inference, body=CHAT).status == 200
        answers = [one.result() for one in dripping]
    print(f"{BODIES} bodies that do not end: the last answer after {time.monotonic() - start:.1f} s")
    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 408 "), answer
        assert b"body_timeout" in answer
    # The one of the good caller alone.
    assert len(standin.requests()) == before + 1
    denied = [decision for decision in gate.decisions() if decision.get("code") == "body_timeout"]
    assert len(denied) == BODIES
