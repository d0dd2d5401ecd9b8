"""Streams pass as they come, in both directions. Order is compared, never a duration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import ollama
import pytest
from support.wire import Connection, build
from support.world import Gate, StandIn, eventually

MESSAGES = [{"role": "user", "content": "hello"}]


@pytest.fixture
def held(standin: StandIn) -> Iterator[StandIn]:
    """The stand-in, keeping back the last chunk of every stream until the test removes the file."""
    standin.hold.touch()
    try:
        yield standin
    finally:
        standin.hold.unlink(missing_ok=True)


def chunks_sent(standin: StandIn) -> list[dict]:
    """In: the stand-in. Out: the chunks of its last request that have left it."""
    number = standin.requests()[-1]["request"]
    return [event for event in standin.events() if event["event"] == "chunk" and event["request"] == number]


@pytest.mark.parametrize(
    ("route", "body", "kind"),
    [
        ("/api/chat", {"messages": MESSAGES}, "application/x-ndjson"),
        ("/api/generate", {"prompt": "hello"}, "application/x-ndjson"),
        ("/v1/chat/completions", {"messages": MESSAGES, "stream": True}, "text/event-stream"),
        ("/v1/completions", {"prompt": "hello", "stream": True}, "text/event-stream"),
        ("/v1/responses", {"input": "hello", "stream": True}, "text/event-stream"),
        ("/v1/messages", {"messages": MESSAGES, "max_tokens": 9, "stream": True}, "text/event-stream"),
    ],
)
@pytest.mark.parametrize("credential", ["inference", "jwt"])
def test_the_first_chunk_arrives_before_the_last_was_sent(
    gate: Gate, held: StandIn, route: str, body: dict, kind: str, credential: str
) -> None:
    data = json.dumps({"model": "llama3.2", **body}).encode()
    authorization = [("Authorization", f"Bearer {getattr(gate.keys, credential)}")]
    with Connection(gate.port) as connection:
        connection.send(build("POST", route, authorization, data))
        status, headers = connection.head()
        assert status == 200
        assert headers["content-type"].startswith(kind)
        first = connection.chunk()
        assert first
        # The stand-in keeps the last one back, so whatever is here came ahead of it.
        assert not any(event["last"] for event in chunks_sent(held))
        held.hold.unlink()
        rest = b""
        while part := connection.chunk():
            rest += part
    assert rest
    assert chunks_sent(held)[-1]["last"]


def test_the_ollama_client_sees_the_first_word_before_the_last_was_sent(gate: Gate, held: StandIn) -> None:
    client = ollama.Client(host=gate.url, headers={"Authorization": f"Bearer {gate.keys.inference}"})
    stream = client.chat("llama3.2", messages=MESSAGES, stream=True)
    assert next(stream).message.content == "Hello"
    assert not any(event["last"] for event in chunks_sent(held))
    held.hold.unlink()
    assert list(stream)[-1].done


def test_an_upload_reaches_ollama_before_it_is_complete(gate: Gate, standin: StandIn) -> None:
    blob = bytes(range(256)) * 4096
    route = "/api/blobs/sha256:" + hashlib.sha256(blob).hexdigest()
    request = build("POST", route, [("Authorization", f"Bearer {gate.keys.manage}")], blob)
    with Connection(gate.port) as connection:
        connection.send(request[: len(request) // 2])
        eventually(lambda: standin.requests()[-1]["target"] == route, what="the upload's start at the stand-in")
        connection.send(request[len(request) // 2 :])
        assert connection.answer().status == 201


def test_a_chunked_upload_of_more_than_any_buffer_passes(gate: Gate) -> None:
    blob = b"model weights " * 400_000
    route = "/api/blobs/sha256:" + hashlib.sha256(blob).hexdigest()
    head = build("POST", route, [("Authorization", f"Bearer {gate.keys.manage}"), ("Transfer-Encoding", "chunked")])
    with Connection(gate.port) as connection:
        connection.send(head)
        for start in range(0, len(blob), 65536):
            part = blob[start : start + 65536]
            connection.send(b"%x\r\n%s\r\n" % (len(part), part))
        connection.send(b"0\r\n\r\n")
        assert connection.answer().status == 201


def test_a_refused_upload_is_answered_before_its_body_was_sent(gate: Gate, standin: StandIn) -> None:
    before = len(standin.requests())
    head = build("POST", "/api/blobs/sha256:" + "0" * 64, [("Content-Length", "1000000000")])
    with Connection(gate.port) as connection:
        connection.send(head)
        answer = connection.answer()
    assert (answer.status, answer.code) == (401, "missing_credential")
    assert len(standin.requests()) == before
