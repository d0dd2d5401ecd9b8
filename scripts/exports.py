"""Copies a wasm module without the exported functions that Envoy does not have to call.

The SDK exports all callbacks of proxy-wasm. A gateway calls what is there: with one that does
nothing it still leaves its own code for the module's, four times in a request. Envoy skips what is
not there. Kong crashes at some that are not there, and APISIX writes an error line at one, so the
copy is for Envoy, Istio and Envoy Gateway alone. It is told so, and refuses a configuration that
needs what it lacks.

    python3 scripts/exports.py MODULE COPY
"""

from __future__ import annotations

import sys
from pathlib import Path

KEPT = {
    "_initialize",
    "proxy_abi_version_0_2_1",
    "proxy_on_memory_allocate",
    "proxy_on_vm_start",
    "proxy_on_configure",
    "proxy_on_context_create",
    "proxy_on_tick",
    "proxy_on_http_call_response",
    "proxy_on_request_headers",
    "proxy_on_request_body",
    "proxy_on_request_trailers",
    "proxy_on_delete",
}
# What the module reads to know which of the two it is (src/filter/calls/mod.rs), and what the copy reads.
EVERY = b"ollama-gate exports: every"
FEWER = b"ollama-gate exports: fewer"
HEADER = 8
EXPORTS = 7
FUNCTION = 0


def read_number(data: bytes, place: int) -> tuple[int, int]:
    """In: bytes with an unsigned LEB128 number at `place`. Out: the number, and the place behind it."""
    number = shift = 0
    while True:
        byte = data[place]
        place += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, place


def number(value: int) -> bytes:
    """Out: `value` as an unsigned LEB128 number."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def kept_exports(section: bytes) -> bytes:
    """In: the contents of an export section. Out: those of one with memories, and the functions to keep."""
    count, place = read_number(section, 0)
    kept = []
    for _ in range(count):
        start = place
        size, place = read_number(section, place)
        name = section[place : place + size].decode()
        kind = section[place + size]
        _, place = read_number(section, place + size + 1)
        if kind != FUNCTION or name in KEPT:
            kept.append(section[start:place])
    return number(len(kept)) + b"".join(kept)


def trimmed(module: bytes) -> bytes:
    """In: a module. Out: the same with fewer exports."""
    if module[:4] != b"\0asm":
        raise SystemExit("exports: this is no wasm module")
    out, place = [module[:HEADER]], HEADER
    while place < len(module):
        kind = module[place]
        size, start = read_number(module, place + 1)
        place = start + size
        contents = module[start:place]
        if kind == EXPORTS:
            contents = kept_exports(contents)
        out.append(bytes([kind]) + number(len(contents)) + contents)
    return told(b"".join(out))


def told(module: bytes) -> bytes:
    """In: a module with fewer exports. Out: the same, which knows it."""
    found = module.count(EVERY)
    if found != 1:
        raise SystemExit(f"exports: the module says {found} times which exports it has, not once")
    return module.replace(EVERY, FEWER)


def main() -> None:
    """The command line."""
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__)
    module, copy = map(Path, sys.argv[1:])
    whole = copy.with_name(f"{copy.name}.new")
    whole.write_bytes(trimmed(module.read_bytes()))
    whole.replace(copy)


if __name__ == "__main__":
    main()
