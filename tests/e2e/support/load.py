"""A steady load on a gate, with tokens that may change while it runs."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

from typing_extensions import Self

from .wire import Answer, build
from .world import Gate, eventually

SECONDS = 60.0
# How many may be under way at once: a machine that is slower than the rate would never come to the end of them.
MOST_AT_ONCE = 400


class Load:
    """Asks for the model list at a steady rate, a new connection each time, and repeats what gets a 503.

    What is seen first is counted under the phase in which a request began: `(phase, whose, status, code)`;
    `repeated` says what became of each 503 in the end.
    """

    def __init__(self, gate: Gate, rate: int, tokens: dict[str, str]) -> None:
        self._port = gate.port
        self._rate = rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.tokens = tokens
        self.phase = "before"
        self.seen: Counter[tuple[str, str, int, str | None]] = Counter()
        self.repeated: Counter[tuple[str, int]] = Counter()
        self.seconds = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(2 * SECONDS)
        assert not self._thread.is_alive(), "the load did not end"

    def count(self, phase: str | None = None, whose: str | None = None, status: int | None = None) -> int:
        """In: what to look for; None is any. Out: how many answers are so."""
        wanted = (phase, whose, status)
        items = list(self.seen.items())
        return sum(count for key, count in items if all(want in (None, have) for want, have in zip(wanted, key)))

    def more(self, count: int, whose: str | None = None) -> None:
        """In: how many, and with whose token. Returns when so many more are answered with 200."""
        goal = self.count(whose=whose, status=200) + count
        eventually(lambda: self.count(whose=whose, status=200) >= goal, 60, f"{count} more requests")

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        tasks: set[asyncio.Task[None]] = set()
        number = 0
        while not self._stop.is_set():
            if len(tasks) >= MOST_AT_ONCE:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            names = list(self.tokens)
            task = asyncio.create_task(self._one(names[number % len(names)]))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
            await asyncio.sleep(max(0.0, begin + number / self._rate - loop.time()))
        self.seconds = loop.time() - begin
        await asyncio.gather(*tasks)

    async def _one(self, whose: str) -> None:
        phase, token = self.phase, self.tokens[whose]
        status, code, wait = await self._ask(token)
        self.seen[phase, whose, status, code] += 1
        if status != 503:
            return
        first = code or ""
        while status == 503:
            await asyncio.sleep(wait)
            status, code, wait = await self._ask(token)
        self.repeated[first, status] += 1

    async def _ask(self, token: str) -> tuple[int, str | None, float]:
        try:
            return await asyncio.wait_for(self._exchange(token), SECONDS)
        except (OSError, asyncio.TimeoutError, ValueError, IndexError) as error:
            return 0, type(error).__name__, 0.0

    async def _exchange(self, token: str) -> tuple[int, str | None, float]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(build("GET", "/api/tags", [("Authorization", f"Bearer {token}")]))
            await writer.drain()
            head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
        finally:
            writer.close()
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        return status, Answer(status, fields, body).code, float(fields.get("retry-after", 0))
