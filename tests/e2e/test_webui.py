"""Open WebUI before a real Envoy: its sessions, and its secret as it is rotated."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from demo import credentials
from demo.pack import Pack
from support.webui import (
    CURRENT,
    PREVIOUS,
    SECOND_FACTOR,
    USERS_SECRET,
    WebUI,
    document,
    fingerprint,
    header,
    person,
    sessions,
    start,
    tokens_in,
)
from support.world import FRESH_CONNECTIONS, Gate, Reach, World, eventually

ALICE, BOB = person("Alice"), person("Bob")
COUNTER = "ollama_gate_jwt_previous_secret_total"


@pytest.fixture(scope="module")
def webui(world: World) -> WebUI:
    """One installation of Open WebUI."""
    return WebUI(world)


@pytest.fixture(scope="module")
def front(world: World, webui: WebUI) -> Gate:
    """A gate that takes its sessions, with the second factor required."""
    return start(world, "webui", document([sessions()]), {CURRENT: webui.secret})


@pytest.fixture(scope="module")
def example(world: World, webui: WebUI) -> Gate:
    """A gate with the issuers of the ready file."""
    (text,) = Pack("examples/open-webui.yaml").plugins()
    plugin = json.loads(text)
    # What whoever takes the file has to put there: a key of their own, and the names of their machine.
    connection = credentials.record(credentials.new_key(), "open-webui-connection")
    plugin["api_keys"]["keys"][0]["sha256"] = connection["sha256"]
    plugin["hosts"].append("gate.example.com")
    secrets = {CURRENT: webui.secret, USERS_SECRET: webui.users_secret}
    return start(world, "webui-example", plugin, secrets)


# Sessions


def test_the_ready_file_lets_in_a_session_of_an_open_webui_as_it_ships(example: Gate, webui: WebUI) -> None:
    # Without a second factor every session of 0.12.4 says so.
    for verified in (False, True):
        assert example.get("/api/tags", key=webui.session(ALICE, mfa_verified=verified)).status == 200
    for helper in ("automation", "subagent"):
        assert example.get("/api/tags", key=webui.helper(ALICE, helper)).code == "claim_mismatch"


def test_a_session_is_let_in_and_the_user_is_the_one_in_its_id(front: Gate, webui: WebUI, world: World) -> None:
    with Reach(world.standin, front) as reach:
        assert front.get("/api/tags", key=webui.session(ALICE)).status == 200
        assert front.post("/api/chat", key=webui.session(BOB)).status == 200
        requests = reach.requests()
    assert [header(request, "X-Forwarded-User") for request in requests] == [[ALICE["id"]], [BOB["id"]]]
    for request in requests:
        assert header(request, "X-Credential-Identifier") == ["open-webui"]
        assert tokens_in(request) == []
    allowed = eventually(lambda: [event for event in front.decisions() if event.get("subject") == BOB["id"]])[-1]
    assert (allowed["credential"], allowed["id"], allowed["route"]) == ("jwt", "open-webui", "/api/chat")
    assert "secret" not in allowed


def test_what_only_open_webui_knows_of_a_user_is_not_seen_here(front: Gate, webui: WebUI) -> None:
    # That a session was revoked stands in its database; in the token is a stamp, which says nothing by itself.
    for stamp in (None, "5b0f6f9e-0f7c-4b3c-9a3d-2f0f0b7c1a10"):
        assert front.get("/api/tags", key=webui.session(ALICE, session_stamp=stamp)).status == 200
    # A user who waits for approval has a session like any other: docs/open-webui.md warns of it.
    waiting = person("Carol", role="pending")
    assert "role" not in webui.session_claims(waiting)
    assert front.get("/api/tags", key=webui.session(waiting)).status == 200


def refused_sessions(webui: WebUI) -> dict[str, tuple[str, str]]:
    """Out: by name, a token of Open WebUI's secret or one that looks so, and the code of its refusal."""
    claims, sign = webui.session_claims, webui.sign
    now = claims(ALICE)["iat"]
    return {
        "second factor not shown": (webui.session(ALICE, mfa_verified=False), "claim_mismatch"),
        "second factor not named": (webui.session(ALICE, mfa_verified=None), "claim_mismatch"),
        "second factor as text": (webui.session(ALICE, mfa_verified="true"), "claim_mismatch"),
        "second factor as number": (webui.session(ALICE, mfa_verified=1), "claim_mismatch"),
        "made by an administrator": (webui.added(ALICE), "claim_mismatch"),
        "automation": (webui.helper(ALICE, "automation"), "claim_mismatch"),
        "subagent": (webui.helper(ALICE, "subagent"), "claim_mismatch"),
        "automation with a factor": (webui.session(ALICE, typ="automation"), "claim_mismatch"),
        "unknown type": (webui.session(ALICE, typ="recovery"), "claim_mismatch"),
        "type in capitals": (webui.session(ALICE, typ="Session"), "claim_mismatch"),
        "no type": (webui.session(ALICE, typ=None), "claim_mismatch"),
        "no user": (webui.session(ALICE, id=None), "missing_subject"),
        "empty user": (webui.session(ALICE, id=""), "missing_subject"),
        "user as number": (webui.session(ALICE, id=7), "malformed_token"),
        "for another service": (webui.session(ALICE, aud="open-webui"), "wrong_audience"),
        "expired": (webui.session(ALICE, exp=now - 120), "expired_token"),
        "from tomorrow": (webui.session(ALICE, iat=now + 86400), "token_not_yet_valid"),
        "without an end": (webui.session(ALICE, exp=None), "missing_expiry"),
        "of another secret": (sign(claims(ALICE), webui.users_secret), "invalid_signature"),
        "of no secret": (sign(claims(ALICE), "", "none"), "unsupported_algorithm"),
        "of another algorithm": (sign(claims(ALICE), algorithm="HS512"), "unsupported_algorithm"),
        "signed user header": (webui.user_header(ALICE)[1], "claim_mismatch"),
        "signature cut off": (webui.session(ALICE).rpartition(".")[0] + ".", "invalid_signature"),
    }


