"""`back_off` on a real Envoy: who guesses is held back, and nobody is for what others did."""

from __future__ import annotations

import base64
import json
import time
from collections import Counter
from http.client import HTTPConnection
from itertools import count
from typing import Any
from unittest.mock import patch

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from demo import envoy as envoys
from demo.pack import mappings
from support.wire import Answer
from support.world import CHAT, Gate, Reach, World, eventually, settled

HERE, THERE = "127.0.0.1", "127.0.0.2"
PASSWORD = "correct horse"
# bcrypt of it, made by libxcrypt.
HASH = "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"
NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace")
AFTER = 3
# So long that a few requests fit into it on any machine.
HOLD = 8
LONG = 3600
# More names than the list of back-off has places.
JUNK = 4200
HELD, WRONG, FORGED, ALLOWED = (
    (429, "too_many_failures"),
    (401, "wrong_password"),
    (401, "invalid_signature"),
    (200, ""),
)
NUMBERS = count()


def basic(user: str, password: str) -> str:
    """In: name and password. Out: the header's value."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Signer:
    """An issuer with a key on P-256."""

    def __init__(self) -> None:
        self.key, self.other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        self.issuer = {
            "name": "published",
            "algorithms": ["ES256"],
            "keys": [{**public, "kid": "k1"}],
            "issuer": "https://published.example.com",
            "audiences": ["ollama"],
        }

    def token(self, subject: str, right: bool = True) -> str:
        """In: whose, and whether its issuer signed it. Out: a token, each time another one."""
        claims = {"iss": self.issuer["issuer"], "aud": "ollama", "sub": subject, "jti": str(next(NUMBERS))}
        claims["exp"] = int(time.time()) + 3600
        return jwt.encode(claims, self.key if right else self.other, "ES256", {"kid": "k1"})


class Client:
    """Sends requests from one address, and remembers what came."""

    def __init__(self, gate: Gate, source: str = HERE) -> None:
        self.gate = gate
        self.source = source

    def send(self, authorization: str, path: str = "/api/tags", headers: dict[str, str] | None = None) -> Answer:
        """In: the credential. Out: the answer."""
        connection = HTTPConnection("127.0.0.1", self.gate.port, timeout=60, source_address=(self.source, 0))
        try:
            body = CHAT if path != "/api/tags" else None
            fields = {"Authorization": authorization, **(headers or {})}
            connection.request("POST" if body else "GET", path, body=body, headers=fields)
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, fields, response.read())
        finally:
            connection.close()

    def verdict(self, authorization: str, **more: Any) -> tuple[int, str]:
        """In: the credential. Out: the status, and the code of a refusal."""
        answer = self.send(authorization, **more)
        return answer.status, "" if answer.status == 200 else str(answer.code)

    def guess(self, user: str, times: int) -> list[tuple[int, str]]:
        """In: a name. Out: what so many passwords come to, each another one."""
        return [self.verdict(basic(user, f"guess {next(NUMBERS)}")) for _ in range(times)]


@pytest.fixture(scope="module")
def signer() -> Signer:
    """The issuer."""
    return Signer()


def start(world: World, signer: Signer, name: str, real_peer: bool = True, **changed: Any) -> Gate:
    """In: a name and sections to set. Out: a gate in an Envoy of one worker: each counts by itself."""
    plugin = {
        **world.keys.plugin(),
        "hosts": ["gate.example.com", "127.0.0.1"],
        "basic": {"users": [{"name": user, "password_hash": HASH} for user in NAMES]},
        "back_off": {"after": AFTER, "within": "10m", "for": f"{LONG}s"},
        **changed,
    }
    plugin["jwt"].append(signer.issuer)
    pack = world.pack(plugin=plugin)
    for manager in mappings(pack.document):
        if "use_remote_address" in manager:
            manager["use_remote_address"] = real_peer
    options = [{"2": "1"}.get(option, option) for option in envoys.OPTIONS]
    with patch.object(envoys, "OPTIONS", options):
        return world.start(name, pack)


@pytest.fixture(scope="module")
def guarded(world: World, signer: Signer) -> Gate:
    """A gate that holds back for an hour."""
    return start(world, signer, "backoff")


def test_who_guesses_a_password_is_held_back_and_nothing_reaches_ollama(world: World, guarded: Gate) -> None:
    client = Client(guarded)
    before = settled(lambda: guarded.envoy.counter("ollama_gate_denied_too_many_failures_total"))
    with Reach(world.standin, guarded) as reach:
        assert client.guess("alice", AFTER) == [WRONG] * AFTER
        assert client.guess("alice", 5) == [HELD] * 5
        assert reach.requests() == []
    answer = client.send(basic("alice", "guess"))
    assert 1 <= int(answer.headers["retry-after"]) <= LONG
    assert "www-authenticate" not in answer.headers
    eventually(
        lambda: guarded.envoy.counter("ollama_gate_denied_too_many_failures_total") == before + 6, what="the counter"
    )
    events = [event for event in guarded.decisions() if event.get("code") == "too_many_failures"]
    assert {(event["id"], event["address"], event["status"]) for event in events} == {("alice", HERE, 429)}


def test_the_refusal_is_in_the_words_of_each_client(guarded: Gate) -> None:
    client = Client(guarded)
    client.guess("bob", AFTER)
    for path, place in (("/api/chat", None), ("/v1/chat/completions", "error"), ("/v1/messages", "error")):
        answer = client.send(basic("bob", f"guess {path}"), path=path)
        assert (answer.status, answer.code) == HELD, path
        assert int(answer.headers["retry-after"]) >= 1, path
        if place:
            assert answer.json()[place]["type"] == "rate_limit_error", path


def test_a_right_credential_is_not_refused_because_others_were_wrong(guarded: Gate, signer: Signer) -> None:
    near, far = Client(guarded), Client(guarded, THERE)
    assert near.guess("carol", AFTER + 1)[-1] == HELD
    right = basic("carol", PASSWORD)
    assert near.verdict(right) == HELD, "her own name and address: not known yet, so nothing is known of it"
    assert near.verdict(basic("dave", PASSWORD)) == ALLOWED, "another name behind the same address"
    assert far.verdict(right) == ALLOWED, "the same name from elsewhere"
    assert near.guess("carol", 1) == [HELD]
    assert near.verdict(right) == ALLOWED, "what was right once is known, wherever it comes from"
    keys = guarded.keys
    assert near.verdict(f"Bearer {keys.inference}") == ALLOWED
    assert near.verdict(basic("carol", keys.inference)) == ALLOWED, "a key in the password's place"
    assert near.verdict(basic("carol", "guess x"), headers={"X-Api-Key": keys.inference}) == ALLOWED
    assert near.verdict(f"Bearer {keys.token(sub='carol')}") == ALLOWED, "a token with a secret costs little"
    assert near.verdict(f"Bearer {signer.token('carol')}") == ALLOWED, "a token of that name is another kind"


def test_forged_tokens_are_held_back_by_the_subject_that_they_claim(guarded: Gate, signer: Signer) -> None:
    near, far = Client(guarded), Client(guarded, THERE)
    known = f"Bearer {signer.token('erin')}"
    assert near.verdict(known) == ALLOWED
    verdicts = [near.verdict(f"Bearer {signer.token('erin', right=False)}") for _ in range(AFTER + 3)]
    assert verdicts == [FORGED] * AFTER + [HELD] * 3
    assert near.verdict(known) == ALLOWED
    assert near.verdict(f"Bearer {signer.token('frank')}") == ALLOWED
    assert near.verdict(f"Bearer {signer.token('erin')}") == HELD
    assert far.verdict(f"Bearer {signer.token('erin')}") == ALLOWED


def test_no_number_of_made_up_names_frees_a_name_that_is_held(world: World, signer: Signer) -> None:
    gate = start(world, signer, "backoff-flood")
    client = Client(gate)
    assert client.guess("alice", AFTER + 1)[-1] == HELD
    looked_at = Counter[tuple[int, str]]()
    flood = HTTPConnection("127.0.0.1", gate.port, timeout=60, source_address=(HERE, 0))
    for number in range(JUNK):
        flood.request("GET", "/api/tags", headers={"Authorization": basic(f"junk-{number}", "x")})
        flood.getresponse().read()
        if number % 50 == 0:
            looked_at[client.guess("alice", 1)[0]] += 1
    flood.close()
    assert set(looked_at) == {HELD}, looked_at
    # Made-up names cost hashes too, and whoever comes right after so many waits for the worker's time.
    far = Client(gate, THERE)
    eventually(lambda: far.verdict(basic("alice", PASSWORD)) == ALLOWED, what="the same name from elsewhere")
    print(f"\nflood: {JUNK} made-up names: 0 of {sum(looked_at.values())} guesses at a held name were looked at")
    gate.envoy.stop()


def test_the_time_passes(world: World, signer: Signer) -> None:
    gate = start(world, signer, "backoff-short", back_off={"after": AFTER, "within": "10m", "for": f"{HOLD}s"})
    client = Client(gate)
    waiting = f"Bearer {signer.token('alice')}"
    for _ in range(AFTER):
        assert client.verdict(f"Bearer {signer.token('alice', right=False)}") == FORGED
    assert client.guess("alice", AFTER + 1)[-1] == HELD
    assert client.verdict(waiting) == HELD
    # Whoever waits as long as told is looked at.
    answer = client.send(basic("alice", PASSWORD))
    time.sleep(int(answer.headers["retry-after"]))
    assert client.verdict(basic("alice", PASSWORD)) == ALLOWED
    assert client.verdict(waiting) == ALLOWED, "what was not looked at is not remembered as forged"
    # And who goes on guessing after that time gets one try.
    client.guess("bob", AFTER)
    answer = client.send(basic("bob", "guess"))
    time.sleep(int(answer.headers["retry-after"]))
    assert client.guess("bob", 3) == [WRONG, HELD, HELD]


def test_who_is_held_back_leaves_the_workers_time_to_others(guarded: Gate) -> None:
    client = Client(guarded)
    # Without it, some 125 would have spent the worker's time for hashes.
    verdicts = Counter(client.guess("grace", 300))
    assert verdicts == {WRONG: AFTER, HELD: 300 - AFTER}
    assert Client(guarded, THERE).verdict(basic("grace", PASSWORD)) == ALLOWED


def test_without_an_address_nobody_is_held_back_and_the_log_says_so(world: World, signer: Signer) -> None:
    gate = start(world, signer, "backoff-blind", real_peer=False)
    client = Client(gate)
    # Without X-Forwarded-For this Envoy tells the real peer: with it, whatever the client writes.
    verdicts = [
        client.verdict(basic("alice", f"guess {number}"), headers={"X-Forwarded-For": "192.0.2.1"})
        for number in range(AFTER * 3)
    ]
    assert verdicts == [WRONG] * (AFTER * 3)
    eventually(lambda: "back_off has no effect" in gate.envoy.child.output(), what="the warning")
    assert gate.envoy.child.output().count("back_off has no effect") == 1


def test_a_configuration_with_nothing_to_hold_back_is_refused(world: World) -> None:
    plugin = {**world.keys.plugin(), "back_off": {}}
    pack = world.pack(plugin=plugin)
    path = world.folder / "backoff-idle.yaml"
    pack.write(path)
    good, printed = envoys.validate(world.binary, path, world.keys.environment())
    assert not good
    assert "back_off: has no effect" in printed
