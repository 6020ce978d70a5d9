#!/bin/sh
# As upstream: options alone mean redis-server, which runs as redis and listens without protected mode.
set -eu
case "$1" in -* | *.conf) set -- redis-server "$@" ;; esac
[ "$1" = redis-server ] || exec "$@"
shift
case "${1:-}" in *.conf) set -- "$@" --protected-mode no ;; *) set -- --protected-mode no "$@" ;; esac
if [ "$(id -u)" = 0 ]; then
  chown redis:redis /data
  exec setpriv --reuid=redis --regid=redis --clear-groups redis-server "$@"
fi
exec redis-server "$@"
