"""Open WebUI before a real Envoy: its users, told apart behind the one key of a connection."""

from __future__ import annotations

from typing import Any

import pytest
from demo import credentials
from support.webui import (
    CURRENT,
    USER_HEADER,
    USERS_SECRET,
    WebUI,
    document,
    header,
    person,
    sessions,
    start,
    tokens_in,
)
from support.world import Reach, World, eventually

ALICE, BOB = person("Alice"), person("Bob")


@pytest.fixture(scope="module")
def webui(world: World) -> WebUI:
    """One installation of Open WebUI."""
    return WebUI(world)


class Connection:
    """A gate with keys: one that speaks for Open WebUI's users, one that does not."""

    def __init__(self, world: World, webui: WebUI, name: str = "webui-users", **changed: Any) -> None:
        self.key, self.plain = credentials.new_key(), credentials.new_key()
        world.secrets += [self.key, self.plain]
        users = {
            "name": "open-webui-users",
            "header": USER_HEADER,
            "algorithms": ["HS256"],
            "secrets": [{"env": USERS_SECRET}],
            "issuer": "open-webui",
            "required_claims": {"role": ["user", "admin"]},
            "max_lifetime": "5m",
            **changed,
        }
        record = credentials.record(self.key, "open-webui-connection", subject="open-webui")
        keys = [{**record, "users": "open-webui-users"}, credentials.record(self.plain, "plain", subject="a-program")]
        self.gate = start(world, name, document([users, sessions()], keys), self.environment(webui))

    @staticmethod
    def environment(webui: WebUI) -> dict[str, str]:
        """Out: the variables of such a gate."""
        return {CURRENT: webui.secret, USERS_SECRET: webui.users_secret}


@pytest.fixture(scope="module")
def connection(world: World, webui: WebUI) -> Connection:
    """The connection that most tests share."""
    return Connection(world, webui)


def test_the_users_behind_one_key_are_told_apart_at_ollama_and_in_the_log(
    connection: Connection, webui: WebUI, world: World
) -> None:
    gate = connection.gate
    with Reach(world.standin, gate) as reach:
        for user in (ALICE, BOB, ALICE):
            assert gate.post("/api/chat", key=connection.key, headers=[webui.user_header(user)]).status == 200
        requests = reach.requests()
    wanted = [ALICE["id"], BOB["id"], ALICE["id"]]
    assert [header(request, "X-Forwarded-User") for request in requests] == [[one] for one in wanted]
    emails = [["alice@example.com"], ["bob@example.com"], ["alice@example.com"]]
    assert [header(request, "X-User-Email") for request in requests] == emails
    for request in requests:
        assert header(request, "X-Credential-Identifier") == ["open-webui-connection"]
        assert tokens_in(request) == []
    events = eventually(lambda: len(found := gate.decisions()) >= 3 and found, what="the decisions")
    chats = [event for event in events if event.get("route") == "/api/chat"]
    assert [event["subject"] for event in chats] == wanted
    assert {(event["credential"], event["id"]) for event in chats} == {("api_key", "open-webui-connection")}


def refused_users(webui: WebUI) -> dict[str, tuple[list[tuple[str, str]], int, str]]:
    """Out: by name, what stands beside a good key, and status and code of the refusal."""
    good, sign, claims = webui.user_header, webui.sign, webui.user_claims
    now = claims(ALICE)["iat"]
    old = {"iat": now - 1000, "exp": now - 700}
    one = {
        "forged with another secret": (good(ALICE, secret=webui.secret), "invalid_signature"),
        "forged with none": ((USER_HEADER, sign(claims(ALICE), "", "none")), "unsupported_algorithm"),
        "of another algorithm": (
            (USER_HEADER, sign(claims(ALICE), webui.users_secret, "HS384")),
            "unsupported_algorithm",
        ),
        "expired": (good(ALICE, **old), "expired_token"),
        "from tomorrow": (good(ALICE, iat=now + 86400, exp=now + 86500), "token_not_yet_valid"),
        "without an end": (good(ALICE, exp=None), "missing_expiry"),
        "without a beginning": (good(ALICE, iat=None), "excessive_lifetime"),
        "longer than Open WebUI makes them": (good(ALICE, exp=now + 301), "excessive_lifetime"),
        "of another issuer": (good(ALICE, iss="https://sso.example.com"), "wrong_issuer"),
        "of no issuer": (good(ALICE, iss=None), "wrong_issuer"),
        "for another service": (good(ALICE, aud="tools"), "wrong_audience"),
        "of a user who waits to be let in": (good(person("Carol", role="pending")), "claim_mismatch"),
        "of nobody": (good(ALICE, sub=None), "missing_subject"),
        "a session in its place": ((USER_HEADER, webui.session(ALICE)), "wrong_issuer"),
        "no token": ((USER_HEADER, "alice"), "malformed_token"),
    }
    refused = {name: ([pair], 401, code) for name, (pair, code) in one.items()}
    refused["two users"] = ([good(ALICE), good(BOB)], 400, "malformed_request")
    return refused


