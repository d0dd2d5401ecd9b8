#!/bin/sh
# Sees to it that a program is there that a part of the tests needs: need.sh PROGRAM PACKAGE PART
#
# Installs Debian's PACKAGE where PROGRAM is missing and it may. Elsewhere it says that PART is left
# out, and ends with 3; in CI that is a failure, 1.
set -eu

say() { printf 'tests: %s\n' "$*" >&2; }

if ! command -v "$1" >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    say "installing Debian's package $2"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2"; } >&2 ||
        say "apt-get could not"
fi
command -v "$1" >/dev/null 2>&1 && exit 0
say "left out: $3 (there is no \`$1\` here: apt install $2)"
[ -z "${CI:-}" ] || exit 1
exit 3
