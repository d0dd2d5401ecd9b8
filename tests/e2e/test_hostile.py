"""Requests that mean harm, as bytes: refused in the right dialect, Ollama not reached, the gate alive afterwards.

The fixture `gate` sends a good request after each of these tests.
"""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

import pytest
from support.wire import Answer, Connection, build, raw
from support.world import CHAT, Gate, Reach, StandIn, World, eventually

REFUSED = (400, 401, 403, 404, 405, 414, 426, 431)
ALLOWED = {"/", "/api/version", "/api/tags", "/api/ps", "/api/chat", "/api/generate", "/v1/models", "/v1/messages"}
BEARER = "Authorization: Bearer "


def fill(template: bytes, gate: Gate) -> bytes:
    """In: bytes with KEY, READ and JWT in them. Out: the same with the credentials."""
    keys = gate.keys
    for name, value in ((b"KEY", keys.inference), (b"READ", keys.read), (b"JWT", keys.jwt)):
        template = template.replace(b"<" + name + b">", value.encode())
    return template


def assert_only_allowed_routes(requests: list[dict]) -> None:
    """In: what reached the stand-in. Fails unless each is, decoded as Ollama decodes it, a tidy and allowed route."""
    for request in requests:
        path = unquote(request["target"].partition("?")[0])
        assert path == posixpath.normpath(path), request["target"]
        assert path in ALLOWED, request["target"]


def send_hostile(gate: Gate, standin: StandIn, data: bytes) -> tuple[Answer, list[dict]]:
    """In: the bytes of a request. Out: the answer, and what reached the stand-in."""
    with Reach(standin, gate) as reach:
        answer = raw(gate.port, fill(data, gate))
        return answer, reach.requests()


HEADERS = {
    "a byte that is not UTF-8 in the credential": b"Authorization: Bearer \xff\xfe\x80",
    "a byte that is not UTF-8 inside a good key": b"Authorization: Bearer <KEY>\xff",
    "a byte that is not UTF-8 in x-api-key": b"x-api-key: \xc3\x28",
    "a byte that is not UTF-8 in a cookie": b"Cookie: token=\xff\xff",
    "a byte that is not UTF-8 in an unknown header": b"X-Anything: \xf0\x28\x8c\xbc",
    "a byte that is not UTF-8 in an identity header": b"X-Forwarded-User: \xff",
    "a token of 50 kB": b"Authorization: Bearer " + b"a" * 50_000,
    "a token of 64 kB": b"Authorization: Bearer " + b"a" * 65_536,
    "a JWT of 50 kB": b"Authorization: Bearer eyJhbGciOiJIUzI1NiJ9." + b"e" * 50_000 + b".c2ln",
    "ten thousand dots": b"Authorization: Bearer " + b"." * 10_000,
    "two dots": b"Authorization: Bearer ..",
    "a JWT of three empty objects": b"Authorization: Bearer e30.e30.e30",
    "a scheme alone": b"Authorization: Bearer",
    "a scheme and spaces": b"Authorization: Bearer      ",
    "Basic": b"Authorization: Basic cm9vdDpyb290",
    "the header of the ollama CLI": b"Authorization: AAAAC3NzaC1lZDI1NTE5AAAAIA==:c2lnbmF0dXJl",
    "a comma in Authorization": b"Authorization: Bearer <KEY>,Bearer <KEY>",
    "Authorization twice, different": b"Authorization: Bearer <KEY>\r\nAuthorization: Bearer <READ>",
    "Authorization twice, the same": b"Authorization: Bearer <KEY>\r\nAuthorization: Bearer <KEY>",
    "x-api-key twice, different": b"x-api-key: <KEY>\r\nx-api-key: <READ>",
    "x-api-key twice, the same": b"x-api-key: <KEY>\r\nx-api-key: <KEY>",
    "two places, different": b"Authorization: Bearer <KEY>\r\nX-Ollama-Token: <READ>",
    "a key with a space in it": b"Authorization: Bearer sk-abc def",
    "a key with a control byte in it": b"Authorization: Bearer sk-\x01\x02",
    "a header with an underscore": b"X_Api_Key: <KEY>",
    "a hundred headers too many": b"\r\n".join(b"X-%d: y" % number for number in range(200)),
    "a space before the colon": b"Authorization : Bearer <KEY>",
}


