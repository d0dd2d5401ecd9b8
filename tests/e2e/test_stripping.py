"""What Ollama sees: no credential, no cookie, no identity of the client's; nothing at all of refused requests."""

from __future__ import annotations

import json

import pytest
from support.frames import Stream
from support.upstream import recorder, with_trailers
from support.world import CHAT, WATCHED_HOST, Gate, Reach, StandIn, World

HOST = "ollama.internal:11434"
# Names as Ollama would receive them; a name ending in `*` is the beginning of many.
FORBIDDEN = (
    *("authorization", "proxy-authorization", "x-api-key", "api-key", "x-ollama-token", "cookie", "origin"),
    *("x-forwarded-user", "x-forwarded-email", "x-forwarded-groups", "x-forwarded-preferred-username"),
    *("remote-user", "x-remote-user", "x-credential-identifier", "x-user-*", "x-openwebui-user-*", "x-auth-request-*"),
    *("x-forwarded-access-token", "x-access-token", "cf-access-*", "x-amzn-oidc-*", "x-consumer-*", "remote-*"),
    "tailscale-user-*",
    # The pack takes these off, not the filter.
    *("x-real-ip", "forwarded"),
)
CLIENTS_OWN = [
    ("X-Forwarded-User", "root"),
    ("X-Forwarded-Email", "root@example.com"),
    ("X-Forwarded-Groups", "admins"),
    ("X-Forwarded-Preferred-Username", "root"),
    ("Remote-User", "root"),
    ("X-Remote-User", "root"),
    ("X-User-Id", "0"),
    ("X-User-Anything", "0"),
    ("X-OpenWebUI-User-Id", "0"),
    ("X-OpenWebUI-User-Jwt", "a.b.c"),
    ("X-Auth-Request-User", "root"),
    ("X-Auth-Request-Email", "root@example.com"),
    ("X-Credential-Identifier", "root-key"),
    ("X-Forwarded-Access-Token", "a.b.c"),
    ("X-Access-Token", "a.b.c"),
    ("Cf-Access-Jwt-Assertion", "a.b.c"),
    ("X-Amzn-Oidc-Accesstoken", "a.b.c"),
    ("X-Consumer-Username", "root"),
    ("Remote-Email", "root@example.com"),
    ("Tailscale-User-Login", "root@example.com"),
    ("X-Real-Ip", "192.0.2.7"),
    ("Forwarded", "for=192.0.2.7"),
    ("Cookie", "token=abc; session=def"),
]
ORIGIN = ("Origin", "https://app.example.com")


def forbidden(name: str) -> bool:
    """In: a header's name. Out: whether Ollama must not see it."""
    lower = name.lower()
    return any(lower.startswith(rule[:-1]) if rule.endswith("*") else lower == rule for rule in FORBIDDEN)


def value_of(request: dict, name: str) -> list[str]:
    """In: a request in the log and a header's name. Out: its values."""
    return [value for key, value in request["headers"] if key.lower() == name]


@pytest.mark.parametrize("place", ["Authorization", "x-api-key", "api-key", "X-Ollama-Token"])
@pytest.mark.parametrize("credential", ["inference", "jwt"])
def test_ollama_sees_no_credential_cookie_origin_or_identity(
    gate: Gate, standin: StandIn, place: str, credential: str
) -> None:
    headers = [(place, getattr(gate.keys, credential)), *CLIENTS_OWN, ORIGIN, ("X-Harmless", "stays")]
    with Reach(standin, gate) as reach:
        answer = gate.post("/api/chat?a=%20b&c=d", headers=headers)
        assert answer.status == 200
        (request,) = reach.requests()
    assert [name for name, _ in request["headers"] if forbidden(name)] == []
    assert value_of(request, "host") == [HOST]
    assert value_of(request, "x-harmless") == ["stays"]
    # Path, query and body are the client's, byte for byte.
    assert request["target"] == "/api/chat?a=%20b&c=d"
    assert request["length"] == len(CHAT)