def test_a_session_that_open_webui_would_refuse_is_refused_here(front: Gate, webui: WebUI, world: World) -> None:
    tokens = refused_sessions(webui)
    with Reach(world.standin, front) as reach:
        answers = {name: front.get("/api/tags", key=token) for name, (token, _) in tokens.items()}
        assert front.get("/api/tags", key=webui.session(ALICE)).status == 200
        assert reach.targets() == ["GET /api/tags"], "one good request and nothing else"
    got = {name: (answer.status, answer.code) for name, answer in answers.items()}
    assert got == {name: (401, code) for name, (_, code) in tokens.items()}


@pytest.mark.parametrize(("claim", "wrong"), [("typ", "automation"), ("mfa_verified", False)])
def test_each_required_claim_refuses_by_itself_and_names_itself(
    world: World, webui: WebUI, claim: str, wrong: object
) -> None:
    one = {claim: SECOND_FACTOR[claim]}
    gate = start(world, f"webui-{claim}", document([sessions(required_claims=one)]), {CURRENT: webui.secret})
    answer = gate.get("/api/tags", key=webui.session(ALICE, **{claim: wrong}))
    assert (answer.status, answer.code) == (401, "claim_mismatch")
    shown = "false" if wrong is False else wrong
    assert f"its claim `{claim}` is `{shown}`, this gate requires another value" in answer.json()["error"]
    absent = gate.get("/api/tags", key=webui.session(ALICE, **{claim: None}))
    assert (absent.status, absent.code) == (401, "claim_mismatch")
    assert f"its claim `{claim}` is missing" in absent.json()["error"]
    # The other claim is not looked at: it is this one that refused.
    (other,) = set(SECOND_FACTOR) - {claim}
    assert gate.get("/api/tags", key=webui.session(ALICE, **{other: None})).status == 200
    denied = eventually(lambda: [event for event in gate.decisions() if event["decision"] == "denied"])
    assert {event["id"] for event in denied} == {"open-webui"}


