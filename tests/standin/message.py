"""What goes through the stand-in: a request that was read, and the two kinds of answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Union


class BadRequest(Exception):
    """The request's body is not what the route wants; the text is Ollama's error message."""


# Where Ollama takes compressed bodies, and how long what comes of them may be.
ZSTD = {f"/v1/{name}" for name in ("chat/completions", "completions", "embeddings", "responses", "messages")}
MOST_CONTENT = 20 << 20


@dataclass
class Request:
    """A request after routing: `path` is decoded, `parameter` is what the route's last part matched."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    parameter: str = ""

    def _plain(self) -> bytes:
        """Out: the body, uncompressed where Ollama looks for that: by one exact value, under `/v1`."""
        codings = [value for name, value in self.headers.items() if name.lower() == "content-encoding"]
        if codings[:1] != ["zstd"] or self.path not in ZSTD:
            return self.body
        import zstandard

        try:
            reader = zstandard.ZstdDecompressor(max_window_size=8 << 20).stream_reader(
                self.body, read_across_frames=True
            )
            body = reader.read(MOST_CONTENT + 1)
        except zstandard.ZstdError:
            raise BadRequest("failed to decompress request body") from None
        if len(body) > MOST_CONTENT:
            raise BadRequest("http: request body too large")
        return body

    def json(self) -> dict[str, Any]:
        """Out: the body as an object. Content-Type is not looked at, as in Ollama."""
        body = self._plain()
        if not body:
            raise BadRequest("missing request body")
        try:
            value = json.loads(body)
        except ValueError as error:
            raise BadRequest(f"invalid JSON: {error}") from None
        if not isinstance(value, dict):
            raise BadRequest("json: cannot unmarshal value into an object")
        return value


@dataclass
class Reply:
    """An answer in one piece."""

    status: int = 200
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def json(cls, value: Any, status: int = 200) -> Reply:
        """In: anything JSON can carry. Out: the reply that Ollama would send."""
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        return cls(status, body, [("Content-Type", "application/json; charset=utf-8")])

    @classmethod
    def text(cls, text: str, status: int = 200) -> Reply:
        """In: a line of text. Out: a plain-text reply."""
        return cls(status, text.encode(), [("Content-Type", "text/plain; charset=utf-8")])


@dataclass
class Stream:
    """An answer in chunks: every item of `chunks` is sent and flushed by itself."""

    content_type: str
    chunks: Iterator[bytes]

    @classmethod
    def ndjson(cls, objects: Iterator[Any]) -> Stream:
        """In: the objects. Out: one line for each."""
        return cls("application/x-ndjson", (json.dumps(value).encode() + b"\n" for value in objects))

    @classmethod
    def data(cls, objects: Iterator[Any]) -> Stream:
        """In: the objects. Out: OpenAI's server-sent events, with `[DONE]` at the end."""

        def lines() -> Iterator[bytes]:
            for value in objects:
                yield b"data: " + json.dumps(value).encode() + b"\n\n"
            yield b"data: [DONE]\n\n"

        return cls("text/event-stream", lines())

    @classmethod
    def events(cls, objects: Iterator[Any]) -> Stream:
        """In: objects with a `type`. Out: server-sent events named by it (Anthropic, OpenAI's responses)."""
        return cls(
            "text/event-stream",
            (b"event: %s\ndata: %s\n\n" % (value["type"].encode(), json.dumps(value).encode()) for value in objects),
        )


Answer = Union[Reply, Stream]
