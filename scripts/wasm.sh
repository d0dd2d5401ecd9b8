#!/bin/sh
# Builds the filter and leaves it in dist/:
#   ollama_gate.wasm         for every gateway
#   ollama_gate_envoy.wasm   the same with fewer exports, for Envoy, Istio and Envoy Gateway alone
#
# Two ways, and the last line says which was taken:
#   rustup   rustup's wasm32-wasip1 target, added if it is missing (tried first)
#   debian   Debian's packages, the standard library built from source, where rustup cannot add it
# WASM_TOOLCHAIN=rustup|debian forces one. WASM_PACKAGE=name builds another package of the workspace,
# WASM_BUILD=folder in another folder than target/wasm.
set -eu
cd "$(dirname "$0")/.."

TARGET=wasm32-wasip1
PACKAGES="rustc-web cargo-web rust-web-src wasi-libc lld"
PACKAGE=${WASM_PACKAGE:-ollama-gate}
NAME=$(echo "$PACKAGE" | tr - _)
OUT=dist/$NAME.wasm
BUILD=${WASM_BUILD:-target/wasm}

say() { printf 'wasm: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

has_target() {
    command -v rustc >/dev/null 2>&1 &&
        ls "$(rustc --print sysroot)/lib/rustlib/$TARGET/lib/"libstd-*.rlib >/dev/null 2>&1
}

add_target() {
    has_target && return 0
    command -v rustup >/dev/null 2>&1 || return 1
    say "adding the target $TARGET with rustup (up to two minutes)"
    timeout 120 rustup target add "$TARGET" >&2 && has_target
}

# SIMD is on: every gateway's engine has it. The module says nothing about the machine that built it.
flags() {
    printf -- '-Ctarget-feature=+simd128\037%s' "$(sh scripts/remap.sh "$1")"
}

# With both crate types in Cargo.toml cargo drops LTO without a word, so the one is named here.
build_rustup() {
    say "building with $(rustc --version)"
    CARGO_ENCODED_RUSTFLAGS=$(flags "$(rustc --print sysroot)") \
        cargo rustc --locked --release -p "$PACKAGE" --lib --crate-type cdylib --target "$TARGET" --target-dir "$BUILD"
}

has_packages() {
    [ -x /usr/bin/rustc ] && [ -x /usr/bin/cargo ] && [ -d /usr/lib/wasm32-wasi ] &&
        command -v wasm-ld >/dev/null 2>&1 &&
        [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library" ]
}

install_packages() {
    has_packages && return 0
    command -v apt-get >/dev/null 2>&1 ||
        fail "no target $TARGET, and no apt-get to install one: run 'rustup target add $TARGET'"
    if [ "$(id -u)" != 0 ]; then
        fail "no target $TARGET: run 'rustup target add $TARGET', or 'sudo apt-get install --no-install-recommends $PACKAGES'"
    fi
    say "installing Debian's packages: $PACKAGES"
    apt-get update -qq >&2
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $PACKAGES >&2
    has_packages || fail "Debian's packages are installed, but not what they should hold"
}

build_debian() {
    say "building with Debian's $(/usr/bin/rustc --version), its standard library from source"
    RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc \
        CARGO_TARGET_WASM32_WASIP1_LINKER=wasm-ld \
        CARGO_ENCODED_RUSTFLAGS="$(flags "$(/usr/bin/rustc --print sysroot)")$(
            printf '\037-Clinker-flavor=wasm-ld\037-Clink-self-contained=no\037-L/usr/lib/wasm32-wasi')" \
        /usr/bin/cargo rustc --locked --release -p "$PACKAGE" --lib --crate-type cdylib --target "$TARGET" \
        --target-dir "$BUILD-debian" -Zbuild-std=std,panic_abort
}

case "${WASM_TOOLCHAIN:-}" in
    rustup)
        add_target || fail "rustup could not add the target $TARGET"
        way=rustup ;;
    debian)
        install_packages
        way=debian ;;
    "")
        if add_target; then
            way=rustup
        else
            say "rustup cannot add the target $TARGET, taking Debian's packages"
            install_packages
            way=debian
        fi ;;
    *) fail "WASM_TOOLCHAIN is '$WASM_TOOLCHAIN', expected rustup or debian" ;;
esac

case $way in
    rustup) build_rustup; built=$BUILD ;;
    debian) build_debian; built=$BUILD-debian ;;
esac

mkdir -p dist
cp "$built/$TARGET/release/$NAME.wasm" "$OUT.new"
if [ "$PACKAGE" = ollama-gate ]; then
    python3 scripts/exports.py "$OUT.new" "dist/${NAME}_envoy.wasm"
    say "dist/${NAME}_envoy.wasm, for Envoy, Istio and Envoy Gateway"
fi
mv "$OUT.new" "$OUT"
say "$OUT, $(wc -c <"$OUT") bytes, toolchain: $way"
