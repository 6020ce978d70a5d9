#!/bin/bash
# Runs the fast tests. Up to three that fail are run once more, alone: eight run beside each other, and a machine that
# was too slow is told from a program that is wrong. One that passes only alone does not fail the run, and is named at
# the end with what it said: each of them is a matter of its own, like any other finding.
set -uo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# They wait for disks and other programs more than they compute.
RUST_TEST_THREADS=8 cargo test --workspace --no-fail-fast 2>&1 | tee "$log"
code=${PIPESTATUS[0]}
[ "$code" = 0 ] && exit 0

mapfile -t failed < <(sed -n 's/^test \([A-Za-z0-9_:]*\) \.\.\. FAILED$/\1/p' "$log" | sort -u)
# What does not compile, what ended without a word of its tests, and what breaks much is not run again.
programs=$(grep -c '^test result: FAILED' "$log")
broken=$(sed -n 's/^error: \([0-9]*\) targets\? failed:$/\1/p' "$log" | tail -n 1)
[ "${#failed[@]}" -ge 1 ] && [ "${#failed[@]}" -le 3 ] && [ "$programs" = "${broken:-0}" ] || exit "$code"

echo "── Failed: ${failed[*]}. Each is run once more, alone."
grep -hE -A 20 "panicked at" "$log" | cut -c1-400 | head -n 80
again=$(RUST_TEST_THREADS=1 cargo test --workspace --no-fail-fast --lib --bins --tests -- --exact "${failed[@]}" 2>&1)
code=$?
grep -E "^test |panicked at" <<<"$again"
for name in "${failed[@]}"; do
  grep -q "^test $name \.\.\. ok$" <<<"$again" || { echo "── $name did not pass alone"; exit 1; }
done
[ "$code" = 0 ] && echo "── Failed beside others, passed alone: ${failed[*]}. Look why."
exit "$code"
