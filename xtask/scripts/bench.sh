#!/bin/bash
# Runs every bench, one after the other, so that none disturbs another. A budget that is missed stops none of the rest;
# which ended with an error stands at the end.
set -uo pipefail

failed=()
bench() {
  local name=$1
  shift
  echo "── $name"
  "$@" || failed+=("$name")
}

bench "a run that has nothing to do" target/debug/letsbe-lab bench
bench "heartbeats" target/release/examples/heartbeats
bench "redaction" target/release/examples/throughput
bench "the proxy" target/release/examples/latency
bench "memory" target/debug/letsbe-lab memory
bench "nights" target/debug/letsbe-lab nights

[ "${#failed[@]}" = 0 ] && exit 0
printf '── Missed a budget, or did not end: %s\n' "${failed[@]}"
exit 1
