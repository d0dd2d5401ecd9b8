"""Refused requests whose body is still on its way: the answer comes whole, and nothing goes on to Ollama."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.frames import Stream
from support.wire import Answer, Connection, build
from support.world import CHAT, Gate, Reach, World

CURL = shutil.which("curl")
SHORT = 64 * 1024


@pytest.fixture(scope="module")
def holding(world: World) -> Gate:
    """A gate whose heads wait, as in the pack."""
    host = {"name": "envoy", "hold_head": True, "body_limit": "64MiB"}
    return world.start("refusals", world.pack(plugin={**world.keys.plugin(), "host": host}))


@pytest.fixture(autouse=True)
def _nothing_goes_on(world: World, holding: Gate) -> Iterator[None]:
    with Reach(world.standin, holding) as reach:
        yield
        assert [target for target in reach.targets() if target.startswith("POST")] == []


@pytest.mark.skipif(not CURL, reason="curl is not installed")
@pytest.mark.parametrize("size", [0, 40_000], ids=["small", "near the bound"])
def test_curl_over_http2_reads_every_refusal(holding: Gate, tmp_path: Path, size: int) -> None:
    assert CURL is not None
    features = subprocess.run([CURL, "--version"], capture_output=True, text=True, check=True).stdout
    if "HTTP2" not in features:
        pytest.skip("this curl has no HTTP/2")
    body = tmp_path / "body"
    body.write_bytes(CHAT.replace(b"hello", b"hello" + b"x" * size))
    command = [CURL, "-sS", "--http2-prior-knowledge", "-w", "%{http_code}", "--data-binary", f"@{body}"]
    # Without the wait, the curl of Debian 12 lost a third of them.
    for _ in range(40):
        done = subprocess.run([*command, f"{holding.url}/api/chat"], check=False, capture_output=True, text=True)
        assert (done.returncode, done.stdout[-3:]) == (0, "401"), done.stderr
        assert "missing_credential" in done.stdout


def stream(gate: Gate, *fields: tuple[str, str]) -> Stream:
    """In: a gate and header fields. Out: a chat over HTTP/2 without a credential, whose body is yet to come."""
    return Stream(gate.port, "POST", "/api/chat", list(fields))


def refused(answer: Answer) -> bool:
    """In: an answer. Out: whether it is the whole refusal."""
    return (answer.status, answer.code) == (401, "missing_credential")


def test_the_answer_comes_at_the_end_of_the_body_or_at_its_trailers(holding: Gate) -> None:
    for ends in ("data", "trailers"):
        request = stream(holding)
        request.data(CHAT)
        if ends == "data":
            request.data(b"", last=True)
        else:
            request.trailers([("x-end", "1")])
        assert refused(request.answer()), ends


def test_a_body_that_does_not_come_is_not_waited_for_for_long(holding: Gate) -> None:
    request = stream(holding, ("content-length", "1000"))
    request.data(b"{")
    assert refused(request.answer())
    for fields in ([("Content-Length", "1000")], [("Transfer-Encoding", "chunked")]):
        with Connection(holding.port) as connection:
            connection.send(build("POST", "/api/chat", fields))
            assert refused(connection.answer())


def test_a_long_body_is_refused_before_it_comes(holding: Gate) -> None:
    assert refused(stream(holding, ("content-length", str(SHORT + 1))).answer())
    # One that does not say so is refused when it has become long. Much more than that is never asked for.
    request = stream(holding)
    request.data(b"x" * (SHORT + 1))
    assert refused(request.answer())


def test_many_that_never_end_are_all_answered_and_hinder_nobody(holding: Gate) -> None:
    waiting = [Connection(holding.port) for _ in range(300)]
    try:
        for connection in waiting:
            connection.send(build("POST", "/api/chat", [("Content-Length", str(SHORT))]) + b"{")
        assert holding.get("/api/version", key=None).status == 200
        assert all(refused(connection.answer()) for connection in waiting)
    finally:
        for connection in waiting:
            connection.__exit__(None, None, None)


def test_who_hangs_up_while_the_answer_waits_leaves_nothing_behind(holding: Gate) -> None:
    for _ in range(200):
        with Connection(holding.port) as connection:
            connection.send(build("POST", "/api/chat", [("Content-Length", "1000")]) + b"{")
    assert refused(holding.post("/api/chat"))
