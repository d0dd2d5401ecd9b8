#!/bin/sh
# Formatting, clippy on both targets, Python, shell, licences and sources of dependencies.
#
# Installs what it needs into .venv and target/tools. Says what it leaves out, and why.
set -eu
cd "$(dirname "$0")/.."

DENY=0.20.2

say() { printf 'lint: %s\n' "$*" >&2; }

say "rustfmt"
cargo fmt --all --check

say "clippy"
cargo clippy --locked --workspace --all-targets -- -D warnings

if ls "$(rustc --print sysroot)"/lib/rustlib/wasm32-wasip1/lib/libstd-*.rlib >/dev/null 2>&1; then
    say "clippy for wasm"
    cargo clippy --locked --lib --target wasm32-wasip1 -- -D warnings
else
    say "left out: clippy for wasm (rustup target add wasm32-wasip1)"
fi

say "ruff"
sh scripts/python-env.sh test
.venv/bin/ruff check scripts tests bench
.venv/bin/ruff format --check scripts tests bench

if ! command -v shellcheck >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends shellcheck >&2
fi
if command -v shellcheck >/dev/null 2>&1; then
    say "shellcheck"
    git ls-files '*.sh' '.ci/run' | xargs shellcheck
else
    say "left out: shellcheck (not installed)"
fi

say "licences and sources of dependencies"
if ! target/tools/bin/cargo-deny --version 2>/dev/null | grep -qF "$DENY"; then
    say "building cargo-deny $DENY into target/tools (once; some minutes)"
    cargo install --quiet --locked --debug --root target/tools "cargo-deny@$DENY"
fi
target/tools/bin/cargo-deny --log-level warn check licenses sources bans

say "all clean"
