#!/bin/sh
# Prints rustc's flags that keep the paths of this machine out of what is built: remap.sh SYSROOT
#
# The compiler writes the paths of sources into panic messages. With these flags, two clones at different
# paths give the same bytes. Flags are separated by 0x1f, as CARGO_ENCODED_RUSTFLAGS has them, so that a
# path may hold a space.
set -eu
cd "$(dirname "$0")/.."

printf -- '--remap-path-prefix=%s=cargo\037--remap-path-prefix=%s=rust\037--remap-path-prefix=%s=ollama-gate' \
    "${CARGO_HOME:-$HOME/.cargo}" "$1" "$(pwd)"
