"""Whoever asks in the tests that draw requests: good credentials of every kind, wrong ones, and a configuration."""

from __future__ import annotations

import base64
import itertools
import json
import random
import subprocess
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from demo import credentials

from .requests import Credential, Request
from .signer import Key
from .world import World

AUDIENCE = "ollama"
REMOTE = "http://keys.example"
PASSWORD = "Four-horses-3-carts"


class Cast:
    """Whoever asks: their credentials, and the configurations that know them."""

    def __init__(self, world: World, folder: Path) -> None:
        self.keys = {name: credentials.new_key() for name in KEYS}
        self.secret = credentials.new_secret()
        self.issuers = {
            "rsa": ("RS256", rsa.generate_private_key(65537, 2048)),
            "curve": ("ES256", ec.generate_private_key(ec.SECP256R1())),
            "remote": ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
        }
        self.signer = Key(folder / "id_ed25519", "alice")
        self.folder = folder
        (folder / "jwks.json").write_text(json.dumps({"keys": [self.jwk("remote")]}))
        done = subprocess.run(
            ["openssl", "passwd", "-apr1", "-stdin"], input=PASSWORD, capture_output=True, text=True, check=True
        )
        self.hash = done.stdout.strip()
        self._world = world
        # The seconds in which its signatures were made, as they say: each in one of its own, so that no two are one call.
        self._signed: set[int] = set()
        world.secrets += [*self.keys.values(), self.secret, PASSWORD]

    def jwk(self, issuer: str) -> dict[str, Any]:
        """In: the name of an issuer with a key pair. Out: its public key."""
        algorithm, private = self.issuers[issuer]
        kind = {"RS256": jwt.algorithms.RSAAlgorithm, "ES256": jwt.algorithms.ECAlgorithm}
        kind_of = kind.get(algorithm, jwt.algorithms.OKPAlgorithm)
        return {**kind_of.to_jwk(private.public_key(), as_dict=True), "kid": issuer, "alg": algorithm, "use": "sig"}

    def token(self, issuer: str, header: dict[str, Any] | None = None, **changed: Any) -> str:
        """In: an issuer, and what differs from a good token. Out: the token."""
        now = int(time.time())
        good = {"iss": f"https://{issuer}.example", "aud": AUDIENCE, "sub": "carol", "iat": now, "exp": now + 86400}
        good["iss"] = REMOTE if issuer == "remote" else good["iss"]
        claims = {name: value for name, value in {**good, **changed}.items() if value is not None}
        if issuer == "secret":
            made = credentials.token(self.secret, claims, header)
        else:
            algorithm, private = self.issuers[issuer]
            made = jwt.encode(claims, private, algorithm, {"kid": issuer, **(header or {})})
        self._world.secrets.append(made)
        return made

    def plugin(self, **other: Any) -> dict[str, Any]:
        """In: what differs. Out: the configuration that knows everybody."""
        later, past = credentials.from_now(hours=24), credentials.from_now(hours=-1)
        records = []
        for name, (scopes, rules) in KEYS.items():
            end = past if name == "expired" else later
            begin = credentials.from_now(hours=12) if name == "future" else None
            made = credentials.record(self.keys[name], name, scopes, end, not_before=begin)
            records.append({**made, **rules})
        common = {"audiences": [AUDIENCE]}
        return {
            "api_keys": {"keys": records},
            "jwt": [
                {
                    "name": "secret",
                    "algorithms": ["HS256"],
                    "secrets": [{"env": "E2E_JWT_SECRET"}],
                    **common,
                    "issuer": "https://secret.example",
                    "cookie": "token",
                    "models_claim": "models",
                },
                {
                    "name": "rsa",
                    "algorithms": ["RS256"],
                    "keys": [self.jwk("rsa")],
                    **common,
                    "issuer": "https://rsa.example",
                    "scopes_claim": "scope",
                    "max_lifetime": "48h",
                },
                {
                    "name": "curve",
                    "algorithms": ["ES256"],
                    "keys": [self.jwk("curve")],
                    **common,
                    "issuer": "https://curve.example",
                    "required_claims": {"email": {"suffix": "@example.com"}},
                },
                {
                    "name": "remote",
                    "algorithms": ["EdDSA"],
                    "issuer": REMOTE,
                    **common,
                    "jwks": {"upstream": "keys", "url": f"{REMOTE}/certs"},
                },
            ],
            "basic": {
                "users": [
                    {"name": "dora", "password_hash": self.hash, "models": ["llama3.2"]},
                    {"name": "erik", "password_hash": self.hash, "scopes": ["read"]},
                ]
            },
            "ollama_cli": {"authorized_keys": [self.signer.line], "window": "5m", "replay_window": "10s"},
            "credential_headers": ["apikey", {"name": "Authorization", "scheme": "Token"}],
            "hosts": ["https://gate.example.com", "localhost", "127.0.0.1"],
            "cors": {"allow_origins": ["https://page.example"], "allow_headers": ["X-Title"]},
            "network": {"deny": ["127.0.0.66"]},
            "routes": [
                {"path": "/metrics", "methods": ["GET"], "scope": "read"},
                {"prefix": "/v1/files", "methods": ["GET", "POST"], "scope": "manage"},
            ],
            "public": ["health"],
            "signin_url": "https://wiki.example.com/keys",
            "upstream": {"host": "ollama.internal:11434"},
            "log": {"allowed": True, "fields": ["model"]},
            "host": {"name": "envoy", "hold_head": True, "body_limit": "256KiB"},
            **other,
        }

    def good(self) -> list[Credential]:
        """Out: credentials that are right, in each place."""
        issuers = ["secret", "secret", *self.issuers]
        claims = {
            "secret": {"models": ["llama3.2", "mistral"]},
            "rsa": {"scope": "read inference manage cloud"},
            "curve": {"email": "carol@example.com"},
        }
        bearer = [self._bearer(key) for key in self.keys.values()]
        tokens = [self._bearer(self.token(issuer, **claims.get(issuer, {}))) for issuer in issuers]
        manage = self.keys["manage"]
        return [
            *bearer,
            *bearer,
            *tokens,
            _header("X-Api-Key", self.keys["plain"]),
            _header("apikey", manage),
            _header("Authorization", f"Token {manage}"),
            _header("Authorization", f"bearer  {manage}"),
            _header("Authorization", _basic("dora", PASSWORD)),
            _header("Authorization", _basic("erik", PASSWORD)),
            _header("Authorization", _basic("", self.keys["plain"])),
            _header("Cookie", f"a=b; token={self.token('secret')}"),
            self._signed_call,
        ]

    def bad(self) -> list[Credential]:
        """Out: no credential, and such as are wrong, doubled or out of place."""
        plain, read = self.keys["plain"], self.keys["read"]
        now = int(time.time())
        wrong = [
            self.token("secret", exp=now - 600),
            self.token("secret", exp=None),
            self.token("secret", iss="https://evil.example"),
            self.token("secret", aud="other"),
            self.token("secret", sub=None),
            self.token("secret", models="a b/c/d/e/f"),
            self.token("secret", {"alg": "none", "typ": "JWT"}),
            self.token("secret", {"alg": "HS256", "crit": ["x"]}),
            self.token("secret", nbf=now + 9000),
            self.token("rsa", {"kid": "other"}, scope="read"),
            self.token("rsa", scope=None),
            self.token("rsa", exp=now + 864000, scope="read"),
            self.token("curve", email="carol@evil.example"),
            self.token("curve"),
        ]
        self._world.secrets += wrong
        return [
            lambda _draw, _request: None,
            *[self._bearer(token) for token in wrong],
            *[self._forged(issuer) for issuer in ("secret", "rsa", "remote")],
            self._bearer("ollama"),
            self._bearer("sk-nobody-4f1d2c8e9a7b6053"),
            self._bearer(""),
            self._bearer("short"),
            self._bearer("with space"),
            self._bearer(plain + ","),
            self._bearer("x" * 20_000),
            _header("Authorization", plain),
            _header("Authorization", f"Digest {plain}"),
            _header("Authorization", _basic("dora", "wrong")),
            _header("Authorization", _basic("nobody", PASSWORD)),
            _header("Authorization", "Basic !!!"),
            _header("Cookie", f"token={self.token('secret')}; token={self.token('secret', sub='eve')}"),
            _header("Cookie", "token=sk-x"),
            _both(self._bearer(plain), self._bearer(read)),
            _both(self._bearer(plain), _header("X-Api-Key", read)),
            _both(self._bearer(plain), _header("X-Api-Key", plain)),
            _both(self._bearer(plain), _header("X-Copy", plain)),
            _both(self._bearer(plain), _header("Content-Type", plain)),
            _both(self._bearer(plain), _query(plain)),
            _both(_header("Cookie", f"token={self.token('secret')}"), _header("Cookie", "b=1")),
            _header("X-Ollama-Token", "Bearer " + plain),
            _header("Authorization", "ZZZZ:AAAA"),
        ]

    @staticmethod
    def _bearer(value: str) -> Credential:
        return _header("Authorization", f"Bearer {value}")

    def _forged(self, issuer: str) -> Credential:
        start = self.token(issuer, scope="read")[:-8]

        def put(draw: random.Random, request: Request) -> None:
            # Each another one: the gate says less of one that it has refused before.
            forged = start + "".join(draw.choices("ABCDEFGHIJ", k=7)) + "A"
            request.headers.append(("Authorization", f"Bearer {forged}"))

        return put

    def _signed_call(self, _draw: Any, request: Request) -> None:
        at = next(second for second in itertools.count(int(time.time()), -1) if second not in self._signed)
        self._signed.add(at)
        path = request.path.split("?")[0].split("#")[0]
        target, headers = self.signer.call(request.method, path, at)
        request.path = target
        request.headers += headers


KEYS: dict[str, tuple[list[str] | None, dict[str, Any]]] = {
    "plain": (None, {}),
    "read": (["read"], {}),
    "manage": (["read", "inference", "manage"], {}),
    "cloud": (["read", "inference", "manage", "cloud"], {"models": ["*"]}),
    "few": (None, {"models": ["llama3.2", "qwen3:*"]}),
    "bounded": (
        ["read", "inference", "manage"],
        {"limits": {"num_ctx": 8192, "num_predict": 100, "keep_alive": "10m"}},
    ),
    "small": (None, {"limits": {"request_bytes": 60}}),
    "near": (None, {"allow_from": ["127.0.0.2"]}),
    "expired": (["read"], {}),
    "future": (["read"], {}),
    "powerless": ([], {}),
}


def _header(name: str, value: str) -> Credential:
    return lambda _draw, request: request.headers.append((name, value))


def _query(key: str) -> Credential:
    def put(_draw: Any, request: Request) -> None:
        request.path += f"?key={key}"

    return put


def _both(first: Credential, second: Credential) -> Credential:
    def put(draw: Any, request: Request) -> None:
        first(draw, request)
        second(draw, request)

    return put


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
