#!/bin/bash
# Runs a command, and prints a line whenever it has printed nothing for ten seconds: "still running" for a reader who
# would else take it for hung. On a terminal the command's own progress is enough, so there it only runs it.
set -uo pipefail

[ -t 1 ] && exec "$@"
last=$(mktemp)
trap 'rm -f "$last"' EXIT
(
  while sleep 2; do
    [ -e "$last" ] || exit 0
    if [ $(($(date +%s) - $(stat -c %Y "$last"))) -ge 8 ]; then
      echo "   … still running: $1 ${2-} ($SECONDS s)"
      touch "$last"
    fi
  done
) &
"$@" 2>&1 | while IFS= read -r line; do
  printf '%s\n' "$line"
  touch "$last"
done
