"""Which keys were in force when, read from the log of a gate that fetches its keys.

    python3 examples/history.py gateway.log             every change: time, source, id, what became of it
    python3 examples/history.py gateway.log --at TIME   the keys that were in force then, as TIME in the first form

Reads the lines `keys_changed` (docs/key-sources.md) of one run of the gateway, wherever they stand in a line of its log.
Workers see each change by themselves; of the same change, known by document, generation and fingerprint, the first
counts.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BEGIN = '{"gate":"ollama-gate","event":"keys_changed"'


def changes(text: str) -> Iterator[dict[str, Any]]:
    """In: a log. Out: each change of a document, told once, in the order in which they were seen."""
    seen: set[tuple[str, int, str]] = set()
    for line in text.splitlines():
        start = line.find(BEGIN)
        if start < 0:
            continue
        change, _ = json.JSONDecoder().raw_decode(line[start:])
        which = (change["source"], change["generation"], change["fingerprint"])
        if which not in seen:
            seen.add(which)
            yield change


def rows(text: str) -> Iterator[tuple[str, str, str, str]]:
    """In: a log. Out: time, source, id, and whether it was added, changed or removed."""
    known: dict[str, set[str]] = {}
    for change in changes(text):
        keys = known.setdefault(change["source"], set())
        for name, what in (("added", "added"), ("changed", "changed"), ("removed", "removed")):
            for key in change[name]:
                if name == "added" and key in keys:
                    continue
                (keys.discard if name == "removed" else keys.add)(key)
                yield change["effective"], change["source"], key, what


def in_force(text: str, moment: str) -> list[tuple[str, str]]:
    """In: a log and a time. Out: source and id of each key that was in force then."""
    found: set[tuple[str, str]] = set()
    for effective, source, key, what in rows(text):
        if effective <= moment:
            (found.discard if what == "removed" else found.add)((source, key))
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
