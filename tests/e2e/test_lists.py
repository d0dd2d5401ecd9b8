"""`filter_lists` on a real Envoy: a key with a rule for models is shown its own, in every form in which a list comes."""

from __future__ import annotations

import gzip
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import ollama
import openai
import pytest
from demo.envoy import EnvoyFailed
from demo.pack import Pack
from support.upstream import with_trailers
from support.world import FULL, Gate, Reach, World, eventually

LISTS = ["/api/tags", "/api/ps", "/v1/models"]
MODELS = {"inference-key": ["llama3.2"], "manage-key": ["team/*"]}
MANY = 5_000_000
TOO_MANY = 16 * 1024 * 1024 + 1


def pack(world: World, hold_head: bool, **more: Any) -> Pack:
    """In: whether heads wait. Out: a pack whose gate filters lists, two of its keys having a rule for models."""
    plugin = world.keys.plugin()
    for key in plugin["api_keys"]["keys"]:
        if key["id"] in MODELS:
            key["models"] = MODELS[key["id"]]
    host = {"name": "envoy", "hold_head": hold_head}
    made = world.pack(plugin={**plugin, "host": host, "filter_lists": True, **more})
    made.module(FULL)
    made.hold_heads(hold_head)
    return made


@pytest.fixture(scope="module", params=[True, False], ids=["head held", "head first"])
def lists(request: pytest.FixtureRequest, world: World) -> Gate:
    """A gate that filters the lists of the stand-in."""
    return world.start(f"lists-{request.param}", pack(world, request.param))


class Upstream(socketserver.ThreadingTCPServer):
    """Answers whatever it is asked with these pieces, one write each."""

    daemon_threads = True
    allow_reuse_address = True
    pieces: list[bytes]
    pause = 0.0
    heads: list[str]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Raw)
        self.heads = []

    def answer(self, head: list[str], *pieces: bytes, pause: float = 0.0) -> None:
        """In: status line and fields, then what follows them."""
        self.pieces = ["\r\n".join([*head, "Connection: close", "", ""]).encode(), *pieces]
        self.pause = pause


class Raw(socketserver.StreamRequestHandler):
    """One connection."""

    server: Upstream

    def handle(self) -> None:
        """Reads a head, writes the pieces."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return
            head += line
        self.server.heads.append(head.decode("latin-1").lower())
        for piece in self.server.pieces:
            try:
                self.wfile.write(piece)
                self.wfile.flush()
            except OSError:
                return
            time.sleep(self.server.pause)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Such an upstream."""
    server = Upstream()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module", params=[True, False], ids=["head held", "head first"])
def raw(request: pytest.FixtureRequest, world: World, upstream: Upstream) -> Gate:
    """A gate in front of it."""
    made = with_trailers(pack(world, request.param), upstream.server_address[1])
    gate = world.start(f"lists-raw-{request.param}", made)
    gate.holds = request.param  # type: ignore[attr-defined]
    return gate


def entry(name: str) -> dict[str, Any]:
    return {"name": name, "model": name, "digest": "d" * 64}


def tags(*names: str) -> bytes:
    return json.dumps({"models": [entry(name) for name in names]}).encode()


def names(body: dict[str, Any]) -> list[str]:
    """Out: what a list shows, of whichever route."""
    entries = body.get("models", body.get("data"))
    return [entry.get("name", entry.get("id")) for entry in entries]


