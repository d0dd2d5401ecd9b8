"""The `ollama` CLI's own signature through a real Envoy: keys of ssh-keygen and of Go, and the bad ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.signer import GoCli, Key
from support.wire import Answer, Connection, build
from support.world import CHAT, Gate, Reach, World, eventually
from test_access import routes_of
from test_configuration import check

EVERYTHING = ["read", "inference", "manage"]
REPLAY_SECONDS = 5


class People:
    """Who signs: Alice, with the usual scopes; Root, whose key names `manage`; and a stranger."""

    def __init__(self, folder: Path, world: World) -> None:
        self.alice = Key(folder / "alice", "alice@laptop")
        self.root = Key(folder / "root", "root@server")
        self.stranger = Key(folder / "stranger", "stranger")
        self.plugin = {
            **world.keys.plugin(),
            "ollama_cli": {
                "authorized_keys": [self.alice.line, {"key": self.root.line, "id": "root", "scopes": EVERYTHING}],
                "replay_window": f"{REPLAY_SECONDS}s",
            },
        }
        self.gate = world.start_gate("signature", self.plugin)
        self._remember: Callable[[str], None] = world.secrets.append

    def send(self, who: Key, method: str, path: str, late: int = 0, body: bytes | None = None) -> Answer:
        """In: a call. Out: the answer to it."""
        target, headers = who.call(method, path, int(time.time()) - late)
        self._remember(headers[0][1].partition(":")[2])
        return self.gate.send(method, target, headers=headers, body=body)


@pytest.fixture(scope="module")
def people(world: World, tmp_path_factory: pytest.TempPathFactory) -> People:
    """Everybody, with a gate that knows them."""
    return People(tmp_path_factory.mktemp("people"), world)


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> GoCli:
    """The CLI's signing half, in Go."""
    return GoCli(tmp_path_factory.mktemp("cli"), "gopher")


def under(world: World, name: str, prefix: str, plugin: dict[str, Any]) -> Gate:
    """In: a prefix and a configuration. Out: a gate whose Envoy takes the prefix off behind the gate."""
    pack = world.pack(plugin=plugin)
    for route in routes_of(pack.document):
        route["match"] = {"prefix": f"{prefix}/"}
        route["route"]["prefix_rewrite"] = "/"
    return world.start(name, pack)


def test_a_key_of_ssh_keygen_comes_in_and_ollama_sees_no_signature(people: People, world: World) -> None:
    with Reach(world.standin, people.gate) as reach:
        assert people.send(people.alice, "GET", "/api/tags").status == 200
        answer = people.send(people.alice, "POST", "/api/chat", body=CHAT)
        assert answer.status == 200
        assert answer.json()["done"] is True
        seen = reach.requests()
    assert [entry["target"].partition("?")[0] for entry in seen] == ["/api/tags", "/api/chat"]
    assert not any(people.alice.blob in str(entry) for entry in seen)
    last = [line for line in people.gate.decisions() if line.get("credential") == "ollama_cli"][-1]
    assert (last["id"], last["subject"]) == ("alice@laptop", "alice@laptop")


def test_go_signs_as_the_cli_does(world: World, cli: GoCli) -> None:
    plugin = {**world.keys.plugin(), "ollama_cli": {"authorized_keys": [cli.line]}}
    gate = world.start_gate("signature-go", plugin)
    status, text = cli.call(gate.url, "GET", "/api/tags")
    assert status == 200, text
    status, text = cli.call(gate.url, "POST", "/api/chat", CHAT.decode())
    assert status == 200, text
    status, text = cli.call(gate.url, "HEAD", "/")
    assert status == 200, text
    status, text = cli.call(gate.url, "DELETE", "/api/delete", '{"model": "llama3.2"}')
    assert (status, "scope_denied" in text) == (403, True), text
    status, text = cli.call(f"{gate.url}/ollama", "GET", "/api/tags")
    assert (status, "invalid_signature" in text) == (401, True), text


def test_go_signs_the_path_without_the_prefix_of_its_host(world: World, cli: GoCli) -> None:
    plugin = {**world.keys.plugin(), "path_prefix": "/ollama", "ollama_cli": {"authorized_keys": [cli.line]}}
    gate = under(world, "signature-prefix", "/ollama", plugin)
    for host in (f"{gate.url}/ollama", f"{gate.url}/ollama/"):
        status, text = cli.call(host, "GET", "/api/tags")
        assert status == 200, text
    assert world.standin.requests()[-1]["target"].startswith("/api/tags?ts=")


