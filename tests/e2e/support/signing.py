"""Keys that a client signs with (`private_key_jwt`)."""

from __future__ import annotations

import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def signing_key(key_id: str) -> tuple[str, dict[str, Any]]:
    """In: a name. Out: a new private key in PEM, and its public half as the provider is told of it."""
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return pem, {**jwk, "kid": key_id, "use": "sig", "alg": "ES256"}
