#!/bin/sh
# Installs packages of Debian's unstable release from the mirror of this image: unstable.sh <package>...
set -eu
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
  awk '/^deb / { for (i = 2; i <= NF; i++) if ($i ~ /:\/\//) { print $i; exit } } /^URIs:/ { print $2; exit }')
key=/usr/share/keyrings/debian-archive-keyring.gpg
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
echo "deb [signed-by=$key] $mirror unstable main" > /etc/apt/sources.list
apt-get -o Acquire::Languages=none update
# Files have moved from one package to another in between.
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -o DPkg::Options::=--force-overwrite "$@"
rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/*.log
