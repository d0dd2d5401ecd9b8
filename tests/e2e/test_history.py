"""`examples/history.py`: which keys of a document were in force when, read from the log of several workers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "history.py"


def line(second: int, generation: int, fingerprint: str, **ids: list[str]) -> str:
    """In: a change. Out: the line of a gateway's log with it."""
    change: dict[str, Any] = {
        "gate": "ollama-gate",
        "event": "keys_changed",
        "source": "ring",
        "generation": generation,
        "fingerprint": fingerprint,
        "effective": f"2026-01-01T00:00:{second:02}Z",
        "keys": 2,
        **{name: ids.get(name, []) for name in ("added", "removed", "changed")},
    }
    text = json.dumps(change, separators=(",", ":"))
    return f"[2026-01-01 00:00:{second:02}.000][12][info][wasm] [context.cc:1] wasm log: {text}"


# Two workers, the second a little later than the first, and once a whole document later.
LOG = [
    line(1, 1, "aa", added=["alice", "bob"]),
    "a line of something else",
    line(2, 1, "aa", added=["alice", "bob"]),
    line(10, 2, "bb", removed=["bob"], changed=["alice"]),
    line(11, 2, "bb", removed=["bob"], changed=["alice"]),
    line(20, 3, "aa", added=["bob"], changed=["alice"]),
    line(21, 3, "aa", added=["bob"], changed=["alice"]),
]


def history(folder: Path, *arguments: str) -> list[list[str]]:
    """In: arguments of the script. Out: what it prints of the log, taken apart."""
    log = folder / "gateway.log"
    log.write_text("\n".join(LOG), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, str(SCRIPT), str(log), *arguments], capture_output=True, text=True, check=True
    )
    return [row.split("\t") for row in run.stdout.splitlines()]


def test_each_change_is_told_once_however_many_workers_saw_it(tmp_path: Path) -> None:
    assert [row[2:] for row in history(tmp_path)] == [
        ["alice", "added"],
        ["bob", "added"],
        ["alice", "changed"],
        ["bob", "removed"],
        ["bob", "added"],
        ["alice", "changed"],
    ]


def test_the_keys_of_a_moment_are_those_that_were_in_force_then(tmp_path: Path) -> None:
    for second, ids in [(0, []), (1, ["alice", "bob"]), (10, ["alice"]), (15, ["alice"]), (20, ["alice", "bob"])]:
        found = history(tmp_path, "--at", f"2026-01-01T00:00:{second:02}Z")
        assert [row[1] for row in found] == ids, second
