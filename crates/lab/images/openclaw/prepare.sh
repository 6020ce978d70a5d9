#!/bin/sh
# Installs OpenClaw from the npm registry.
set -eu
. "$2/shared/node-app.sh"
cd "$1"
use_node24 "$1/node24"
mkdir app && cd app
echo '{ "private": true }' > package.json
install_packages openclaw@2026.9.6
# Its own installation script, and no other package's, must have run: the gateway refuses to start otherwise.
npm rebuild --foreground-scripts openclaw >&2
slim .
rm -rf node_modules/typescript "$1/node24"
