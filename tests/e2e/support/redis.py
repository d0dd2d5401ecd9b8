"""A real Redis, and the real webdis in front of it, which lets HTTP in."""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from demo.pack import ROOT
from demo.process import Child

from .oidc import SECONDS, START_SECONDS
from .ports import port_to_keep
from .world import World, eventually

# What the gate uses. Everything else is closed.
COMMANDS = ["GET", "EVAL"]
USER = "gate"
# How many threads webdis has, and how many connections to Redis each of them.
# The variable with the header by which the gate signs in there.
WEBDIS = "E2E_WEBDIS"
WEBDIS_THREADS, WEBDIS_POOL = 2, 4


def need() -> None:
    """Installs both where that may be done; leaves the test out elsewhere."""
    for program, package in (("redis-server", "redis-server"), ("webdis", "webdis")):
        script = ["sh", str(ROOT / "scripts" / "need.sh"), program, package, "sessions in a real Redis"]
        left_out = subprocess.run(script, check=False).returncode
        if left_out == 3:
            pytest.skip(f"there is no {program} here")
        assert left_out == 0


class Redis:
    """Redis at a port of its own, which keeps what it has over a restart, and webdis, which wants a password."""

    def __init__(self, world: World, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._port = port_to_keep()
        self.port = port_to_keep()
        self.password = secrets.token_urlsafe(24)
        world.secrets += [self.password, self.authorization().removeprefix("Basic ")]
        self._webdis: Child | None = None
        self.start()
        self.start_webdis()

    def site(self) -> dict[str, Any]:
        """Out: what a `Site` is given to keep its sessions here."""
        store = {
            "kind": "redis",
            "url": f"http://127.0.0.1:{self.port}",
            "upstream": "webdis",
            "headers": {"authorization": {"env": WEBDIS}},
            "timeout": "3s",
        }
        return {"variables": {WEBDIS: self.authorization()}, "servers": {"webdis": self.port}, "store": store}

    def authorization(self) -> str:
        """Out: what webdis wants to see of the gate."""
        return "Basic " + base64.b64encode(f"{USER}:{self.password}".encode()).decode()

    def start(self) -> None:
        """Starts Redis, with what it had."""
        binary = shutil.which("redis-server")
        assert binary
        kept = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
        at = ("--port", str(self._port), "--bind", "127.0.0.1", "--dir", str(self._folder))
        self._redis = Child([binary, *at, *kept], self._folder)
        eventually(lambda: self.command("PING") == "PONG", START_SECONDS, "Redis's start")
        if self._webdis is not None and self._webdis.running():
            eventually(self._reached, START_SECONDS, "webdis's way back to Redis")

    def kill(self) -> None:
        """Ends Redis as a machine that fails does."""
        self.signal(signal.SIGKILL)
        self._redis.exit_code(SECONDS)

    def signal(self, number: signal.Signals) -> None:
        """In: a signal for Redis."""
        os.kill(self._redis.pid, number)

    def start_webdis(self) -> None:
        """Starts webdis."""
        binary = shutil.which("webdis")
        assert binary
        path = self._folder / "webdis.json"
        path.write_text(json.dumps(self._webdis_settings()), encoding="utf-8")
        self._webdis = Child([binary, str(path)], self._folder)
        eventually(self._reached, START_SECONDS, "webdis's start")

    def stop_webdis(self) -> None:
        """Ends webdis."""
        if self._webdis is not None:
            self._webdis.stop()

    def _webdis_settings(self) -> dict[str, Any]:
        return {
            "redis_host": "127.0.0.1",
            "redis_port": self._port,
            "redis_auth": None,
            "http_host": "127.0.0.1",
            "http_port": self.port,
            "threads": WEBDIS_THREADS,
            "pool_size": WEBDIS_POOL,
            "daemonize": False,
            "websockets": False,
            "database": 0,
            "acl": [
                {"disabled": ["*"]},
                {"http_basic_auth": f"{USER}:{self.password}", "enabled": COMMANDS},
            ],
            "verbosity": 0,
            "logfile": str(self._folder / "webdis.log"),
        }

    def _reached(self) -> bool:
        """Whether all connections of webdis lead to Redis: it takes turns, and each comes back by itself."""
        try:
            return all(self.webdis("GET", "x")[0] == 200 for _ in range(2 * WEBDIS_THREADS * WEBDIS_POOL))
        except OSError:
            return False

    def webdis(self, *words: str, authorization: str | None = None) -> tuple[int, bytes]:
        """In: a command. Out: what webdis answers to the gate, or to somebody with this `authorization`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            body = "/".join(quote(word, safe="") for word in words)
            headers = {"Authorization": self.authorization() if authorization is None else authorization}
            connection.request("POST", "/", body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def command(self, *words: str) -> Any:
        """In: a command for Redis itself. Out: its answer; None while there is no Redis."""
        try:
            with socket.create_connection(("127.0.0.1", self._port), SECONDS) as connection:
                parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
                connection.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
                with connection.makefile("rb") as answer:
                    return _read(answer)
        except OSError:
            return None

    def names(self, pattern: str = "*") -> list[str]:
        """Out: the keys of what it holds."""
        return sorted(self.command("KEYS", pattern) or [])

    def stop(self) -> None:
        """Ends both."""
        self.stop_webdis()
        self._redis.stop()


def _read(answer: Any) -> Any:
    line = answer.readline().rstrip(b"\r\n").decode()
    kind, rest = line[:1], line[1:]
    if kind == "$":
        return None if rest == "-1" else answer.read(int(rest) + 2)[:-2].decode()
    if kind == "*":
        return [_read(answer) for _ in range(int(rest))]
    return int(rest) if kind == ":" else rest
