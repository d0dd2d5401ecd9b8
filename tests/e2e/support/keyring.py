"""The credentials of a test session, each named by what is special about it."""

from __future__ import annotations

import time
from typing import Any

from demo import credentials

LEEWAY = 60


class Keyring:
    """Fresh keys and tokens, the configuration that knows them, and the environment it refers to.

    All tests share one, so nobody may exchange a credential in it: the tokens made before would no longer fit.
    """

    SECRET_ENV = "E2E_JWT_SECRET"
    KEY_ENV = "E2E_KEY"
    ISSUER = "https://issuer.example.com"
    AUDIENCE = "ollama"

    def __init__(self) -> None:
        self._minted: list[str] = []
        self.inference = credentials.new_key()
        self.read = credentials.new_key()
        self.manage = credentials.new_key()
        self.expired = credentials.new_key()
        self.future = credentials.new_key()
        self.from_env = credentials.new_key()
        self.powerless = credentials.new_key()
        self.unknown = credentials.new_key()
        self.secret = credentials.new_secret()
        self.other_secret = credentials.new_secret()
        self.jwt = self.token()
        self.expired_jwt = self.token(exp=int(time.time()) - LEEWAY - 60)
        self.forged_jwt = self.token(secret=self.other_secret)
        self._complete = True

    def __setattr__(self, name: str, value: Any) -> None:
        if "_complete" in vars(self):
            raise AttributeError(f"all tests share the keyring: `{name}` cannot be changed")
        super().__setattr__(name, value)

    def claims(self, **changed: Any) -> dict[str, Any]:
        """In: claims to change; None leaves one out. Out: the claims of a good token, with these."""
        now = int(time.time())
        good = {"iss": self.ISSUER, "aud": self.AUDIENCE, "sub": "jwt-person", "iat": now, "exp": now + 86400}
        return {name: value for name, value in {**good, **changed}.items() if value is not None}

    def token(self, secret: str | None = None, header: dict[str, Any] | None = None, **changed: Any) -> str:
        """In: what differs from a good token. Out: the token."""
        token = credentials.token(secret or self.secret, self.claims(**changed), header)
        self._minted.append(token)
        return token

    def plugin(self) -> dict[str, Any]:
        """Out: the gate's configuration for these credentials."""
        later, past = credentials.from_now(hours=24), credentials.from_now(hours=-1)
        record = credentials.record
        return {
            "api_keys": {
                "keys": [
                    record(self.inference, "inference-key", ["read", "inference"], later, subject="alice"),
                    record(self.read, "read-key", ["read"], later),
                    record(self.manage, "manage-key", ["read", "manage"], later),
                    record(self.expired, "expired-key", ["read", "inference"], past),
                    record(self.future, "future-key", ["read"], later, not_before=credentials.from_now(hours=12)),
                    record(self.powerless, "powerless-key", [], later),
                    {"id": "env-key", "key": {"env": self.KEY_ENV}},
                ]
            },
            "jwt": [
                {
                    "name": "issuer",
                    "algorithms": ["HS256"],
                    "secrets": [{"env": self.SECRET_ENV}, {"env": "E2E_UNSET_SECRET", "optional": True}],
                    "issuer": self.ISSUER,
                    "audiences": [self.AUDIENCE],
                }
            ],
            "public": ["health"],
            "upstream": {"host": "ollama.internal:11434"},
            "signin_url": "https://wiki.example.com/ollama-keys",
            "log": {"allowed": True},
            "host": {"name": "envoy"},
        }

    def environment(self) -> dict[str, str]:
        """Out: the variables that Envoy must have."""
        return {self.SECRET_ENV: self.secret, self.KEY_ENV: self.from_env}

    def everything(self) -> list[str]:
        """Out: whatever no output may show."""
        return [*(value for value in vars(self).values() if isinstance(value, str)), *self._minted]
