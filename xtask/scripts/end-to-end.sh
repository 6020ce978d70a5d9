#!/bin/bash
# Runs end-to-end tests, AT_ONCE at a time; what one printed is shown when it has ended, and kept in target/end-to-end.
# One that failed is run once more, alone: a machine that was too slow is told from a program that is wrong. What
# failed stands at the end, where it is read. A test that passed only alone does not fail the run, and is named there
# with its failure: each of them is a matter of its own, like any other finding.
# They are what build-end-to-end.sh built.
# Usage: end-to-end.sh AT_ONCE NAME…
set -uo pipefail

at_once=$1
shift
[ $# -gt 0 ] || { echo "No end-to-end test is named: is crates/lab/end-to-end/Cargo.toml as the Makefile reads it?"; exit 2; }
logs=target/end-to-end
rm -rf "$logs"
mkdir -p "$logs"

declare -A programs=()
while read -r name program; do programs[$name]=$program; done <target/end-to-end.programs
for name in "$@"; do
  [ -x "${programs[$name]:-}" ] || { echo "The end-to-end test $name was not built: run make end-to-end."; exit 1; }
done

# Not by Cargo, which lets nobody run what is built while it builds something else.
run_one() {
  local name=$1 log=$2 began=$SECONDS
  (cd crates/lab/end-to-end && exec "../../../${programs[$name]}") >"$log" 2>&1
  local code=$?
  flock "$logs" cat "$log"
  echo "── $name: $([ "$code" = 0 ] && echo passed || echo FAILED) after $((SECONDS - began)) s"
  return "$code"
}

# What a failed test said: the panics and the failed checks, and the lines around them.
why='panicked at|^error|^---- '
reasons() {
  grep -hE -B 12 -A 25 "$why" "$1" | cut -c1-400 | head -n 100
}

failed=()
declare -A running=()

# Programs that were started with & do not hear the keyboard's interrupt.
trap 'trap - TERM; kill -TERM 0; exit 130' INT TERM

reap() {
  local pid code
  wait -n -p pid "${!running[@]}"
  code=$?
  [ "$code" = 0 ] || failed+=("${running[$pid]}")
  unset "running[$pid]"
}

for name in "$@"; do
  [ "${#running[@]}" -lt "$at_once" ] || reap
  run_one "$name" "$logs/$name.log" &
  running[$!]=$name
done
while [ "${#running[@]}" -gt 0 ]; do reap; done
[ "${#failed[@]}" -gt 0 ] || exit 0

echo "── Failed: ${failed[*]}. Each is run once more, alone."
wrong=() alone=()
for name in "${failed[@]}"; do
  if run_one "$name" "$logs/$name.again.log"; then alone+=("$name"); else wrong+=("$name"); fi
done
for name in "${failed[@]}"; do
  for log in "$logs/$name.log" "$logs/$name.again.log"; do
    grep -qE "$why" "$log" && echo "── Why $name failed, in $log" && reasons "$log"
  done
done
[ "${#alone[@]}" = 0 ] || echo "── Failed beside others, passed alone: ${alone[*]}. Look why."
[ "${#wrong[@]}" = 0 ] || echo "── Failed twice: ${wrong[*]}."
[ "${#wrong[@]}" = 0 ]
