"""`explain` says of 1,000 requests what the filter does with them in a real Envoy: status, code, cause, and who."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from demo.pack import mappings
from support.cast import Cast
from support.frames import Stream
from support.oidc import RawServer, cluster
from support.requests import Generator, Request
from support.wire import Answer, Connection, build
from support.world import FULL, Gate, World, eventually

SEED = 20261127
MARK = "X-Case"
# What both say of a request, word for word.
SAID = (
    "decision",
    "status",
    "code",
    "cause",
    "route",
    "scope",
    "credential",
    "id",
    "subject",
    "model",
    "claimed_subject",
)


@pytest.fixture(scope="module")
def cast(world: World, tmp_path_factory: pytest.TempPathFactory) -> Cast:
    """Everybody who asks."""
    return Cast(world, tmp_path_factory.mktemp("cast"))


@pytest.fixture(scope="module")
def keys_server(cast: Cast) -> Iterator[RawServer]:
    """Where the keys of the issuer `remote` are."""
    document = (cast.folder / "jwks.json").read_bytes()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(document)}\r\nConnection: close\r\n\r\n".encode()
    with RawServer({"/certs": lambda connection: connection.sendall(head + document)}) as server:
        yield server


def start(world: World, cast: Cast, name: str, plugin: dict[str, Any], port: int) -> tuple[Gate, Path]:
    """In: a configuration, and the port of the keys. Out: the gate, which notes each request's mark; that file."""
    pack = world.pack(plugin=plugin)
    pack.module(FULL)
    pack.environment(["E2E_JWT_SECRET"])
    pack.document["static_resources"]["clusters"].append(cluster("keys", port))
    notes = cast.folder / f"{name}.notes"
    kind = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
    line = {"mark": f"%REQ({MARK})%", "id": "%REQ(X-REQUEST-ID)%", "status": "%RESPONSE_CODE%"}
    log = {"@type": kind, "path": str(notes), "log_format": {"json_format": line}}
    for node in mappings(pack.document):
        if "http_filters" in node:
            node["access_log"] = [{"name": "envoy.access_loggers.file", "typed_config": log}]
    return world.start(name, pack, {"E2E_JWT_SECRET": cast.secret}), notes


def ask(gate: Gate, request: Request) -> Answer:
    """In: a request. Out: the answer of the real gate."""
    if request.http2:
        headers = [(name.lower(), value) for name, value in request.headers]
        stream = Stream(gate.port, request.method, request.path, headers)
        stream.data(request.body or b"", last=True)
        return stream.answer()
    # `build` writes Latin-1, and these bytes are to be UTF-8.
    path, *values = (text.encode().decode("latin-1") for text in [request.path, *(v for _, v in request.headers)])
    headers = [(name, value) for (name, _), value in zip(request.headers, values)]
    data = build(request.method, path, headers, None, request.host)
    with Connection(gate.port, request.peer) as connection:
        if request.body is not None:
            data = data[:-2] + f"Content-Length: {len(request.body)}\r\n\r\n".encode() + request.body
        connection.send(data)
        return connection.answer(head_only=request.method == "HEAD")


def explained(program: Path, cast: Cast, config: Path, lines: list[str]) -> list[dict[str, Any]]:
    """In: lines of `--requests`. Out: the decisions of `explain`, of one process."""
    path = cast.folder / "requests.jsonl"
    path.write_text("\n".join(lines))
    command = [str(program), "--json", "explain", str(config), "--requests", str(path)]
    command += ["--jwks", f"remote={cast.folder / 'jwks.json'}"]
    environment = {**os.environ, "E2E_JWT_SECRET": cast.secret}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    return json.loads(ran.stdout)["decisions"]


