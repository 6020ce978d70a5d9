#!/bin/sh
# Makes Debian 12's smallest system with the apt sources of this machine, as debian.tar in the build folder.
set -eu
out=$1
archive=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
  awk '/^deb .*bookworm/ { for (i = 2; i <= NF; i++) if ($i ~ /:\/\//) { print $i; exit } }
       /^URIs:/ { print $2; exit }')
[ -n "$archive" ] || { echo "no Debian 12 archive in /etc/apt: add one" >&2; exit 1; }
root=$out/root
debootstrap --variant=minbase --include=ca-certificates bookworm "$root" "$archive" >&2

# The host's own sources, so that security updates come from where this machine gets them.
rm -f "$root/etc/apt/sources.list"
for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
  [ -s "$file" ] && cp "$file" "$root$file"
done
[ -e "$root/etc/apt/sources.list" ] || [ -e "$root/etc/apt/sources.list.d/debian.sources" ] ||
  echo "deb $archive bookworm main" > "$root/etc/apt/sources.list"
# An archive frozen at a date would be refused as too old without what the host says about that.
grep -hs '^Acquire::Check-' /etc/apt/apt.conf.d/* > "$root/etc/apt/apt.conf.d/10lab" || true
echo 'Acquire::Retries "3";' >> "$root/etc/apt/apt.conf.d/10lab"
# The bundle of the host may hold a private authority.
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"

cat > "$root/etc/dpkg/dpkg.cfg.d/lab-small" <<'CONF'
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/lintian/*
CONF
rm -rf "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/info/* "$root"/usr/share/locale/* \
  "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb "$root"/var/log/*.log
tar -C "$root" -c . > "$out/debian.tar"
rm -rf "$root"
