#!/bin/sh
# Installs `htpasswd` for the tests of passwords (tests/e2e/test_basic.py).
#
# Takes Debian's apache2-utils where there is none and it may. Elsewhere it says what the tests leave
# out; in CI that is a failure.
set -eu

say() { printf 'htpasswd: %s\n' "$*" >&2; }

if ! command -v htpasswd >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    say "installing Debian's package apache2-utils"
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends apache2-utils >&2
fi
if ! command -v htpasswd >/dev/null 2>&1; then
    say "left out: the tests with files of htpasswd (apt install apache2-utils)"
    [ -z "${CI:-}" ] || exit 1
fi
