#!/bin/sh
# Installs what the lab needs on a Debian 12 host. Says what it installs before it does; does nothing, quickly, when
# all is there. With --browser also a browser for tests of pages.
set -eu

packages="ca-certificates curl debootstrap docker.io iproute2 iptables openssh-client util-linux xz-utils"
# strip, which makes the Node program in the images smaller.
packages="$packages binutils"
[ "${1:-}" != --browser ] || packages="$packages chromium chromium-driver"

missing=
for package in $packages; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
# npm and pip may be there from elsewhere than Debian.
command -v npm >/dev/null 2>&1 || missing="$missing npm"
python3 -m pip --version >/dev/null 2>&1 || missing="$missing python3-pip"

if [ -z "$missing" ]; then
  echo "Everything the lab needs is installed."
  exit 0
fi
[ "$(id -u)" = 0 ] || { echo "Run this as root: it installs$missing" >&2; exit 1; }
echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
retry="-o Acquire::Retries=3"
# shellcheck disable=SC2086
apt-get $retry install -y -q --no-install-recommends $missing ||
  { apt-get $retry update -q && apt-get $retry install -y -q --no-install-recommends $missing; }
[ -s /etc/ssl/certs/ca-certificates.crt ] || update-ca-certificates
echo "Installed:$missing"