def agree(world: World, program: Path, cast: Cast, gate: Gate, notes: Path, drawn: list[Request]) -> Counter[str]:
    """Holds both against each other. Out: how often each decision came."""
    # So that the keys of the remote issuer are there.
    gate.get("/api/tags", key=cast.token("remote"))
    at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    for number, request in enumerate(drawn):
        request.headers.append((MARK, str(number)))
    answers = [ask(gate, request) for request in drawn]
    said = explained(program, cast, world.folder / f"{notes.stem}.yaml", [request.line(at) for request in drawn])
    assert len(said) == len(drawn)
    seen = _decisions(gate, notes, drawn, answers)
    differ, counts = [], Counter()
    for number, (request, answer, one) in enumerate(zip(drawn, answers, said)):
        real = seen.get(number) or _unlogged(answer)
        real = {name: real.get(name) for name in SAID}
        ours = {name: one[name] for name in SAID}
        if one["decided_by"] == "gateway":
            assert number not in seen, f"{number} {request}: the filter saw it"
            ours["cause"] = None
        counts[str(ours["code"] or ours["decision"])] += 1
        if real["decision"] == "allowed":
            real["status"] = None
        if real != ours:
            differ.append((number, request, {n: (real[n], ours[n]) for n in SAID if real[n] != ours[n]}))
    report = "\n".join(
        f"{number} {request.method} {request.path[:90]} {request.headers} {request.host}: {what}"
        for number, request, what in differ[:20]
    )
    assert not differ, f"{len(differ)} of {len(drawn)} differ (filter, explain):\n{report}"
    return counts


def _unlogged(answer: Answer) -> dict[str, Any]:
    """Out: what an answer shows of which the filter logs nothing: Envoy's own, and that to a browser's preflight."""
    return {"decision": "answered" if answer.status < 300 else "denied", "status": answer.status}


def _decisions(gate: Gate, notes: Path, drawn: list[Request], answers: list[Answer]) -> dict[int, dict[str, Any]]:
    """Out: the gate's decision on each request, by its mark; none of those that Envoy answered by itself."""

    def marks() -> dict[str, int] | None:
        lines = [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []
        ids = {one["id"]: int(one["mark"]) for one in lines if one["mark"] and one["id"]}
        return ids if len(lines) > len(answers) else None

    by_id = eventually(marks, what="a note of every request")
    events = gate.decisions()[1:]
    seen = {by_id[one["request_id"]]: one for one in events if one.get("request_id") in by_id}
    # A line has no id where the request's credential is unclear, and the id could be one. They are in order.
    nameless = [one for one in events if "request_id" not in one]
    for number, (request, answer) in enumerate(zip(drawn, answers)):
        if number in seen or not nameless or answer.status != nameless[0]["status"]:
            continue
        if request.method == "HEAD" or answer.code == nameless[0]["code"]:
            seen[number] = nameless.pop(0)
    assert nameless == []
    return seen


VARIANTS: dict[str, tuple[int, dict[str, Any]]] = {
    "everything": (700, {}),
    "two-methods": (100, {"require": {"at_least": 2, "of": ["api_key", "jwt", "basic"]}}),
    "anonymous": (100, {"allow_anonymous": {"scopes": ["read", "inference"], "models": ["llama3.2"]}}),
    "prefix": (100, {"path_prefix": "/ollama", "network": {"allow": ["127.0.0.2", "127.0.0.1"], "trusted_proxies": 0}}),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_explain_says_what_the_filter_does(
    world: World, program: Path, cast: Cast, keys_server: RawServer, name: str
) -> None:
    count, other = VARIANTS[name]
    plugin = cast.plugin(**other)
    gate, notes = start(world, cast, f"explain-{name}", plugin, keys_server.port)
    generator = Generator(SEED, cast.good(), cast.bad())
    drawn = [generator.draw() for _ in range(count)]
    if name == "prefix":
        for place, request in enumerate(drawn):
            request.path = request.path if place % 5 == 0 else f"/ollama{request.path}"
    counts = agree(world, program, cast, gate, notes, drawn)
    assert counts["allowed"] > count // 20
    assert len(counts) > 8
