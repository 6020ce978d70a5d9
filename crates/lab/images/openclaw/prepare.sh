#!/bin/sh
# Installs OpenClaw 2026.9.5.
set -eu
. "$2/openclaw-runtime/install-openclaw.sh"
install_openclaw "$1" "$2" 2026.9.5
