"""A stranger's program: sends forged tokens as fast as they are answered, each with another signature.

    python forger.py PORT SECONDS CONNECTIONS BYTES < HEADER.CLAIMS

`BYTES` is the length of a signature. What came back goes to standard output, as JSON: how often each code.
It is a process of its own, so that what it spends is not what a good caller waits for.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import sys
import time
from collections import Counter

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


def main(port: int, seconds: float, connections: int, size: int) -> None:
    """In: where, how long, on how many connections, and the length of a signature."""
    signed = sys.stdin.read().strip()
    begun = time.monotonic()
    seen: Counter[str] = Counter()
    opened: list[socket.socket] = []
    while time.monotonic() - begun < seconds:
        while len(opened) < connections:
            opened.append(socket.create_connection(("127.0.0.1", port), timeout=30))
        for connection in opened:
            head = (
                f"GET /api/tags HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {signed}.{signature(size)}\r\n\r\n"
            )
            connection.sendall(head.encode())
        for connection in list(opened):
            code = answer(connection)
            if code:
                seen[code] += 1
            else:
                opened.remove(connection)
    print(json.dumps({"seconds": time.monotonic() - begun, "seen": seen}))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
