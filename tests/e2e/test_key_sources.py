"""Keys of a document behind a real Envoy: a plain file server and a real etcd, changed under load.

What no memory and no profile shows: that both workers fetch by their own timers, and that a key is added,
rotated and revoked under traffic without one wrong answer.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from demo.process import Child
from support.key_files import Volume, answer_by_itself, key, move, on_every_worker, record
from support.oidc import cluster
from support.ports import port_to_keep
from support.rate import Rate
from support.world import Gate, World, eventually

ROOT = Path(__file__).resolve().parents[2]
ETCD_KEY = "/ollama-gate/keys"
# How many requests a second come while keys change, and how many of each key are waited for between two changes: more
# of both by hand.
PER_SECOND = float(os.environ.get("KEY_RATE", "100"))
ANSWERS = int(os.environ.get("KEY_ANSWERS", "30"))
FEW_PER_SECOND = 50
SWAPS = 10
START_SECONDS = 30.0


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing about it."""

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class Files:
    """A folder that a plain HTTP server serves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        handler = functools.partial(Quiet, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", port_to_keep()), handler)
        self.port = self._server.server_port
        Thread(target=self._server.serve_forever, daemon=True).start()

    def source(self) -> dict[str, Any]:
        """Out: the source, for the gate."""
        return {"url": "http://files.internal/keys.json", "upstream": "keys"}

    def put(self, document: Any) -> None:
        """In: the document. Puts it there as `mv` does."""
        move(self.folder / "keys.json", document)

    def stop(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()


def encoded(text: str) -> str:
    """In: a text. Out: it in base64, as etcd's gateway has keys and values."""
    return base64.b64encode(text.encode()).decode()


class Etcd:
    """A real etcd."""

    def __init__(self, folder: Path) -> None:
        self.port = port_to_keep()
        url, peer = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{port_to_keep()}"
        binary = shutil.which("etcd")
        assert binary
        self._child = Child(
            [
                *(binary, "--data-dir", str(folder), "--listen-client-urls", url, "--advertise-client-urls", url),
                *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                *("--initial-cluster", f"default={peer}"),
            ],
            ROOT,
        )
        eventually(self._answers, START_SECONDS, "etcd's start")

    def source(self) -> dict[str, Any]:
        """Out: the source, for the gate."""
        return {"kind": "etcd", "url": "http://etcd.internal/v3/kv/range", "upstream": "keys", "key": ETCD_KEY}

    def put(self, document: Any) -> None:
        """In: the document. Makes it the key's value, by the JSON gateway."""
        body = {"key": encoded(ETCD_KEY), "value": encoded(json.dumps(document))}
        assert self._post("/v3/kv/put", body) == 200

    def _answers(self) -> bool:
        try:
            return self._post("/v3/kv/range", {"key": "YQ=="}) == 200
        except OSError:
            return False

    def _post(self, path: str, body: Any) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", path, json.dumps(body))
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()

    def stop(self) -> None:
        """Ends it."""
        self._child.stop()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    """Out: a file server."""
    server = Files(tmp_path_factory.mktemp("files") / "served")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcd]:
    """Out: a real etcd, or the test is left out."""
    need = ["sh", str(ROOT / "scripts" / "need.sh"), "etcd", "etcd-server", "keys of a real etcd"]
    left_out = subprocess.run(need, check=False).returncode
    if left_out == 3:
        pytest.skip("there is no etcd here")
    assert left_out == 0
    server = Etcd(tmp_path_factory.mktemp("etcd") / "data")
    yield server
    server.stop()


def gate_with(world: World, name: str, server: Files | Etcd, document: str | None = None) -> Gate:
    """In: a name and a server with the document. Out: a gate that fetches it each second, and answers by itself."""
    source = {**server.source(), "every": "1s", "name": name}
    if document:
        source["url"] = document
    plugin = {"public": ["health"], "host": {"name": "envoy"}, "api_keys": {"source": source}}
    pack = world.pack(plugin=plugin)
    pack.document["static_resources"]["clusters"].append(cluster("keys", server.port))
    answer_by_itself(pack)
    return world.start(name, pack)


def changes(gate: Gate) -> list[dict[str, Any]]:
    """Out: the lines of changes in Envoy's output."""
    lines = [line for line in list(gate.envoy.child.lines) if '"event":"keys_changed"' in line]
    return [json.loads(line[line.index('{"gate"') : line.rindex("}") + 1]) for line in lines]


