"""OpenID providers behind a gate: the real one of npm, and one that answers with whatever bytes."""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from demo.process import Child
from typing_extensions import Self

from . import node
from .ports import port_to_keep
from .world import FRESH_CONNECTIONS, Gate, World, eventually

AUDIENCE = "ollama"
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
# Envoy runs with two workers, and each has its own keys.
WORKERS = 2
# Its main thread has the filter too, gets ticks, and no requests.
THREADS = WORKERS + 1
START_SECONDS = 60.0
SECONDS = 60.0


def cluster(name: str, port: int) -> dict[str, Any]:
    """In: a name and a port of loopback. Out: Envoy's cluster for the server there."""
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
    }


def start(world: World, name: str, issuers: list[dict[str, Any]] | None, servers: dict[str, int], **other: Any) -> Gate:
    """In: the issuers, and the servers of their keys by cluster; None leaves out a section. Out: the gate."""
    plugin = {"jwt": issuers, "public": ["health"], "host": {"name": "envoy"}, **other}
    plugin = {name: value for name, value in plugin.items() if value is not None}
    pack = world.pack(plugin=plugin)
    pack.document["static_resources"]["clusters"] += [cluster(*server) for server in servers.items()]
    return world.start(name, pack)


class Provider:
    """npm's `oidc-provider` in a process of its own."""

    def __init__(
        self,
        world: World,
        port: int = 0,
        issuer: str | None = None,
        secret: str | None = None,
        client_jwks: dict[str, Any] | None = None,
    ) -> None:
        node.install()
        self._world = world
        self.secret = secret or secrets.token_urlsafe(32)
        world.secrets.append(self.secret)
        other = [issuer] if issuer else []
        signs = {"CLIENT_JWKS": json.dumps(client_jwks)} if client_jwks else {}
        command = ["node", "provider.mjs", str(port or port_to_keep()), self.secret, *other]
        self._child = Child(command, node.FOLDER, signs)
        line = eventually(
            lambda: next((line for line in self._child.lines if line.startswith("listening on ")), None),
            START_SECONDS,
            "the provider's start",
        )
        self.port = int(line.rpartition(" ")[2])
        self.issuer = issuer or f"http://127.0.0.1:{self.port}"

    def token(self, algorithm: str = "RS256", audience: str = "ollama") -> str:
        """In: how it is signed and for whom. Out: a new access token, which no output may show."""
        credential = base64.b64encode(f"e2e:{self.secret}".encode()).decode()
        form = urlencode({"grant_type": "client_credentials", "resource": f"urn:{audience}:{algorithm}"})
        headers = {"Authorization": f"Basic {credential}", "Content-Type": "application/x-www-form-urlencoded"}
        token = self._ask("POST", "/token", form, headers)["access_token"]
        self._world.secrets.append(token)
        return token

    def rotate(self, keep: bool) -> None:
        """In: whether the old keys stay published. Puts new ones in front."""
        self._ask("POST", f"/control/rotate?keep={int(keep)}")

    def delay(self, milliseconds: int) -> None:
        """In: by how much each answer is to be late from now on."""
        self._ask("POST", f"/control/delay?ms={milliseconds}")

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Keeps back each answer that it makes, until `release` or the end of the block."""
        self._ask("POST", "/control/hold")
        try:
            yield
        finally:
            self.release()

    def release(self) -> None:
        """Sends what it has kept back, and keeps nothing back from now on."""
        self._ask("POST", "/control/release")

    def lifetime(self, seconds: int) -> None:
        """In: for how long each token is good from now on."""
        self._ask("POST", f"/control/lifetime?s={seconds}")

    def counts(self) -> Counter[str]:
        """Out: how often its discovery document, its JWKS and its tokens were asked for."""
        return Counter(self._ask("GET", "/control/counts"))

    def _ask(self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            text = response.read()
            assert response.status == 200, f"the provider answers {response.status}"
            return json.loads(text)
        finally:
            connection.close()

    def stop(self) -> None:
        """Ends it."""
        self._child.stop()


class RawServer:
    """A server that answers with prepared bytes, by path: what no library would send."""

    def __init__(self, answers: dict[str, Callable[[socket.socket], None]] | None = None) -> None:
        self.answers = dict(answers or {})
        self.asked: Counter[str] = Counter()
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._run, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def was_let_alone(self) -> bool:
        """Out: whether nobody has connected so far; proved by a connection that is then seen."""
        before = self.connections
        socket.create_connection(("127.0.0.1", self.port)).close()
        eventually(lambda: self.connections > before, what="a connection that is seen")
        return before == 0

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(SECONDS)
        with connection:
            head = b""
            try:
                while b"\r\n\r\n" not in head:
                    more = connection.recv(65536)
                    if not more:
                        return
                    head += more
                path = head.split(b" ", 2)[1].decode("latin-1")
                self.asked[path] += 1
                self.answers[path](connection)
            except OSError:
                return


def hold(connection: socket.socket) -> None:
    """Keeps a connection until the other side gives it up."""
    while connection.recv(65536):
        pass


def saying(body: bytes, status: str = "200 OK", *fields: str) -> Callable[[socket.socket], None]:
    """In: a body, a status line and fields. Out: what sends them, and closes."""
    lines = [f"HTTP/1.1 {status}", "Connection: close", f"Content-Length: {len(body)}", *fields]
    answer = "\r\n".join([*lines, "", ""]).encode() + body
    return lambda connection: connection.sendall(answer)


def issuer(provider: Provider, **jwks: str) -> dict[str, Any]:
    """In: a provider and settings of `jwks`. Out: the issuer, found by discovery."""
    return {
        "name": "sso",
        "algorithms": ALGORITHMS,
        "issuer": provider.issuer,
        "audiences": [AUDIENCE],
        "jwks": {"upstream": "sso", **jwks},
    }


class Sso:
    """A provider, a gate that has its keys, and questions to both."""

    def __init__(self, world: World, name: str, host: str | None = "envoy", **jwks: str) -> None:
        self._world = world
        self.provider = Provider(world)
        servers, section = {"sso": self.provider.port}, {"name": host} if host else None
        self.gate = start(world, name, [issuer(self.provider, **jwks)], servers, host=section)

    def answers(self, token: str, count: int = FRESH_CONNECTIONS) -> set[tuple[int, str | None]]:
        """In: a token. Out: what so many fresh connections, hence both workers, answer."""
        seen = [self.gate.get("/api/tags", key=token) for _ in range(count)]
        return {(answer.status, answer.code) for answer in seen}

    def everywhere(self, token: str) -> bool:
        """In: a token. Out: whether both workers take it."""
        return self.answers(token) == {(200, None)}

    def fetches(self, how: str) -> int:
        """In: `succeeded` or `failed`. Out: how many fetches of both workers ended so."""
        return self.gate.envoy.counter(f"ollama_gate_fetch_{how}_total")

    def prefetched(self) -> None:
        """Returns when each thread has fetched the keys on a tick of its own, before anybody asked."""
        eventually(lambda: self.fetches("succeeded") >= THREADS, what="the prefetch")

    def connections(self) -> int:
        """Out: how often Envoy tried to connect to the provider."""
        return self.gate.envoy.counter("cluster.sso.upstream_cx_total")

    def unknown(self, number: int = 0) -> str:
        """In: a number. Out: a token that claims what the provider's claim, with a `kid` that nobody has."""
        claims = {"iss": self.provider.issuer, "aud": AUDIENCE, "sub": "nobody", "exp": int(time.time()) + 600}
        token = jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), "ES256", {"kid": f"unknown-{number}"})
        self._world.secrets.append(token)
        return token

    def stop(self) -> None:
        """Ends both."""
        self.gate.envoy.stop()
        self.provider.stop()
