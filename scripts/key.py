#!/usr/bin/env python3
"""`make key`: prints a new API key once, and the record that lets it in. `--help` tells the rest."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from demo.credentials import from_now, new_key, record

SCOPES = ("health", "read", "inference", "manage", "cloud")
DESCRIPTION = """\
Prints a new key for a client, and the record to paste into `api_keys.keys`.

The record holds a SHA-256 digest. The key itself is stored nowhere: copy it now, it cannot be
shown again. The options may also stand in the environment: `make key ID=alice-laptop DAYS=30`.
"""


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """In: the command line. Out: the options, those of the environment where the line is silent."""
    parser = argparse.ArgumentParser(
        prog="key", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    get = os.environ.get
    parser.add_argument(
        "id", nargs="?", default=get("ID") or "new-key", help="the key's name in logs (default new-key)"
    )
    parser.add_argument("--subject", default=get("SUBJECT") or None, help="whose key it is (default: the id)")
    parser.add_argument("--days", default=get("DAYS") or "90", help="days until it expires (default 90)")
    parser.add_argument(
        "--scopes",
        default=get("SCOPES") or "read,inference",
        help=f"some of {','.join(SCOPES)} (default read,inference)",
    )
    options = parser.parse_args(arguments)
    if not re.fullmatch(r"[!-~]{1,128}", options.id):
        parser.error(f"the id {options.id!r} is not usable: visible ASCII without spaces, at most 128 characters.")
    if not options.days.isdecimal() or not 0 < int(options.days) <= 36500:
        parser.error(f"{options.days!r} days: give a whole number from 1 to 36500.")
    options.scopes = [scope.strip() for scope in options.scopes.split(",") if scope.strip()]
    unknown = [scope for scope in options.scopes if scope not in SCOPES]
    if unknown:
        parser.error(f"there is no scope {unknown[0]!r}: the scopes are {', '.join(SCOPES)}.")
    return options


def main(arguments: list[str] | None = None) -> int:
    """In: the command line. Out: the exit code."""
    options = parse(arguments)
    key = new_key()
    entry = record(key, options.id, options.scopes, from_now(days=int(options.days)), options.subject)
    print("The key, for the client. It is stored nowhere and not shown again:\n")
    print(f"  {key}\n")
    print("Its record, for `api_keys.keys` in the gate's configuration:\n")
    print("\n".join(f"  {line}" for line in json.dumps(entry, indent=2).splitlines()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
