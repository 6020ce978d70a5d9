#!/bin/sh
# Installs Ghost from the npm registry for production with MySQL (no SQLite driver).
set -eu
. "$2/shared/node-app.sh"
cd "$1"
use_node24 "$1/node24"
mkdir app && cd app
archive=$(npm pack --silent ghost@6.65.0)
tar xzf "$archive" --strip-components=1 && rm "$archive"
# Ghost's own manifest is for pnpm; npm refuses its peer ranges without this option.
install_packages --omit=optional --legacy-peer-deps
rm -rf components pnpm-lock.yaml patches types
slim .
rm -rf "$1/node24"
