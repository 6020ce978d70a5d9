#!/bin/sh
# Installs NocoDB from the npm registry. Its spreadsheet library has its home outside the registry: the
# override in package.json takes the registry's version.
set -eu
. "$2/shared/node-app.sh"
cd "$1"
use_node24 "$1/node24"
mkdir app && mv package.json main.js app/ && cd app
install_packages
slim .
# Programs for building and for other machines, which the server never loads.
rm -rf node_modules/npm node_modules/typescript node_modules/monaco-editor node_modules/@napi-rs/*musl* \
  node_modules/@img/*musl*
mkdir -p node_modules/sqlite3/build/Release
ln -s /usr/local/lib/node_sqlite3.node node_modules/sqlite3/build/Release/node_sqlite3.node
rm -rf "$1/node24"
