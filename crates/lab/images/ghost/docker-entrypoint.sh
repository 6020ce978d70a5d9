#!/bin/bash
# As upstream: fills an empty content folder from what Ghost brings, then runs Ghost as node.
set -euo pipefail
if [ "$(id -u)" = 0 ] && [ "$*" = "node current/index.js" ]; then
  find "$GHOST_CONTENT" \! -user node -exec chown node:node '{}' +
  exec setpriv --reuid=node --regid=node --init-groups "$BASH_SOURCE" "$@"
fi
if [ "$*" = "node current/index.js" ]; then
  for folder in apps data files images logs media public settings themes; do
    mkdir -p "$GHOST_CONTENT/$folder"
  done
  for theme in "$GHOST_INSTALL"/current/content/themes/*; do
    target="$GHOST_CONTENT/themes/$(basename "$theme")"
    [ -e "$target" ] || cp -r "$theme" "$target"
  done
fi
exec "$@"