def test_without_required_claims_those_sessions_are_let_in(world: World, webui: WebUI) -> None:
    plugin = document([sessions(required_claims=None)])
    gate = start(world, "webui-any", plugin, {CURRENT: webui.secret})
    tokens = refused_sessions(webui)
    for name, (token, code) in tokens.items():
        status = 200 if code == "claim_mismatch" and name != "signed user header" else 401
        assert gate.get("/api/tags", key=token).status == status, name


def test_automations_and_subagents_are_let_in_where_their_type_is_listed(world: World, webui: WebUI) -> None:
    types = {"typ": ["session", "automation", "subagent"]}
    gate = start(world, "webui-types", document([sessions(required_claims=types)]), {CURRENT: webui.secret})
    for token in (webui.session(ALICE), webui.helper(ALICE, "automation"), webui.helper(ALICE, "subagent")):
        assert gate.get("/api/tags", key=token).status == 200
    assert gate.get("/api/tags", key=webui.session(ALICE, typ="recovery")).code == "claim_mismatch"


def test_a_session_in_the_cookie_and_an_api_key_of_open_webui_prove_nothing(front: Gate, webui: WebUI) -> None:
    cookie = front.get("/api/tags", headers=[("Cookie", f"token={webui.session(ALICE)}")])
    assert (cookie.status, cookie.code) == (401, "missing_credential")
    key = credentials.new_key()
    webui._world.secrets.append(key)
    assert front.get("/api/tags", key=key).status == 401


# The secret, rotated


@pytest.fixture(scope="module")
def generations(world: World) -> tuple[WebUI, WebUI]:
    """Open WebUI before and after a new WEBUI_SECRET_KEY."""
    return WebUI(world), WebUI(world)


def test_a_new_secret_logs_nobody_out_and_the_old_one_ends_when_it_is_removed(
    world: World, generations: tuple[WebUI, WebUI]
) -> None:
    old, new = generations
    of_old, of_new, of_nobody = old.session(ALICE), new.session(BOB), old.sign(old.session_claims(BOB), "x" * 40)
    plugin = document([sessions()])

    def answers(gate: Gate) -> list[tuple[int, str | None]]:
        found = [gate.get("/api/tags", key=token) for token in (of_old, of_new, of_nobody)]
        return [(answer.status, answer.code if answer.status != 200 else None) for answer in found]

    good, wrong = (200, None), (401, "invalid_signature")
    before = start(world, "ring-before", plugin, {CURRENT: old.secret})
    assert answers(before) == [good, wrong, wrong]
    between = start(world, "ring-between", plugin, {CURRENT: new.secret, PREVIOUS: old.secret})
    assert answers(between) == [good, good, wrong]
    after = start(world, "ring-after", plugin, {CURRENT: new.secret})
    assert answers(after) == [wrong, good, wrong]
    # In the wrong order the ring works as well, and says so: then everybody uses the previous one.
    swapped = start(world, "ring-swapped", plugin, {CURRENT: old.secret, PREVIOUS: new.secret})
    assert answers(swapped) == [good, good, wrong]
    eventually(lambda: swapped.envoy.counter(COUNTER) == 1, what="the counter")


