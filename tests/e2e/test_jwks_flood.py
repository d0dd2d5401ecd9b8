"""Strangers with forged tokens who hang up before the provider has answered: keys are refreshed all the same."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.oidc import WORKERS, RawServer, saying, start
from support.threads import Threads
from support.world import Gate, World, eventually

ISSUER = "https://flooded.example"
URL = "http://flooded.example/certs"
# The provider takes so long, and strangers wait for less.
LATENCY = 0.3
PATIENCE = 0.1
EVERY = 10
COOL_DOWN = 5
FIRST, SECOND, FORGER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
# What a worker asks its provider at the most: four looks in a cool-down, and its own refreshes.
LOOKS = 4


def token(world: World, key: Any, kid: str) -> str:
    """In: who signs, and the name of the key. Out: a token that no output may show."""
    claims = {"iss": ISSUER, "aud": "ollama", "sub": "somebody", "exp": int(time.time()) + 600}
    made = jwt.encode(claims, key, "ES256", {"kid": kid})
    world.secrets.append(made)
    return made


def published(key: Any, kid: str) -> Any:
    """In: a key and its name. Out: the answer with it alone, late."""
    public = {**jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid}
    answer = saying(json.dumps({"keys": [public]}).encode())

    def late(connection: socket.socket) -> None:
        time.sleep(LATENCY)
        answer(connection)

    return late


def gate_of(world: World, name: str, server: RawServer) -> Gate:
    """In: a name and the provider. Out: a gate that asks it."""
    jwks = {"upstream": "flooded", "url": URL, "every": f"{EVERY}s", "cool_down": f"{COOL_DOWN}s"}
    issuer = {"name": "flooded", "algorithms": ["ES256"], "issuer": ISSUER, "audiences": ["ollama"], "jwks": jwks}
    return start(world, name, [issuer], {"flooded": server.port}, log={"allowed": False})


class Strangers(Threads):
    """Threads that each send a forged token of an unheard-of key, wait a little, and hang up."""

    def __init__(self, world: World, port: int, rate: int) -> None:
        super().__init__(max(1, rate // 20))
        _, claims, signature = token(world, FORGER, "k").split(".")
        self._rest = f"{claims}.{signature}"
        self._port, self._pause = port, max(1, rate // 20) / rate
        self.sent = 0

    def run(self, number: int) -> None:
        """Sends one after the other, and hangs up on each after a while."""
        count = 0
        held: list[tuple[float, socket.socket]] = []
        while not self.stop.wait(self._pause):
            count += 1
            header = jwt.utils.base64url_encode(json.dumps({"alg": "ES256", "kid": f"{number}-{count}"}).encode())
            head = f"GET /api/tags HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {header.decode()}.{self._rest}\r\n\r\n"
            try:
                connection = socket.create_connection(("127.0.0.1", self._port), timeout=2)
                connection.sendall(head.encode())
            except OSError:
                continue
            self.sent += 1
            held.append((time.monotonic(), connection))
            while held and time.monotonic() - held[0][0] > PATIENCE:
                held.pop(0)[1].close()
        for _, connection in held:
            connection.close()


def report(line: str) -> None:
    """In: figures. Shows them where `-s` asks for it."""
    print(f"\nflood: {line}")


def test_a_key_that_was_withdrawn_dies_though_strangers_hang_up_without_end(world: World) -> None:
    with RawServer({"/certs": published(FIRST, "one")}) as server:
        gate = gate_of(world, "flood-withdrawn", server)
        old, new = token(world, FIRST, "one"), token(world, SECOND, "two")
        eventually(lambda: gate.get("/api/tags", key=old).status == 200, what="the first good answer")
        with Strangers(world, gate.port, 25) as strangers:
            server.answers["/certs"] = published(SECOND, "two")
            begun, asked = time.monotonic(), server.asked["/certs"]

            def dead() -> bool:
                # Fresh connections, so that each worker is asked.
                return {gate.get("/api/tags", key=old).status for _ in range(6)} <= {401, 503}

            eventually(dead, seconds=60, what="the end of the withdrawn key")
            seconds, asked = time.monotonic() - begun, server.asked["/certs"] - asked
            eventually(lambda: gate.get("/api/tags", key=new).status == 200, what="the new key")
        report(f"withdrawn key dead after {seconds:.1f} s, {strangers.sent} forged, provider asked {asked} times")
        periods = seconds / COOL_DOWN + 2
        assert asked <= (WORKERS * LOOKS + WORKERS + 1) * periods
        gate.envoy.stop()


@pytest.mark.parametrize("rate", [400])
def test_on_a_cold_start_in_a_flood_good_tokens_get_in_once_the_keys_are_there(world: World, rate: int) -> None:
    with RawServer({"/certs": published(FIRST, "one")}) as server:
        gate = gate_of(world, "flood-cold", server)
        good = token(world, FIRST, "one")
        begun = time.monotonic()
        with Strangers(world, gate.port, rate) as strangers:
            refused = 0

            def gets_in() -> bool:
                nonlocal refused
                answer = gate.get("/api/tags", key=good)
                refused += answer.status != 200
                return answer.status == 200

            eventually(gets_in, seconds=60, what="the first good answer")
            first = time.monotonic() - begun
            # From now on nobody who is good is refused, on either worker.
            eventually(lambda: all(gets_in() for _ in range(6)), seconds=60, what="keys in every worker")
            asked, since = server.asked["/certs"], time.monotonic()
            time.sleep(COOL_DOWN)
            later, seconds = server.asked["/certs"] - asked, time.monotonic() - since
        report(
            f"cold: first good answer after {first:.1f} s, {refused} refused before, {strangers.sent} forged, "
            f"provider asked {asked} times until then and {later} in the {seconds:.0f} s after"
        )
        assert later <= (WORKERS * LOOKS + WORKERS + 1) * (seconds / COOL_DOWN + 1)
        gate.envoy.stop()
