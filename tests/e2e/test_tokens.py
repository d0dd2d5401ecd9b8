"""Tokens of two libraries in all algorithms, with the gateway's crypto and without, and the forged ones."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from support import node
from support.oidc import RawServer
from support.world import Gate, Reach, World

AUDIENCE = "ollama"
ALGORITHMS = [*("HS256", "HS384", "HS512"), *("RS256", "RS384", "RS512"), *("PS256", "PS384", "PS512")]
ALGORITHMS += ["ES256", "ES384", "EdDSA"]
# What a gateway is told of itself, and whether its crypto is then used: only Envoy is known to have any.
HOSTS = {"the gateway's crypto": {"host": {"name": "envoy"}}, "the module's crypto": {}}
PROVED = "ollama-gate: RSA and ECDSA are verified by the gateway's crypto"


def part(data: bytes) -> str:
    """In: bytes. Out: base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """In: the parts of a token. Out: the token, whatever its signature is worth."""
    return ".".join(part(one) for one in (json.dumps(header).encode(), json.dumps(claims).encode(), signature))


class Signer:
    """One key for each kind of algorithm, and what PyJWT and jose make of it."""

    def __init__(self) -> None:
        self._secret = secrets.token_urlsafe(64)
        self.rsa = rsa.generate_private_key(65537, 2048)
        self._keys = {
            "HS": self._secret,
            "RS": self.rsa,
            "PS": self.rsa,
            "ES256": ec.generate_private_key(ec.SECP256R1()),
            "ES384": ec.generate_private_key(ec.SECP384R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        }

    def key(self, algorithm: str) -> Any:
        """In: an algorithm. Out: the key that signs with it."""
        return self._keys.get(algorithm) or self._keys[algorithm[:2]]

    def issuers(self) -> list[dict[str, Any]]:
        """Out: one issuer for the secret, one for the public keys."""
        public = []
        for kid in ("RS", "ES256", "ES384", "EdDSA"):
            public.append({**_algorithm(kid).to_jwk(self._keys[kid].public_key(), as_dict=True), "kid": kid})
        common = {"audiences": [AUDIENCE]}
        return [
            {
                **common,
                "name": "shared",
                "issuer": "https://shared.example",
                "algorithms": ALGORITHMS[:3],
                "secrets": [self._secret],
            },
            {
                **common,
                "name": "public",
                "issuer": "https://public.example",
                "algorithms": ALGORITHMS[3:],
                "keys": public,
            },
        ]

    def header(self, algorithm: str) -> dict[str, Any]:
        """In: an algorithm. Out: the header's `kid`; the secret has none."""
        kids = {"HS": None, "RS": "RS", "PS": "RS"}
        kid = kids.get(algorithm[:2], algorithm)
        return {"kid": kid} if kid else {}

    def py_jwt(self, algorithm: str, claims: dict[str, Any]) -> str:
        """Out: a token made by PyJWT."""
        return jwt.encode(claims, self.key(algorithm), algorithm, self.header(algorithm))

    def jose(self, algorithm: str, claims: dict[str, Any]) -> str:
        """Out: a token made by npm's jose."""
        key = self.key(algorithm)
        if isinstance(key, str):
            jwk = {"kty": "oct", "k": part(key.encode())}
        else:
            jwk = _algorithm(algorithm).to_jwk(key, as_dict=True)
        wanted = [{"alg": algorithm, "key": jwk, "header": self.header(algorithm), "claims": claims}]
        node.install()
        done = subprocess.run(
            ["node", "mint.mjs"],
            cwd=node.FOLDER,
            input=json.dumps(wanted),
            capture_output=True,
            text=True,
            timeout=node.SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)[0]


def _algorithm(name: str) -> Any:
    """In: an algorithm or the kind of its key. Out: PyJWT's class for its JWKs."""
    kinds = {"RS": jwt.algorithms.RSAAlgorithm, "PS": jwt.algorithms.RSAAlgorithm, "ES": jwt.algorithms.ECAlgorithm}
    return kinds.get(name[:2], jwt.algorithms.OKPAlgorithm)


def claims(algorithm: str, **changed: Any) -> dict[str, Any]:
    """In: an algorithm. Out: the claims of a good token of the issuer that takes it, never twice the same."""
    issuer = "https://shared.example" if algorithm.startswith("HS") else "https://public.example"
    now = int(time.time())
    good = {"iss": issuer, "aud": AUDIENCE, "sub": "person", "iat": now, "exp": now + 600, "jti": secrets.token_hex(8)}
    return {**good, **changed}


class Tokens:
    """A gate, the signer that it believes, and a stranger with keys of the same kinds."""

    def __init__(self, world: World, name: str, host: dict[str, Any]) -> None:
        self._world = world
        self.signer, self.stranger = Signer(), Signer()
        issuers = self.signer.issuers()
        world.secrets.append(issuers[0]["secrets"][0])
        plugin = {"jwt": issuers, "public": ["health"], "upstream": {"host": "ollama.internal:11434"}, **host}
        self.gate: Gate = world.start_gate(name, plugin)

    def answer(self, token: str) -> tuple[int, str | None]:
        """In: a token. Out: status and code."""
        self._world.secrets.append(token)
        answer = self.gate.get("/api/tags", key=token)
        return answer.status, answer.code

    def are_taken(self, tokens: list[str]) -> None:
        """In: tokens. Fails unless each lists the models, twice."""
        assert [self.answer(token) for token in tokens for _ in range(2)] == [(200, None)] * (2 * len(tokens))

    def are_refused(self, tokens: list[str], code: str) -> None:
        """In: tokens and a code. Fails unless each gets it, twice, and none reaches Ollama."""
        with Reach(self._world.standin, self.gate) as reach:
            assert [self.answer(token) for token in tokens for _ in range(2)] == [(401, code)] * (2 * len(tokens))
            assert reach.targets() == []


@pytest.fixture(scope="module", params=HOSTS)
def tokens(world: World, request: pytest.FixtureRequest) -> Iterator[Tokens]:
    """The same with each crypto."""
    tokens = Tokens(world, f"tokens-{list(HOSTS).index(request.param)}", HOSTS[request.param])
    yield tokens
    # Which crypto it was is seen in the log, once it had a signature to check.
    output = tokens.gate.envoy.child.output()
    assert (PROVED in output) == bool(HOSTS[request.param])
    assert "failed the self-test" not in output
    tokens.gate.envoy.stop()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("library", ["py_jwt", "jose"])
def test_a_token_of_a_library_is_accepted_and_a_forged_one_is_not(tokens: Tokens, library: str, algorithm: str) -> None:
    good = getattr(tokens.signer, library)(algorithm, claims(algorithm))
    assert jwt.get_unverified_header(good)["alg"] == algorithm
    header, payload, signature = good.split(".")
    other = part(json.dumps(claims(algorithm, sub="root")).encode())
    flipped = bytearray(base64.urlsafe_b64decode(signature + "=="))
    flipped[len(flipped) // 2] ^= 1
    forged = [
        getattr(tokens.stranger, library)(algorithm, claims(algorithm)),
        f"{header}.{other}.{signature}",
        f"{header}.{payload}.{part(bytes(flipped))}",
        f"{header}.{payload}.",
        f"{header}.{payload}.{part(bytes(len(flipped)))}",
    ]
    tokens.are_refused(forged, "invalid_signature")
    # The second time it is remembered; each worker has a memory of its own.
    assert [tokens.answer(good) for _ in range(6)] == [(200, None)] * 6
    event = [event for event in tokens.gate.decisions() if event["decision"] == "allowed"][-1]
    assert (event["subject"], event["credential"]) == ("person", "jwt")
    tokens.are_refused(forged, "invalid_signature")


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
def test_a_token_without_a_signature_is_refused(tokens: Tokens, name: str) -> None:
    signature = tokens.signer.py_jwt("RS256", claims("RS256")).rpartition(".")[2]
    header, said = {"alg": name, "typ": "JWT", "kid": "RS"}, claims("RS256")
    unsigned = compact(header, said)
    tokens.are_refused([unsigned, unsigned + signature], "unsupported_algorithm")


@pytest.mark.parametrize("algorithm", ALGORITHMS[:3])
def test_a_public_key_is_no_secret(tokens: Tokens, algorithm: str) -> None:
    public = tokens.signer.rsa.public_key()
    spki, pkcs1 = PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1
    texts = [public.public_bytes(encoding, form) for encoding in (Encoding.PEM, Encoding.DER) for form in (spki, pkcs1)]
    texts += [text.strip() for text in texts[:2]]
    texts.append(json.dumps(tokens.signer.issuers()[1]["keys"][0]).encode())
    hash_name = f"sha{algorithm[2:]}"

    def signed(said: dict[str, Any], text: bytes) -> str:
        token = compact({"alg": algorithm, "typ": "JWT", "kid": "RS"}, said)
        return token + part(hmac.new(text, token[:-1].encode(), getattr(hashlib, hash_name)).digest())

    # Whose key it is takes no HMAC at all; who takes one goes by another name.
    tokens.are_refused([signed(claims("RS256"), text) for text in texts], "wrong_issuer")
    tokens.are_refused([signed(claims(algorithm), text) for text in texts], "invalid_signature")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_key_that_a_token_brings_or_points_to_is_not_fetched_and_not_used(tokens: Tokens, algorithm: str) -> None:
    stranger = tokens.stranger.key(algorithm)
    own = _algorithm(algorithm).to_jwk(stranger.public_key(), as_dict=True)
    with RawServer() as server:
        address = f"http://127.0.0.1:{server.port}/keys"
        headers = [{"jku": address}, {"x5u": address}, {"jwk": own}, {"x5c": [part(b"certificate")]}]
        named = [{**header, **tokens.signer.header(algorithm)} for header in headers]
        pointing = [jwt.encode(claims(algorithm), stranger, algorithm, header) for header in named]
        tokens.are_refused(pointing, "invalid_signature")
        # When the right key signs, what nobody reads makes it no worse.
        right = tokens.signer.key(algorithm)
        tokens.are_taken([jwt.encode(claims(algorithm), right, algorithm, header) for header in named])
        # A `kid` is a name, and never an address.
        addressed = jwt.encode(claims(algorithm), stranger, algorithm, {"kid": address, "jku": address})
        tokens.are_refused([addressed], "unknown_signing_key")
        assert server.was_let_alone()
