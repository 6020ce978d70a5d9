#!/bin/bash
# Starts MariaDB as the upstream images do: MARIADB_* and MYSQL_* variables, each also as *_FILE.
set -euo pipefail

setting() { # setting NAME: the value of MARIADB_NAME or MYSQL_NAME, or of the file named by ..._FILE
  local name value
  for name in "MARIADB_$1" "MYSQL_$1"; do
    if [ -n "${!name:-}" ]; then printf '%s' "${!name}"; return; fi
    value="${name}_FILE"
    if [ -n "${!value:-}" ]; then cat "${!value}"; return; fi
  done
}
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e "s/'/''/g")"; }

[ "${1:0:1}" != - ] || set -- mariadbd "$@"
[ "$1" != mysqld ] || { shift; set -- mariadbd "$@"; }
[ "$1" = mariadbd ] || exec "$@"

data=/var/lib/mysql
[ "$(id -u)" != 0 ] || chown mysql:mysql "$data" /run/mysqld
if [ ! -d "$data/mysql" ]; then
  root_password=$(setting ROOT_PASSWORD)
  if [ -z "$root_password" ] && [ -z "${MARIADB_RANDOM_ROOT_PASSWORD:-}${MYSQL_RANDOM_ROOT_PASSWORD:-}" ]; then
    echo "database is uninitialized: set MARIADB_ROOT_PASSWORD (or MARIADB_ROOT_PASSWORD_FILE)" >&2
    exit 1
  fi
  [ -n "$root_password" ] || root_password=$(head -c 24 /dev/urandom | base64)
  rm -rf "$data"/.ready
  mariadb-install-db --user=mysql --datadir="$data" --skip-test-db --auth-root-authentication-method=normal >/dev/null
  database=$(setting DATABASE) user=$(setting USER) password=$(setting PASSWORD)
  {
    echo "FLUSH PRIVILEGES;"
    echo "DELETE FROM mysql.global_priv WHERE User = '' OR User = 'root' AND Host <> 'localhost';"
    echo "ALTER USER 'root'@'localhost' IDENTIFIED BY $(quoted "$root_password");"
    echo "CREATE USER 'root'@'%' IDENTIFIED BY $(quoted "$root_password");"
    echo "GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;"
    echo "CREATE USER 'healthcheck'@'localhost' IDENTIFIED VIA unix_socket OR mysql_native_password;"
    [ -z "$database" ] || echo "CREATE DATABASE IF NOT EXISTS \`$database\`;"
    if [ -n "$user" ] && [ -n "$password" ]; then
      echo "CREATE USER $(quoted "$user")@'%' IDENTIFIED BY $(quoted "$password");"
      [ -z "$database" ] || echo "GRANT ALL ON \`$database\`.* TO $(quoted "$user")@'%';"
    fi
    for file in /docker-entrypoint-initdb.d/*.sql; do
      [ ! -e "$file" ] || { [ -z "$database" ] || echo "USE \`$database\`;"; cat "$file"; }
    done
    echo "FLUSH PRIVILEGES;"
  } | mariadbd --user=mysql --datadir="$data" --bootstrap --skip-networking --silent-startup
fi
unset MARIADB_ROOT_PASSWORD MYSQL_ROOT_PASSWORD MARIADB_PASSWORD MYSQL_PASSWORD
shift
exec mariadbd --user=mysql --datadir="$data" "$@"