def chunked(body: bytes, size: int) -> list[bytes]:
    """Out: the chunks of a body, the last one left out."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return [b"%x\r\n%s\r\n" % (len(part), part) for part in parts]


OK = ["HTTP/1.1 200 OK", "Content-Type: application/json"]
CHUNKED = [*OK, "Transfer-Encoding: chunked"]
BODY = tags("llama3.2:latest", "qwen3:latest", "llama3.2:1b", "hf.co/team/x:q4")


def length(body: bytes) -> list[str]:
    return [*OK, f"Content-Length: {len(body)}"]


def get(gate: Gate, path: str = "/api/tags", http2: bool = False, **headers: str) -> httpx.Response:
    with httpx.Client(base_url=gate.url, http1=not http2, http2=http2, timeout=60) as client:
        return client.get(path, headers={"Authorization": f"Bearer {gate.keys.inference}", **headers})


def refused(gate: Gate, http2: bool = False) -> None:
    """A list is refused: with a code, or broken off where its head has gone on already. The log has the code."""
    before = len(gate.decisions())
    if gate.holds:  # type: ignore[attr-defined]
        answer = get(gate, http2=http2)
        assert (answer.status_code, answer.json()["code"]) == (502, "unreadable_list")
        assert "qwen3" not in answer.text
    else:
        with pytest.raises(httpx.RemoteProtocolError):
            get(gate, http2=http2)

    def told() -> list[dict[str, Any]]:
        return [decision for decision in gate.decisions()[before:] if decision.get("code") == "unreadable_list"]

    assert {decision["id"] for decision in eventually(told, what="the line")} == {"inference-key"}


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
def test_a_key_with_models_is_shown_its_own_and_another_key_all(lists: Gate, http2: bool) -> None:
    for path in LISTS:
        shown = get(lists, path, http2)
        assert (shown.status_code, names(shown.json())) == (200, ["llama3.2:latest"]), path
        every = lists.get(path, lists.keys.read).json()
        assert shown.json() == {
            name: [each for each in value if "qwen3:latest" not in each.values()] if isinstance(value, list) else value
            for name, value in every.items()
        }
    assert names(lists.get("/api/tags", lists.keys.read).json()) == ["llama3.2:latest", "qwen3:latest"]
    assert names(lists.get("/v1/models", lists.keys.read).json()) == ["llama3.2:latest", "qwen3:latest"]


def test_the_usual_clients_read_it(lists: Gate) -> None:
    own = ollama.Client(host=lists.url, headers={"Authorization": f"Bearer {lists.keys.inference}"})
    assert [model.model for model in own.list().models] == ["llama3.2:latest"]
    assert [model.model for model in own.ps().models] == ["llama3.2:latest"]
    client = openai.OpenAI(base_url=f"{lists.url}/v1", api_key=lists.keys.inference, max_retries=0)
    assert [model.id for model in client.models.list()] == ["llama3.2:latest"]


def test_ollama_is_asked_for_the_list_as_it_is_and_only_then(world: World, lists: Gate) -> None:
    with Reach(world.standin, lists) as reach:
        get(lists, "/api/tags", **{"Accept-Encoding": "gzip, br"})
        lists.get("/api/tags", lists.keys.read, [("Accept-Encoding", "gzip, br")])
        lists.get("/v1/models/llama3.2", lists.keys.inference, [("Accept-Encoding", "gzip, br")])
        fields = [{name.lower(): value for name, value in entry["headers"]} for entry in reach.requests()]
    assert [field.get("accept-encoding") for field in fields] == ["identity", "gzip, br", "gzip, br"]


def test_head_and_errors_go_on(lists: Gate) -> None:
    assert lists.send("HEAD", "/api/tags", lists.keys.inference).status == 200
    assert lists.get("/v1/models/qwen3", lists.keys.inference).code == "model_denied"
    assert lists.get("/api/tags", lists.keys.unknown).code == "unknown_key"


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_a_list_may_come_in_any_pieces(raw: Gate, upstream: Upstream, size: int, http2: bool) -> None:
    upstream.answer(CHUNKED, *chunked(BODY, size), b"0\r\n\r\n", pause=0.0005)
    shown = get(raw, http2=http2)
    assert (shown.status_code, names(shown.json())) == (200, ["llama3.2:latest"])
    upstream.answer(CHUNKED, *chunked(BODY, size), b"0\r\nX-End: 1\r\n\r\n", pause=0.0005)
    shown = get(raw, http2=http2)
    assert (shown.status_code, names(shown.json())) == (200, ["llama3.2:latest"]), "with trailers"
    halves = [BODY[:size], BODY[size:]]
    upstream.answer(length(BODY), *halves, pause=0.02)
    shown = get(raw, http2=http2)
    assert (shown.status_code, names(shown.json())) == (200, ["llama3.2:latest"])


def test_what_the_head_says_of_the_whole_list_is_taken_out(raw: Gate, upstream: Upstream) -> None:
    stale = {"ETag": '"1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "Content-MD5": "x", "Digest": "x"}
    upstream.answer([*length(BODY), *(f"{name}: {value}" for name, value in stale.items()), "X-Other: kept"], BODY)
    shown = get(raw)
    assert names(shown.json()) == ["llama3.2:latest"]
    assert shown.headers["x-other"] == "kept"
    assert not {"etag", "last-modified", "content-md5", "digest", "content-length"} & set(shown.headers)


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
@pytest.mark.parametrize(
    "body",
    [
        BODY[:-1],
        BODY + b"{}",
        b"<html>qwen3:latest</html>",
        b'["qwen3:latest"]',
        b'{"models":{"name":"qwen3"}}',
        b'{"qwen3":1}',
        BODY.replace(b"qwen3", b"qw\xffn3"),
        gzip.compress(BODY),
    ],
    ids=[
        "cut",
        "more behind it",
        "no JSON",
        "an array",
        "no list",
        "another object",
        "no UTF-8",
        "silently compressed",
    ],
)
def test_what_is_no_list_is_refused_and_nothing_of_it_shown(
    raw: Gate, upstream: Upstream, body: bytes, http2: bool
) -> None:
    upstream.answer(length(body), body)
    refused(raw, http2)
    upstream.answer(CHUNKED, *chunked(body, 16), b"0\r\n\r\n", pause=0.0005)
    refused(raw, http2)
    upstream.answer(length(BODY), BODY)
    assert names(get(raw, http2=http2).json()) == ["llama3.2:latest"], "the worker still serves"


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
def test_what_the_head_shows_to_be_unreadable_is_refused_with_a_code_either_way(
    raw: Gate, upstream: Upstream, http2: bool
) -> None:
    packed = gzip.compress(BODY)
    for head, body in (
        ([*length(packed), "Content-Encoding: gzip"], packed),
        (["HTTP/1.1 206 Partial Content", f"Content-Length: {len(BODY)}"], BODY),
        (["HTTP/1.1 203 OK", f"Content-Length: {len(BODY)}"], BODY),
        (length(b""), b""),
        (["HTTP/1.1 204 No Content"], b""),
        ([*OK, f"Content-Length: {TOO_MANY}"], b"{"),
    ):
        upstream.answer(head, body)
        answer = get(raw, http2=http2)
        assert (answer.status_code, answer.json()["code"]) == (502, "unreadable_list"), head
    assert "accept-encoding: identity" in upstream.heads[-1]
    for status in (404, 500, 301):
        upstream.answer([f"HTTP/1.1 {status} X", "Content-Length: 5"], b"hello")
        answer = get(raw, http2=http2)
        assert (answer.status_code, answer.text) == (status, "hello")


def test_a_large_list_passes_with_the_packs_limits_and_one_too_large_is_refused(raw: Gate, upstream: Upstream) -> None:
    big = [f"team/model-{number}" for number in range(MANY // 120)]
    body = tags("qwen3", *big, "llama3.2:latest")
    assert len(body) >= MANY
    for answer in ((length(body), body), (CHUNKED, *chunked(body, 50_000), b"0\r\n\r\n")):
        for key, expected in ((raw.keys.inference, ["llama3.2:latest"]), (raw.keys.manage, big)):
            upstream.answer(*answer)
            begun = time.monotonic()
            shown = get(raw, Authorization=f"Bearer {key}")
            print(f"{len(body)} bytes in {time.monotonic() - begun:.2f} s")
            assert shown.status_code == 200, shown.text
            assert names(shown.json()) == expected
    upstream.answer(CHUNKED, *chunked(b"[" + b" " * TOO_MANY, 100_000), b"0\r\n\r\n")
    refused(raw)


def test_who_has_no_rule_gets_what_comes_as_it_comes(raw: Gate, upstream: Upstream) -> None:
    for body in (BODY, b"no list at all"):
        upstream.answer([*length(body), 'ETag: "1"'], body)
        answer = raw.get("/api/tags", raw.keys.read)
        assert (answer.status, answer.body) == (200, body)
        assert dict(answer.headers)["etag"] == '"1"'


def test_a_list_that_breaks_off_shows_nothing(raw: Gate, upstream: Upstream) -> None:
    upstream.answer([*OK, f"Content-Length: {len(BODY) + 1}"], BODY)
    try:
        answer = get(raw)
    except httpx.RemoteProtocolError:
        assert not raw.holds  # type: ignore[attr-defined]
    else:
        assert answer.status_code in (502, 503)
        assert "qwen3" not in answer.text


def test_in_report_mode_every_list_goes_on_as_it_came(world: World, upstream: Upstream) -> None:
    made = pack(world, True, mode="report")
    made.upstream("127.0.0.1", upstream.server_address[1])
    gate = world.start("lists-report", made)
    upstream.answer([*length(BODY), 'ETag: "1"'], BODY)
    answer = get(gate, **{"Accept-Encoding": "gzip"})
    assert (answer.content, answer.headers["etag"]) == (BODY, '"1"')
    assert "accept-encoding: gzip" in upstream.heads[-1]


def test_the_file_for_envoy_alone_refuses_it_and_names_the_other(world: World) -> None:
    plugin = {**world.keys.plugin(), "host": {"name": "envoy"}, "filter_lists": True}
    with pytest.raises(EnvoyFailed, match=r"filter_lists: needs .*load `ollama_gate\.wasm` in its place"):
        world.start("lists-fewer", world.pack(plugin=plugin))
