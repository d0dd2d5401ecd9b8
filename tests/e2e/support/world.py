"""The small world of a session: a stand-in Ollama, the gates in front of it, and what they all printed."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from demo import envoy as envoys
from demo.pack import ROOT, Pack
from demo.process import Child
from demo.show import decision
from typing_extensions import Self

from .keyring import Keyring
from .wire import Answer, Connection, build

WASM = ROOT / "dist" / "ollama_gate_envoy.wasm"
# The file with every export, which `cors` needs.
FULL = ROOT / "dist" / "ollama_gate.wasm"
CHAT = json.dumps({"model": "llama3.2", "messages": [{"role": "user", "content": "hello"}], "stream": False}).encode()
START_SECONDS = 60.0
# How many new connections reach both workers. The kernel chooses for each one, so that a few go to the same worker more
# often than a test may fail: of 12, one time in 2,000.
FRESH_CONNECTIONS = 32
# What an Envoy asks Ollama with whose gate only reports, and so takes nothing out.
WATCHED_HOST = "watched.internal:11434"
T = TypeVar("T")


def eventually(holds: Callable[[], Any], seconds: float = 60.0, what: str = "it") -> Any:
    """In: a question, asked again and again. Out: its first true answer; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = holds()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {seconds:.0f} s")


class StandIn:
    """The stand-in's process and its log."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "standin.jsonl"
        self.hold = folder / "hold"
        self._child = Child(
            [
                *(sys.executable, str(ROOT / "tests" / "standin"), "--port", "0", "--log", str(self.log)),
                *("--chunk-delay", "0.002", "--hold", str(self.hold)),
            ],
            ROOT,
        )
        line = eventually(lambda: self._child.lines and self._child.lines[0], START_SECONDS, "the stand-in's start")
        self.port = int(line.rpartition(":")[2])
        self._events: list[dict[str, Any]] = []
        self._read = 0
        self._reading = threading.Lock()

    def events(self) -> list[dict[str, Any]]:
        """Out: the log, every line of it. Each is read once, for a session writes thousands."""
        with self._reading, self.log.open("rb") as log:
            log.seek(self._read)
            new = log.read()
            new = new[: new.rfind(b"\n") + 1]
            self._read += len(new)
            self._events += [json.loads(line) for line in new.splitlines()]
            return list(self._events)

    def requests(self) -> list[dict[str, Any]]:
        """Out: the requests that reached it."""
        return [event for event in self.events() if event["event"] == "request"]

    def stop(self) -> None:
        """Ends it."""
        self._child.stop()


def settled(look: Callable[[], T]) -> T:
    """In: how to look at counters. Out: what they show once nothing comes in: allowed requests count on ticks."""
    while True:
        looks = [look()]
        for _ in range(2):
            time.sleep(2.5)
            looks.append(look())
        if looks[0] == looks[1] == looks[2]:
            return looks[0]


class Gate:
    """A running Envoy with the gate in it."""

    def __init__(self, envoy: envoys.Envoy, keys: Keyring) -> None:
        self.envoy = envoy
        self.keys = keys
        self.port = envoy.port()
        self.url = f"http://127.0.0.1:{self.port}"

    def send(
        self,
        method: str,
        path: str,
        key: str | None = None,
        headers: list[tuple[str, str]] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """In: a request; `key` goes into Authorization. Out: the answer."""
        credential = [("Authorization", f"Bearer {key}")] if key else []
        with Connection(self.port) as connection:
            connection.send(build(method, path, [*credential, *(headers or [])], body))
            return connection.answer(head_only=method == "HEAD")

    def get(self, path: str, key: str | None = None, headers: list[tuple[str, str]] | None = None) -> Answer:
        """In: a path and a key. Out: the answer to GET."""
        return self.send("GET", path, key, headers)

    def post(
        self, path: str, key: str | None = None, body: bytes = CHAT, headers: list[tuple[str, str]] | None = None
    ) -> Answer:
        """In: a path, a key, a body. Out: the answer to POST."""
        return self.send("POST", path, key, headers, body)

    def decisions(self) -> list[dict[str, Any]]:
        """Out: every decision in Envoy's output."""
        return [event for line in list(self.envoy.child.lines) if (event := decision(line))]


