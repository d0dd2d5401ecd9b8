"""A stranger's program: sends forged tokens, each with another signature.

    python forger.py PORT SECONDS CONNECTIONS BYTES [PER_SECOND] < HEADER.CLAIMS

`BYTES` is the length of a signature. Without `PER_SECOND` each connection sends the next one when the last is
answered; with it so many are sent a second, as long as a connection is free. What came back goes to standard output,
as JSON: how often each code. It is a process of its own, so that what it spends is not what a good caller waits for.
"""

from __future__ import annotations

import base64
import json
import math
import os
import selectors
import socket
import sys
import time
from collections import Counter
from typing import cast

LIMIT = 1 << 20


def signature(size: int) -> str:
    """In: bytes. Out: a signature of that length, whose last number is small enough for any curve."""
    made = bytearray(os.urandom(size))
    made[0] = made[size // 2] = made[-1] = 0
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def answer(connection: socket.socket) -> str:
    """In: a connection on which one request is open. Out: the code of its answer, empty at its end."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more or len(data) > LIMIT:
            return ""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
    while len(body) < int(fields.get(b"content-length", b"0")):
        more = connection.recv(65536)
        if not more:
            return ""
        body += more
    try:
        return str(json.loads(body)["code"])
    except (ValueError, KeyError, TypeError):
        return head.split(b" ")[1].decode()


def main(port: int, seconds: float, connections: int, size: int, per_second: float = math.inf) -> None:
    """In: where, how long, on how many connections, the length of a signature, and how many a second."""
    signed = sys.stdin.read().strip()
    seen: Counter[str] = Counter()
    idle: list[socket.socket] = []
    asked = selectors.DefaultSelector()
    begun, sent = time.monotonic(), 0
    while (elapsed := time.monotonic() - begun) < seconds:
        while len(idle) + len(asked.get_map()) < connections:
            idle.append(socket.create_connection(("127.0.0.1", port), timeout=30))
        while idle and sent < per_second * elapsed:
            connection, sent = idle.pop(), sent + 1
            token = f"{signed}.{signature(size)}"
            connection.sendall(
                f"GET /api/tags HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
            )
            asked.register(connection, selectors.EVENT_READ)
        for key, _ in asked.select(0.001):
            connection = cast("socket.socket", key.fileobj)
            asked.unregister(connection)
            code = answer(connection)
            if code:
                seen[code] += 1
                idle.append(connection)
    print(json.dumps({"seconds": time.monotonic() - begun, "seen": seen}))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), *map(float, sys.argv[5:]))
