"""Requests that wait for the rest of their body, and what happens meanwhile: keys go, credentials expire."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from demo import credentials
from demo.pack import Pack
from support.frames import Stream
from support.wire import Answer
from support.world import CHAT, FRESH_CONNECTIONS, Gate, Reach, World, eventually

HALF = len(CHAT) // 2
LIFETIME = 3


class Chat:
    """A chat of which half the body was sent."""

    def __init__(self, gate: Gate, credential: str) -> None:
        self._stream = Stream(gate.port, "POST", "/api/chat", [("authorization", f"Bearer {credential}")])
        self._stream.data(CHAT[:HALF])

    def finish(self) -> Answer:
        """Sends the rest. Out: the answer."""
        self._stream.data(CHAT[HALF:], last=True)
        return self._stream.answer()


class Reloaded:
    """A gate whose configuration is in a watched file. Every key has a rule for models."""

    def __init__(self, world: World, folder: Path, hold_head: bool) -> None:
        self._world = world
        self._file = folder / "gate.yaml"
        self.hold_head = hold_head
        self.stable, self.removed = credentials.new_key(), credentials.new_key()
        world.secrets += [self.stable, self.removed]
        self.load(self.stable, self.removed)
        pack = Pack("envoy/watched/envoy.yaml")
        pack.listen(0)
        pack.admin()
        pack.upstream("127.0.0.1", world.standin.port)
        pack.watch(self._file)
        self.gate = world.start(f"held-{folder.name}", pack)

    def load(self, *keys: str, **more: Any) -> None:
        """In: the keys that there are. Puts such a configuration in place."""
        records = [credentials.record(key, f"key-{place}") for place, key in enumerate(keys)]
        records = [{**record, "models": ["llama3.2"]} for record in records]
        host = {"name": "envoy", "hold_head": self.hold_head}
        plugin = {**self._world.keys.plugin(), "api_keys": {"keys": records}, "host": host, **more}
        pack = Pack("envoy/watched/gate.yaml")
        self._world.fit_filters(pack, plugin)
        pack.hold_heads(self.hold_head)
        pack.write(self._file)


@pytest.fixture(params=[True, False], ids=["head held", "head first"])
def reloaded(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Iterator[Reloaded]:
    """A gate of its own for each test."""
    made = Reloaded(world, tmp_path, request.param)
    yield made
    made.gate.envoy.stop()


def test_a_key_that_is_removed_while_its_body_is_held_lets_nothing_through(world: World, reloaded: Reloaded) -> None:
    gate = reloaded.gate
    with Reach(world.standin, gate) as reach:
        chats = [Chat(gate, reloaded.removed) for _ in range(8)]
        reloaded.load(reloaded.stable)
        eventually(
            lambda: all(gate.get("/api/tags", key=reloaded.removed).status == 401 for _ in range(FRESH_CONNECTIONS)),
            what="the reload",
        )
        answers = [chat.finish() for chat in chats]
        assert {(answer.status, answer.code) for answer in answers} == {(503, "configuration_changed")}
        assert {answer.headers["retry-after"] for answer in answers} == {"1"}
        # Nobody has read a whole body. A head may have gone before where heads do not wait.
        assert [entry["target"] for entry in reach.requests() if entry.get("length") == len(CHAT)] == []
        assert not reloaded.hold_head or "POST /api/chat" not in reach.targets()
    # What came later is judged by what is in force.
    assert gate.post("/api/chat", key=reloaded.stable).status == 200
    assert gate.post("/api/chat", key=reloaded.removed).status == 401


@pytest.fixture(scope="module")
def dated(world: World) -> Gate:
    """A gate that holds the bodies of keys and tokens, tokens ending without leeway."""
    plugin = world.keys.plugin()
    plugin["jwt"][0] |= {"models": ["llama3.2"], "leeway": "0s"}
    plugin["host"] = {"name": "envoy", "hold_head": True}
    return world.start("held-dated", world.pack(plugin=plugin))


def test_a_token_that_expires_while_its_body_is_held_lets_nothing_through(world: World, dated: Gate) -> None:
    with Reach(world.standin, dated) as reach:
        end = int(time.time()) + LIFETIME
        chat = Chat(dated, world.keys.token(exp=end))
        time.sleep(max(0.0, end + 0.2 - time.time()))
        answer = chat.finish()
        assert (answer.status, answer.code) == (401, "expired_token")
        assert reach.targets() == []


def test_a_key_that_expires_while_its_body_is_held_lets_nothing_through(world: World, tmp_path: Path) -> None:
    key = credentials.new_key()
    world.secrets.append(key)
    end = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=LIFETIME + 3)
    record = credentials.record(key, "short", expires_at=end.strftime("%Y-%m-%dT%H:%M:%SZ"))
    plugin = {**world.keys.plugin(), "api_keys": {"keys": [{**record, "models": ["llama3.2"]}]}}
    plugin["host"] = {"name": "envoy", "hold_head": True}
    gate = world.start("held-short", world.pack(plugin=plugin))
    with Reach(world.standin, gate) as reach:
        chat = Chat(gate, key)
        time.sleep(max(0.0, end.timestamp() + 0.2 - time.time()))
        answer = chat.finish()
        assert (answer.status, answer.code) == (401, "expired_key")
        assert reach.targets() == []