def test_a_users_token_that_is_not_good_refuses_the_request_in_spite_of_the_key(
    connection: Connection, webui: WebUI, world: World
) -> None:
    gate, cases = connection.gate, refused_users(webui)
    with Reach(world.standin, gate) as reach:
        found = {name: gate.get("/api/tags", connection.key, pairs) for name, (pairs, _, _) in cases.items()}
        assert gate.get("/api/tags", connection.key, [webui.user_header(ALICE)]).status == 200
        assert reach.targets() == ["GET /api/tags"], "one good request and nothing else"
    got = {name: (answer.status, answer.code) for name, answer in found.items()}
    assert got == {name: (status, code) for name, (_, status, code) in cases.items()}


def test_the_key_alone_speaks_for_itself(connection: Connection, world: World) -> None:
    # Open WebUI asks some things, such as a list of models, in nobody's name.
    with Reach(world.standin, connection.gate) as reach:
        assert connection.gate.get("/api/tags", key=connection.key).status == 200
        assert connection.gate.get("/api/tags", connection.key, [(USER_HEADER, "")]).status == 200
        requests = reach.requests()
    assert [header(request, "X-Forwarded-User") for request in requests] == [["open-webui"]] * 2
    assert [header(request, "X-User-Email") for request in requests] == [[], []]


def test_a_users_token_is_no_credential(connection: Connection, webui: WebUI) -> None:
    gate = connection.gate
    name, token = webui.user_header(ALICE)
    alone = gate.get("/api/tags", headers=[(name, token)])
    assert (alone.status, alone.code) == (401, "missing_credential")
    wrong = credentials.new_key()
    webui._world.secrets.append(wrong)
    assert gate.get("/api/tags", wrong, [(name, token)]).code == "unknown_key"
    # As a bearer token it is looked at as a session, which it is not.
    assert gate.get("/api/tags", key=token).status == 401
    # Nor does it change who a session is.
    assert gate.get("/api/tags", webui.session(BOB), [(name, token)]).status == 200
    events = eventually(lambda: [event for event in gate.decisions() if event.get("credential") == "jwt"])
    assert {event["subject"] for event in events} == {BOB["id"]}


def test_no_header_of_open_webui_names_a_user_to_ollama_beside_a_key_that_has_no_users(
    connection: Connection, webui: WebUI, world: World
) -> None:
    claimed = [("X-OpenWebUI-User-Id", ALICE["id"]), ("X-OpenWebUI-User-Email", ALICE["email"])]
    claimed += [("X-OpenWebUI-User-Name", "Alice"), ("X-OpenWebUI-User-Role", "admin"), ("X-Forwarded-User", "root")]
    with Reach(world.standin, connection.gate) as reach:
        for key in (connection.plain, connection.key):
            assert connection.gate.get("/api/tags", key, claimed).status == 200
        assert connection.gate.get("/api/tags", connection.plain, [webui.user_header(ALICE)]).status == 200
        requests = reach.requests()
    users = [header(request, "X-Forwarded-User") for request in requests]
    assert users == [["a-program"], ["open-webui"], ["a-program"]]
    for request in requests:
        assert not any(name.lower().startswith("x-openwebui-user-") for name, _ in request["headers"])
        assert tokens_in(request) == []


def test_a_header_of_another_name_works_and_never_reaches_ollama(world: World, webui: WebUI) -> None:
    # FORWARD_USER_INFO_HEADER_JWT of Open WebUI.
    own = Connection(world, webui, "webui-own-header", header="X-Corp-Person")
    _, token = webui.user_header(ALICE)
    with Reach(world.standin, own.gate) as reach:
        assert own.gate.get("/api/tags", own.key, [("X-Corp-Person", token)]).status == 200
        # Nor does it beside a key that has no use for it, or on a route that anybody may ask.
        assert own.gate.get("/api/tags", own.plain, [("X-Corp-Person", token)]).status == 200
        assert own.gate.get("/api/version", headers=[("X-Corp-Person", token)]).status == 200
        requests = reach.requests()
    assert header(requests[0], "X-Forwarded-User") == [ALICE["id"]]
    for request in requests:
        assert header(request, "X-Corp-Person") == []
        assert tokens_in(request) == []


def test_what_a_user_may_do_is_what_the_key_and_the_users_token_allow_together(world: World, webui: WebUI) -> None:
    narrowed = Connection(world, webui, "webui-scopes", scopes_claim="scope")
    gate = narrowed.gate
    reader = [webui.user_header(ALICE, scope="read manage")]
    assert gate.get("/api/tags", narrowed.key, reader).status == 200
    assert gate.post("/api/chat", narrowed.key, headers=reader).code == "scope_denied"
    # The key has no `manage`, so no token gives it.
    assert gate.post("/api/pull", narrowed.key, b'{"model": "m"}', reader).code == "scope_denied"
