#!/bin/bash
# Builds end-to-end tests and notes in target/end-to-end.programs, a line each, which program is which test.
# Usage: build-end-to-end.sh NAME…
set -euo pipefail

[ $# -gt 0 ] || { echo "No end-to-end test is named: is crates/lab/end-to-end/Cargo.toml as the Makefile reads it?"; exit 2; }
# Always the whole workspace: with -p, Cargo picks other features for shared crates and builds those anew.
built=$(cargo test --workspace --no-run "${@/#/--test=}" 2>&1 | tee /dev/stderr)
for name in "$@"; do
  program=$(sed -n "s|^ *Executable .*(\(.*/deps/$name-[0-9a-f]*\))$|\1|p" <<<"$built")
  [ -x "$program" ] || { echo "The end-to-end test $name was not built."; exit 1; }
  echo "$name $program"
done >target/end-to-end.programs
