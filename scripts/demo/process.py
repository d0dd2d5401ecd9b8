"""Child processes that end when they are told to, with their output read line by line."""

from __future__ import annotations

import os
import select
import subprocess
import threading
from pathlib import Path
from typing import Callable

STOP_SECONDS = 5.0
# More than a pipe holds, so that one read empties it.
ALL = 1 << 20


class Child:
    """A process whose output goes to a list, to a log file and to whoever wants to see it.

    `watch` is called with each line, and may not ask for `lines`.
    """

    def __init__(
        self,
        command: list[str],
        cwd: Path,
        environment: dict[str, str] | None = None,
        log: Path | None = None,
        watch: Callable[[str], None] | None = None,
    ) -> None:
        self._lines: list[str] = []
        # What was read of a line whose end has not come.
        self._begun = b""
        self._reading = threading.Lock()
        self._watch = watch
        self._log = None
        if log is not None:
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._log = open(descriptor, "w", encoding="utf-8")  # noqa: SIM115 - closed by the reader
        # A session of its own: Ctrl-C in the terminal reaches only us, and we end the children in order.
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout
        os.set_blocking(self._output.fileno(), False)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Out: the process id."""
        return self._process.pid

    @property
    def lines(self) -> list[str]:
        """Out: every line that it has written so far, however long ago the reader had its turn."""
        with self._reading:
            self._take()
            return list(self._lines)

    def running(self) -> bool:
        """Out: whether the process is still there."""
        return self._process.poll() is None

    def exit_code(self, timeout: float) -> int | None:
        """In: how long to wait. Out: the exit code, or None if it is still running then."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        self._reader.join(STOP_SECONDS)
        return code

    def output(self) -> str:
        """Out: everything it has written."""
        return "\n".join(self.lines)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """In: how long it may take. Ends it: politely first, then by force."""
        if self.running():
            self._process.terminate()
            if self.exit_code(seconds) is None:
                self._process.kill()
                self._process.wait()
        self._reader.join(STOP_SECONDS)

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        more = True
        while more:
            poll.poll()
            with self._reading:
                more = self._take()
        with self._reading:
            self._output.close()
            if self._log is not None:
                self._log.close()

    def _take(self) -> bool:
        """Takes over what is in the pipe. Out: whether more may come."""
        if self._output.closed:
            return False
        try:
            data = os.read(self._output.fileno(), ALL)
        except BlockingIOError:
            return True
        *whole, self._begun = (self._begun + data).split(b"\n")
        if not data and self._begun:
            whole, self._begun = [self._begun], b""
        for raw in whole:
            self._note(raw.decode("utf-8", "replace"))
        return bool(data)

    def _note(self, line: str) -> None:
        self._lines.append(line)
        if self._log is not None:
            self._log.write(line + "\n")
            self._log.flush()
        if self._watch is not None:
            self._watch(line)
