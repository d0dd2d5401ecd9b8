"""Who comes in, who does not, and what they are told."""

from __future__ import annotations

import json

import pytest
from support.wire import Answer
from support.world import CHAT, Gate, Reach, StandIn

OLLAMA_ROUTE, OPENAI_ROUTE, ANTHROPIC_ROUTE = "/api/chat", "/v1/chat/completions", "/v1/messages"


def sentence(answer: Answer) -> str:
    """In: a refusal in any dialect. Out: its sentence."""
    error = answer.json()["error"]
    return error["message"] if isinstance(error, dict) else error


def names(answer: Answer) -> list[str]:
    """In: the answer of `/api/tags`. Out: the models' names."""
    return [model["name"] for model in answer.json()["models"]]


@pytest.mark.parametrize("credential", ["inference", "read", "manage", "from_env", "jwt"])
def test_a_good_credential_gets_the_model_list(gate: Gate, credential: str) -> None:
    answer = gate.get("/api/tags", key=getattr(gate.keys, credential))
    assert answer.status == 200
    assert names(answer) == ["llama3.2:latest", "qwen3:latest"]


@pytest.mark.parametrize("credential", ["inference", "jwt"])
@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("Authorization", "Bearer {}"),
        ("Authorization", "bearer {}"),
        ("authorization", "{}"),
        ("x-api-key", "{}"),
        ("X-API-KEY", "{}"),
        ("api-key", "{}"),
        ("X-Ollama-Token", "{}"),
    ],
)
def test_every_credential_place_is_read(gate: Gate, credential: str, name: str, form: str) -> None:
    value = form.format(getattr(gate.keys, credential))
    assert gate.get("/api/tags", headers=[(name, value)]).status == 200


def test_the_same_credential_in_two_places_is_no_conflict(gate: Gate) -> None:
    key = gate.keys.inference
    headers = [("Authorization", f"Bearer {key}"), ("x-api-key", key), ("api-key", "")]
    assert gate.get("/api/tags", headers=headers).status == 200


def test_two_different_keys_are_a_conflict(gate: Gate) -> None:
    headers = [("Authorization", f"Bearer {gate.keys.inference}"), ("x-api-key", gate.keys.read)]
    answer = gate.get("/api/tags", headers=headers)
    assert (answer.status, answer.code) == (400, "ambiguous_credential")


@pytest.mark.parametrize("route", ["/", "/api/version"])
def test_health_is_public_because_the_configuration_says_so(gate: Gate, route: str) -> None:
    assert gate.get(route).status == 200
    assert gate.send("HEAD", route).status == 200


@pytest.mark.parametrize(
    ("credential", "code"),
    [
        ("", "missing_credential"),
        ("ollama", "placeholder_credential"),
        ("unknown", "unknown_key"),
        ("expired", "expired_key"),
        ("future", "key_not_yet_valid"),
        ("expired_jwt", "expired_token"),
        ("forged_jwt", "invalid_signature"),
    ],
)
@pytest.mark.parametrize("route", [OLLAMA_ROUTE, OPENAI_ROUTE, ANTHROPIC_ROUTE])
def test_a_bad_credential_is_refused_in_the_dialect_of_the_route(
    gate: Gate, standin: StandIn, credential: str, code: str, route: str
) -> None:
    key = getattr(gate.keys, credential, credential)
    with Reach(standin, gate) as reach:
        answer = gate.post(route, key=key)
        assert (answer.status, answer.code) == (401, code)
        assert reach.targets() == []
    assert answer.headers["www-authenticate"].startswith('Bearer realm="ollama-gate"')
    assert "application/json" in answer.headers["content-type"]
    assert len(sentence(answer)) > 10
    assert_dialect(answer, route, "authentication_error")


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"exp": None}, "missing_expiry"),
        ({"iss": "https://someone.example.com"}, "wrong_issuer"),
        ({"iss": None}, "wrong_issuer"),
        ({"aud": "another"}, "wrong_audience"),
        ({"aud": None}, "wrong_audience"),
        ({"sub": None}, "missing_subject"),
        ({"nbf": 4102444800}, "token_not_yet_valid"),
        ({"exp": "tomorrow"}, "malformed_token"),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(gate: Gate, claims: dict, code: str) -> None:
    answer = gate.get("/api/tags", key=gate.keys.token(**claims))
    assert (answer.status, answer.code) == (401, code)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"alg": "none", "typ": "JWT"}, "unsupported_algorithm"),
        ({"alg": "HS512", "typ": "JWT"}, "unsupported_algorithm"),
        ({"alg": "RS256", "typ": "JWT"}, "unsupported_algorithm"),
        ({"alg": "HS256", "crit": ["exp"], "exp": 1}, "malformed_token"),
        ({"alg": "HS256", "b64": False}, "malformed_token"),
    ],
)
def test_a_token_with_a_wrong_header_is_refused(gate: Gate, header: dict, code: str) -> None:
    answer = gate.get("/api/tags", key=gate.keys.token(header=header))
    assert (answer.status, answer.code) == (401, code)


