"""Servers in front of Ollama that let in nobody without a token that is good now."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from typing_extensions import Self

from .oidc import Provider

CHUNKS = 5
CHUNK_SECONDS = 0.2


class Front(ThreadingHTTPServer):
    """Lets in whoever has one of the `good` tokens, and streams what is asked by POST."""

    daemon_threads = True

    def __init__(self, *good: str) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.good = set(good)
        self.tokens: set[str] = set()
        self.refused: list[str] = []
        self.fields: list[set[str]] = []

    @property
    def port(self) -> int:
        """Out: where it listens."""
        return int(self.server_address[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def why_not(self, authorization: list[str]) -> str | None:
        """In: the values of `Authorization`. Out: why they let nobody in; none if they do."""
        if len(authorization) != 1 or not authorization[0].startswith("Bearer "):
            return f"{len(authorization)} values"
        token = authorization[0].removeprefix("Bearer ")
        self.tokens.add(token)
        return self.why_no_token(token)

    def why_no_token(self, token: str) -> str | None:
        """In: a token. Out: why it is no good; none if it is."""
        return None if token in self.good else "unknown"


class ProviderFront(Front):
    """Verifies each token by the provider's own keys, to the second."""

    def __init__(self, provider: Provider) -> None:
        super().__init__()
        # Its keys are kept while the provider is down; another key is asked for when a token names it.
        self._keys = jwt.PyJWKClient(f"{provider.issuer}/jwks", lifespan=3600)
        self.not_before = 0.0

    def why_no_token(self, token: str) -> str | None:
        """As of the plain one."""
        try:
            key = self._keys.get_signing_key_from_jwt(token)
            claims = jwt.decode(token, key, algorithms=["RS256"], audience="ollama")
        except jwt.PyJWTError as error:
            return type(error).__name__
        return "revoked" if claims["iat"] < self.not_before else None


class _Request(BaseHTTPRequestHandler):
    server: Front
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _is_let_in(self) -> bool:
        self.server.fields.append({name.lower() for name in self.headers})
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        why = self.server.why_not(self.headers.get_all("Authorization") or [])
        if why is None:
            return True
        self.server.refused.append(why)
        body = b'{"error":"your token is wrong"}'
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Bearer realm="front", error="invalid_token"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return False

    def do_GET(self) -> None:
        """A list of no models."""
        if self._is_let_in():
            body = b'{"models":[]}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def do_POST(self) -> None:
        """A stream of some lines, slowly."""
        if self._is_let_in():
            self.send_response(200)
            self.send_header("Content-Type", "application/x-ndjson")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for number in range(CHUNKS):
                line = json.dumps({"done": number == CHUNKS - 1}).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                time.sleep(CHUNK_SECONDS)
            self.wfile.write(b"0\r\n\r\n")
