#!/bin/sh
# Replays what the wasm ring recorded in target/traces in the engines that APISIX and Kong embed:
# wasmtime 0.38 (its official library, from PyPI) and wasmtime 26 (the crate). See tests/engines/.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'engines: %s\n' "$*" >&2; }

sh scripts/python-env.sh test
if .venv/bin/python -c 'import wasmtime' 2>/dev/null; then
    .venv/bin/python -m pytest -q tests/engines
    .venv/bin/python tests/engines/replay.py target/traces
else
    say "LEFT OUT: wasmtime 0.38, APISIX's engine (PyPI has no library of it for this machine)"
    [ -z "${CI:-}" ] || exit 1
fi

cargo test --quiet --locked --profile engines -p ollama-gate-engine-tests
cargo run --quiet --locked --profile engines -p ollama-gate-engine-tests -- target/traces
