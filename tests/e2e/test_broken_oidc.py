"""A provider that is broken in every way: nobody gets in by it, nothing hangs, and the log says what is wrong."""

from __future__ import annotations

import functools
import gzip
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from support.oidc import RawServer, hold, saying, start
from support.world import FRESH_CONNECTIONS, Gate, Reach, World, eventually

AUDIENCE = "ollama"
HOST = "http://broken.example"
WELL_KNOWN = "/.well-known/openid-configuration"
MOST_BODY = 256 * 1024

GOOD = ec.generate_private_key(ec.SECP256R1())
LEAKED = ec.generate_private_key(ec.SECP256R1())


def minted(world: World, issuer: str, key: Any = GOOD, kid: str = "good") -> str:
    """In: whose token, and who signs it. Out: the token, which no output may show."""
    claims = {"iss": issuer, "aud": AUDIENCE, "sub": "somebody", "exp": int(time.time()) + 600}
    token = jwt.encode(claims, key, "ES256", {"kid": kid})
    world.secrets.append(token)
    return token


def answers(gate: Gate, token: str) -> set[tuple[int, str | None]]:
    """In: a token. Out: what fresh connections, hence both workers, answer."""
    seen = [gate.get("/api/tags", key=token) for _ in range(FRESH_CONNECTIONS)]
    return {(answer.status, answer.code) for answer in seen}


def jwk(key: Any, kid: str, **other: Any) -> dict[str, Any]:
    """In: a key, private or public. Out: its JWK, as private as it is."""
    kinds = {
        ec.EllipticCurvePublicKey: jwt.algorithms.ECAlgorithm,
        ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm,
        rsa.RSAPublicKey: jwt.algorithms.RSAAlgorithm,
        ed25519.Ed25519PublicKey: jwt.algorithms.OKPAlgorithm,
    }
    kind = next(kind for base, kind in kinds.items() if isinstance(key, base))
    return {**kind.to_jwk(key, as_dict=True), "kid": kid, **other}


def jwks(*keys: Any) -> bytes:
    """In: JWKs. Out: the JWKS."""
    return json.dumps({"keys": keys}).encode()