@pytest.mark.parametrize("header", list(HEADERS.values()), ids=list(HEADERS))
@pytest.mark.parametrize("route", ["/api/chat", "/v1/chat/completions", "/v1/messages"])
def test_a_hostile_header_is_refused(gate: Gate, standin: StandIn, header: bytes, route: str) -> None:
    data = build("POST", route, [("X-Place", "here")], CHAT).replace(b"X-Place: here", header)
    answer, reached = send_hostile(gate, standin, data)
    assert reached == []
    assert answer.status in REFUSED
    if answer.code is not None:
        # The gate answered, not Envoy: in the dialect of the route.
        error = answer.json()["error"]
        assert isinstance(error, str) == route.startswith("/api/")


def test_a_folded_credential_is_the_one_that_it_unfolds_to_and_is_stripped(gate: Gate, standin: StandIn) -> None:
    data = build("GET", "/api/tags", [("X-Place", "here")])
    answer, reached = send_hostile(gate, standin, data.replace(b"X-Place: here", b"Authorization: Bearer\r\n <KEY>"))
    assert answer.status in (200, 400)
    assert not any(name.lower() == "authorization" for request in reached for name, _ in request["headers"])


@pytest.mark.parametrize("name", ["X-Anything", "User-Agent", "Cookie", "Referer", "X-Forwarded-User"])
def test_odd_bytes_beside_a_good_key_do_not_trap_the_gate(gate: Gate, standin: StandIn, name: str) -> None:
    data = build("GET", "/api/tags", [("Authorization", "Bearer <KEY>"), (name, "caf\xe9\xff\x80")])
    answer, reached = send_hostile(gate, standin, data)
    assert answer.status in (200, *REFUSED)
    assert_only_allowed_routes(reached)


PATHS = [
    *("/api/chat/../delete", "/api/../api/delete", "/api/./delete", "/./api/delete", "/api/tags/../../api/delete"),
    *("//api/delete", "/api//delete", "/api/delete/", "/api/delete//", "///api///delete"),
    *(
        "/api%2fdelete",
        "/api/%2e%2e/api/delete",
        "/api/%2E%2E/delete",
        "/api%5cdelete",
        "/api\\delete",
        "/api/..%2fdelete",
    ),
    *("/api/%64elete", "/api/%2564elete", "/%61pi/delete", "/api/delete%00", "/api/%00delete", "/api/delete%20"),
    *("/api/delete;/api/tags", "/api/delete?x=/api/tags", "/api/delete#/api/tags", "/api/delete%23", "/api/delete%3f"),
    *("/API/delete", "/api/DELETE", "/api/tags/..;/delete", "/api/tags%2f..%2fdelete", "/api/tags/%2e%2e/delete"),
    *(
        "/api/user/keys/a%2fb",
        "/v1/models/../../api/delete",
        "/v1/models/..%2f..%2fapi%2fdelete",
        "/api/%c0%ae%c0%ae/delete",
    ),
    *(
        "/api/delete%0d%0aX-Y:%20z",
        "/api/tags%0a",
        "/api/%u0064elete",
        "/api/%zz",
        "/api/%",
        "/api/%6",
        "*",
        "api/delete",
    ),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["DELETE", "POST", "GET"])
def test_a_crooked_path_never_reaches_a_route_that_the_key_may_not_use(
    gate: Gate, standin: StandIn, method: str, path: str
) -> None:
    answer, reached = send_hostile(gate, standin, build(method, path, [("Authorization", "Bearer <KEY>")]))
    assert reached == []
    assert answer.status in (*REFUSED, 301, 307)


@pytest.mark.parametrize(
    "path",
    [
        "/api//tags",
        "/api/./tags",
        "/api/x/../tags",
        "/%61pi/tags",
        "/api/%74ags",
        "/api/tags?x=../delete",
        "/api/tags?%00",
    ],
)
def test_a_path_that_envoy_straightens_is_an_ordinary_one_or_refused(gate: Gate, standin: StandIn, path: str) -> None:
    with_key, reached = send_hostile(gate, standin, build("GET", path, [("Authorization", "Bearer <KEY>")]))
    assert with_key.status in (200, 400, 403)
    assert_only_allowed_routes(reached)
    without, reached = send_hostile(gate, standin, build("GET", path))
    assert without.status in (400, 401)
    assert reached == []


@pytest.mark.parametrize(
    "path", ["/api/delete?x=/api/version", "/api/delete?/", "/api/tags?public=/health", "/api/tags#/api/version"]
)
def test_a_query_never_opens_a_route(gate: Gate, standin: StandIn, path: str) -> None:
    for method in ("GET", "DELETE"):
        answer, reached = send_hostile(gate, standin, build(method, path))
        assert answer.status in (400, 401)
        assert reached == []


