"""Credentials: new `sk-` keys, the records that let them in, HS256 tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import string
import zlib
from datetime import datetime, timedelta, timezone
from typing import Any

DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
KEY_DIGITS = 43
CHECKSUM_DIGITS = 6


def new_key() -> str:
    """Out: a new API key with 256 bits of entropy and a checksum, in the form that docs/keys.md describes."""
    body = "sk-" + "".join(secrets.choice(DIGITS) for _ in range(KEY_DIGITS))
    rest, checksum = zlib.crc32(body.encode()), ""
    for _ in range(CHECKSUM_DIGITS):
        rest, digit = divmod(rest, len(DIGITS))
        checksum = DIGITS[digit] + checksum
    return body + checksum


def new_secret() -> str:
    """Out: a new secret for HS256, longer than the 32 bytes that the gate asks for."""
    return secrets.token_urlsafe(48)


def timestamp(moment: datetime) -> str:
    """In: a moment in UTC. Out: RFC 3339, whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def from_now(**span: float) -> str:
    """In: a span such as `days=90` or `hours=-1`. Out: that moment as RFC 3339."""
    return timestamp(datetime.now(timezone.utc) + timedelta(**span))


def record(
    key: str,
    identifier: str,
    scopes: list[str] | None = None,
    expires_at: str | None = None,
    subject: str | None = None,
    not_before: str | None = None,
) -> dict[str, Any]:
    """In: a key and what it may do. Out: its entry in `api_keys.keys`, which holds only a digest of it."""
    entry: dict[str, Any] = {"id": identifier, "sha256": hashlib.sha256(key.encode()).hexdigest()}
    optional = {"subject": subject, "scopes": scopes, "not_before": not_before, "expires_at": expires_at}
    entry.update({name: value for name, value in optional.items() if value is not None})
    return entry


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(secret: str, claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    """In: the HS256 secret and the claims. Out: the signed JWT."""
    head = _part(json.dumps(header or {"alg": "HS256", "typ": "JWT"}).encode())
    text = f"{head}.{_part(json.dumps(claims).encode())}"
    return f"{text}.{_part(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())}"
