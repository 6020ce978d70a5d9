#!/bin/bash
# Starts MySQL as the upstream image does: MYSQL_* variables, each also as *_FILE.
set -euo pipefail

setting() { # setting NAME: the value of MYSQL_NAME, or of the file named by MYSQL_NAME_FILE
  local name="MYSQL_$1" file="MYSQL_$1_FILE"
  if [ -n "${!name:-}" ]; then printf '%s' "${!name}"; elif [ -n "${!file:-}" ]; then cat "${!file}"; fi
}
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e "s/'/''/g")"; }

[ "${1:0:1}" != - ] || set -- mysqld "$@"
[ "$1" = mysqld ] || exec "$@"

data=/var/lib/mysql
[ "$(id -u)" != 0 ] || chown mysql:mysql "$data" /run/mysqld
database=$(setting DATABASE)
# The server leaves its own name there with its first start.
[ -e "$data/auto.cnf" ] || cp -a --sparse=always /var/lib/mysql-fresh/. "$data"
# What comes last tells that all of it was done.
if [ ! -d "$data/${database:-lab}" ]; then
  root_password=$(setting ROOT_PASSWORD)
  if [ -z "$root_password" ] && [ -z "${MYSQL_RANDOM_ROOT_PASSWORD:-}" ]; then
    echo "database is uninitialized: set MYSQL_ROOT_PASSWORD (or MYSQL_ROOT_PASSWORD_FILE)" >&2
    exit 1
  fi
  [ -n "$root_password" ] || root_password=$(head -c 24 /dev/urandom | base64)
  user=$(setting USER) password=$(setting PASSWORD)
  first=$(mktemp)
  {
    echo "ALTER USER 'root'@'localhost' IDENTIFIED BY $(quoted "$root_password");"
    echo "CREATE USER IF NOT EXISTS 'root'@'%' IDENTIFIED BY $(quoted "$root_password");"
    echo "GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;"
    if [ -n "$user" ] && [ -n "$password" ]; then
      echo "CREATE USER IF NOT EXISTS $(quoted "$user")@'%' IDENTIFIED BY $(quoted "$password");"
      [ -z "$database" ] || echo "GRANT ALL ON \`$database\`.* TO $(quoted "$user")@'%';"
    fi
    echo "CREATE DATABASE \`${database:-lab}\`;"
  } > "$first"
  chown mysql:mysql "$first"
  set -- "$@" --init-file="$first"
fi
unset MYSQL_ROOT_PASSWORD MYSQL_PASSWORD
shift
exec mysqld --user=mysql --datadir="$data" "$@"
