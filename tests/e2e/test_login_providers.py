"""Providers that are slow, answer something else, or vouch for somebody else: none of it signs anybody in."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from support.oidc import SECONDS, cluster
from support.people import BROWSER, INSIDE
from support.ports import port_to_keep
from support.world import Gate, World, eventually

RING, CLIENT = "E2E_BAD_RING", "E2E_BAD_CLIENT"
KEY, OTHER = (rsa.generate_private_key(65537, 2048) for _ in range(2))
JSON, HTML = "application/json", "text/html; charset=utf-8"
PAGE = b"<!doctype html><title>Sign in</title>"
WELL_KNOWN = "/.well-known/openid-configuration"
# How far the clocks of a provider and a gate may be apart, in seconds.
LEEWAY = 60

Answer = tuple[int, str, bytes]


def now() -> int:
    """Out: the time, in seconds."""
    return int(time.time())


# What is changed in the claims of the ID token, and what the log says of it; `None` takes a claim out.
CLAIMS: dict[str, tuple[Callable[[str], dict[str, Any]], str]] = {
    "no-nonce": (lambda _: {"nonce": None}, "has no `nonce`"),
    "another-nonce": (lambda _: {"nonce": "x" * 43}, "for another sign-in (`nonce`)"),
    "another-audience": (lambda _: {"aud": "somebody-else"}, "its `aud` is `somebody-else`"),
    "no-audience": (lambda _: {"aud": None}, "it has no `aud`"),
    "an-audience-among-others": (lambda _: {"aud": ["gate", "somebody-else"]}, "no `azp`"),
    "another-party": (lambda _: {"azp": "somebody-else"}, "for another client (`azp`)"),
    "another-issuer": (lambda _: {"iss": "https://evil.example"}, "its `iss` is"),
    "a-clock-ahead": (lambda _: {"iat": now() + 3600, "exp": now() + 7200}, "ahead of this gate's clock"),
    "a-clock-behind": (lambda _: {"iat": now() - 7200, "exp": now() - 3600}, "it expired"),
    "milliseconds": (lambda _: {"exp": (now() + 3600) * 1000}, "looks like milliseconds"),
    "no-expiry": (lambda _: {"exp": None}, "`exp`"),
    "no-subject": (lambda _: {"sub": None}, "`sub`"),
    "another-access-token": (lambda _: {"at_hash": "A" * 22}, "(`at_hash`)"),
}
# What the token endpoint answers in place of tokens, and what the log says; 503 where the provider has no answer.
TOKENS: dict[str, tuple[Answer, int, str]] = {
    "a-page": ((200, HTML, PAGE), 403, "no JSON object"),
    "a-redirect": ((302, HTML, b""), 403, "status 302"),
    "an-error": ((400, JSON, b'{"error":"invalid_grant"}'), 403, "error `invalid_grant`"),
    "another-error": ((400, JSON, b'{"error":"SECRET"}'), 403, "status 400"),
    "a-failure": ((500, HTML, PAGE), 503, "status 500"),
    "a-flood": ((200, JSON, b" " * (1 << 20)), 503, "over 65536"),
    "nothing": ((200, JSON, b""), 403, "no JSON object"),
}
# What the UserInfo endpoint answers, in the same way.
PEOPLE: dict[str, tuple[Answer, int, str]] = {
    "people-a-page": ((200, HTML, PAGE), 403, "not of the type"),
    "people-of-another-type": ((200, "text/plain", b'{"sub":"alice"}'), 403, "not of the type"),
    "people-signed": ((200, "application/jwt", b"e30.e30.AA"), 403, "userinfo_signed_response_alg"),
    "people-somebody-else": ((200, JSON, b'{"sub":"mallory"}'), 403, "somebody else"),
    "people-nobody": ((200, JSON, b'{"email":"alice@example.com"}'), 403, "somebody else"),
    "people-a-redirect": ((302, HTML, b""), 403, "status 302"),
    "people-forbidden": ((401, JSON, b"{}"), 403, "status 401"),
    "people-a-failure": ((503, HTML, PAGE), 503, "status 503"),
}


class Provider:
    """A provider that does what the code says which it is sent: a name of the tables above, and the nonce."""

    def __init__(self) -> None:
        self.over = threading.Event()
        handler = type("Handler", (Answering,), {"provider": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def issuer(self, path: str = "") -> str:
        """In: what is broken about its documents. Out: the issuer there."""
        return f"http://127.0.0.1:{self.port}{path}"

    def stop(self) -> None:
        """Ends it, and what it has kept waiting."""
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    def get(self, path: str, bearer: str) -> Answer | None:
        """In: what is asked for. Out: the answer; none, if there is to be none."""
        name, _, document = path.removeprefix("/").partition("/")
        if path == "/me":
            if bearer == "people-slow":
                return None
            answer = PEOPLE.get(bearer)
            return answer[0] if answer else (200, JSON, b'{"sub":"alice"}')
        if document == WELL_KNOWN.removeprefix("/"):
            metadata = {
                "issuer": self.issuer(f"/{name}"),
                "authorization_endpoint": self.issuer("/auth"),
                "token_endpoint": self.issuer("/token"),
                "userinfo_endpoint": self.issuer("/me"),
                "jwks_uri": self.issuer(f"/{name}/keys"),
            }
            if name == "metadata-slow":
                return None
            if name == "metadata-a-page":
                return 200, HTML, PAGE
            return 200, JSON, json.dumps(metadata).encode()
        if document == "keys":
            if name == "keys-slow":
                return None
            jwk = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
            return 200, JSON, json.dumps({"keys": [{**jwk, "kid": "one", "use": "sig"}]}).encode()
        return 404, HTML, PAGE

    def redeem(self, code: str) -> Answer | None:
        """In: a code. Out: what the token endpoint answers."""
        name, nonce, issuer = code.split("!")
        if name == "slow":
            return None
        if name in TOKENS:
            return TOKENS[name][0]
        claims = {
            "iss": issuer,
            "aud": "gate",
            "sub": "alice",
            "nonce": nonce,
            "iat": now(),
            "exp": now() + 600,
            "at_hash": half_hash(name),
        }
        changed = CLAIMS[name][0](nonce) if name in CLAIMS else {}
        if name == "clocks-a-little-apart":
            changed = {"iat": now() + LEEWAY // 2, "exp": now() - LEEWAY // 2}
        claims = {name: value for name, value in {**claims, **changed}.items() if value is not None}
        key = OTHER if name == "another-key" else KEY
        token = jwt.encode(claims, key, "RS256", {"kid": "one"})
        if name == "unsigned":
            token = jwt.encode(claims, None, "none", {"kid": "one"})
        if name == "by-the-client-secret":
            token = jwt.encode(claims, "0123456789abcdef" * 4, "HS256", {"kid": "one"})
        tokens = {"token_type": "Bearer", "access_token": name, "id_token": token}
        kind = "text/html" if name == "of-another-type" else JSON
        return 200, kind, json.dumps(tokens).encode()


def half_hash(text: str) -> str:
    """In: an access token. Out: its `at_hash`."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:16]).decode().rstrip("=")


