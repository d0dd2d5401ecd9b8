"""Cookies of somebody who is signed in: at the gate, and at Envoy's own `oauth2` filter. Each has made its own."""

from __future__ import annotations

import http.client
import http.server
import json
import threading
import time
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from .credentials import DAY, Credentials, jwks

TYPES = "type.googleapis.com/envoy.extensions.filters.http"
# As which the requests ask for the gate.
HOST = "localhost:11434"
ORIGIN = f"http://{HOST}"
ISSUER = "https://people.example"
CLIENT = "gate"
CLIENT_SECRET = "Vb7Lq2TzXk9RmWc4"
RING = "9b3f6a1de8c24750b1f09ad37c65e842"
CLUSTER = "people"
GROUPS = 60
SCOPES = {"everybody": ["read", "inference"]}
# What the native filter seals its cookies with.
SECRETS = {"token": CLIENT_SECRET, "hmac": RING}


def login() -> dict[str, Any]:
    """Out: the section `login` of the gate, whose sessions hold the groups."""
    place = f"http://{CLUSTER}.internal"
    return {
        "issuer": ISSUER,
        "upstream": CLUSTER,
        "client_id": CLIENT,
        "client_secret": CLIENT_SECRET,
        "url": ORIGIN,
        "secrets": [RING],
        "authorization_endpoint": f"{place}/auth",
        "token_endpoint": f"{place}/token",
        "jwks_uri": f"{place}/keys",
        "scopes_claim": "groups",
        "scope_map": SCOPES,
    }


def native(name: str) -> dict[str, Any]:
    """In: a name. Out: Envoy's own filter, for the same provider."""
    place = f"http://{CLUSTER}.internal"
    config = {
        "token_endpoint": {"cluster": CLUSTER, "uri": f"{place}/token", "timeout": "5s"},
        "authorization_endpoint": f"{place}/auth",
        "redirect_uri": f"{ORIGIN}/callback",
        "redirect_path_matcher": {"path": {"exact": "/callback"}},
        "signout_path": {"path": {"exact": "/signout"}},
        "credentials": {
            "client_id": CLIENT,
            "token_secret": {"name": "token"},
            "hmac_secret": {"name": "hmac"},
        },
        "auth_scopes": ["openid"],
    }
    return {"name": name, "typed_config": {"@type": f"{TYPES}.oauth2.v3.OAuth2", "config": config}}


class People:
    """A provider that lets everybody in: the code says what goes into the ID token."""

    def __init__(self, made: Credentials) -> None:
        people = self
        self._made = made

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                people.answer(self, jwks(made.jwk("rs256")))

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                people.answer(self, people.tokens(form["code"][0]))

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @staticmethod
    def answer(handler: http.server.BaseHTTPRequestHandler, text: str) -> None:
        """In: JSON. Sends it."""
        body = text.encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def tokens(self, code: str) -> str:
        """In: a nonce and a number of groups. Out: what the token endpoint answers."""
        nonce, _, count = code.partition("!")
        groups = ["everybody", *(f"/company/department-{number:02}" for number in range(1, int(count)))]
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": CLIENT,
            "sub": "alice",
            "nonce": nonce,
            "iat": now,
            "exp": now + DAY,
            "groups": groups,
        }
        token = self._made.sign("rs256", claims)
        return json.dumps({"token_type": "Bearer", "access_token": "at-bench", "expires_in": DAY, "id_token": token})

    def stop(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()


class Visitor:
    """A browser, at one listener."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookies: dict[str, str] = {}

    def go(self, path: str) -> str:
        """In: a page. Out: where it sends the browser."""
        fields = {
            "Host": HOST,
            "Accept": "text/html",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
            **({"Cookie": self.cookies()} if self._cookies else {}),
        }
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("GET", path, headers=fields)
            response = connection.getresponse()
            text = response.read().decode()
            for line in response.headers.get_all("Set-Cookie") or []:
                name, _, value = line.split(";")[0].partition("=")
                if "max-age=0" in line.lower() or not value or value == "deleted":
                    self._cookies.pop(name, None)
                else:
                    self._cookies[name] = value
            if response.status not in (302, 303):
                raise SystemExit(f"bench: nobody signs in: {response.status} {text[:300]}")
            return response.headers["Location"]
        finally:
            connection.close()

    def cookies(self) -> str:
        """Out: what it carries."""
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())


def sign_in(port: int, callback: str, groups: int) -> str:
    """In: a listener, and the path that the provider sends browsers back to. Out: the cookies of somebody with so
    many groups."""
    visitor = Visitor(port)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(visitor.go("/v1/models")).query).items()}
    code = quote(f"{asked.get('nonce', '')}!{groups}", safe="")
    visitor.go(f"{callback}?code={code}&state={quote(asked['state'], safe='')}")
    return visitor.cookies()


def cookies(gate: int, native_filter: int) -> dict[str, str]:
    """In: the listeners of the gate and of the native filter. Out: cookies by the kind of traffic."""
    return {
        "session": sign_in(gate, "/.gate/callback", 1),
        "session-groups": sign_in(gate, "/.gate/callback", GROUPS),
        "oauth2": sign_in(native_filter, "/callback", 1),
    }