def test_manage_is_for_a_key_that_names_it(people: People, world: World) -> None:
    body = b'{"model": "llama3.2"}'
    with Reach(world.standin, people.gate) as reach:
        denied = people.send(people.alice, "DELETE", "/api/delete", body=body)
        assert (denied.status, denied.code) == (403, "scope_denied")
        assert reach.targets() == []
    assert people.send(people.root, "DELETE", "/api/delete", body=body).status == 200
    assert people.send(people.root, "POST", "/api/me").code == "scope_denied"


def test_a_replay_is_refused_once_its_window_has_passed(people: People, world: World) -> None:
    target, headers = people.alice.call("POST", "/api/chat")
    request = build("POST", target, headers, CHAT).replace(b"Connection: close\r\n", b"")
    begun, seen = time.monotonic(), []
    # One connection stays with one worker, whose memory it is, until the gate refuses.
    with Reach(world.standin, people.gate) as reach, Connection(people.gate.port) as connection:

        def send() -> tuple[int, str | None]:
            connection.send(request)
            answer = connection.answer()
            seen.append((answer.status, answer.code))
            return seen[-1]

        good, replayed = (200, None), (401, "replayed_signature")
        assert send() == good
        assert send() == good or time.monotonic() - begun >= REPLAY_SECONDS
        if seen[-1] == good:
            eventually(lambda: send() != good, what="the end of the window")
        assert seen[-1] == replayed
        assert len(reach.targets()) == seen.count(good)


@pytest.mark.parametrize("late", [3600, 60, -60, -3600])
def test_a_signature_of_another_time_is_refused(people: People, late: int) -> None:
    answer = people.send(people.alice, "GET", "/api/tags", late)
    assert (answer.status, answer.code) == (401, "stale_signature")


def test_what_was_not_signed_so_does_not_reach_ollama(people: People, world: World) -> None:
    alice, gate = people.alice, people.gate
    target, headers = alice.call("GET", "/api/tags")
    query = target.partition("?")[2]
    cases = [
        ("GET", f"/api/ps?{query}", "invalid_signature"),
        ("POST", f"/api/chat?{query}", "invalid_signature"),
        ("GET", f"/ollama/api/tags?{query}", "invalid_signature"),
        ("GET", f"/api/tags?{query}&{query}", "malformed_signature"),
        ("GET", f"/api/tags?{query}&model=x", "malformed_signature"),
        ("GET", f"/api/tags?model=x&{query}", "malformed_signature"),
        ("GET", "/api/tags?ts=now", "malformed_signature"),
        ("GET", "/api/tags?ts=", "malformed_signature"),
        ("GET", "/api/tags", "malformed_signature"),
    ]
    with Reach(world.standin, gate) as reach:
        for method, wrong, code in cases:
            answer = gate.send(method, wrong, headers=headers)
            assert (answer.status, answer.code) == (401, code), wrong
        assert reach.targets() == []
    assert gate.send("GET", target, headers=headers).status == 200


def test_other_keys_and_other_forms_do_not_reach_ollama(people: People, world: World, tmp_path: Path) -> None:
    alice, gate = people.alice, people.gate
    target, headers = alice.call("GET", "/api/tags")
    key, _, signature = headers[0][1].partition(":")
    flipped = signature[:10] + ("A" if signature[10] != "A" else "B") + signature[11:]
    others = [Key(tmp_path / kind, "alice@laptop", kind).blob for kind in ("rsa", "ecdsa")]
    cases = [
        (f"{key}:{flipped}", "invalid_signature"),
        (f"{people.root.blob}:{signature}", "invalid_signature"),
        (f"{people.stranger.blob}:{signature}", "unknown_signer"),
        *((f"{other}:{signature}", "malformed_signature") for other in others),
        (f"{key}:{signature[:-1]}", "malformed_signature"),
        (f"{key[:-1]}:{signature}", "malformed_signature"),
        (f"{key}:", "malformed_signature"),
        (key, "malformed_signature"),
    ]
    with Reach(world.standin, gate) as reach:
        for value, code in cases:
            answer = gate.send("GET", target, headers=[("Authorization", value)])
            assert (answer.status, answer.code) == (401, code), value
        assert reach.targets() == []
    assert people.send(people.stranger, "GET", "/api/tags").code == "unknown_signer"


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_envoy_does_not_start_with_a_key_of_another_type(world: World, tmp_path: Path, kind: str) -> None:
    line = Key(tmp_path / kind, "alice@laptop", kind).line
    accepted, output = check(world, {**world.keys.plugin(), "ollama_cli": {"authorized_keys": [line]}})
    assert not accepted
    assert "ollama_cli.authorized_keys[0]: is a key of another type" in output
    assert line.split(" ")[1] not in output.partition("ollama-gate: configuration")[2]