@pytest.mark.parametrize(
    ("method", "route", "credential"),
    [
        ("POST", OLLAMA_ROUTE, "read"),
        ("POST", OPENAI_ROUTE, "read"),
        ("POST", ANTHROPIC_ROUTE, "read"),
        ("POST", "/api/pull", "inference"),
        ("POST", "/api/pull", "jwt"),
        ("DELETE", "/api/delete", "inference"),
        ("POST", "/api/create", "read"),
        ("POST", "/api/me", "manage"),
        ("POST", "/api/generate", "manage"),
        ("GET", "/api/tags", "powerless"),
    ],
)
def test_a_scope_that_is_not_granted_is_refused(
    gate: Gate, standin: StandIn, method: str, route: str, credential: str
) -> None:
    with Reach(standin, gate) as reach:
        answer = gate.send(method, route, key=getattr(gate.keys, credential), body=CHAT)
        assert (answer.status, answer.code) == (403, "scope_denied")
        assert reach.targets() == []
    assert_dialect(answer, route, "permission_error")


@pytest.mark.parametrize(
    ("method", "route", "status", "code", "word"),
    [
        ("GET", "/api/unknown", 404, "unknown_route", "routes"),
        ("POST", "/v1/files", 404, "unknown_route", "OpenAI"),
        ("POST", "/v1/messages/count_tokens", 404, "unknown_route", "estimate"),
        ("POST", "/v1/v1/messages", 404, "unknown_route", "base URL may not end in `/v1`"),
        ("POST", "/chat/completions", 404, "unknown_route", "base URL has to end in `/v1`"),
        ("DELETE", "/api/tags", 405, "method_not_allowed", "GET, HEAD"),
        ("GET", "/api/tags/", 307, "trailing_slash", "`/api/tags`"),
    ],
)
def test_what_is_no_route_is_told_to_those_who_are_in_and_401_to_the_others(
    gate: Gate, standin: StandIn, method: str, route: str, status: int, code: str, word: str
) -> None:
    with Reach(standin, gate) as reach:
        known = gate.send(method, route, key=gate.keys.inference)
        assert (known.status, known.code) == (status, code)
        assert word.encode() in known.body
        assert gate.send(method, route).status == 401
        assert reach.targets() == []


def test_a_manage_key_pulls_copies_and_deletes(gate: Gate, standin: StandIn) -> None:
    body = json.dumps({"model": "llama3.2", "source": "llama3.2", "destination": "mine"}).encode()
    with Reach(standin, gate) as reach:
        assert gate.post("/api/pull", key=gate.keys.manage, body=body).status == 200
        assert gate.post("/api/copy", key=gate.keys.manage, body=body).status == 200
        assert gate.send("DELETE", "/api/delete", key=gate.keys.manage, body=body).status == 200
        assert reach.targets() == ["POST /api/pull", "POST /api/copy", "DELETE /api/delete"]


def test_a_token_may_name_its_scopes_when_the_issuer_is_trusted_to(world) -> None:
    plugin = world.keys.plugin()
    plugin["jwt"][0]["scopes_claim"] = "scope"
    gate = world.start_gate("scopes-claim", plugin)
    reading, nothing = world.keys.token(scope="read openid"), world.keys.token()
    assert gate.get("/api/tags", key=reading).status == 200
    assert gate.post("/api/chat", key=reading).code == "scope_denied"
    assert gate.get("/api/tags", key=nothing).code == "scope_denied"


def test_a_gate_mounted_under_a_prefix_reads_past_it(world, standin: StandIn) -> None:
    plugin = {**world.keys.plugin(), "path_prefix": "/ollama"}
    pack = world.pack(plugin=plugin)
    for route in routes_of(pack.document):
        route["match"] = {"prefix": "/ollama/"}
        route["route"]["prefix_rewrite"] = "/"
    gate = world.start("prefix", pack)
    answer = gate.get("/ollama/api/tags", key=world.keys.inference)
    assert answer.status == 200
    assert names(answer)
    assert standin.requests()[-1]["target"] == "/api/tags"
    assert gate.get("/ollama/api/tags").code == "missing_credential"
    assert gate.post("/ollama/v1/messages", key=world.keys.read).json()["type"] == "error"


def test_a_401_names_the_sign_in_page(gate: Gate) -> None:
    assert gate.get("/api/tags").json()["signin_url"] == "https://wiki.example.com/ollama-keys"


def routes_of(document: dict) -> list[dict]:
    """In: a bootstrap. Out: its routes."""
    filters = document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"]
    return filters[0]["typed_config"]["route_config"]["virtual_hosts"][0]["routes"]


def assert_dialect(answer: Answer, route: str, kind: str) -> None:
    """In: a refusal, its route and the type of error. Fails when the shape is not that of the route."""
    body = answer.json()
    if route == "/v1/messages":
        assert body["type"] == "error"
        assert body["error"]["type"] == kind
        assert body["request_id"]
    elif route.startswith("/v1/"):
        assert body["error"]["type"] == kind
        assert body["error"]["param"] is None
    else:
        assert isinstance(body["error"], str)