@pytest.mark.parametrize("name", ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Envoy-Original-Path"])
def test_a_header_never_changes_the_path(gate: Gate, standin: StandIn, name: str) -> None:
    answer, reached = send_hostile(gate, standin, build("GET", "/api/tags", [(name, "/api/version")]))
    assert (answer.status, answer.code) == (401, "missing_credential")
    assert reached == []


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_a_header_never_changes_the_method(gate: Gate, standin: StandIn, name: str) -> None:
    answer, reached = send_hostile(gate, standin, build("POST", "/api/version", [(name, "GET")]))
    assert answer.status == 401
    assert reached == []


def frame(*lines: str) -> bytes:
    """In: the lines of a request's head. Out: its bytes."""
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


HOST, GOOD_KEY = "Host: gate", f"{BEARER}<KEY>"
FRAMES = {
    "absolute form to another host": frame("GET http://evil.example.com/api/delete HTTP/1.1", HOST, GOOD_KEY),
    "absolute form without a credential": frame("GET http://gate/api/tags HTTP/1.1", HOST),
    "https absolute form": frame("POST https://gate/api/pull HTTP/1.1", HOST, GOOD_KEY, "Content-Length: 0"),
    "CONNECT": frame("CONNECT ollama.com:443 HTTP/1.1", "Host: ollama.com:443", GOOD_KEY),
    "CONNECT without a credential": frame("CONNECT 127.0.0.1:11434 HTTP/1.1", "Host: 127.0.0.1:11434"),
    "OPTIONS *": frame("OPTIONS * HTTP/1.1", HOST),
    "TRACE": frame("TRACE /api/tags HTTP/1.1", HOST, GOOD_KEY),
    "an unknown method": frame("BREW /api/tags HTTP/1.1", HOST, GOOD_KEY),
    "no Host": frame("GET /api/tags HTTP/1.1", GOOD_KEY),
    "no Host and no credential": frame("GET /api/version HTTP/1.1"),
    "two Hosts": frame("GET /api/delete HTTP/1.1", "Host: a", "Host: b", GOOD_KEY),
    "HTTP/1.0 without Host": frame("GET /api/tags HTTP/1.0", GOOD_KEY),
    "HTTP/1.0 with Host": frame("GET /api/tags HTTP/1.0", HOST, GOOD_KEY),
    "HTTP/0.9": b"GET /api/tags\r\n\r\n",
    "HTTP/3.0 in words": frame("GET /api/tags HTTP/3.0", HOST),
    "no request at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "empty lines": b"\r\n\r\n\r\n\r\n",
    "a NUL in the path": frame("GET /api/\0tags HTTP/1.1", HOST, GOOD_KEY),
    "a byte over 127 in the path": frame("GET /api/t\xe4gs HTTP/1.1", HOST, GOOD_KEY),
    "a length and chunks": frame(
        "POST /api/chat HTTP/1.1", HOST, GOOD_KEY, "Content-Length: 5", "Transfer-Encoding: chunked"
    ),
    "two lengths": frame("POST /api/chat HTTP/1.1", HOST, GOOD_KEY, "Content-Length: 5", "Content-Length: 6")
    + b"abcdef",
    "a length that is no number": frame("POST /api/chat HTTP/1.1", HOST, GOOD_KEY, "Content-Length: -1"),
    "an upgrade": frame("GET /api/tags HTTP/1.1", HOST, GOOD_KEY, "Connection: Upgrade", "Upgrade: websocket"),
    "a hop that names the credential": frame(
        "GET /api/delete HTTP/1.1", HOST, "Connection: close, Authorization", GOOD_KEY
    ),
}


@pytest.mark.parametrize("data", list(FRAMES.values()), ids=list(FRAMES))
def test_a_hostile_frame_never_reaches_ollama(gate: Gate, standin: StandIn, data: bytes) -> None:
    with Reach(standin, gate) as reach:
        with Connection(gate.port) as connection:
            connection.send(fill(data, gate))
            connection.finish()
            answer = connection.answer()
        assert reach.targets() == []
    # 0: Envoy closed the connection, which is an answer to something that is no request.
    assert answer.status in (0, *REFUSED)


def test_an_absolute_form_to_a_permitted_route_is_treated_as_the_route(gate: Gate, standin: StandIn) -> None:
    data = b"GET http://evil.example.com/api/tags HTTP/1.1\r\nHost: evil.example.com\r\nConnection: close\r\n"
    answer, reached = send_hostile(gate, standin, data + BEARER.encode() + b"<KEY>\r\n\r\n")
    assert answer.status == 200
    (request,) = reached
    assert request["target"] == "/api/tags"
    assert ["host", "ollama.internal:11434"] in [[name.lower(), value] for name, value in request["headers"]]


def test_an_upgrade_to_h2c_is_served_as_what_it_is_without_the_upgrade(gate: Gate, standin: StandIn) -> None:
    upgrade = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"]
    data = frame("GET /api/tags HTTP/1.1", HOST, GOOD_KEY, *upgrade)
    with Reach(standin, gate) as reach:
        with Connection(gate.port) as connection:
            connection.send(fill(data, gate))
            assert connection.answer().status == 200
        (request,) = reach.requests()
    names = {name.lower() for name, _ in request["headers"]}
    assert names.isdisjoint({"upgrade", "http2-settings", "authorization"})


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"\x00" * 1000, b"\xff" * 1000])
def test_a_body_that_is_no_json_is_ollamas_to_judge(gate: Gate, standin: StandIn, body: bytes) -> None:
    with Reach(standin, gate) as reach:
        assert gate.post("/api/chat", key=gate.keys.inference, body=body).status == 400
        assert reach.targets() == ["POST /api/chat"]
        assert gate.post("/api/chat", body=body).status == 401
        assert reach.targets() == ["POST /api/chat"]


