#!/usr/bin/env python3
"""`make test`: runs every ring of tests to its end, then says what each took and how it ended.

A ring is a target of the Makefile, whose output passes through. The exit status is 0 only if every
ring ended well and ran at least one test. Ctrl-C ends the ring that runs and starts no other.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from types import FrameType

RINGS = ("test-native", "test-wasm", "test-e2e")
COLOURS = {"CARGO_TERM_COLOR": "always", "FORCE_COLOR": "1"}
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
# The last line of a test program of cargo's, and that of pytest, with bars or (`-q`) without.
CLOSING = re.compile(r"^test result: \w+\. (?P<cargo>.*)|^(?:=+ )?(?P<pytest>\d+ .*) in \d[\d.]*s")
COUNT = re.compile(r"(\d+) (passed|failed|error|ignored|skipped)")
KINDS = {"error": "failed", "ignored": "left out", "skipped": "left out"}


@dataclass
class Ring:
    """A ring that ran: its target, how it ended, how long it took, and its tests by how they ended."""

    target: str
    status: int
    seconds: float
    tests: dict[str, int] = field(default_factory=dict)

    @property
    def fault(self) -> str:
        """Out: why it does not count as passed; empty if it does."""
        if self.tests["failed"]:
            return "FAILED"
        if self.status:
            return f"FAILED: it ended with status {self.status} and no failed test"
        return "" if self.tests["passed"] else "FAILED: it ran no test"


def count(output: str) -> dict[str, int]:
    """In: what a ring printed. Out: how many of its tests passed, failed and were left out."""
    tests = {"passed": 0, "failed": 0, "left out": 0}
    for line in ESCAPE.sub("", output).splitlines():
        closing = CLOSING.match(line)
        for number, kind in COUNT.findall(closing["cargo"] or closing["pytest"]) if closing else []:
            tests[KINDS.get(kind, kind)] += int(number)
    return tests


class Runner:
    """Runs targets one after another, and hands a signal to the one that runs."""

    def __init__(self, make: str) -> None:
        self.make = make
        self.signal = 0
        self.child: subprocess.Popen[bytes] | None = None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.stop)

    def stop(self, number: int, _: FrameType | None) -> None:
        """A signal for the script is one for the ring, which is in a group of its own: it gets it once, and
        has time to end what it started. A second one ends it at once."""
        again, self.signal = self.signal, number
        if self.child and self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL if again else number)

    def run(self, target: str) -> Ring:
        """In: a target. Out: how it ended. Its output passes through as it comes."""
        colours = COLOURS if sys.stdout.isatty() else {}
        command, environment = [self.make, "--no-print-directory", target], {**colours, **os.environ}
        begin, output = time.monotonic(), bytearray()
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        ) as self.child:
            assert self.child.stdout
            while part := os.read(self.child.stdout.fileno(), 65536):
                output += part
                sys.stdout.buffer.write(part)
                sys.stdout.buffer.flush()
        tests = count(output.decode(errors="replace"))
        return Ring(target, self.child.returncode, time.monotonic() - begin, tests)


def main() -> int:
    """Out: the exit status."""
    runner, rings = Runner(os.environ.get("MAKE", "make")), []
    for target in RINGS:
        rings.append(runner.run(target))
        if runner.signal:
            print(f"\nmake test: stopped in {target}", file=sys.stderr)
            return 128 + runner.signal
    print(f"\n{'ring':12} {'seconds':>8} {'passed':>7} {'failed':>7} {'left out':>9}")
    for ring in rings:
        tests = "".join(
            f" {ring.tests[kind]:{width}}" for kind, width in (("passed", 7), ("failed", 7), ("left out", 9))
        )
        print(f"{ring.target:12} {ring.seconds:8.1f}{tests}  {ring.fault}".rstrip())
    failed = [ring.target for ring in rings if ring.fault]
    print(f"make test: {', '.join(failed)} failed" if failed else "make test: all three rings passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
