#!/bin/sh
# The same as kong.yaml by the Admin API, for a Kong with a database. It can run again: each
# request is a PUT.
#
#   sh kong/admin-api.sh http://127.0.0.1:8001 http://127.0.0.1:11434
#
# The second address is that of Ollama, as Kong reaches it.
set -eu

admin=${1:-http://127.0.0.1:8001}
ollama=${2:-http://127.0.0.1:11434}
cd "$(dirname "$0")"
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# put PATH BODY: shows Kong's answer only if it is a refusal, which names the field.
put() {
    echo "PUT $1"
    curl -sS --fail-with-body -X PUT "${admin%/}$1" -H 'Content-Type: application/json' -d "$2" -o "$answer" || {
        cat "$answer" >&2
        exit 1
    }
}

put /services/ollama "{\"url\": \"$ollama\", \"connect_timeout\": 5000, \"write_timeout\": 3600000,
    \"read_timeout\": 3600000, \"retries\": 0}"
# The gate before the route: there is no moment in which Ollama is open.
put /filter-chains/ollama-gate "@filter-chain.json"
put /services/ollama/routes/ollama '{"paths": ["/"], "strip_path": false, "preserve_host": false,
    "response_buffering": false, "request_buffering": false}'
echo "Now run the smoke test."
