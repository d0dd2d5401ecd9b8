"""Threads that do the same as long as a block runs."""

from __future__ import annotations

import threading

from typing_extensions import Self


class Threads:
    """Starts `run` in so many threads when the block begins, and waits for them when it ends."""

    def __init__(self, count: int) -> None:
        self.stop = threading.Event()
        self._threads = [threading.Thread(target=self.run, args=(number,), daemon=True) for number in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join(30)

    def run(self, number: int) -> None:
        """In: which of the threads it is. Ends soon after `stop` is set."""
        raise NotImplementedError
