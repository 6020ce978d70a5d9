#!/bin/sh
# The gateway token may come as a file, so that it stands in no container's environment listing.
set -eu
if [ -n "${OPENCLAW_GATEWAY_TOKEN_FILE:-}" ]; then
  OPENCLAW_GATEWAY_TOKEN=$(cat "$OPENCLAW_GATEWAY_TOKEN_FILE")
  export OPENCLAW_GATEWAY_TOKEN
fi
exec "$@"
