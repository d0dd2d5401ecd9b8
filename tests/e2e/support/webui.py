"""Open WebUI as the gate meets it: the tokens that version 0.12.4 makes, claim by claim, and gates that know it."""

from __future__ import annotations

import hashlib
import hmac
import os
import time
import uuid
from typing import Any

import jwt
from demo import credentials
from demo import envoy as envoys
from demo.pack import Pack

from .world import Gate, World

CURRENT, PREVIOUS = "WEBUI_SECRET_KEY", "WEBUI_SECRET_KEY_PREVIOUS"
USERS_SECRET = "FORWARD_USER_INFO_HEADER_JWT_SECRET"
USER_HEADER = "X-OpenWebUI-User-Jwt"
WEEKS = 4 * 7 * 86400
"""Its `JWT_EXPIRES_IN`, where nobody set another."""
USER_SECONDS = 300

# What docs/tokens.md says to write where the second factor is on.
SECOND_FACTOR = {"typ": "session", "mfa_verified": True}


def person(name: str, role: str = "user") -> dict[str, str]:
    """In: a name. Out: such a user as Open WebUI has them."""
    return {"id": str(uuid.uuid4()), "email": f"{name.lower()}@example.com", "name": name, "role": role}


def fingerprint(secret: str) -> str:
    """In: a secret. Out: what the gate prints of it."""
    constant = b"ollama-gate: fingerprint of a secret, version 1"
    return hmac.new(secret.encode(), constant, hashlib.sha256).hexdigest()[:8]


def header(request: dict[str, Any], name: str) -> list[str]:
    """In: a request as it reached Ollama. Out: the values of one of its headers."""
    return [value for key, value in request["headers"] if key.lower() == name.lower()]


def tokens_in(request: dict[str, Any]) -> list[str]:
    """In: a request as it reached Ollama. Out: the headers in which a token stands, or could; there should be none."""
    places = {USER_HEADER.lower(), "authorization", "cookie"}
    return [name for name, value in request["headers"] if "eyJ" in value or name.lower() in places]


class WebUI:
    """One installation of Open WebUI: its secrets, and what it signs with them."""

    def __init__(self, world: World, secret: str | None = None) -> None:
        self._world = world
        self.secret = self._hidden(secret or credentials.new_secret())
        self.users_secret = self._hidden(credentials.new_secret())

    def _hidden(self, text: str) -> str:
        self._world.secrets.append(text)
        return text

    def sign(self, claims: dict[str, Any], secret: str | None = None, algorithm: str = "HS256") -> str:
        """In: claims. Out: the token, as PyJWT makes it, which is what Open WebUI uses."""
        return self._hidden(jwt.encode(claims, self.secret if secret is None else secret, algorithm=algorithm))

    def claims(self, data: dict[str, Any], seconds: int = WEEKS, **changed: Any) -> dict[str, Any]:
        """In: what a kind of token begins with, and claims to change (None leaves one out). Out: all its claims."""
        now = int(time.time())
        every = {**data, "exp": now + seconds, "jti": str(uuid.uuid4()), "iat": now, **changed}
        # `session_stamp` is null until somebody signs the user out everywhere.
        return {name: value for name, value in every.items() if value is not None or name == "session_stamp"}

    def session_claims(self, user: dict[str, str], **changed: Any) -> dict[str, Any]:
        """In: a user. Out: the claims of a session after a sign-in with password and second factor."""
        data = {
            "id": user["id"],
            "typ": "session",
            "auth_method": "password",
            "auth_time": int(time.time()),
            "session_stamp": None,
            "mfa_verified": True,
        }
        return self.claims(data, **changed)

    def session(self, user: dict[str, str], **changed: Any) -> str:
        """In: a user. Out: a session of theirs."""
        return self.sign(self.session_claims(user, **changed))

    def helper(self, user: dict[str, str], typ: str) -> str:
        """In: a user and `automation` or `subagent`. Out: the token with which that acts for them."""
        return self.sign(self.claims({"id": user["id"], "typ": typ, "session_stamp": None}, seconds=3600))

    def added(self, user: dict[str, str]) -> str:
        """In: a user. Out: the token that an administrator is shown who adds them."""
        return self.sign(self.claims({"id": user["id"], "typ": "session", "session_stamp": None}))

    def user_claims(self, user: dict[str, str], **changed: Any) -> dict[str, Any]:
        """In: a user. Out: the claims of the signed header that goes with their requests."""
        now = int(time.time())
        claims = {
            "sub": user["id"],
            "email": user["email"],
            "name": user["name"],
            "role": user["role"],
            "iss": "open-webui",
            "iat": now,
            "exp": now + USER_SECONDS,
        }
        return {name: value for name, value in {**claims, **changed}.items() if value is not None}

    def user_header(self, user: dict[str, str], secret: str | None = None, **changed: Any) -> tuple[str, str]:
        """In: a user. Out: the signed header."""
        return USER_HEADER, self.sign(self.user_claims(user, **changed), secret or self.users_secret)


def sessions(secrets: list[Any] | None = None, **changed: Any) -> dict[str, Any]:
    """In: the ring (default: both variables) and members to change. Out: Open WebUI's sessions as an issuer."""
    ring = [{"env": CURRENT}, {"env": PREVIOUS, "optional": True}]
    issuer = {
        "name": "open-webui",
        "algorithms": ["HS256"],
        "secrets": ring if secrets is None else secrets,
        "subject_claim": "id",
        "required_claims": SECOND_FACTOR,
    }
    return {name: value for name, value in {**issuer, **changed}.items() if value is not None}


def document(jwt: list[dict[str, Any]], keys: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """In: issuers and keys. Out: a configuration that tells Ollama who is calling, so that a test can see it there."""
    names = {"subject": "X-Forwarded-User", "credential_id": "X-Credential-Identifier"}
    return {
        **({"api_keys": {"keys": keys}} if keys else {}),
        "jwt": jwt,
        "public": ["health"],
        "upstream": {"host": "localhost:11434", "identity_headers": {**names, "claims": {"X-User-Email": "email"}}},
        "host": {"name": "envoy"},
    }


def start(
    world: World, name: str, plugin: dict[str, Any], environment: dict[str, str], pack: Pack | None = None
) -> Gate:
    """In: a configuration and the variables of this one gate. Out: the gate, running."""
    if pack is None:
        pack = world.pack(plugin=plugin)
        pack.environment(sorted({CURRENT, PREVIOUS, USERS_SECRET}))
    path = world.folder / f"{name}.yaml"
    pack.write(path)
    assert not {CURRENT, PREVIOUS, USERS_SECRET} & set(os.environ), "a secret of this machine would be in the way"
    envoy = envoys.Envoy(world.binary, path, environment, path.with_suffix(".log"))
    world._envoys.append(envoy)
    envoy.wait_until_ready()
    return Gate(envoy, world.keys)
