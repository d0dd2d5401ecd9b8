"""`cors` on a real Envoy: what a page of a listed site is told, and what no other page is."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from demo.envoy import EnvoyFailed, validate
from demo.pack import Pack
from support.world import CHAT, FULL, Gate, Reach, World

APP = "https://app.example.com"
FOREIGN = ["https://evil.example", "null", "https://app.example.com.evil", "http://app.example.com"]
ALLOW = "access-control-allow-origin"


def full(world: World, **more: Any) -> Pack:
    """Out: the pack with the file of the module that has every export, and with `cors`."""
    pack = world.pack(plugin={**world.keys.plugin(), "cors": {"allow_origins": [APP]}, **more})
    pack.module(FULL)
    return pack


@pytest.fixture(scope="module")
def listing(world: World) -> Gate:
    """A gate that lists one site."""
    return world.start("cors", full(world))


def ask(
    gate: Gate, method: str, path: str, headers: dict[str, str], body: bytes | None = None
) -> tuple[int, dict[str, list[str]], bytes]:
    """Out: status, the values of each header, body."""
    connection = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=60)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        fields: dict[str, list[str]] = {}
        for name, value in answer.getheaders():
            fields.setdefault(name.lower(), []).append(value)
        return answer.status, fields, answer.read()
    finally:
        connection.close()


def preflight(gate: Gate, origin: str, path: str = "/v1/chat/completions") -> tuple[int, dict[str, list[str]], bytes]:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-stainless-os"}
    return ask(gate, "OPTIONS", path, {"Origin": origin, **asked})


def bearer(key: str, origin: str | None = None) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", **({"Origin": origin} if origin else {})}


def test_a_preflight_is_answered_by_the_gate_and_never_by_ollama(world: World, listing: Gate) -> None:
    with Reach(world.standin, listing) as reach:
        for path in ("/v1/chat/completions", "/api/pull", "/metrics"):
            status, fields, body = preflight(listing, APP, path)
            assert (status, body) == (200, b"ok\n")
            assert fields[ALLOW] == [APP]
            assert fields["access-control-max-age"] == ["600"]
            assert fields["vary"] == ["Origin, Access-Control-Request-Headers"]
            assert "authorization" in fields["access-control-allow-headers"][0]
            assert "x-stainless-os" in fields["access-control-allow-headers"][0]
            assert "access-control-allow-credentials" not in fields
        for origin in FOREIGN:
            status, fields, body = preflight(listing, origin)
            assert status == 403 and b"origin_denied" in body
            assert not [name for name in fields if name.startswith("access-control")]
        assert ask(listing, "OPTIONS", "/api/tags", {})[0] == 401
        assert reach.targets() == []


def test_answers_and_refusals_can_be_read_by_the_listed_site_alone(world: World, listing: Gate) -> None:
    keys = world.keys
    for key, body, status in ((keys.inference, CHAT, 200), (keys.read, CHAT, 403), (keys.unknown, CHAT, 401)):
        answered, fields, _ = ask(listing, "POST", "/v1/chat/completions", bearer(key, APP), body)
        assert (answered, fields[ALLOW], fields["vary"]) == (status, [APP], ["Origin"])
        assert len(fields["access-control-expose-headers"]) == 1
        for origin in [*FOREIGN, None]:
            answered, fields, _ = ask(listing, "POST", "/v1/chat/completions", bearer(key, origin), body)
            assert answered == status, "a program with a key may send any Origin"
            assert not [name for name in fields if name.startswith("access-control") or name == "vary"]


def test_ollama_sees_no_origin(world: World, listing: Gate) -> None:
    with Reach(world.standin, listing) as reach:
        assert ask(listing, "GET", "/api/tags", bearer(world.keys.read, APP))[0] == 200
        (request,) = reach.requests()
    assert "origin" not in {name.lower() for name, _ in request["headers"]}


class Permissive(BaseHTTPRequestHandler):
    """An upstream that has its own opinion of browsers."""

    def do_GET(self) -> None:
        """Answers anything."""
        self.send_response(200)
        for name, value in (
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Allow-Origin", "https://evil.example"),
            ("Access-Control-Allow-Credentials", "true"),
            ("Access-Control-Expose-Headers", "X-Secret"),
            ("Vary", "Accept"),
            ("Content-Length", "2"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def permissive() -> Iterator[int]:
    """The port of such an upstream."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Permissive)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_what_the_upstream_says_of_browsers_is_replaced(world: World, permissive: int) -> None:
    pack = full(world)
    pack.upstream("127.0.0.1", permissive)
    gate = world.start("cors-permissive", pack)
    status, fields, _ = ask(gate, "GET", "/api/tags", bearer(world.keys.read, APP))
    assert (status, fields[ALLOW], fields["vary"]) == (200, [APP], ["Accept,Origin"])
    assert "access-control-allow-credentials" not in fields
    assert fields["access-control-expose-headers"] == ["retry-after, www-authenticate, x-request-id, x-should-retry"]


