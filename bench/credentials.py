"""Keys and tokens for the measurement, made once and kept in target/bench."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://issuer.example"
AUDIENCE = "ollama"
SECRET = "a secret of the benchmark, of over 32 bytes"
API_KEY = "sk-benchmark-0123456789abcdefghijklmnopqrstuv"
PASSWORD = "benchmark"
ALGORITHMS = {"hs256": "HS256", "rs256": "RS256", "es256": "ES256", "eddsa": "EdDSA"}
DAY = 24 * 3600


class Credentials:
    """Signing keys, their public halves as JWK, and as many tokens of each algorithm as are asked for."""

    def __init__(self, folder: Path, tokens: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._signers: dict[str, Any] = {
            "hs256": SECRET,
            "rs256": rsa.generate_private_key(65537, 2048),
            "es256": ec.generate_private_key(ec.SECP256R1()),
            "eddsa": ed25519.Ed25519PrivateKey.generate(),
        }
        self._reuse()
        self.tokens = {name: self._tokens(name, tokens) for name in ALGORITHMS}
        self.forged = self.tokens["es256"][0][:-20] + self.tokens["es256"][1][-20:]

    def jwk(self, name: str) -> dict[str, Any]:
        """In: an algorithm. Out: its public key as JWK."""
        public = self._signers[name].public_key()
        maker = {"rs256": RSAAlgorithm, "es256": ECAlgorithm, "eddsa": OKPAlgorithm}[name]
        return {**maker.to_jwk(public, as_dict=True), "kid": "k1", "alg": ALGORITHMS[name], "use": "sig"}

    def sign(self, name: str, claims: dict[str, Any]) -> str:
        """In: an algorithm and claims. Out: the token."""
        return jwt.encode(claims, self._signers[name], ALGORITHMS[name], {"kid": "k1"})

    def _reuse(self) -> None:
        """Takes the signing keys of the last time, if there are any, or keeps the new ones."""
        for name, signer in self._signers.items():
            if isinstance(signer, str):
                continue
            file = self.folder / f"{name}.pem"
            if file.exists():
                self._signers[name] = serialization.load_pem_private_key(file.read_bytes(), None)
                continue
            encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
            file.write_bytes(signer.private_bytes(encoding, form, serialization.NoEncryption()))
            (self.folder / f"{name}.tokens").unlink(missing_ok=True)

    def _tokens(self, name: str, count: int) -> list[str]:
        file = self.folder / f"{name}.tokens"
        if file.exists() and time.time() - file.stat().st_mtime < DAY / 2:
            tokens = file.read_text(encoding="ascii").split()
            if len(tokens) >= count:
                return tokens[:count]
        print(f"bench: signing {count} tokens with {ALGORITHMS[name]}", flush=True)
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + DAY, "scope": "openid email read inference"}
        tokens = [
            jwt.encode(
                {**claims, "sub": f"user-{number}", "jti": hashlib.md5(str(number).encode()).hexdigest()},
                self._signers[name],
                ALGORITHMS[name],
                {"kid": "k1"},
            )
            for number in range(count)
        ]
        file.write_text("\n".join(tokens), encoding="ascii")
        return tokens


def basic() -> str:
    """Out: the value of an Authorization header with a password."""
    return "Basic " + base64.b64encode(f"user:{PASSWORD}".encode()).decode()


def htpasswd() -> str:
    """Out: the password file as Envoy's filter wants it."""
    digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
    return f"user:{{SHA}}{digest}"


def jwks(*keys: dict[str, Any]) -> str:
    """In: JWKs. Out: a JWKS, as text."""
    return json.dumps({"keys": list(keys)})


def secret_jwk() -> dict[str, Any]:
    """Out: the secret as a JWK, for Envoy's own filter."""
    encoded = base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("=")
    return {"kty": "oct", "k": encoded, "kid": "k1", "alg": "HS256"}