class Answering(http.server.BaseHTTPRequestHandler):
    """Asks the provider what to answer."""

    provider: Provider
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answers a GET."""
        self._answer(self.provider.get(self.path, (self.headers["Authorization"] or "").removeprefix("Bearer ")))

    def do_POST(self) -> None:
        """Answers at the token endpoint."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        code = form["code"][0]
        self._answer(self.provider.redeem(code), gzipped=code.startswith("compressed!"))

    def _answer(self, answer: Answer | None, gzipped: bool = False) -> None:
        if answer is None:
            self.provider.over.wait()
            self.close_connection = True
            return
        status, kind, body = answer
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status == 302:
            self.send_header("Location", self.provider.issuer("/elsewhere"))
        if gzipped:
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class SignIn:
    """A gate whose provider this is, and a browser that signs in there."""

    def __init__(self, world: World, provider: Provider, documents: str, timeout: str) -> None:
        self.issuer = provider.issuer(f"/{documents}")
        self.port = port_to_keep()
        self.origin = f"http://localhost:{self.port}"
        login = {
            "issuer": self.issuer,
            "upstream": "people",
            "client_id": "gate",
            "client_secret": {"env": CLIENT},
            "url": self.origin,
            "secrets": [{"env": RING}],
            "userinfo": True,
            "timeout": timeout,
        }
        pack = world.pack(
            plugin={"login": login, "hosts": ["localhost"], "public": ["health"], "host": {"name": "envoy"}}
        )
        pack.listen(self.port)
        pack.environment([RING, CLIENT])
        pack.document["static_resources"]["clusters"].append(cluster("people", provider.port))
        variables = {RING: "f3a9c1d7e5b2408697c4a1f0e8d3b652", CLIENT: "Zk4vQ9xTn2LmR7bW"}
        world.secrets += variables.values()
        self.gate: Gate = world.start(f"provider-{documents}", pack, variables)

    def ask(self, path: str, cookie: str = "") -> tuple[int, dict[str, str], list[str], str]:
        """In: a page, and a cookie. Out: status, fields, what `Set-Cookie` says, and text."""
        headers = {**BROWSER, "Host": f"localhost:{self.port}", **({"Cookie": cookie} if cookie else {})}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return response.status, fields, response.headers.get_all("Set-Cookie") or [], response.read().decode()
        finally:
            connection.close()

    def end(self, name: str) -> tuple[int, list[str], str]:
        """In: what the provider does. Out: what becomes of a sign-in: status, `Set-Cookie`, text."""
        status, fields, cookies, text = self.ask(INSIDE)
        assert status == 303, (status, text)
        sent = {key: values[0] for key, values in parse_qs(urlsplit(fields["location"]).query).items()}
        code = quote(f"{name}!{sent['nonce']}!{self.issuer}", safe="")
        callback = f"/.gate/callback?code={code}&state={sent['state']}&iss={quote(self.issuer, safe='')}"
        status, _, set_, text = self.ask(callback, cookies[-1].split(";")[0])
        return status, set_, text

    def refuses(self, name: str, status: int, cause: str) -> None:
        """In: what the provider does. Holds that it signs nobody in, and that the log says why."""
        before = len(self.gate.decisions())
        seen, cookies, text = self.end(name)
        code = "sign_in_failed" if status == 403 else "provider_unavailable"
        assert (seen, code in text) == (status, True), (name, seen, text)
        assert cookies and all("Max-Age=0" in line for line in cookies), (name, cookies)
        assert "SECRET" not in text and "doctype html><title>Sign in<" not in text, name
        eventually(
            lambda: any(cause in decision.get("cause", "") for decision in self.gate.decisions()[before:]),
            what=f"{name}: a line of the log with {cause!r}",
        )


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """The provider."""
    provider = Provider()
    yield provider
    provider.stop()