@pytest.mark.parametrize("kind", ["files", "etcd"])
def test_a_key_is_added_rotated_and_revoked_under_traffic_without_one_wrong_answer(
    world: World, kind: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    server = request.getfixturevalue(kind)
    old, new, added = key(world), key(world), key(world)
    server.put({"keys": [record("alice", old)]})
    gate = gate_with(world, f"keys-{kind}", server)
    on_every_worker(gate, old, 200, "the first document")
    until = (datetime.now(timezone.utc) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    previous = [{"sha256": hashlib.sha256(old.encode()).hexdigest(), "until": until}]
    bob = record("bob", added)
    took = {}
    with Rate(gate.port, [old, new, added], PER_SECOND) as load:
        load.answered(0, ANSWERS)
        server.put({"keys": [record("alice", old), bob]})
        took["added"] = on_every_worker(gate, added, 200, "the key that was added")
        was_added = time.monotonic()
        load.answered(1, ANSWERS)
        assert load.statuses(0) == {200}
        assert load.statuses(1) == {401}, "it is not there yet"
        server.put({"keys": [record("alice", new, previous=previous), bob]})
        took["rotated"] = on_every_worker(gate, new, 200, "the key that was rotated")
        was_rotated = time.monotonic()
        load.answered(1, ANSWERS, was_rotated)
        assert load.statuses(0) == {200}, "both count"
        assert load.statuses(1, was_rotated) == {200}
        server.put({"keys": [record("alice", new), bob]})
        took["revoked"] = on_every_worker(gate, old, 401, "the secret that was revoked")
        was_revoked = time.monotonic()
        for which in range(3):
            load.answered(which, ANSWERS, was_revoked)
    # Each key has one answer before its change and one after it, and never another.
    assert load.failed == []
    assert load.statuses(0, was_revoked) == {401}
    assert load.statuses(0) | load.statuses(1) | load.statuses(2) == {200, 401}
    assert load.statuses(1, was_rotated) == load.statuses(2, was_added) == {200}
    refused = gate.get("/api/tags", old)
    assert refused.json()["code"] == "unknown_key"
    with capsys.disabled():
        print(f"\n{kind}: on every worker after " + ", ".join(f"{name} {took[name]:.1f} s" for name in took))
        print(f"{kind}: {PER_SECOND} a second wanted: {load.report()}")
    decision = [line for line in gate.decisions() if line.get("id") == "alice" and line["decision"] == "allowed"][-1]
    assert decision["source"] == f"keys-{kind}"
    told = changes(gate)
    assert any(line["added"] == ["bob"] for line in told), told
    assert any(line["changed"] == ["alice"] for line in told), told


def test_a_document_is_swapped_ten_times_as_kubernetes_does_it_and_no_request_fails(world: World, files: Files) -> None:
    stays, comes = key(world), key(world)
    volume = Volume(files.folder / "volume", "keys.json")
    with_both, with_one = [record("a", stays), record("b", comes)], [record("a", stays)]
    volume.swap(json.dumps(with_one))
    gate = gate_with(world, "keys-swapped", files, "http://files.internal/volume/keys.json")
    on_every_worker(gate, stays, 200, "the first document")
    with Rate(gate.port, [stays], FEW_PER_SECOND) as load:
        for number in range(1, SWAPS + 1):
            volume.swap(json.dumps(with_both if number % 2 else with_one))
            on_every_worker(gate, comes, 200 if number % 2 else 401, f"swap {number}")
    assert (load.failed, load.statuses(0)) == ([], {200})
    assert load.report()["requests"] > SWAPS


def test_a_server_that_goes_away_and_comes_back_costs_no_request(world: World, tmp_path: Path) -> None:
    secret = key(world)
    server = Files(tmp_path / "served")
    server.put([record("alice", secret)])
    gate = gate_with(world, "keys-away", server)
    on_every_worker(gate, secret, 200, "the first document")
    with Rate(gate.port, [secret], FEW_PER_SECOND) as load:
        server.put([])
        eventually(lambda: any("it has no key" in line for line in gate.envoy.child.lines), what="the empty document")
        on_every_worker(gate, secret, 200, "the document before it")
        server.stop()
        eventually(lambda: any("fetch failed: the answer has status 503" in line for line in gate.envoy.child.lines))
        on_every_worker(gate, secret, 200, "the last document")
    assert (load.failed, load.statuses(0)) == ([], {200})


def test_the_history_of_a_log_says_which_keys_were_in_force_when(world: World, files: Files, tmp_path: Path) -> None:
    first, second = key(world), key(world)
    files.put([record("alice", first), record("bob", second)])
    gate = gate_with(world, "keys-told", files)
    on_every_worker(gate, first, 200, "the first document")
    files.put([record("alice", first)])
    on_every_worker(gate, second, 401, "the second document")
    log = tmp_path / "envoy.log"
    log.write_text("\n".join(list(gate.envoy.child.lines)), encoding="utf-8")
    command = [sys.executable, str(ROOT / "examples" / "history.py"), str(log)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [line.split("\t") for line in text.splitlines()]
    bob = [row for row in rows if row[1:3] == ["keys-told", "bob"]]
    assert [row[3] for row in bob] == ["added", "removed"], text
    alice = [row for row in rows if row[1:3] == ["keys-told", "alice"]]
    assert [row[3] for row in alice] == ["added"], text
    at = [*command, "--at", bob[-1][0]]
    in_force = subprocess.run(at, check=True, capture_output=True, text=True).stdout
    assert in_force == "keys-told\talice\n"
    assert not any(secret in text for secret in (first, second))
