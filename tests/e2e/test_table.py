"""Every route with every scope, brought by every kind of credential, through a real Envoy."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from demo import credentials
from support.signer import Key
from support.wire import Answer
from support.world import CHAT, Gate, World

# Ollama's routes as its own documentation and sources have them, by what they can do.
ROUTES = {
    "health": ["GET /", "HEAD /", "GET /api/version", "HEAD /api/version"],
    "read": [
        *("GET /api/status", "GET /api/tags", "HEAD /api/tags", "GET /api/ps", "POST /api/show", "GET /v1/models"),
        *("GET /v1/models/llama3.2", "GET /api/experimental/model-recommendations"),
    ],
    "inference": [
        *("POST /api/generate", "POST /api/chat", "POST /api/embed", "POST /api/embeddings"),
        *("POST /v1/chat/completions", "POST /v1/completions", "POST /v1/embeddings", "POST /v1/responses"),
        *("POST /v1/messages", "POST /v1/audio/transcriptions"),
    ],
    "manage": [
        *("POST /api/pull", "POST /api/push", "POST /api/create", "POST /api/copy", "DELETE /api/delete"),
        *("POST /api/blobs/sha256:00", "HEAD /api/blobs/sha256:00"),
    ],
    "cloud": [
        *("POST /api/me", "POST /api/signout", "DELETE /api/user/keys/abc"),
        *("POST /api/experimental/web_search", "POST /api/experimental/web_fetch"),
    ],
}
NO_ROUTE = {
    "GET /metrics": (404, "unknown_route"),
    **dict.fromkeys(("POST /api/tags", "DELETE /api/chat", "OPTIONS /api/tags"), (405, "method_not_allowed")),
    "PUT /": (405, "method_not_allowed"),
    "GET /api/tags/": (307, "trailing_slash"),
}
ROUTES["none"] = list(NO_ROUTE)
SCOPES = ["health", "read", "inference", "manage", "cloud"]
METHODS = ["api_key", "jwt", "cookie", "basic", "ollama_cli"]
PASSWORD = "correct horse battery"
Sender = Callable[[str, str], Answer]


class Callers:
    """One of each kind for each scope, and the gate that knows them all."""

    def __init__(self, world: World, folder: Path) -> None:
        self.keys = {scope: credentials.new_key() for scope in SCOPES}
        self.signers = {scope: Key(folder / scope, scope) for scope in SCOPES}
        self._keyring = world.keys
        digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
        plugin = world.keys.plugin()
        later = credentials.from_now(hours=1)
        plugin["api_keys"]["keys"] = [
            credentials.record(key, f"{scope}-key", [scope], later) for scope, key in self.keys.items()
        ]
        plugin["jwt"][0] |= {"scopes_claim": "scope", "cookie": "token"}
        plugin["hosts"] = ["gate.example.com"]
        plugin["basic"] = {
            "users": [{"name": scope, "password_hash": f"{{SHA}}{digest}", "scopes": [scope]} for scope in SCOPES]
        }
        plugin["ollama_cli"] = {
            "authorized_keys": [
                {"key": key.line, "id": f"{scope}-cli", "scopes": [scope]} for scope, key in self.signers.items()
            ]
        }
        # What comes without a credential is not what is looked at here.
        plugin.pop("public", None)
        world.secrets.extend([*self.keys.values(), PASSWORD])
        self.gate: Gate = world.start_gate("table", plugin)
        self.tokens = {scope: world.keys.token(scope=scope) for scope in SCOPES}

    def sender(self, method: str, scope: str) -> Sender:
        """In: a kind of credential and its only scope. Out: what sends a request with it."""

        def send(verb: str, path: str) -> Answer:
            body = CHAT if verb in {"POST", "PUT", "DELETE"} else None
            fields: list[tuple[str, str]] = []
            if method == "api_key":
                fields = [("Authorization", f"Bearer {self.keys[scope]}")]
            elif method == "jwt":
                fields = [("Authorization", f"Bearer {self.tokens[scope]}")]
            elif method == "cookie":
                fields = [("Cookie", f"token={self.tokens[scope]}")]
            elif method == "basic":
                login = base64.b64encode(f"{scope}:{PASSWORD}".encode()).decode()
                fields = [("Authorization", f"Basic {login}")]
            else:
                path, fields = self.signers[scope].call(verb, path)
            return self.gate.send(verb, path, headers=fields, body=body)

        return send


@pytest.fixture(scope="module")
def callers(world: World, tmp_path_factory: pytest.TempPathFactory) -> Callers:
    """Everybody."""
    return Callers(world, tmp_path_factory.mktemp("callers"))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_opens_its_own_routes_and_health_and_nothing_else(callers: Callers, scope: str, method: str) -> None:
    send = callers.sender(method, scope)
    found: Counter[Any] = Counter()
    wrong = []
    for needed, routes in ROUTES.items():
        for route in routes:
            verb, _, path = route.partition(" ")
            answer = send(verb, path)
            opened = needed in {scope, "health"}
            # What Ollama itself says of it (200, 404, 501 …) is its own business.
            refusal = None if verb == "HEAD" else answer.code
            expected = None if opened else NO_ROUTE[route] if needed == "none" else (403, "scope_denied")
            denied = (answer.status, refusal) == expected or (verb == "HEAD" and answer.status == 403)
            fits = denied != opened
            found["allowed" if opened else "denied"] += 1
            if not fits:
                wrong.append(f"{route}: {answer.status} {refusal}")
    assert wrong == []
    of_scope = 0 if scope == "health" else len(ROUTES[scope])
    total = sum(len(routes) for routes in ROUTES.values())
    assert found == Counter(allowed=len(ROUTES["health"]) + of_scope, denied=total - len(ROUTES["health"]) - of_scope)
    print(f"{method} with {scope}: {found['allowed']} allowed, {found['denied']} denied")
