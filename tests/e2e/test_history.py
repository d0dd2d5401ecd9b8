"""`examples/history.py`: which keys, and which credential, were in force when, read from the log of several workers."""

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


def credential(second: int, generation: int, fingerprint: str, end: int | None) -> str:
    """In: a change of the credential for Ollama's front. Out: the line of a gateway's log with it."""
    change: dict[str, Any] = {
        "gate": "ollama-gate",
        "event": "upstream_credential_changed",
        "generation": str(generation),
        "effective": f"2026-01-01T00:00:{second:02}Z",
        "fingerprint": fingerprint,
    }
    if end is not None:
        change["expires_at"] = f"2026-01-01T00:00:{end:02}Z"
    return f"[info] wasm log: {json.dumps(change, separators=(',', ':'))}"


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


# Each worker has a token of its own, and all of them lines of other things.
CREDENTIALS = [
    credential(1, 1, "t1", 21),
    credential(2, 1, "t2", 22),
    '{"gate":"ollama-gate","event":"key_expires_soon","id":"alice","expires_at":"2026-01-02T00:00:00Z","seconds_left":9}',
    credential(11, 2, "t3", 31),
    credential(12, 2, "t3", 31),
]


def history(folder: Path, *arguments: str, log: list[str] = LOG) -> list[list[str]]:
    """In: arguments of the script. Out: what it prints of the log, taken apart."""
    path = folder / "gateway.log"
    path.write_text("\n".join(log), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, str(SCRIPT), str(path), *arguments], capture_output=True, text=True, check=True
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


def test_each_credential_for_the_front_is_told_with_its_end(tmp_path: Path) -> None:
    assert [row[1:] for row in history(tmp_path, log=[*LOG[:1], *CREDENTIALS])][2:] == [
        ["upstream.credential", "t1", "until 2026-01-01T00:00:21Z"],
        ["upstream.credential", "t2", "until 2026-01-01T00:00:22Z"],
        ["upstream.credential", "t3", "until 2026-01-01T00:00:31Z"],
    ]


def test_a_credential_without_an_end_is_in_force_until_the_next_one(tmp_path: Path) -> None:
    log = [
        credential(1, 1, "t1", None),
        credential(2, 1, "t1", None),
        credential(10, 2, "t2", None),
        credential(11, 2, "t2", None),
        credential(20, 3, "t1", None),
        credential(30, 4, "t3", 40),
    ]
    assert [row[2:] for row in history(tmp_path, log=log)] == [
        ["t1", "added"],
        ["t1", "removed"],
        ["t2", "added"],
        ["t2", "removed"],
        ["t1", "added"],
        ["t1", "removed"],
        ["t3", "until 2026-01-01T00:00:40Z"],
    ]
    for second, found in [(0, []), (9, ["t1"]), (10, ["t2"]), (29, ["t1"]), (30, ["t3"]), (40, [])]:
        rows = history(tmp_path, "--at", f"2026-01-01T00:00:{second:02}Z", log=log)
        assert [row[1] for row in rows] == found, second


def test_a_credential_is_in_force_until_its_end(tmp_path: Path) -> None:
    for second, fingerprints in [(0, []), (1, ["t1"]), (20, ["t1", "t2", "t3"]), (21, ["t2", "t3"]), (31, [])]:
        found = history(tmp_path, "--at", f"2026-01-01T00:00:{second:02}Z", log=CREDENTIALS)
        assert [row[1] for row in found] == fingerprints, second