@pytest.mark.parametrize("credential", ["inference", "jwt"])
def test_a_copy_of_the_credential_goes_under_any_name(gate: Gate, standin: StandIn, credential: str) -> None:
    key = getattr(gate.keys, credential)
    names = ["apikey", "X-Litellm-Api-Key", "X-Forwarded-Authorization", "X-Team-Key", "Referer"]
    headers = [("Authorization", f"Bearer {key}"), *((name, f"https://a.example/?k={key}") for name in names)]
    with Reach(standin, gate) as reach:
        answer = gate.post("/api/chat", headers=[*headers, ("X-Harmless", "stays")])
        assert answer.status == 200
        (request,) = reach.requests()
    assert key not in json.dumps(request)
    assert value_of(request, "x-harmless") == ["stays"]


def test_a_credential_in_the_query_reaches_nobody(gate: Gate, standin: StandIn) -> None:
    key = gate.keys.inference
    with Reach(standin, gate) as reach:
        answer = gate.post(f"/api/chat?api_key={key}", headers=[("Authorization", f"Bearer {key}")])
        assert (answer.status, answer.json()["code"]) == (400, "exposed_credential")
        assert reach.requests() == []


def test_ollama_is_sent_no_trailers(world: World) -> None:
    # The connection to the upstream would carry them: what passes without the filter does not with it.
    key = world.keys.inference
    for mode, passes in (("report", True), ("enforce", False)):
        with recorder() as upstream:
            pack = with_trailers(world.pack(plugin={**world.keys.plugin(), "mode": mode}), upstream.port)
            gate = world.start(f"trailers-{mode}", pack)
            stream = Stream(gate.port, "POST", "/api/chat", [("authorization", f"Bearer {key}"), ("te", "trailers")])
            stream.data(CHAT)
            stream.trailers([("x-copy", key), ("authorization", f"Bearer {key}")])
            assert stream.answer().status == 200
            (seen,) = upstream.received
        assert CHAT in seen
        assert (b"x-copy" in seen, b"0\r\n\r\n" in seen) == (passes, not passes)
        assert passes or key.encode() not in seen


def test_credentials_in_all_places_at_once_are_all_stripped(gate: Gate, standin: StandIn) -> None:
    key = gate.keys.inference
    places = [("Authorization", f"Bearer {key}"), ("x-api-key", key), ("api-key", key), ("X-Ollama-Token", key)]
    other = [("Proxy-Authorization", "Basic cm9vdDpyb290")]
    with Reach(standin, gate) as reach:
        assert gate.get("/api/tags", headers=[*places, *other]).status == 200
        (request,) = reach.requests()
    assert [name for name, _ in request["headers"] if forbidden(name)] == []


def test_a_public_route_strips_as_well(gate: Gate, standin: StandIn) -> None:
    before = len(standin.requests())
    assert gate.get("/api/version", key=gate.keys.inference, headers=CLIENTS_OWN).status == 200
    request = standin.requests()[before]
    assert [name for name, _ in request["headers"] if forbidden(name)] == []
    assert value_of(request, "host") == [HOST]


def test_a_repeated_identity_header_is_refused(gate: Gate, standin: StandIn) -> None:
    for repeated in (
        [("X-Forwarded-User", "root"), ("x-forwarded-user", "admin")],
        [("X-User-Id", "1"), ("X-User-Id", "1")],
    ):
        with Reach(standin, gate) as reach:
            answer = gate.get("/api/tags", key=gate.keys.read, headers=repeated)
            assert (answer.status, answer.code) == (400, "malformed_request")
            assert reach.requests() == []


def test_no_secret_stands_in_any_header_that_ollama_ever_saw(gate: Gate, standin: StandIn) -> None:
    # The whole log of the session so far, whichever test wrote it.
    assert gate.get("/api/tags", key=gate.keys.jwt).status == 200
    # Only the headers: a test that puts a key into a query or a body gets it forwarded, as any client would.
    # A gate that only reports takes nothing out, and its Envoy asks by a name of its own.
    enforced = [request for request in standin.requests() if value_of(request, "host") != [WATCHED_HOST]]
    assert len(enforced) > 0
    text = json.dumps([request["headers"] for request in enforced])
    assert [secret[:6] for secret in gate.keys.everything() if secret in text] == []


