"""What an operator sees: one JSON object for each decision, counters, and never a secret."""

from __future__ import annotations

import json

import pytest
from demo import credentials
from support.world import CHAT, Gate, World, eventually, settled


@pytest.fixture(scope="module")
def quiet(world: World) -> Gate:
    """A gate that no other test talks to."""
    return world.start_gate("log")


def last(gate: Gate, count: int) -> list[dict]:
    """In: how many decisions there must be by now. Out: all of them."""
    return eventually(lambda: len(found := gate.decisions()) >= count and found, what=f"{count} lines in the log")


def test_each_decision_is_one_line_of_json(quiet: Gate) -> None:
    keys = quiet.keys
    before = len(quiet.decisions())
    quiet.get("/api/tags", key=keys.inference)
    quiet.post("/api/chat", key=keys.jwt)
    quiet.get("/api/tags", key=keys.expired)
    quiet.post("/v1/messages", key=keys.read)
    quiet.get("/api/tags")
    quiet.get("/api/version")
    events = last(quiet, before + 6)[before:]
    assert len(events) == 6
    allowed, token, expired, scope, nobody, public = events

    assert allowed["decision"] == "allowed"
    assert (allowed["method"], allowed["route"], allowed["scope"]) == ("GET", "/api/tags", "read")
    assert (allowed["credential"], allowed["id"], allowed["subject"]) == ("api_key", "inference-key", "alice")
    assert "status" not in allowed
    assert (token["credential"], token["subject"], token["route"]) == ("jwt", "jwt-person", "/api/chat")
    assert (expired["decision"], expired["status"], expired["code"]) == ("denied", 401, "expired_key")
    assert expired["id"] == "expired-key"
    assert (scope["status"], scope["code"], scope["id"]) == (403, "scope_denied", "read-key")
    assert (nobody["status"], nobody["code"]) == (401, "missing_credential")
    assert "id" not in nobody
    assert (public["decision"], public["scope"]) == ("allowed", "health")
    assert len({event["request_id"] for event in events}) == 6


def test_a_client_cannot_choose_the_request_id_of_its_line(quiet: Gate) -> None:
    before = len(quiet.decisions())
    quiet.get("/api/tags", key=quiet.keys.read, headers=[("X-Request-Id", "chosen")])
    assert last(quiet, before + 1)[-1]["request_id"] != "chosen"


def test_no_line_break_of_a_clients_choice_gets_into_the_log(quiet: Gate) -> None:
    forged = 'x\n[critical] {"gate":"ollama-gate","decision":"allowed","id":"root"}'
    before = len(quiet.decisions())
    quiet.get("/api/tags", key=quiet.keys.token(sub=forged))
    quiet.get("/api/%0a%7b%22gate%22", key=quiet.keys.read)
    events = last(quiet, before + 2)[before:]
    assert len(events) == 2
    assert all(event.get("id") != "root" for event in quiet.decisions())


def test_allowed_lines_can_be_switched_off(world: World) -> None:
    gate = world.start_gate("log-quiet", {**world.keys.plugin(), "log": {"allowed": False}})
    gate.get("/api/tags", key=world.keys.read)
    gate.get("/api/tags")
    assert [event["decision"] for event in last(gate, 1)] == ["denied"]


def test_every_allowed_request_and_every_refusal_counts(quiet: Gate) -> None:
    def counts() -> dict[str, int]:
        names = ("allowed", "denied_missing_credential", "denied_expired_key", "denied_scope_denied")
        return {name: quiet.envoy.counter(f"ollama_gate_{name}_total") for name in names}

    # Allowed requests are counted on the ticks of each worker, so those of other tests come first.
    before = settled(counts)
    for _ in range(3):
        quiet.get("/api/tags", key=quiet.keys.read)
    quiet.get("/api/tags")
    quiet.get("/api/tags", key=quiet.keys.expired)
    quiet.post("/api/chat", key=quiet.keys.read)
    after = settled(counts)
    assert {name: after[name] - before[name] for name in after} == {
        "allowed": 3,
        "denied_missing_credential": 1,
        "denied_expired_key": 1,
        "denied_scope_denied": 1,
    }


def test_no_output_of_envoy_holds_a_credential_whatever_was_sent_where(quiet: Gate) -> None:
    keys = quiet.keys
    everything = keys.everything()
    before = len(quiet.decisions())
    for secret in everything:
        for name, form in (("Authorization", "Bearer {}"), ("x-api-key", "{}"), ("Cookie", "token={}")):
            quiet.post("/api/chat", headers=[(name, form.format(secret))])
        quiet.get(f"/api/tags?key={secret}", key=keys.read)
        quiet.post("/api/chat", key=keys.inference, body=CHAT + secret.encode())
    last(quiet, before + 5 * len(everything))
    text = quiet.envoy.child.output()
    assert [secret[:6] for secret in everything if secret in text] == []
    # Nor the middle of one, in case a line were cut.
    assert [secret[:6] for secret in everything if secret[8:28] in text] == []


def test_a_key_that_somebody_wrote_into_the_path_does_not_get_into_the_log(quiet: Gate) -> None:
    stray = credentials.new_key()
    before = len(quiet.decisions())
    assert quiet.get(f"/{stray}/api/tags", key=quiet.keys.read).code == "unknown_route"
    assert quiet.get(f"/{stray}/api/tags").code == "missing_credential"
    last(quiet, before + 2)
    assert stray not in quiet.envoy.child.output()


def test_the_stats_and_the_admin_port_show_no_credential(quiet: Gate) -> None:
    for path in ("/stats", "/server_info", "/clusters", "/listeners"):
        status, text = quiet.envoy.admin(path)
        assert status == 200
        assert [secret[:6] for secret in quiet.keys.everything() if secret in text] == []
    # The pack opens only what watches the gate.
    for path in ("/config_dump", "/quitquitquit", "/logging", "/memory"):
        assert quiet.envoy.admin(path)[0] == 403


def test_log_lines_are_json_that_any_reader_takes(quiet: Gate) -> None:
    lines = [line for line in quiet.envoy.child.lines if '"ollama-gate"' in line]
    assert len([line for line in lines if '"event"' not in line]) == len(quiet.decisions()) > 0
    for line in lines:
        assert json.loads(line[line.index("{") :])["gate"] == "ollama-gate"
