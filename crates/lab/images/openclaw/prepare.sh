#!/bin/sh
# Installs OpenClaw from the npm registry.
set -eu
. "$2/shared/node-app.sh"
cd "$1"
use_node24 "$1/node24"
mkdir app && cd app
echo '{ "private": true }' > package.json
install_packages openclaw@2026.9.6
slim .
rm -rf node_modules/typescript "$1/node24"
