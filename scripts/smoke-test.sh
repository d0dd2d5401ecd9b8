#!/bin/sh
# Asks a gateway whether the gate really guards it: no key gives 401, a wrong key 401, the
# right key 200. It works for any host of the gate, and it only reads.
#
#   sh scripts/smoke-test.sh http://127.0.0.1:9080 sk-the-key
#   OLLAMA_GATE_KEY=sk-the-key sh scripts/smoke-test.sh http://127.0.0.1:9080
#
# Exit status: 0 all is well, 1 a check failed, 2 it could not ask.
set -u

base=${1:-}
key=${2:-${OLLAMA_GATE_KEY:-}}
if [ -z "$base" ] || [ -z "$key" ]; then
    echo "usage: $0 BASE_URL [KEY]   (or the key in OLLAMA_GATE_KEY)" >&2
    exit 2
fi
if ! command -v curl >/dev/null 2>&1; then
    echo "$0 needs curl" >&2
    exit 2
fi
base=${base%/}
body=$(mktemp) || exit 2
trap 'rm -f "$body"' EXIT
trap 'exit 2' HUP INT TERM
failed=0

# ask PATH [KEY]: sets `status`, and leaves the answer in $body. The key goes through
# standard input, so that it is not seen in the list of processes.
ask() {
    if [ -n "${2:-}" ]; then
        status=$(printf 'header = "Authorization: Bearer %s"\n' "$2" |
            curl -sS -m 20 -K - -o "$body" -w '%{http_code}' "$base$1")
    else
        status=$(curl -sS -m 20 -o "$body" -w '%{http_code}' "$base$1")
    fi
    if [ "$status" = 000 ]; then
        echo "error  nothing answers at $base" >&2
        exit 2
    fi
}

# expect STATUS CODE WHAT: compares the last answer; CODE is the gate's own code (a pattern of
# grep -E), or "".
expect() {
    if [ "$status" = "$1" ] && { [ -z "$2" ] || grep -Eq "\"($2)\"" "$body"; }; then
        echo "ok     $3: $status"
        return
    fi
    failed=1
    echo "FAILED $3: expected $1 $2, got $status"
    sed 's/^/       /' "$body" | head -c 400
    echo
    if [ "$1" = 401 ]; then
        case $status in
        2??) echo "       THIS GATEWAY LETS EVERYBODY IN: the gate is not active on this route." ;;
        401) echo "       The 401 does not come from the gate; another plugin may stand before it." ;;
        404) echo "       There is no route, or the gateway refused it: look at its error log." ;;
        50?) echo "       Closed, but not working: look at the gateway's error log." ;;
        esac
    fi
}

ask /api/tags
expect 401 missing_credential "no key, /api/tags"
ask /v1/models
expect 401 missing_credential "no key, /v1/models"
ask /api/tags "sk-wrong-0000000000000000000000000000"
expect 401 "unknown_key|unsupported_credential" "wrong key, /api/tags"
ask /api/tags "$key"
expect 200 "" "right key, /api/tags"

if [ "$failed" = 0 ]; then
    echo "The gate guards $base."
fi
exit "$failed"
