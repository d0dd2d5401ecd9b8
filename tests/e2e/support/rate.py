"""Requests at a steady rate, whatever becomes of them: what came back, and after how long."""

from __future__ import annotations

import socket
import time
from typing import Any

from .threads import Threads
from .world import eventually

THREADS = 4
# Each connection goes to one worker, so others are made again and again.
REQUESTS_PER_CONNECTION = 100
SECONDS = 30.0


class Rate(Threads):
    """Asks for `/api/tags` so many times a second as long as the block runs, by turns with each of `keys`.

    A request is due at a moment that no answer moves, and its time counts from that moment: what waits behind a slow
    one is slow too.
    """

    def __init__(self, port: int, keys: list[str], per_second: float) -> None:
        super().__init__(THREADS)
        self._port, self._interval = port, THREADS / per_second
        self._requests = [
            f"GET /api/tags HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer {key}\r\n\r\n".encode() for key in keys
        ]
        # When each was due, when it was sent, its number, its status, and after how many seconds from `due` that came.
        self._seen: list[tuple[float, float, int, int, float]] = []
        self.failed: list[str] = []
        self._began = time.monotonic()

    def run(self, number: int) -> None:
        """Asks until it is stopped."""
        due = time.monotonic() + number * self._interval / THREADS
        turn, connection, left = number, None, 0
        while not self.stop.is_set():
            time.sleep(max(0.0, due - time.monotonic()))
            which, sent = turn % len(self._requests), time.monotonic()
            try:
                if connection is None or left == 0:
                    if connection:
                        connection.close()
                    connection, left = _connect(self._port), REQUESTS_PER_CONNECTION
                connection.sendall(self._requests[which])
                status = _answer(connection)
                self._seen.append((due, sent, which, status, time.monotonic() - due))
            except (OSError, ValueError) as error:
                self.failed.append(repr(error))
                connection = None
            left, turn, due = left - 1, turn + 1, due + self._interval
        if connection:
            connection.close()

    def statuses(self, which: int, since: float = 0.0) -> set[int]:
        """In: the number of a key, and a moment of the monotonic clock. Out: what it came to from then on."""
        return {status for _, sent, key, status, _ in list(self._seen) if key == which and sent >= since}

    def answered(self, which: int, count: int, since: float = 0.0) -> None:
        """In: the number of a key. Returns when so many requests with it that were sent from `since` on are answered."""

        def enough() -> bool:
            return sum(key == which and sent >= since for _, sent, key, _, _ in list(self._seen)) >= count

        eventually(enough, what=f"{count} answers to key {which}")

    def report(self, since: float = 0.0, until: float = float("inf")) -> dict[str, Any]:
        """In: two moments of the monotonic clock. Out: how many between them, how many a second, and milliseconds."""
        seen = [(due, took) for due, *_, took in list(self._seen) if since <= due < until]
        took = sorted(1000 * took for _, took in seen)
        span = max(due for due, _ in seen) - min(due for due, _ in seen) if len(seen) > 1 else 0.0
        return {
            "requests": len(seen),
            "per_second": round((len(seen) - 1) / span) if span else 0,
            **{f"p{share}": round(took[(len(took) - 1) * share // 100], 1) for share in (50, 99) if took},
            "max": round(took[-1], 1) if took else 0.0,
        }


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _answer(connection: socket.socket) -> int:
    """Out: the status of one answer, which has a length."""
    read = b""
    while b"\r\n\r\n" not in read:
        part = connection.recv(65536)
        if not part:
            raise ValueError("the connection was closed")
        read += part
    head, _, body = read.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    left = int(lengths[0].partition(b":")[2]) - len(body)
    while left > 0:
        left -= len(connection.recv(left))
    return int(head.split(b" ", 2)[1])