def test_what_the_gateway_answers_by_itself_can_be_read_too(world: World) -> None:
    pack = full(world)
    pack.upstream("127.0.0.1", 1)
    gate = world.start("cors-down", pack)
    status, fields, _ = ask(gate, "GET", "/api/tags", bearer(world.keys.read, APP))
    assert (status, fields[ALLOW]) == (503, [APP])
    status, fields, _ = ask(gate, "GET", "/api/tags", bearer(world.keys.read, "https://evil.example"))
    assert status == 503 and ALLOW not in fields


def test_the_file_for_envoy_alone_refuses_it_and_names_the_other(world: World) -> None:
    plugin = {**world.keys.plugin(), "cors": {"allow_origins": [APP]}}
    path = world.folder / "cors-fewer.yaml"
    world.pack(plugin=plugin).write(path)
    accepted, said = validate(world.binary, path, world.keys.environment())
    assert not accepted
    assert "cors: needs the callbacks for responses" in said and "load `ollama_gate.wasm`" in said
    with pytest.raises(EnvoyFailed, match=r"load `ollama_gate\.wasm` in its place"):
        world.start("cors-fewer", world.pack(plugin=plugin))


def test_who_brings_no_credential_gets_what_is_open_and_a_foreign_page_does_not(world: World) -> None:
    gate = world.start(
        "anonymous", full(world, allow_anonymous={"scopes": ["read"]}, hosts=["gate.example.com", "127.0.0.1"])
    )
    assert "ANYONE IS LET IN WITHOUT A CREDENTIAL, with the scopes `read`" in gate.envoy.child.output()
    assert ask(gate, "GET", "/api/tags", {})[0] == 200
    assert ask(gate, "GET", "/api/tags", {"Origin": APP})[0] == 200
    for origin in FOREIGN:
        status, fields, body = ask(gate, "GET", "/api/tags", {"Origin": origin})
        assert status == 403 and b"origin_denied" in body and ALLOW not in fields
    with Reach(world.standin, gate) as reach:
        assert ask(gate, "GET", "/api/tags", bearer(world.keys.expired))[0] == 401
        assert ask(gate, "GET", "/api/tags", bearer(world.keys.unknown))[0] == 401
        assert ask(gate, "POST", "/api/chat", {}, CHAT)[0] == 401
        assert reach.targets() == []


def test_a_page_may_send_the_headers_that_the_operator_names(world: World, listing: Gate) -> None:
    named = {"allow_origins": [APP], "allow_headers": ["X-Title", "HTTP-Referer"]}
    gate = world.start("cors-headers", full(world, cors=named, credential_headers=["apikey"]))

    def allowed(gate: Gate) -> set[str]:
        _, fields, _ = preflight(gate, APP)
        return set(fields["access-control-allow-headers"][0].lower().split(", "))

    own = {"x-title", "http-referer", "apikey"}
    assert allowed(gate) >= own
    assert not allowed(listing) & own
    _, foreign, _ = preflight(gate, FOREIGN[0])
    assert "access-control-allow-headers" not in foreign
    headers = {"apikey": world.keys.inference, "Origin": APP, "X-Title": "app", "HTTP-Referer": APP}
    with Reach(world.standin, gate) as reach:
        status, fields, _ = ask(gate, "POST", "/v1/chat/completions", headers, CHAT)
        assert (status, fields[ALLOW]) == (200, [APP])
        (seen,) = reach.requests()
        assert world.keys.inference not in repr(seen)
