"""Requests from a seed: usual ones, and each part of them as clients and strangers get it wrong."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Header = tuple[str, str]
HOST = "gate.example.com"
# Method, path, and whether the body names a model.
ROUTES: list[tuple[str, str, bool]] = [
    ("GET", "/", False),
    ("GET", "/api/version", False),
    ("GET", "/api/tags", False),
    ("HEAD", "/api/tags", False),
    ("GET", "/api/ps", False),
    ("POST", "/api/show", True),
    ("GET", "/v1/models", False),
    ("GET", "/v1/models/llama3.2", False),
    ("GET", "/v1/models/mistral", False),
    ("POST", "/api/generate", True),
    ("POST", "/api/chat", True),
    ("POST", "/api/chat", True),
    ("POST", "/api/embed", True),
    ("POST", "/v1/chat/completions", True),
    ("POST", "/v1/completions", True),
    ("POST", "/v1/embeddings", True),
    ("POST", "/v1/responses", True),
    ("POST", "/v1/messages", True),
    ("POST", "/api/pull", True),
    ("POST", "/api/create", True),
    ("POST", "/api/copy", False),
    ("DELETE", "/api/delete", True),
    ("POST", "/api/blobs/sha256:" + "0" * 64, False),
    ("POST", "/api/me", False),
    ("GET", "/metrics", False),
    ("POST", "/v1/files/one", True),
]
ODD_PATHS = [
    "/api/../api/tags",
    "/api/%2e%2e/api/tags",
    "/api/./tags",
    "//api/tags",
    "/api//tags",
    "/api/tags/",
    "/api/tags//",
    "/api/tags/..",
    "/api/%74ags",
    "/api/t%61gs?x=/health",
    "/API/tags",
    "/api/tags%2f",
    "/api%2ftags",
    "/api%5ctags",
    "/api\\tags",
    "/api/tags%00",
    "/api/tags%3f",
    "/api/tags%23",
    "/api/tags%25",
    "/api/tags%2",
    "/api/tags%",
    "/api/tags;x=1",
    "/api/tags?x=%2f..%2f",
    "/api/tags#x",
    "/api/delete?x=/api/version",
    "/api/tagsé",
    "/api/tags%c3%a9",
    "/api/unknown",
    "/v1",
    "/v1/v1/models",
    "/v1/models/team%2fmodel",
    "/v1/models/hf.co",
    "/metrics/x",
    "/v1/files",
    "/v1/filesystem",
    "/api/tags^{}|",
    "/..",
    "/%2e",
    "/" + "a" * 3000,
    "/api/*",
    "/api/tags~",
    "/%7eapi/tags",
    "/api/%41/..%2e/tags",
]
METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW", "get"]
HOSTS = ["localhost", "127.0.0.1:9", "GATE.EXAMPLE.COM", "gate.example.com.", "evil.example", "gate.example.com:77"]
ORIGINS = [
    "https://gate.example.com",
    "http://gate.example.com",
    "https://page.example",
    "https://evil.example",
    "null",
]
MODELS = [
    "llama3.2",
    "llama3.2:latest",
    "qwen3:8b",
    "LLAMA3.2",
    "mistral",
    "qwen3",
    "team/one",
    "gpt-oss:cloud",
    "a b",
    "",
]
PEERS = ["127.0.0.2", "127.0.0.66"]


@dataclass
class Request:
    """One request, and over what it goes."""

    method: str
    path: str
    host: str = HOST
    headers: list[Header] = field(default_factory=list)
    body: bytes | None = None
    peer: str = "127.0.0.1"
    http2: bool = False

    def line(self, at: str) -> str:
        """In: when. Out: its line for `explain --requests`."""
        headers = [f"{name}: {value}" for name, value in [("Host", self.host), *self.headers]]
        if self.body is not None and not self.http2:
            headers.append(f"Content-Length: {len(self.body)}")
        described: dict[str, Any] = {
            "request": f"{self.method} {self.path}",
            "headers": headers,
            "from": self.peer,
            "at": at,
        }
        if self.body:
            described["body_base64"] = base64.b64encode(self.body).decode()
        return json.dumps(described)


Credential = Callable[[random.Random, Request], None]


class Generator:
    """Draws requests; `credentials` put one into a request each, the good ones more often."""

    def __init__(self, seed: int, good: list[Credential], bad: list[Credential]) -> None:
        self.random = random.Random(seed)
        self._good, self._bad = good, bad

    def draw(self) -> Request:
        """Out: the next request."""
        draw = self.random
        method, path, names_model = draw.choice(ROUTES)
        request = Request(method, path)
        if draw.random() < 0.15:
            request.path = draw.choice(ODD_PATHS)
        if draw.random() < 0.06:
            request.method = draw.choice(METHODS)
        if draw.random() < 0.05:
            request.path += draw.choice(["?x=1", "?", "?a=../b", "?key=sk-0123456789abcdef"])
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            request.body = self._body(request.path, names_model)
        if draw.random() < 0.08:
            request.host = draw.choice(HOSTS)
        if draw.random() < 0.12:
            request.headers.append(("Origin", draw.choice(ORIGINS)))
        if request.method == "OPTIONS" and draw.random() < 0.7:
            request.headers.append(("Access-Control-Request-Method", draw.choice(["GET", "POST"])))
        if draw.random() < 0.1:
            request.peer = draw.choice(PEERS)
        draw.choice(self._good if draw.random() < 0.65 else self._bad)(draw, request)
        if draw.random() < 0.06:
            request.headers.append(draw.choice(self._extra()))
        request.http2 = draw.random() < 0.1 and self._fits_http2(request)
        if request.http2:
            request.host = "localhost"
        return request

    def _extra(self) -> list[Header]:
        return [
            ("X-Forwarded-User", "root"),
            ("X_Underscore", "1"),
            ("X-Forwarded-For", "10.0.0.1"),
            ("Content-Type", "application/json"),
            ("Content-Encoding", "gzip"),
            ("Content-Type", "application/grpc"),
            ("Upgrade", "websocket"),
            ("Connection", "upgrade"),
            ("X-Name", "Zoë"),
            ("Transfer-Encoding-X", "chunked"),
            ("Cookie", "other=1"),
        ]

    @staticmethod
    def _fits_http2(request: Request) -> bool:
        # What only HTTP/1 has, or reads otherwise; `explain` speaks of HTTP/1.
        plain = all(32 < ord(letter) < 127 for letter in request.path) and "#" not in request.path
        known = request.method in METHODS[:7] and request.peer == "127.0.0.1" and request.body != b""
        return plain and known and all(name not in ("Upgrade", "X_Underscore") for name, _ in request.headers)

    def _body(self, path: str, names_model: bool) -> bytes | None:
        draw = self.random
        model = draw.choice(MODELS[:4] if draw.random() < 0.6 else MODELS)
        body: dict[str, Any] = {"model": model, "stream": False} if names_model else {}
        if path == "/api/copy":
            body = {"source": model, "destination": draw.choice(MODELS)}
        if "chat" in path or "messages" in path:
            body["messages"] = [{"role": "user", "content": "hello"}]
        if "create" in path:
            body["from"] = draw.choice(MODELS)
        if draw.random() < 0.4:
            body["options"] = draw.choice(
                [{"num_ctx": 4096}, {"num_ctx": 99999}, {"num_predict": 10}, {"num_ctx": "x"}]
            )
            body["max_tokens"] = draw.choice([10, 99999, -1, "ten"])
        if draw.random() < 0.1:
            body["keep_alive"] = draw.choice(["5m", "24h", -1, 0])
        text = json.dumps(body)
        odd = draw.random()
        if odd < 0.12:
            return draw.choice(
                [
                    b"",
                    b"{",
                    b"null",
                    b"[]",
                    text.encode() + b"x",
                    text.replace('"model"', '"Model"').encode(),
                    (text[:-1] + ', "model": "mistral"}').encode(),
                    b"\xff" + text.encode(),
                    b'{"model": 1}',
                    b'{"model": "llama3.2", "pad": "' + b"x" * 300_000 + b'"}',
                    b'{"model": "\\ud800"}',
                    b"[" * 3000,
                ]
            )
        return None if odd < 0.16 else text.encode()
