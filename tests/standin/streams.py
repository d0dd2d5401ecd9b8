"""How a stream is paced: a delay between chunks, and a hold on the last one for tests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from .log import RequestLog

HOLD_SECONDS = 60.0  # a forgotten hold must not hang a server for ever
POLL_SECONDS = 0.005


class Pace:
    """Decides when each chunk of a stream may go."""

    def __init__(self, delay: float, hold: Path | None, log: RequestLog) -> None:
        self._delay = delay
        self._hold = hold
        self._log = log

    def chunks(self, number: int, source: Iterator[bytes]) -> Iterator[bytes]:
        """In: a request's number and the chunks of its answer. Out: the same, each when its time has come.

        One chunk is read ahead, because only that tells which one is the last.
        """
        index = 0
        waiting = next(source, None)
        while waiting is not None:
            following = next(source, None)
            last = following is None
            if last:
                self._wait_for_release()
            self._log.chunk(number, index, last)
            yield waiting
            waiting = following
            index += 1
            if not last and self._delay > 0:
                time.sleep(self._delay)

    def _wait_for_release(self) -> None:
        deadline = time.monotonic() + HOLD_SECONDS
        while self._hold is not None and self._hold.exists() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
