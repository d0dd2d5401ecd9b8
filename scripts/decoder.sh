#!/bin/sh
# Holds the gate's reader of bodies against Go's own decoders (tests/native/bodies/decoder), where there is a Go.
set -eu
cd "$(dirname "$0")/.."

status=0
sh scripts/need.sh go golang-go "the comparison with Go's decoders" || status=$?
case $status in
    0) exec cargo test --locked --test native -- --ignored bodies::decoder ;;
    3) exit 0 ;;
    *) exit "$status" ;;
esac
