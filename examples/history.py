"""Which keys were in force when, and which credential for Ollama's front, read from the log of a gate that fetches them.

    python3 examples/history.py gateway.log             every change: time, source, id, what became of it
    python3 examples/history.py gateway.log --at TIME   what was in force then, as TIME in the first form

Reads the lines `keys_changed` (docs/key-sources.md) and `upstream_credential_changed` (docs/upstream-credential.md) of one run
of the gateway, wherever they stand in a line of its log. Workers see each change of a document by themselves; of the same
change, known by document, generation and fingerprint, the first counts. The source of the credential is
`upstream.credential`, and its id the fingerprint: workers that have a token issued each have one of their own, and a credential is
in force until its end. One whose source names no end is in force until the next one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BEGIN = '{"gate":"ollama-gate","event":"'
CREDENTIAL = "upstream.credential"


def changes(text: str) -> Iterator[dict[str, Any]]:
    """In: a log. Out: each change of a document or of the credential, told once, in the order in which they were seen."""
    seen: set[tuple[str, str, str]] = set()
    for line in text.splitlines():
        start = line.find(BEGIN)
        if start < 0:
            continue
        change, _ = json.JSONDecoder().raw_decode(line[start:])
        if change["event"] == "upstream_credential_changed":
            # One of fewer than 32 bytes has no fingerprint, by which it could be guessed.
            change = {"source": CREDENTIAL, "fingerprint": "(short)", **change}
            # One without an end may come again, after another one.
            turn = "" if "expires_at" in change else str(change["generation"])
            which = (CREDENTIAL, turn, change["fingerprint"])
        elif change["event"] == "keys_changed":
            which = (change["source"], str(change["generation"]), change["fingerprint"])
        else:
            continue
        if which not in seen or change["fingerprint"] == "(short)":
            seen.add(which)
            yield change


def rows(text: str) -> Iterator[tuple[str, str, str, str]]:
    """In: a log. Out: time, source, id, and whether it was added, changed or removed, or until when it is good."""
    known: dict[str, set[str]] = {}
    kept: str | None = None
    for change in changes(text):
        if change["source"] == CREDENTIAL:
            fingerprint = change["fingerprint"]
            if kept not in (None, fingerprint):
                yield change["effective"], CREDENTIAL, kept, "removed"
            end = f"until {change['expires_at']}" if "expires_at" in change else "added"
            yield change["effective"], CREDENTIAL, fingerprint, end
            kept = fingerprint if end == "added" else None
            continue
        keys = known.setdefault(change["source"], set())
        for name, what in (("added", "added"), ("changed", "changed"), ("removed", "removed")):
            for key in change[name]:
                if name == "added" and key in keys:
                    continue
                (keys.discard if name == "removed" else keys.add)(key)
                yield change["effective"], change["source"], key, what


def in_force(text: str, moment: str) -> list[tuple[str, str]]:
    """In: a log and a time. Out: source and id of what was in force then."""
    found: set[tuple[str, str]] = set()
    for effective, source, key, what in rows(text):
        if effective <= moment:
            is_over = what == "removed" or (what.startswith("until ") and what.removeprefix("until ") <= moment)
            (found.discard if is_over else found.add)((source, key))
    return sorted(found)


def main() -> None:
    """Prints what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("--at", metavar="TIME")
    arguments = parser.parse_args()
    text = arguments.log.read_text(encoding="utf-8", errors="replace")
    found = in_force(text, arguments.at) if arguments.at else rows(text)
    for row in found:
        sys.stdout.write("\t".join(row) + "\n")


if __name__ == "__main__":
    main()