def test_the_address_of_the_client_stays_at_the_gate(gate: Gate, standin: StandIn) -> None:
    with Reach(standin, gate) as reach:
        assert gate.get("/api/tags", key=gate.keys.read, headers=[("X-Forwarded-For", "10.1.2.3")]).status == 200
        (request,) = reach.requests()
    assert value_of(request, "x-forwarded-for") == []


def test_a_header_with_an_underscore_does_not_pass(gate: Gate, standin: StandIn) -> None:
    with Reach(standin, gate) as reach:
        answer = gate.get("/api/tags", key=gate.keys.read, headers=[("X_Forwarded_User", "root")])
        assert answer.status == 400
        assert reach.targets() == []


def test_the_gates_own_identity_headers_are_set_where_they_are_asked_for(world: World, standin: StandIn) -> None:
    plugin = world.keys.plugin()
    plugin["upstream"]["identity_headers"] = {
        "subject": "X-Forwarded-User",
        "credential_id": "X-Credential-Identifier",
    }
    gate = world.start_gate("identity", plugin)
    for credential, subject, identifier in (("inference", "alice", "inference-key"), ("jwt", "jwt-person", "issuer")):
        key = getattr(world.keys, credential)
        assert gate.get("/api/tags", key=key, headers=CLIENTS_OWN).status == 200
        request = standin.requests()[-1]
        assert value_of(request, "x-forwarded-user") == [subject]
        assert value_of(request, "x-credential-identifier") == [identifier]
    # Nobody is known on a public route, so nobody is named there, whatever the client says.
    assert gate.get("/api/version", headers=CLIENTS_OWN).status == 200
    assert value_of(standin.requests()[-1], "x-forwarded-user") == []


def test_a_subject_that_does_not_fit_a_header_is_refused_where_it_would_be_set(world: World, standin: StandIn) -> None:
    plugin = world.keys.plugin()
    plugin["upstream"]["identity_headers"] = {"subject": "X-Forwarded-User"}
    gate = world.start_gate("unsafe-identity", plugin)
    before = len(standin.requests())
    for subject in ("root\r\nX-Forwarded-User: admin", "tab\tbed", "nul\0"):
        answer = gate.get("/api/tags", key=world.keys.token(sub=subject))
        assert (answer.status, answer.code) in ((403, "unsafe_identity"), (401, "malformed_token"))
    assert len(standin.requests()) == before
    assert gate.get("/api/tags", key=world.keys.token(sub="Zoë Smith")).status == 200
    assert value_of(standin.requests()[-1], "x-forwarded-user") == ["Zo%C3%AB Smith"]


@pytest.mark.parametrize("origin", ["https://app.example.com", "http://localhost:3000", "null"])
def test_a_key_with_an_origin_passes_and_the_origin_does_not(gate: Gate, standin: StandIn, origin: str) -> None:
    with Reach(standin, gate) as reach:
        assert gate.post("/api/chat", key=gate.keys.inference, headers=[("Origin", origin)]).status == 200
        (request,) = reach.requests()
    assert value_of(request, "origin") == []


def test_a_key_with_an_origin_passes_on_a_public_route_as_on_any_other(gate: Gate) -> None:
    # With a credential of its own the caller is not anonymous, also where none is needed.
    assert gate.get("/api/version", key=gate.keys.inference, headers=[ORIGIN]).status == 200


def test_a_page_from_elsewhere_without_a_credential_is_refused_on_a_public_route(gate: Gate, standin: StandIn) -> None:
    with Reach(standin, gate) as reach:
        answer = gate.get("/api/version", headers=[ORIGIN])
        assert (answer.status, answer.code) == (403, "origin_denied")
        assert reach.targets() == []