@pytest.fixture(scope="module")
def sign_in(world: World, provider: Provider) -> Iterator[SignIn]:
    """A gate that finds good documents there."""
    sign_in = SignIn(world, provider, "good", "5s")
    yield sign_in
    sign_in.gate.envoy.stop()


@pytest.mark.parametrize("name", ["good", "clocks-a-little-apart"])
def test_a_provider_that_does_as_it_should_signs_somebody_in(sign_in: SignIn, name: str) -> None:
    status, cookies, text = sign_in.end(name)
    assert status == 303, text
    [session] = [line for line in cookies if "Max-Age=0" not in line]
    assert sign_in.ask(INSIDE, session.split(";")[0])[0] == 200


@pytest.mark.parametrize("name", CLAIMS)
def test_an_id_token_for_another_purpose_signs_nobody_in(sign_in: SignIn, name: str) -> None:
    sign_in.refuses(name, 403, CLAIMS[name][1])


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("another-key", "no key of its issuer made it"),
        ("unsigned", "`none`"),
        ("by-the-client-secret", "`alg` is HS256"),
        ("of-another-type", "not of the type `application/json`"),
        ("compressed", "compressed"),
    ],
)
def test_tokens_that_prove_nothing_sign_nobody_in(sign_in: SignIn, name: str, cause: str) -> None:
    sign_in.refuses(name, 403, cause)


@pytest.mark.parametrize("name", TOKENS)
def test_an_answer_without_tokens_signs_nobody_in(sign_in: SignIn, name: str) -> None:
    sign_in.refuses(name, *TOKENS[name][1:])


@pytest.mark.parametrize("name", PEOPLE)
def test_an_answer_about_people_that_is_none_signs_nobody_in(sign_in: SignIn, name: str) -> None:
    sign_in.refuses(name, *PEOPLE[name][1:])


def test_an_endpoint_that_does_not_answer_keeps_nobody_waiting_and_nobody_else_out(sign_in: SignIn) -> None:
    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(sign_in.end, name) for name in ("slow", "people-slow")]
        good = pool.submit(sign_in.end, "good")
        assert good.result()[0] == 303
        for waiting in slow:
            status, cookies, text = waiting.result()
            assert status == 503 and "provider_unavailable" in text
            assert all("Max-Age=0" in line for line in cookies)


@pytest.mark.parametrize(
    ("documents", "cause"),
    [
        ("metadata-slow", "504"),
        ("metadata-a-page", "not a JSON object"),
    ],
)
def test_metadata_that_cannot_be_used_send_nobody_anywhere(
    world: World, provider: Provider, documents: str, cause: str
) -> None:
    sign_in = SignIn(world, provider, documents, "5s")
    try:
        status, fields, cookies, text = sign_in.ask(INSIDE)
        assert status == 503 and "provider_unavailable" in text and cookies == []
        assert "location" not in fields and int(fields["retry-after"]) > 0
        lines = sign_in.gate.envoy.child.lines
        eventually(lambda: any(cause in line for line in list(lines)), what=f"a line of the log with {cause!r}")
    finally:
        sign_in.gate.envoy.stop()


def test_without_the_provider_s_keys_nobody_is_signed_in(world: World, provider: Provider) -> None:
    sign_in = SignIn(world, provider, "keys-slow", "5s")
    try:
        status, cookies, text = sign_in.end("good")
        assert status == 503 and "Sign-in failed" in text
        assert all("Max-Age=0" in line for line in cookies)
    finally:
        sign_in.gate.envoy.stop()
