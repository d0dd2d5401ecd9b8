"""Child processes that end when they are told to, with their output read line by line."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import Callable

STOP_SECONDS = 5.0


class Child:
    """A process whose output goes to a list, to a log file and to whoever wants to see it."""

    def __init__(
        self,
        command: list[str],
        cwd: Path,
        environment: dict[str, str] | None = None,
        log: Path | None = None,
        watch: Callable[[str], None] | None = None,
    ) -> None:
        self.lines: list[str] = []
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
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Out: the process id."""
        return self._process.pid

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
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            line = raw.decode("utf-8", "replace").rstrip("\n")
            self.lines.append(line)
            if self._log is not None:
                self._log.write(line + "\n")
                self._log.flush()
            if self._watch is not None:
                self._watch(line)
        if self._log is not None:
            self._log.close()
