#!/bin/bash
# As upstream: fills an empty document root with WordPress, then starts what was asked for.
set -euo pipefail
if [ "$1" = apache2-foreground ] && [ ! -e index.php ] && [ ! -e wp-includes/version.php ]; then
  chown www-data:www-data .
  cp -a /usr/src/wordpress/. .
fi
exec "$@"
