"""Bodies that decide: what Ollama gets of them, in every form in which HTTP brings one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from demo.pack import Pack, mappings
from support.frames import Stream
from support.oidc import Provider, cluster, issuer
from support.wire import Answer, Connection, build
from support.world import CHAT, WATCHED_HOST, Gate, Reach, World

OTHER = CHAT.replace(b"llama3.2", b"qwen3")
LIMIT = 256 * 1024


def chat(model: str, padding: int = 0) -> bytes:
    """In: a model and how many bytes of image. Out: a body that names the model behind the image."""
    image = "iVBORw0KGgo" * (padding // 11)
    return json.dumps({"messages": [{"role": "user", "content": "hi", "images": [image]}], "model": model}).encode()


def ruled(world: World, hold_head: bool, **more: Any) -> Pack:
    """In: whether heads wait. Out: a pack whose gate lets one key run one model."""
    plugin = world.keys.plugin()
    key = next(key for key in plugin["api_keys"]["keys"] if key["id"] == "inference-key")
    key["models"] = ["llama3.2"]
    plugin["host"] = {"name": "envoy", "hold_head": hold_head, "body_limit": f"{LIMIT}B"}
    pack = world.pack(plugin={**plugin, **more})
    pack.hold_heads(hold_head)
    return pack


@pytest.fixture(scope="module", params=[True, False], ids=["head held", "head first"])
def bodies(request: pytest.FixtureRequest, world: World) -> Gate:
    """A gate that looks into bodies."""
    return world.start("bodies", ruled(world, request.param))


@pytest.fixture(params=["plain", "chunked", "bytes", "http2", "http2 bytes", "trailers"])
def post(request: pytest.FixtureRequest, bodies: Gate) -> Iterator[Any]:
    """Sends a chat with the key that has a rule, in one of the forms of HTTP."""

    def send(body: bytes, path: str = "/api/chat") -> Answer:
        fields = [("authorization", f"Bearer {bodies.keys.inference}")]
        form = request.param
        if form == "plain":
            return bodies.post(path, bodies.keys.inference, body)
        if form in {"chunked", "bytes"}:
            pieces = [body] if form == "chunked" else [body[at : at + 1] for at in range(len(body))]
            with Connection(bodies.port) as connection:
                connection.send(build("POST", path, [*fields, ("Transfer-Encoding", "chunked")]))
                for piece in [*pieces, b""]:
                    connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
                return connection.answer()
        stream = Stream(bodies.port, "POST", path, fields)
        pieces = [body[at : at + 1] for at in range(len(body))] if form == "http2 bytes" else [body]
        for piece in pieces:
            stream.data(piece)
        if form == "trailers":
            stream.trailers([("x-end", "1")])
        else:
            stream.data(b"", last=True)
        return stream.answer()

    yield send


def test_a_model_of_the_key_is_run_and_another_is_not(world: World, bodies: Gate, post: Any) -> None:
    with Reach(world.standin, bodies) as reach:
        answer = post(CHAT)
        assert (answer.status, answer.json()["done"]) == (200, True)
        # Where heads go first, that of a request refused just before may come to Ollama only now. It has no body.
        numbers = {entry["request"] for entry in reach.requests()}
        bodies_read = [event for event in world.standin.events() if event["event"] == "body"]
        assert [event["bytes"] for event in bodies_read if event["request"] in numbers] == [len(CHAT)]
    answer = post(OTHER)
    assert (answer.status, answer.code) == (403, "model_denied")
    answer = post(OTHER, "/v1/chat/completions")
    assert (answer.status, answer.code) == (403, "model_denied")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "ambiguous_body"),
        (b"{}", 403, "model_denied"),
        (CHAT[:-1], 400, "ambiguous_body"),
        (CHAT + b"{}", 400, "ambiguous_body"),
        (CHAT.replace(b'"model"', b'"Model"'), 400, "ambiguous_body"),
        (b'{"model":"llama3.2","model":"qwen3"}', 400, "ambiguous_body"),
        (b"\xef\xbb\xbf" + CHAT, 400, "ambiguous_body"),
    ],
    ids=["empty", "no model", "cut", "more behind it", "another case", "twice", "a mark"],
)
def test_what_cannot_be_read_in_one_way_is_refused(post: Any, body: bytes, status: int, code: str) -> None:
    answer = post(body)
    assert (answer.status, answer.code) == (status, code)


def test_a_model_behind_a_large_image_is_seen(post: Any) -> None:
    assert post(chat("llama3.2", LIMIT - 4096)).status == 200
    assert post(chat("qwen3", LIMIT - 4096)).code == "model_denied"


def test_a_body_over_the_limit_is_refused_with_the_setting_to_raise(post: Any) -> None:
    answer = post(chat("llama3.2", 3 * LIMIT))
    assert (answer.status, answer.code) == (413, "body_too_large")
    assert "host.body_limit" in answer.json()["error"]


def test_nothing_of_a_refused_request_reaches_ollama_where_the_head_is_held(world: World) -> None:
    gate = world.start("held", ruled(world, True))
    with Reach(world.standin, gate) as reach:
        for body in (OTHER, CHAT + b"{}", chat("llama3.2", 2 * LIMIT), chat("qwen3", LIMIT - 4096)):
            assert gate.post("/api/chat", gate.keys.inference, body).status in {400, 403, 413}
        assert reach.targets() == []


def test_a_compressed_body_is_refused(bodies: Gate) -> None:
    answer = bodies.post("/api/chat", bodies.keys.inference, CHAT, [("Content-Encoding", "zstd")])
    assert (answer.status, answer.code) == (400, "ambiguous_body")


def test_a_form_has_one_content_type(world: World, bodies: Gate) -> None:
    def transcribe(key: str, *types: str) -> Answer:
        head = b'Content-Disposition: form-data; name="model"\r\n\r\n'
        body = b"--ours\r\n" + head + b"llama3.2\r\n--ours--\r\n"
        fields = [("Authorization", f"Bearer {key}"), *(("Content-Type", kind) for kind in types)]
        with Connection(bodies.port) as connection:
            connection.send(build("POST", "/v1/audio/transcriptions", fields, body))
            return connection.answer()

    ours, theirs = (f"multipart/form-data; boundary={name}" for name in ("ours", "theirs"))
    assert transcribe(bodies.keys.inference, ours).status == 200
    with Reach(world.standin, bodies) as reach:
        for types in ([ours, theirs], [theirs, ours], [ours, ours], [f"{ours}, {theirs}"], [f'{ours}; a="', '"']):
            answer = transcribe(bodies.keys.inference, *types)
            if types[-1] == '"':
                # Envoy joins the two, and sends on what the gate has read: a form with one boundary.
                assert answer.status == 200
            else:
                assert (answer.status, answer.code) == (400, "ambiguous_body"), types
        seen = {
            value for entry in reach.requests() for name, value in entry["headers"] if name.lower() == "content-type"
        }
    assert f'{ours}; a=","' in seen
    # Who has no rule is not looked at.
    assert transcribe(bodies.keys.jwt, ours, theirs).status == 200


def test_who_has_no_rule_is_not_held_and_not_limited(bodies: Gate) -> None:
    token = bodies.keys.jwt
    assert bodies.post("/api/chat", token, OTHER).status == 200
    assert bodies.post("/api/chat", token, chat("qwen3", 3 << 20)).status == 200


def test_each_decision_is_logged_once(bodies: Gate) -> None:
    before = len(bodies.decisions())
    bodies.post("/api/chat", bodies.keys.inference, OTHER)
    bodies.post("/api/chat", bodies.keys.inference, CHAT)
    denied, allowed = bodies.decisions()[before:]
    assert (denied["decision"], denied["code"], denied["id"]) == ("denied", "model_denied", "inference-key")
    assert (allowed["decision"], allowed["id"], allowed["route"]) == ("allowed", "inference-key", "/api/chat")


def test_report_mode_reads_bodies_and_holds_none(world: World) -> None:
    pack = ruled(world, False, mode="report")
    for node in mappings(pack.document):
        if "cluster" in node.get("route", {}):
            node["route"]["host_rewrite_literal"] = WATCHED_HOST
    gate = world.start("bodies-report", pack)
    with Reach(world.standin, gate) as reach:
        for body in (CHAT, OTHER, chat("qwen3", 3 * LIMIT)):
            assert gate.post("/api/chat", gate.keys.inference, body).status == 200
        assert len(reach.targets()) == 3
    events = [event for event in gate.decisions() if event.get("id") == "inference-key"]
    assert [event.get("code") for event in events] == [None, "model_denied", "body_too_large"]


@pytest.mark.parametrize("held", [True, False], ids=["head held", "head first"])
def test_a_body_that_comes_while_its_head_waits_for_keys_is_read_too(world: World, held: bool) -> None:
    provider = Provider(world)
    rule = {**issuer(provider, every="1h"), "models": ["llama3.2"]}
    pack = ruled(world, held, jwt=[rule])
    pack.document["static_resources"]["clusters"].append(cluster("sso", provider.port))
    try:
        provider.delay(1000)
        gate = world.start(f"bodies-wait-{held}", pack)
        sent = {"other": OTHER, "good": CHAT, "image": chat("qwen3", LIMIT - 4096)}
        with Reach(world.standin, gate) as reach, ThreadPoolExecutor(len(sent)) as pool:
            token = provider.token()
            answers = list(pool.map(lambda body: gate.post("/api/chat", token, body), sent.values()))
            targets = reach.targets()
        assert [answer.status for answer in answers] == [403, 200, 403]
        assert len(targets) == 1 if held else len(targets) >= 1
    finally:
        provider.stop()
