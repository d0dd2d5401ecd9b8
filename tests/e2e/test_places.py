"""The headers that the operator names, on a real Envoy: places for credentials, a proxy's tokens, what a key server wants."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from demo.envoy import validate
from support.oidc import start
from support.wire import Answer
from support.world import Gate, Reach, World, eventually

# How a client writes its credential, and what the operator says for that.
PLACES: list[tuple[str, str, Any]] = [
    ("apikey", "", "apikey"),
    ("X-Goog-Api-Key", "", "X-Goog-Api-Key"),
    ("X-Litellm-Key", "Key ", {"name": "X-Litellm-Key", "scheme": "Key"}),
    ("Authorization", "Token ", {"name": "Authorization", "scheme": "Token"}),
]
STRANGER = "sk-nobody-4f1d2c8e9a7b6053"
ASSERTION = "Cf-Access-Jwt-Assertion"
OWN_PAGE = "https://gate.example.com"
PROVIDER = "http://guarded.example"
WANTED = "X-Gateway-Key"


@pytest.fixture(scope="module")
def places(world: World) -> Gate:
    """A gate with places of its own."""
    return world.start_gate("places", {**world.keys.plugin(), "credential_headers": [one for _, _, one in PLACES]})


def ask(gate: Gate, *headers: tuple[str, str]) -> Answer:
    """In: headers. Out: the answer to a caller who sends them and no others."""
    return gate.get("/api/tags", headers=list(headers))


@pytest.mark.parametrize(("name", "scheme", "_own"), PLACES, ids=[name for name, _, _ in PLACES])
def test_a_place_of_the_operators_is_judged_as_any_other(
    world: World, places: Gate, gate: Gate, name: str, scheme: str, _own: Any
) -> None:
    good, other = scheme + world.keys.read, scheme + world.keys.inference
    with Reach(world.standin, places) as reach:
        assert ask(places, (name, scheme + STRANGER)).code == "unknown_key"
        assert ask(places, (name, scheme + world.keys.expired)).status == 401
        assert ask(places, (name, good), (name, other)).status == 400
        assert ask(places, (name, good), ("X-Api-Key", world.keys.inference)).code == "ambiguous_credential"
        assert ask(places, (name, "")).code == "missing_credential"
        assert reach.requests() == []
    # Where the operator names none, a good key there is nobody's.
    with Reach(world.standin, gate) as reach:
        assert ask(gate, (name, good)).status == 401
        assert reach.requests() == []


@pytest.mark.parametrize(("name", "scheme", "_own"), PLACES, ids=[name for name, _, _ in PLACES])
def test_a_key_in_a_place_of_the_operators_comes_in_and_goes_no_further(
    world: World, places: Gate, name: str, scheme: str, _own: Any
) -> None:
    for spelled in (name, name.upper()):
        with Reach(world.standin, places) as reach:
            assert ask(places, (spelled, scheme + world.keys.read)).status == 200
            (seen,) = reach.requests()
            assert name.lower() not in {name.lower() for name, _ in seen["headers"]}
            assert world.keys.read not in json.dumps(seen)
    # Whichever was used, what stands in the place is taken out.
    with Reach(world.standin, places) as reach:
        if name != "Authorization":
            assert ask(places, (name, scheme + world.keys.read), ("X-Api-Key", world.keys.read)).status == 200
            assert world.keys.read not in json.dumps(reach.requests())


def asserted(world: World, **other: Any) -> dict[str, Any]:
    """Out: a configuration whose issuer's tokens a proxy before the gateway adds."""
    plugin = {**world.keys.plugin(), "hosts": ["gate.example.com", "127.0.0.1"], **other}
    plugin["jwt"][0]["assertion_header"] = ASSERTION
    return plugin


def test_the_tokens_of_a_proxy_are_proved_and_counted_as_a_cookie(world: World, gate: Gate) -> None:
    proxied = world.start_gate("places-assertion", asserted(world))
    token = world.keys.token()
    forged = [
        world.keys.token(secret=secrets.token_urlsafe(48)),
        world.keys.token(header={"alg": "none"}),
        world.keys.token(iss="https://evil.example"),
        world.keys.token(aud="somebody-else"),
        world.keys.token(exp=int(time.time()) - 600),
        world.keys.read,
    ]
    with Reach(world.standin, proxied) as reach:
        for wrong in forged:
            assert ask(proxied, (ASSERTION, wrong)).status == 401
        for origin in ("https://evil.example", "null"):
            assert ask(proxied, (ASSERTION, token), ("Origin", origin)).code == "origin_denied"
        assert ask(proxied, (ASSERTION, token), ("X-Api-Key", STRANGER)).code == "unknown_key"
        assert reach.requests() == []
    with Reach(world.standin, gate) as reach:
        assert ask(gate, (ASSERTION, token)).code == "missing_credential"
        assert reach.requests() == []
    with Reach(world.standin, proxied) as reach:
        assert ask(proxied, (ASSERTION, token)).status == 200
        assert ask(proxied, (ASSERTION, token), ("Origin", OWN_PAGE)).status == 200
        seen = reach.requests()
        assert len(seen) == 2
        assert token not in json.dumps(seen)
        assert ASSERTION.lower() not in json.dumps(seen).lower()


def test_the_tokens_of_a_proxy_need_the_names_of_the_gate(world: World) -> None:
    plugin = asserted(world)
    del plugin["hosts"]
    pack = world.pack(plugin=plugin)
    path = world.folder / "places-nameless.yaml"
    pack.write(path)
    accepted, said = validate(world.binary, path, world.keys.environment())
    assert not accepted
    assert "hosts: required with `jwt[].assertion_header`" in said


@contextmanager
def key_server(document: bytes, wanted: str) -> Iterator[tuple[int, list[bool]]]:
    """In: a JWKS, and the value without which nobody sees it. Out: its port, and who was let in so far."""
    asked: list[bool] = []

    class Guarded(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fit = self.headers.get_all(WANTED) == [wanted]
            asked.append(fit)
            self.send_response(200 if fit else 401)
            body = document if fit else b"{}"
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Guarded)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("fit", [False, True], ids=["a wrong value", "its value"])
def test_a_key_server_that_wants_a_header_answers_whoever_has_it(world: World, fit: bool) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = {**jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "good"}
    wanted, other = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    claims = {"iss": PROVIDER, "aud": "ollama", "sub": "alice", "exp": int(time.time()) + 600}
    token = jwt.encode(claims, key, "ES256", {"kid": "good"})
    world.secrets += [wanted, other, token]
    with key_server(json.dumps({"keys": [jwk]}).encode(), wanted) as (port, asked):
        issuer = {
            "name": "guarded",
            "algorithms": ["ES256"],
            "issuer": PROVIDER,
            "audiences": ["ollama"],
            "jwks": {
                "upstream": "guarded",
                "url": f"{PROVIDER}/certs",
                "headers": {WANTED: wanted if fit else other},
            },
        }
        gate = start(world, f"places-jwks-{fit}", [issuer], {"guarded": port})
        with Reach(world.standin, gate) as reach:
            if fit:
                eventually(lambda: gate.get("/api/tags", key=token).status == 200, what="the keys")
                seen = json.dumps(reach.requests())
                assert wanted not in seen
                assert WANTED.lower() not in seen.lower()
            else:
                answer = gate.get("/api/tags", key=token)
                assert answer.status == 503
                assert other not in repr(answer)
                assert reach.requests() == []
        assert asked
        assert set(asked) == {fit}