GOOD_KEY = jwk(GOOD.public_key(), "good")
PRIVATE_KEY = jwk(LEAKED, "leaked")
UNKNOWN_KEYS = [
    {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA", "kid": "good"},
    {"kty": "oct", "k": "c2VjcmV0", "kid": "good"},
    jwk(ec.generate_private_key(ec.SECP256K1()).public_key(), "good"),
    jwk(ec.generate_private_key(ec.SECP521R1()).public_key(), "good"),
    jwk(rsa.generate_private_key(65537, 1024).public_key(), "good"),
    {**GOOD_KEY, "use": "enc"},
    "not a key",
]
# Small enough to be read, and each too small to be a key.
TINY_KEYS = [{"kty": "EC"}] * 10_000
METADATA = {"issuer": f"{HOST}/elsewhere", "jwks_uri": "http://evil.example/certs"}


def trickle(connection: Any) -> None:
    """Begins an answer, and never comes to its end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    while True:
        time.sleep(0.1)
        connection.sendall(b" ")


def half_closed(connection: Any) -> None:
    """Says that nothing will come, and stays."""
    connection.shutdown(1)
    hold(connection)


def cut(connection: Any) -> None:
    """Ends in the middle."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + jwks(GOOD_KEY)[:50])


# What the provider does, and what the log says of it. Where nothing usable comes, Envoy makes an answer of
# its own (502, 503, 504), unless it has begun to read one.
BROKEN = {
    "silent": (hold, "the answer has status 504"),
    "trickling": (trickle, "no answer came"),
    "closing": (lambda connection: None, "the answer has status 503"),
    "half-closed": (half_closed, "the answer has status 503"),
    "cut": (cut, "no answer came"),
    "no-http": (lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n" * 3), "the answer has status 502"),
    "html": (saying(b"<!doctype html><title>Sign in</title>", "200 OK", "Content-Type: text/html"), "is not JSON"),
    "missing": (saying(b"<h1>Not found</h1>", "404 Not Found"), "status 404"),
    "failing": (saying(jwks(GOOD_KEY), "500 Internal Server Error"), "status 500"),
    "empty": (saying(b""), "is not JSON"),
    "compressed": (saying(gzip.compress(jwks(GOOD_KEY)), "200 OK", "Content-Encoding: gzip"), "is not JSON"),
    "nested": (saying(b'{"keys":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "is not JSON"),
    "another-document": (saying(json.dumps(METADATA).encode()), "no list `keys`"),
    "no-keys": (saying(jwks()), "no usable key"),
    "large": (saying(b" " * (10 << 20)), f"the answer has {10 << 20} bytes, over {MOST_BODY}"),
    "ten-thousand-keys": (saying(jwks(*[GOOD_KEY] * 10_000)), f"bytes, over {MOST_BODY}"),
    "ten-thousand-tiny-keys": (saying(jwks(*TINY_KEYS)), "no usable key (key 0 of the JWKS is skipped"),
    "private": (saying(jwks(PRIVATE_KEY)), "no usable key (key 0 of the JWKS is skipped: it is a private"),
    "unknown-types": (saying(jwks(*UNKNOWN_KEYS)), "no usable key"),
}
# Those that never come to an end are waited for as shortly as may be set, and all others for long.
ENDLESS = {"silent", "trickling"}
REDIRECTS = [301, 302, 303, 307, 308]
# Sets with a good key in them, how many are skipped, and a warning that says why.
MIXED = {
    "private-and-good": (jwks(PRIVATE_KEY, GOOD_KEY), 1, "is a private key"),
    "unknown-and-good": (jwks(*UNKNOWN_KEYS, GOOD_KEY), len(UNKNOWN_KEYS), "is a key of another kind"),
    "tiny-and-good": (
        jwks(*TINY_KEYS, GOOD_KEY),
        len(TINY_KEYS),
        "key 0 of the JWKS is skipped: it has no `crv`",
    ),
    "good-and-too-many": (jwks(*[GOOD_KEY] * 150), 50, "is one too many, 100 are used"),
}
# Found by discovery, and not to be believed.
MISLED = {
    "html": (b"<!doctype html>", "metadata are not a JSON object"),
    "another-issuer": (
        json.dumps({"issuer": HOST, "jwks_uri": f"{HOST}/misled-keys"}).encode(),
        "metadata are another issuer's",
    ),
    "elsewhere": (json.dumps(METADATA).encode(), "`jwks_uri` is on `evil.example`, another server than the issuer's"),
}


class Broken:
    """One server with all of it, and a gate with an issuer for each."""

    def __init__(self, world: World, server: RawServer, elsewhere: RawServer) -> None:
        self._world = world
        self.server, self.elsewhere = server, elsewhere
        issuers = [self._at(name) for name in [*BROKEN, *MIXED, *(f"redirect-{status}" for status in REDIRECTS)]]
        issuers += [self._issuer(f"misled-{name}", f"{HOST}/{name}") for name in MISLED]
        self.gate: Gate = start(world, "broken-oidc", issuers, {"broken": server.port})

    def _at(self, name: str) -> dict[str, Any]:
        return self._issuer(name, f"https://{name}.example", url=f"{HOST}/{name}")

    def _issuer(self, name: str, issuer: str, **where: str) -> dict[str, Any]:
        keys = {"upstream": "broken", "timeout": "1s" if name in ENDLESS else "30s", **where}
        return {
            "name": name,
            "algorithms": ["ES256"],
            "issuer": issuer,
            "audiences": [AUDIENCE],
            "jwks": keys,
        }

    def token(self, issuer: str, key: Any = GOOD, kid: str = "good") -> str:
        """In: the issuer. Out: a token that would be right, had the issuer's keys come."""
        return minted(self._world, issuer, key, kid)

    def answers(self, token: str) -> set[tuple[int, str | None]]:
        """In: a token. Out: what both workers answer."""
        return answers(self.gate, token)

    def log(self, name: str) -> list[str]:
        """In: an issuer's name. Out: what Envoy's log says of its keys."""
        mark = f"ollama-gate: jwt `{name}`: keys: "
        return [line.partition(mark)[2] for line in list(self.gate.envoy.child.lines) if mark in line]

    def is_refused(self, name: str, issuer: str, why: str) -> None:
        """In: an issuer and what is wrong with its keys. Fails unless that is a 503 and a line in the log."""
        with Reach(self._world.standin, self.gate) as reach:
            assert self.answers(self.token(issuer)) == {(503, "keys_unavailable")}
            assert reach.targets() == []
        lines = self.log(name)
        assert lines
        assert all(line.startswith("fetch failed: ") and why in line for line in lines), set(lines)


@pytest.fixture(scope="module")
def broken(world: World) -> Iterator[Broken]:
    """All of it, started once."""
    with RawServer() as server, RawServer() as elsewhere:
        server.answers.update({f"/{name}": answer for name, (answer, _) in BROKEN.items()})
        server.answers.update({f"/{name}": saying(body) for name, (body, _, _) in MIXED.items()})
        server.answers.update({f"/{name}{WELL_KNOWN}": saying(body) for name, (body, _) in MISLED.items()})
        server.answers["/misled-keys"] = saying(jwks(GOOD_KEY))
        for status in REDIRECTS:
            target = f"Location: http://127.0.0.1:{elsewhere.port}/keys"
            server.answers[f"/redirect-{status}"] = saying(jwks(GOOD_KEY), f"{status} Go on", target)
        broken = Broken(world, server, elsewhere)
        yield broken
        broken.gate.envoy.stop()
        assert elsewhere.was_let_alone()


@pytest.mark.parametrize("name", BROKEN)
def test_keys_that_cannot_be_had_are_a_503_and_a_line_in_the_log(broken: Broken, name: str) -> None:
    broken.is_refused(name, f"https://{name}.example", BROKEN[name][1])


@pytest.mark.parametrize("status", REDIRECTS)
def test_a_redirect_is_not_followed(broken: Broken, status: int) -> None:
    why = f"the answer is a redirect ({status}), which is not followed"
    broken.is_refused(f"redirect-{status}", f"https://redirect-{status}.example", why)
    assert broken.elsewhere.connections == 0


@pytest.mark.parametrize("name", MISLED)
def test_metadata_that_mislead_are_not_believed(broken: Broken, name: str) -> None:
    broken.is_refused(f"misled-{name}", f"{HOST}/{name}", MISLED[name][1])
    assert broken.server.asked["/misled-keys"] == 0


@pytest.mark.parametrize("name", MIXED)
def test_keys_that_cannot_be_used_are_skipped_with_a_warning(broken: Broken, name: str) -> None:
    _, skipped, why = MIXED[name]
    assert broken.answers(broken.token(f"https://{name}.example")) == {(200, None)}
    lines = broken.log(name)
    warnings = [line for line in lines if "of the JWKS" in line]
    assert any(why in line for line in warnings), set(warnings)
    assert len({line for line in warnings if " more keys " not in line}) == min(skipped, 10)
    assert any(f"{skipped - 10} more keys of the JWKS are skipped" in line for line in warnings) == (skipped > 10)


def test_a_private_key_that_was_published_opens_nothing(broken: Broken, world: World) -> None:
    token = broken.token("https://private-and-good.example", LEAKED, "leaked")
    with Reach(world.standin, broken.gate) as reach:
        eventually(lambda: broken.answers(token) == {(401, "unknown_signing_key")}, what="the refusal")
        assert reach.targets() == []


def test_an_answer_that_was_overtaken_does_not_bring_old_keys_back(world: World) -> None:
    old, new = jwks(jwk(LEAKED.public_key(), "old")), jwks(GOOD_KEY)
    held, go_on, hold_back = threading.Semaphore(0), threading.Event(), threading.Event()
    published = [old]

    def serve(connection: Any) -> None:
        body = published[0]
        if hold_back.is_set():
            held.release()
            go_on.wait(30)
        saying(body)(connection)

    with RawServer({"/keys": serve}) as server:
        issuer = "https://overtaken.example"
        keys = {"upstream": "broken", "url": f"{HOST}/keys", "cool_down": "5m", "timeout": "30s"}
        jwt_issuer = {"name": "overtaken", "algorithms": ["ES256"], "issuer": issuer, "audiences": [AUDIENCE]}
        gate = start(world, "overtaken-oidc", [{**jwt_issuer, "jwks": keys}], {"broken": server.port})
        token = functools.partial(minted, world, issuer)
        assert answers(gate, token(LEAKED, "old")) == {(200, None)}
        # Somebody asks with a key that nobody has, and the provider takes its time with the keys of now.
        # Four fetches begin in a cool-down before one is answered, and the last is for whom keys are changed.
        hold_back.set()
        asking = [threading.Thread(target=gate.get, args=("/api/tags", token(GOOD, f"no-{n}"))) for n in range(3)]
        for thread in asking:
            thread.start()
        assert all(held.acquire(timeout=30) for _ in asking)
        # Meanwhile the keys are changed, and the next one to ask gets the new ones at once.
        hold_back.clear()
        published[0] = new
        good = token()
        assert answers(gate, good) == {(200, None)}
        go_on.set()
        for thread in asking:
            thread.join()
        assert answers(gate, good) == {(200, None)}
        gate.envoy.stop()
