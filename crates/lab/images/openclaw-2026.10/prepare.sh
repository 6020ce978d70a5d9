#!/bin/sh
# Installs OpenClaw 2026.9.6.
set -eu
. "$2/openclaw-runtime/install-openclaw.sh"
install_openclaw "$1" "$2" 2026.9.6
