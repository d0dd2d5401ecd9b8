"""HTTP/1.1 as bytes on a socket: what a well-behaved client library would refuse to send."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import Any

from typing_extensions import Self

SECONDS = 60.0
LIMIT = 1 << 20


@dataclass(frozen=True)
class Answer:
    """A response; `status` is 0 when the server closed the connection without one."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Out: the body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """Out: the gate's stable code, wherever the dialect puts it."""
        try:
            value = self.json()
        except ValueError:
            return None
        inner = value.get("error")
        return value.get("code") or (inner.get("code") if isinstance(inner, dict) else None)


class Connection:
    """One connection, read with a time limit and a size limit."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS, source_address=(source, 0))
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """In: bytes as they are to go out. A server that already hung up is no error: it has answered."""
        try:
            self._socket.sendall(data)
        except OSError:
            pass

    def finish(self) -> None:
        """Says that nothing more will be sent."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def line(self) -> bytes:
        """Out: the next line without its end, or what is left at the end of the connection."""
        while b"\n" not in self._buffer and self._more():
            pass
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def exactly(self, size: int) -> bytes:
        """Out: the next `size` bytes, fewer at the end of the connection."""
        while len(self._buffer) < size and self._more():
            pass
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def head(self) -> tuple[int, dict[str, str]]:
        """Out: status and headers of the next response; (0, {}) when there is none."""
        parts = self.line().split(b" ", 2)
        if len(parts) < 2 or not parts[1].isdigit():
            return 0, {}
        headers: dict[str, str] = {}
        while line := self.line():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        return int(parts[1]), headers

    def chunk(self) -> bytes:
        """Out: the next chunk of a chunked body, empty at its end."""
        size = int(self.line().partition(b";")[0] or b"0", 16)
        data = self.exactly(size)
        self.line()
        return data

    def answer(self, head_only: bool = False) -> Answer:
        """Out: the next response with its body."""
        status, headers = self.head()
        if status == 0 or head_only or status in (204, 304):
            return Answer(status, headers, b"")
        if "chunked" in headers.get("transfer-encoding", ""):
            parts = []
            while part := self.chunk():
                parts.append(part)
            return Answer(status, headers, b"".join(parts))
        size = int(headers["content-length"]) if "content-length" in headers else LIMIT
        return Answer(status, headers, self.exactly(size))

    def _more(self) -> bool:
        if len(self._buffer) > LIMIT:
            raise AssertionError("the answer is larger than any of ours")
        try:
            data = self._socket.recv(65536)
        except ConnectionError:
            return False
        self._buffer += data
        return bool(data)


def raw(port: int, data: bytes, head_only: bool = False) -> Answer:
    """In: a port of loopback and the bytes of one request. Out: the answer."""
    with Connection(port) as connection:
        connection.send(data)
        return connection.answer(head_only)


def build(
    method: str,
    path: str,
    headers: list[tuple[str, str]] | None = None,
    body: bytes | None = None,
    host: str = "gate.example.com",
) -> bytes:
    """In: a request's parts. Out: its bytes, one connection for one request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers or []]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")