class World:
    """Starts gates in front of one stand-in, and remembers what they printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = Keyring()
        self.binary = envoys.find(os.environ.get("ENVOY"))
        if not WASM.is_file():
            raise AssertionError("dist/ollama_gate_envoy.wasm is not there: `make wasm` builds it")
        self.standin = StandIn(folder)
        self._envoys: list[envoys.Envoy] = []
        # What a test made by itself and wants to be looked for in the end, beside the keyring.
        self.secrets: list[str] = []

    def pack(self, path: str = "envoy/envoy.yaml", plugin: Any = None) -> Pack:
        """In: a bootstrap of the pack and a configuration of the gate. Out: the pack, fitted to this world."""
        pack = Pack(path)
        pack.listen(0)
        pack.admin()
        pack.upstream("127.0.0.1", self.standin.port)
        self.fit_filters(pack, plugin)
        return pack

    def fit_filters(self, pack: Pack, plugin: Any = None) -> None:
        """In: a document with the filter in it. Gives it the module, the variables and the configuration."""
        pack.module(WASM)
        pack.environment(sorted([*self.keys.environment(), "E2E_UNSET_SECRET"]))
        pack.plugin(self.keys.plugin() if plugin is None else plugin)

    def start(self, name: str, pack: Pack, environment: dict[str, str] | None = None) -> Gate:
        """In: a name for its files, a fitted pack, variables beside the keyring's. Out: the running gate."""
        path = self.folder / f"{name}.yaml"
        pack.write(path)
        variables = {**self.keys.environment(), **(environment or {})}
        envoy = envoys.Envoy(self.binary, path, variables, self.folder / f"{name}.log")
        self._envoys.append(envoy)
        envoy.wait_until_ready()
        return Gate(envoy, self.keys)

    def start_gate(self, name: str, plugin: Any = None) -> Gate:
        """In: a name and a configuration of the gate. Out: a gate with the static pack."""
        return self.start(name, self.pack(plugin=plugin))

    def count(self) -> int:
        """Out: how many gates were started so far."""
        return len(self._envoys)

    def stop_gates(self, since: int) -> None:
        """In: what `count` said before. Ends the gates that were started after it; what they printed stays."""
        for envoy in self._envoys[since:]:
            envoy.stop()

    def stop(self) -> None:
        """Ends everything."""
        self.stop_gates(since=0)
        self.standin.stop()

    def leaks(self) -> list[str]:
        """Out: where a secret stands in what an Envoy printed; the secret masked."""
        return [
            f"envoy {number}, line {index}: {self._mask(line)}"
            for number, envoy in enumerate(self._envoys)
            for index, line in enumerate(envoy.child.lines)
            if self._mask(line) != line
        ]

    def _mask(self, line: str) -> str:
        for secret in [*self.secrets, *self.keys.everything()]:
            line = line.replace(secret, "<SECRET>")
        return line


class Reach:
    """What reached the stand-in while a test looked: `with Reach(standin) as reach: …; reach.targets()`."""

    def __init__(self, standin: StandIn, gate: Gate) -> None:
        self._standin = standin
        self._gate = gate

    def __enter__(self) -> Self:
        self._before = len(self._standin.requests())
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def requests(self) -> list[dict[str, Any]]:
        """Out: the requests since the start, after a last good one that proves the way is open."""
        marker = f"/api/version?canary={time.monotonic_ns()}"
        assert self._gate.get(marker).status == 200
        seen = eventually(
            lambda: (
                [entry for entry in self._standin.requests() if entry["target"] == marker]
                and self._standin.requests()[self._before :]
            ),
            what="the canary",
        )
        return [entry for entry in seen if "canary=" not in entry["target"]]

    def targets(self) -> list[str]:
        """Out: method and path of each request since the start."""
        return [f"{entry['method']} {entry['target']}" for entry in self.requests()]
