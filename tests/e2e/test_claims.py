"""What a token's claims have to say, on a real Envoy: by word, beginning, end and member, and what a refusal says of them."""

from __future__ import annotations

from typing import Any

import pytest
from support.world import CHAT, Gate, Reach, World

FORMS = {
    "scp": {"word": "access_as_user"},
    "role": {"prefix": "ollama/"},
    "email": {"suffix": "@example.com"},
    "projects": {"member": "ollama"},
}
GOOD: dict[str, Any] = {
    "sub": 42,
    "scp": "openid access_as_user",
    "role": "ollama/users",
    "email": "alice@example.com",
    "projects": {"ollama": {"id": "1"}},
    "groups": ["staff", "read"],
}
BAD = [
    ("scp", "openid access_as_user_admin"),
    ("scp", "access_as_user2 openid"),
    ("scp", None),
    ("role", "ollama"),
    ("role", "other/ollama/users"),
    ("email", "alice@example.com.evil"),
    ("email", "alice@evil-example.com"),
    ("email", "alice@evil.com,bob@example.com"),
    ("projects", {"other": {}}),
    ("projects", {"ollama": False}),
]


@pytest.fixture(scope="module")
def strict(world: World) -> Gate:
    """A gate whose tokens have to say a lot."""
    plugin = world.keys.plugin()
    plugin["jwt"][0].update(required_claims=FORMS, numeric_subject=True, scopes_claim="groups")
    return world.start_gate("claims", plugin)


@pytest.mark.parametrize(("claim", "value"), BAD)
def test_a_claim_that_only_looks_like_the_required_one_is_refused(
    world: World, strict: Gate, claim: str, value: Any
) -> None:
    with Reach(world.standin, strict) as reach:
        answer = strict.get("/api/tags", key=world.keys.token(**{**GOOD, claim: value}))
        assert answer.code == "claim_mismatch"
        assert f"`{claim}`".encode() in answer.body
        assert reach.requests() == []


def test_a_token_that_says_it_all_comes_in(world: World, strict: Gate, gate: Gate) -> None:
    with Reach(world.standin, strict) as reach:
        assert strict.get("/api/tags", key=world.keys.token(**GOOD)).status == 200
        assert strict.get("/api/tags", key=world.keys.token(**{**GOOD, "email": "A@EXAMPLE.com"})).status == 200
        assert len(reach.requests()) == 2
    # A number names a caller only where the operator says so.
    assert gate.get("/api/tags", key=world.keys.token(sub=42)).code == "malformed_token"


def test_a_refusal_says_which_values_mean_no_scope(world: World, strict: Gate) -> None:
    with Reach(world.standin, strict) as reach:
        answer = strict.post(
            "/api/chat", key=world.keys.token(**{**GOOD, "groups": ["staff", "ollama-people"]}), body=CHAT
        )
        assert (answer.status, answer.code) == (403, "scope_denied")
        assert b"staff" in answer.body
        assert b"ollama-people" in answer.body
        assert reach.requests() == []