def test_log_and_counter_say_how_many_still_use_the_previous_secret(
    world: World, generations: tuple[WebUI, WebUI]
) -> None:
    old, new = generations
    gate = start(world, "ring-count", document([sessions()]), {CURRENT: new.secret, PREVIOUS: old.secret})
    assert gate.envoy.counter(COUNTER) == 0
    repeated = old.session(ALICE)
    for _ in range(5):
        assert gate.get("/api/tags", key=repeated).status == 200
    for _ in range(3):
        assert gate.get("/api/tags", key=old.session(ALICE)).status == 200
        assert gate.get("/api/tags", key=new.session(BOB)).status == 200
    # The line of a refusal says it as well; the counter counts whom the old secret still lets in.
    assert gate.get("/api/tags", key=old.session(ALICE, mfa_verified=False)).status == 401
    assert gate.post("/api/pull", old.session(ALICE), b'{"model": "m"}').code == "scope_denied"
    events = eventually(lambda: len(found := gate.decisions()) >= 13 and found, what="the decisions")
    by_old = [event for event in events if event.get("secret") == "previous"]
    assert [event["decision"] for event in by_old].count("allowed") == 8
    assert [event.get("code") for event in by_old if event["decision"] == "denied"] == ["scope_denied"]
    assert {event["subject"] for event in by_old} == {ALICE["id"]}
    eventually(lambda: gate.envoy.counter("ollama_gate_allowed_total") == 11, what="the counters")
    eventually(lambda: gate.envoy.counter(COUNTER) == 8, what="the counter")
    mark = "jwt `open-webui`: tokens signed with a previous secret so far: 1"
    assert mark in gate.envoy.child.output()


def test_a_ring_in_a_watched_file_changes_under_a_session_that_goes_on(
    world: World, generations: tuple[WebUI, WebUI], tmp_path: Path
) -> None:
    old, new = generations
    watched = tmp_path / "gate.yaml"

    def write(*ring: WebUI) -> None:
        pack = Pack("envoy/watched/gate.yaml")
        world.fit_filters(pack, document([sessions(secrets=[one.secret for one in ring])]))
        pack.write(watched)

    write(old)
    pack = world.pack("envoy/watched/envoy.yaml")
    pack.watch(watched)
    gate = start(world, "ring-watched", {}, {}, pack)
    stays, of_new = old.session(ALICE), new.session(BOB)
    failures: list[int] = []
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            status = gate.get("/api/tags", key=stays).status
            if status != 200:
                failures.append(status)

    def everywhere(token: str, status: int) -> bool:
        return all(gate.get("/api/tags", key=token).status == status for _ in range(FRESH_CONNECTIONS))

    assert everywhere(stays, 200)
    assert everywhere(of_new, 401)
    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    try:
        write(new, old)
        eventually(lambda: everywhere(of_new, 200), what="the new secret")
        assert everywhere(stays, 200)
    finally:
        done.set()
        thread.join(30)
    assert failures == []
    # A token that was remembered as good does not outlive its secret.
    write(new)
    eventually(lambda: everywhere(stays, 401), what="the end of the old secret")
    assert gate.get("/api/tags", key=stays).code == "invalid_signature"
    assert everywhere(of_new, 200)
    gate.envoy.stop()


def test_fingerprints_tell_replicas_with_different_secrets_apart(
    world: World, generations: tuple[WebUI, WebUI]
) -> None:
    old, new = generations
    plugin = document([sessions()])

    def told(name: str, environment: dict[str, str]) -> set[str]:
        gate = start(world, name, plugin, environment)
        lines = [line for line in gate.envoy.child.lines if "fingerprint" in line]
        return {line[line.index("jwt `") :] for line in lines}

    def line(number: int, count: int, of: WebUI) -> str:
        return f"jwt `open-webui`: secret {number} of {count} has the fingerprint {fingerprint(of.secret)}"

    assert fingerprint(old.secret) != fingerprint(new.secret)
    assert told("replica-1", {CURRENT: new.secret}) == {line(1, 1, new)}
    assert told("replica-2", {CURRENT: old.secret}) == {line(1, 1, old)}
    assert told("replica-3", {CURRENT: new.secret, PREVIOUS: old.secret}) == {line(1, 2, new), line(2, 2, old)}


@pytest.mark.filterwarnings("ignore:The HMAC key")
def test_the_short_secret_of_an_old_installation_works_and_has_no_fingerprint(world: World) -> None:
    # 16 characters: what its start script made before it made 32.
    old = WebUI(world, credentials.new_secret()[:16])
    plugin = document([sessions(danger_allow_short_secret=True)])
    gate = start(world, "ring-short", plugin, {CURRENT: old.secret})
    assert gate.get("/api/tags", key=old.session(ALICE)).status == 200
    assert "fingerprint" not in gate.envoy.child.output()
