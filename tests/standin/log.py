"""The log of what reached the stand-in: one JSON object per line, written before the answer.

Three kinds of line:
  {"event": "request", "request": 1, "time": …, "method": …, "target": …, "version": …,
   "headers": [[name, value], …], "length": …}
  {"event": "body",    "request": 1, "time": …, "bytes": …}          when a request had a body, once it was read
  {"event": "chunk",   "request": 1, "time": …, "index": 0, "last": false}   just before a chunk of a stream is sent
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any


class RequestLog:
    """A log that many threads write to. Without a path it counts requests and writes nothing."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._file = open(path, "a", encoding="utf-8") if path else None  # noqa: SIM115 - open for good

    def request(
        self, method: str, target: str, version: str, headers: list[tuple[str, str]], length: int | None
    ) -> int:
        """In: a request's head; `length` is what it declares, or None. Out: the request's number, from 1.

        Written as soon as the head is there, so that a request whose body never comes is seen too.
        """
        with self._lock:
            self._count += 1
            number = self._count
        self._write("request", number, method=method, target=target, version=version, headers=headers, length=length)
        return number

    def body(self, number: int, size: int) -> None:
        """In: a request's number and how many bytes of body were read."""
        self._write("body", number, bytes=size)

    def chunk(self, number: int, index: int, last: bool) -> None:
        """In: which chunk of which request's answer is about to be sent."""
        self._write("chunk", number, index=index, last=last)

    def _write(self, event: str, number: int, **fields: Any) -> None:
        if self._file is None:
            return
        line = json.dumps({"event": event, "request": number, "time": time.time(), **fields})
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()
