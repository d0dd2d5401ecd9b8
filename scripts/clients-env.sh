#!/bin/sh
# Installs the clients of `make clients` in their newest versions: those of Python into target/clients, with uv,
# since pip takes half an hour to find versions that fit together; those of Node beside the programs.
set -eu

cd "$(dirname "$0")/.."
for program in python3 node npm; do
    command -v "$program" >/dev/null 2>&1 || { echo "clients-env: there is no $program here" >&2; exit 1; }
done
home=target/clients
[ -x "$home/bin/python" ] || python3 -m venv --clear "$home"
"$home/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade uv
"$home/bin/uv" pip install --quiet --python "$home/bin/python" --upgrade -r tests/clients/requirements.txt
cd tests/clients/programs
npm install --ignore-scripts --no-audit --no-fund --no-package-lock --silent
# What it would do after its installation: puts its program for this machine where it is looked for.
node node_modules/@anthropic-ai/claude-code/install.cjs