def test_refusals_and_good_requests_share_one_connection(gate: Gate) -> None:
    with Connection(gate.port) as connection:
        for _ in range(20):
            for key, status in (
                (gate.keys.expired, 401),
                (gate.keys.inference, 200),
                ("\xff", 401),
                (gate.keys.jwt, 200),
            ):
                request = build("GET", "/api/tags", [("Authorization", f"Bearer {key}")])
                connection.send(request.replace(b"Connection: close\r\n", b""))
                assert connection.answer().status == status


def test_pipelined_requests_are_judged_one_by_one(gate: Gate, standin: StandIn) -> None:
    good = build("GET", "/api/tags", [("Authorization", f"Bearer {gate.keys.read}")])
    bad = build("GET", "/api/ps")
    with Reach(standin, gate) as reach:
        with Connection(gate.port) as connection:
            connection.send(good.replace(b"Connection: close\r\n", b"") + bad)
            assert connection.answer().status == 200
            assert connection.answer().status == 401
        assert reach.targets() == ["GET /api/tags"]


@pytest.mark.parametrize("path", ["/", "/api/tags", "/v1/responses"])
def test_a_websocket_is_refused_with_a_reason_and_a_line(gate: Gate, standin: StandIn, path: str) -> None:
    fields = [
        *(("Connection", "Upgrade"), ("Upgrade", "websocket")),
        *(("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")),
    ]
    before = len(gate.decisions())
    with Reach(standin, gate) as reach:
        for key in (None, gate.keys.inference):
            answer = gate.get(path, key, fields)
            assert (answer.status, answer.code) == (400, "malformed_request")
            assert b"WebSocket" in answer.body
        assert reach.targets() == []
    lines = eventually(lambda: [one for one in gate.decisions()[before:] if one.get("code") == "malformed_request"])
    assert lines[0]["status"] == 400


def test_a_page_that_let_its_own_name_point_at_the_gate_reaches_nothing(world: World) -> None:
    # What a browser sends for such a page (DNS rebinding): its own name as Host, and a matching Origin.
    plugin = {
        **world.keys.plugin(),
        "allow_anonymous": {"scopes": ["read"]},
        "hosts": ["gate.example.com", "127.0.0.1", "localhost"],
    }
    gate = world.start_gate("names", plugin)
    with Reach(world.standin, gate) as reach:
        for host in ("evil.example:11435", "evil.example", "localhost.evil.example", "127.0.0.2"):
            fields = [("Host", host), ("Origin", f"http://{host}")]
            with Connection(gate.port) as connection:
                lines = [f"{name}: {value}" for name, value in fields]
                connection.send("\r\n".join(["GET /api/tags HTTP/1.1", *lines, "", ""]).encode())
                answer = connection.answer()
            assert (answer.status, answer.code) == (403, "host_denied"), host
        assert reach.targets() == []
    assert gate.get("/api/tags", headers=[("Origin", "http://gate.example.com")]).status == 200
