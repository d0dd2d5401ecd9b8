"""More clients: Ollama's own for JavaScript, HTTP/2 with all it may do, connections that many callers share."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import h2.config
import h2.connection
import h2.events
import httpx
import pytest
from support import node
from support.wire import Connection
from support.world import CHAT, Gate, Reach, StandIn, eventually
from typing_extensions import Self

TEXT = "Hello from the stand-in: no model is here."
BEARER = "Bearer {}"


# Ollama's client for JavaScript


@pytest.fixture(scope="module")
def javascript() -> None:
    """The client is installed."""
    node.install()


@pytest.mark.usefixtures("javascript")
def test_ollama_for_javascript_lists_shows_chats_streams_and_embeds(gate: Gate) -> None:
    steps = ("list", "show", "chat", "stream", "embed")
    seen = node.run(gate.url, gate.keys.inference, *steps)
    results = {entry["step"]: entry.get("result") for entry in seen}
    assert list(results) == list(steps)
    assert results["list"] == ["llama3.2:latest", "qwen3:latest"]
    assert "details" in results["show"]
    assert results["chat"] == TEXT == "".join(results["stream"])
    assert len(results["stream"]) > 2, "it came in pieces"
    assert results["embed"] == 1


@pytest.mark.usefixtures("javascript")
def test_ollama_for_javascript_may_send_its_key_in_another_header(gate: Gate) -> None:
    for header in ("x-api-key", "X-Ollama-Token"):
        (seen,) = node.run(gate.url, gate.keys.read, "list", header=header)
        assert seen["result"], header


@pytest.mark.usefixtures("javascript")
def test_ollama_for_javascript_shows_a_refusal_in_words(gate: Gate, standin: StandIn) -> None:
    with Reach(standin, gate) as reach:
        for key, step, status, words in (
            (None, "list", 401, "carries no credential"),
            (gate.keys.expired, "list", 401, "the API key has expired"),
            (gate.keys.unknown, "chat", 401, "not known"),
            (gate.keys.read, "chat", 403, "needs `inference`"),
            (gate.keys.read, "stream", 403, "needs `inference`"),
            (gate.keys.inference, "pull", 403, "needs `manage`"),
        ):
            (seen,) = node.run(gate.url, key, step)
            assert seen["error"]["status"] == status, seen
            assert words in seen["error"]["message"], seen
        assert reach.targets() == []


@pytest.mark.usefixtures("javascript")
def test_ollama_for_javascript_may_give_up_a_stream_and_go_on(gate: Gate) -> None:
    seen = node.run(gate.url, gate.keys.inference, "abort", "list", "chat")
    assert [entry.get("error") for entry in seen] == [None, None, None]


# One connection, many callers


def request(method: str, path: str, headers: list[tuple[str, str]], body: bytes = b"") -> bytes:
    """In: a request's parts. Out: its bytes, with the connection left open."""
    lines = [f"{method} {path} HTTP/1.1", "Host: gate.example.com", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def verdicts(gate: Gate, before: int, count: int) -> list[tuple[Any, ...]]:
    """In: how many decisions there were, how many more to wait for. Out: what the log says of each of those."""
    events = eventually(lambda: len(found := gate.decisions()) >= before + count and found, what="the log")[before:]
    return [(event["decision"], event.get("id"), event.get("subject"), event.get("code")) for event in events]


def test_each_request_of_a_connection_is_judged_by_its_own_credential(gate: Gate, standin: StandIn) -> None:
    keys = gate.keys
    script = (
        (BEARER.format(keys.inference), 200, ("allowed", "inference-key", "alice", None)),
        (None, 401, ("denied", None, None, "missing_credential")),
        (BEARER.format(keys.powerless), 403, ("denied", "powerless-key", "powerless-key", "scope_denied")),
        (BEARER.format(keys.expired), 401, ("denied", "expired-key", None, "expired_key")),
        (BEARER.format(keys.jwt), 200, ("allowed", "issuer", "jwt-person", None)),
        (BEARER.format(keys.unknown), 401, ("denied", None, None, "unknown_key")),
        (BEARER.format(keys.inference), 200, ("allowed", "inference-key", "alice", None)),
    )
    before = len(gate.decisions())
    with Reach(standin, gate) as reach, Connection(gate.port) as connection:
        for credential, status, _ in script:
            headers = [("Authorization", credential)] if credential else []
            connection.send(request("GET", "/api/tags", headers))
            assert connection.answer().status == status, credential
        assert reach.targets() == ["GET /api/tags"] * 3
    assert verdicts(gate, before, len(script))[: len(script)] == [expected for _, _, expected in script]


def test_requests_sent_ahead_on_one_connection_keep_their_credentials_apart(gate: Gate, standin: StandIn) -> None:
    keys = gate.keys
    expected = {keys.inference: 200, keys.jwt: 200, None: 401, keys.powerless: 403, keys.unknown: 401}
    for order in (
        [keys.inference, keys.jwt] * 5,
        [keys.inference, None, keys.inference],
        [None, keys.inference, keys.inference],
        [keys.powerless, keys.unknown, keys.jwt],
    ):
        with Reach(standin, gate) as reach, Connection(gate.port) as connection:
            headers = [[("Authorization", BEARER.format(key))] if key else [] for key in order]
            connection.send(b"".join(request("GET", "/api/tags", some) for some in headers))
            answers = [status for _ in order if (status := connection.answer().status)]
            # After a refusal, Envoy hangs up on what was sent ahead.
            assert answers == [expected[key] for key in order][: len(answers)]
            if {expected[key] for key in order} == {200}:
                assert len(answers) == len(order)
            assert len(reach.targets()) <= [expected[key] for key in order].count(200)


def test_the_body_of_a_refused_request_is_not_the_next_request(gate: Gate, standin: StandIn) -> None:
    inner = request("GET", "/api/tags", [("Authorization", BEARER.format(gate.keys.read))])
    before = len(gate.decisions())
    with Reach(standin, gate) as reach, Connection(gate.port) as connection:
        connection.send(request("POST", "/api/chat", [], inner))
        answer = connection.answer()
        # Envoy does not wait for the body of a request that is refused: it hangs up.
        assert (answer.code, answer.headers["connection"]) == ("missing_credential", "close")
        connection.send(inner)
        assert connection.answer().status == 0
        assert reach.targets() == []
    # The last one is that of the canary.
    assert [entry[0] for entry in verdicts(gate, before, 2)] == ["denied", "allowed"]


# HTTP/2


def test_streams_of_one_http2_connection_at_the_same_time_are_kept_apart(gate: Gate, standin: StandIn) -> None:
    keys = gate.keys
    cases = {
        "inference": (keys.inference, 200),
        "powerless": (keys.powerless, 403),
        "jwt": (keys.jwt, 200),
        "expired": (keys.expired, 401),
        "unknown": (keys.unknown, 401),
        "nothing": (None, 401),
    }
    order = list(cases) * 10

    async def ask() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=1)
        async with httpx.AsyncClient(base_url=gate.url, http1=False, http2=True, timeout=30, limits=limits) as client:
            tasks = []
            for name in order:
                key = cases[name][0]
                headers = {"Authorization": BEARER.format(key)} if key else {}
                tasks.append(client.get("/api/tags", headers=headers))
            return await asyncio.gather(*tasks)

    before = len(gate.decisions())
    with Reach(standin, gate) as reach:
        answers = asyncio.run(ask())
        assert [(name, answer.status_code) for name, answer in zip(order, answers)] == [
            (name, cases[name][1]) for name in order
        ]
        assert {answer.http_version for answer in answers} == {"HTTP/2"}
        assert reach.targets() == ["GET /api/tags"] * 20
    logged = verdicts(gate, before, len(order))
    assert logged.count(("allowed", "inference-key", "alice", None)) == 10
    assert logged.count(("allowed", "issuer", "jwt-person", None)) == 10
    assert logged.count(("denied", "powerless-key", "powerless-key", "scope_denied")) == 10
    assert logged.count(("denied", None, None, "missing_credential")) == 10


