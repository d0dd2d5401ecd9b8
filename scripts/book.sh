#!/bin/sh
# Builds the book into target/book, and fails at the first warning. mkdocs.yml says what is in it.
set -eu
cd "$(dirname "$0")/.."

sh scripts/python-env.sh book
# Not --quiet: with it MkDocs counts no warnings, and `strict` finds nothing.
.venv/bin/python -m mkdocs build
