"""Strangers with forged tokens whose keys are dear: a worker computes so many, and serves good callers meanwhile."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from demo import envoy as envoys
from support.world import Gate, World

ISSUER = "https://forged.example"
PROGRAM = Path(__file__).parent / "support" / "forger.py"
SECONDS, CONNECTIONS = float(os.environ.get("FORGER_SECONDS", "4")), 16
# How many forged tokens come a second; as fast as they are answered without it.
PER_SECOND = os.environ.get("FORGER_RATE")
PAUSE = 0.01
# What docs/tokens.md says of a worker: of each second, and saved up.
SHARE_SECONDS, SAVED_SECONDS = 0.2, 0.02


def encoded(number: int, size: int) -> str:
    """In: a number and its bytes. Out: base64url (RFC 7518, section 6.3.1.1)."""
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).rstrip(b"=").decode()


def large() -> dict[str, Any]:
    """Out: a public RSA key of 8192 bits, to which there is no private one: nobody has to sign."""
    return {"kty": "RSA", "n": encoded(secrets.randbits(8192) | 1 << 8191 | 1, 1024), "e": "AQAB"}


def curve(kind: Any) -> dict[str, Any]:
    """In: a curve. Out: a public key on it."""
    return jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(kind).public_key(), as_dict=True)


def edwards() -> dict[str, Any]:
    """Out: a public Ed25519 key."""
    raw = ed25519.Ed25519PrivateKey.generate().public_key()
    data = raw.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(data).rstrip(b"=").decode()}


# Algorithm, keys (none has a `kid`, so each is tried), bytes of a signature, and the seconds that docs/tokens.md
# says a signature takes a worker of Envoy.
ATTACKS = {
    "PS512, 8192 bits": ("PS512", [large()], 1024, 5151e-6),
    "ES384, four keys": ("ES384", [curve(ec.SECP384R1()) for _ in range(4)], 96, 706e-6),
    "EdDSA, four keys": ("EdDSA", [edwards() for _ in range(4)], 64, 258e-6),
    "ES256": ("ES256", [curve(ec.SECP256R1())], 64, 87e-6),
}


def part(document: dict[str, Any]) -> str:
    """In: a header or claims. Out: it as a token has it."""
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


@pytest.fixture(params=ATTACKS)
def attack(request: pytest.FixtureRequest, world: World) -> Iterator[tuple[str, Gate]]:
    """A name of the list, and a gate of one worker whose issuer has these keys."""
    algorithm, keys, _, _ = ATTACKS[request.param]
    plugin = {**world.keys.plugin(), "log": {"allowed": False}}
    issuer = {"name": "forged", "algorithms": [algorithm], "keys": keys, "issuer": ISSUER, "audiences": ["ollama"]}
    plugin["jwt"] = [*plugin["jwt"], issuer]
    options = [{"2": "1"}.get(option, option) for option in envoys.OPTIONS]
    with patch.object(envoys, "OPTIONS", options):
        gate = world.start(f"forgers-{algorithm}", world.pack(plugin=plugin))
    yield request.param, gate
    gate.envoy.stop()


def waits(gate: Gate, credentials: list[str], seconds: float) -> list[float]:
    """In: good credentials. Out: how long each answer took for so long, sorted; each of them is 200."""
    taken = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for credential in credentials:
            begun = time.perf_counter()
            assert gate.get("/api/tags", key=credential).status == 200
            taken.append(time.perf_counter() - begun)
            time.sleep(PAUSE)
    return sorted(taken)


def shown(taken: list[float]) -> str:
    """In: sorted times. Out: the middle and the slowest of a hundred, in milliseconds."""
    return f"p50 {taken[len(taken) // 2] * 1e3:.1f} ms, p99 {taken[len(taken) * 99 // 100] * 1e3:.1f} ms"


def test_a_worker_computes_a_fifth_of_its_time_and_serves_who_is_good(attack: tuple[str, Gate], world: World) -> None:
    name, gate = attack
    algorithm, keys, size, cost = ATTACKS[name]
    claims = {"iss": ISSUER, "aud": "ollama", "sub": "somebody", "exp": int(time.time()) + 600}
    credentials = [world.keys.read, world.keys.token()]
    begun = time.monotonic()
    quiet = waits(gate, credentials, 1.0)
    command = [sys.executable, str(PROGRAM), str(gate.port), str(SECONDS), str(CONNECTIONS), str(size)]
    command += [PER_SECOND] if PER_SECOND else []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as forger:
        assert forger.stdin and forger.stdout
        forger.stdin.write(f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims)}")
        forger.stdin.close()
        busy = waits(gate, credentials, SECONDS)
        came = json.loads(forger.stdout.read())
    elapsed = time.monotonic() - begun
    computed = came["seen"].get("invalid_signature", 0)
    print(
        f"\nforgers: {name}: {sum(came['seen'].values()) / came['seconds']:.0f} answered a second, of which "
        f"{computed / came['seconds']:.0f} computed; a good caller before: {shown(quiet)}, in the flood: {shown(busy)}"
    )
    assert set(came["seen"]) <= {"invalid_signature", "too_many_signatures"}, came
    # On a machine so slow that all of them fit into the worker's share, none is refused.
    assert computed, came
    assert computed * len(keys) * cost <= SHARE_SECONDS * elapsed + SAVED_SECONDS
