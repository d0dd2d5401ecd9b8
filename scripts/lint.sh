#!/bin/sh
# Formatting, clippy on both targets, rustdoc, Python, shell, the book, licences and sources of dependencies.
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

say "rustdoc"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --quiet

say "ruff"
sh scripts/python-env.sh test
.venv/bin/ruff check scripts tests bench
.venv/bin/ruff format --check scripts tests bench

if sh scripts/need.sh shellcheck shellcheck "the check of shell scripts"; then
    say "shellcheck"
    git ls-files '*.sh' '.ci/run' | xargs shellcheck
elif [ -n "${CI:-}" ]; then
    exit 1
fi

say "the book"
sh scripts/book.sh

say "licences and sources of dependencies"
if ! target/tools/bin/cargo-deny --version 2>/dev/null | grep -qF "$DENY"; then
    say "building cargo-deny $DENY into target/tools (once; some minutes)"
    cargo install --quiet --locked --debug --root target/tools "cargo-deny@$DENY"
fi
target/tools/bin/cargo-deny --workspace --log-level warn check licenses sources bans

say "all clean"