class Http2:
    """HTTP/2 by frames: what a client library would not send, or not in this order."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        config = h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
        self._connection = h2.connection.H2Connection(config)
        self._connection.initiate_connection()
        self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(
        self,
        method: str,
        path: str,
        headers: list[tuple[str, str]],
        body: bytes = b"",
        trailers: list[tuple[str, str]] | None = None,
    ) -> tuple[int, bytes]:
        """In: a request, its trailers if it is to have any. Out: status (0 for a reset) and body of the answer."""
        stream = self._connection.get_next_available_stream_id()
        head = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "gate.example.com")]
        self._connection.send_headers(stream, [*head, *headers], end_stream=not body and trailers is None)
        if body:
            self._connection.send_data(stream, body, end_stream=trailers is None)
        if trailers is not None:
            self._connection.send_headers(stream, trailers, end_stream=True)
        self._flush()
        return self._answer(stream)

    def _answer(self, stream: int) -> tuple[int, bytes]:
        status, body = 0, b""
        while data := self._receive():
            for event in self._connection.receive_data(data):
                if getattr(event, "stream_id", None) != stream:
                    continue
                if isinstance(event, h2.events.ResponseReceived):
                    status = int(dict(event.headers)[b":status"])
                if isinstance(event, h2.events.DataReceived):
                    body += event.data
                    self._connection.acknowledge_received_data(event.flow_controlled_length, stream)
                if isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                    self._flush()
                    return status, body
            self._flush()
        return status, body

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(65536)
        except ConnectionError:
            return b""

    def _flush(self) -> None:
        try:
            self._socket.sendall(self._connection.data_to_send())
        except ConnectionError:
            pass


def test_a_request_that_ends_with_trailers_is_judged_like_any(gate: Gate, standin: StandIn) -> None:
    trailers = [("x-checksum", "0")]
    good = [("authorization", BEARER.format(gate.keys.inference)), ("content-type", "application/json")]
    with Reach(standin, gate) as reach, Http2(gate.port) as client:
        status, body = client.ask("POST", "/api/chat", good, CHAT, trailers)
        assert (status, json.loads(body)["message"]["content"]) == (200, TEXT)
        status, body = client.ask("POST", "/api/chat", good[1:], CHAT, trailers)
        assert (status, json.loads(body)["code"]) == (401, "missing_credential")
        # A credential in the trailers comes too late, and one that stands there is not looked at.
        status, body = client.ask("POST", "/api/chat", good[1:], CHAT, good[:1])
        assert (status, json.loads(body)["code"]) == (401, "missing_credential")
        assert reach.targets() == ["POST /api/chat"]


def test_cookies_in_several_fields_are_one_cookie_header_in_http2(gate: Gate, standin: StandIn) -> None:
    # RFC 9113 section 8.2.3: a client may send each cookie in a field of its own, and browsers do.
    headers = [("authorization", BEARER.format(gate.keys.read)), ("cookie", "a=1"), ("cookie", "b=2")]
    with Reach(standin, gate) as reach, Http2(gate.port) as client:
        assert client.ask("GET", "/api/tags", headers)[0] == 200
        (seen,) = reach.requests()
    assert not [name for name, _ in seen["headers"] if name.lower() == "cookie"]


def test_what_http2_forbids_does_not_get_past(gate: Gate, standin: StandIn) -> None:
    good = ("authorization", BEARER.format(gate.keys.read))
    with Reach(standin, gate) as reach:
        for extra in (
            [("Authorization", BEARER.format(gate.keys.manage))],  # upper case
            [("connection", "authorization")],
            [("transfer-encoding", "chunked")],
            [(":path", "/api/delete")],  # a second one, after the others
            [("host", "other.example.com")],
            [("x-evil", "a\r\nauthorization: b")],
        ):
            with Http2(gate.port) as client:
                status, _ = client.ask("GET", "/api/tags", [good, *extra])
            # The pair of `host` and `:authority` may be refused or made one; the rest is refused.
            assert status in (0, 400) or extra[0][0] == "host", (extra, status)
        assert set(reach.targets()) <= {"GET /api/tags"}


def test_after_a_refused_stream_the_connection_serves_the_next(gate: Gate) -> None:
    with Http2(gate.port) as client:
        for _ in range(20):
            assert client.ask("POST", "/api/chat", [], CHAT)[0] == 401
            assert client.ask("GET", "/api/tags", [("x-api-key", gate.keys.read)])[0] == 200
