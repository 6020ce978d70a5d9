#!/bin/sh
# Puts the pinned restic (Debian 13's) and rclone (Debian 12's) into a folder: fetch-programs.sh <folder>
# Packages come by apt from the mirror that this machine uses already; package and program must have the pinned
# SHA-256. Changes nothing else on the machine, needs no root, and is done at once when both are there.
set -eu

target=${1:?usage: fetch-programs.sh <folder>}

# program, Debian's release, package version, SHA-256 of the package, SHA-256 of the program
pins='restic trixie 0.18.0-1+b4 4888fb20b272a28b84ac39171b7d7f0d9a58c2aeae51ec28e54684648d66e12c 7135345e471b64fe43356f8cc665d33d9e52fb042ba39e5cff77310c46d46857
rclone bookworm 1.60.1+dfsg-2+b5 703722dcab0c487322690fe68c7f8d6787e54e1ecd1297800d1382687ddbd81a f6eceb9f7d680e079093cde0a3bcb430ae379f99269ead1f372dbacde604473c'

has() { # file, SHA-256
  [ -f "$1" ] && echo "$2  $1" | sha256sum --check --status
}

missing=
while read -r program release version package sum; do
  has "$target/$program" "$sum" || missing="$missing $program"
done <<EOF
$pins
EOF
[ -n "$missing" ] || exit 0

[ "$(dpkg --print-architecture)" = amd64 ] || { echo "The programs are pinned for amd64 only." >&2; exit 1; }
mirror=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' 'Created-By: Packages' 'Codename: bookworm' |
  awk '$2 == "main" { print $1; exit }')
[ -n "$mirror" ] || { echo "No apt source of Debian 12 (main) was found on this machine." >&2; exit 1; }

# An apt of our own: two releases, nothing of it stays.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$target"
for release in bookworm trixie; do
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $release main"
done >"$work/sources.list"
apt() {
  apt-get -q -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o Dir::Etc::PreferencesParts=/dev/null \
    -o Acquire::Languages=none -o APT::Sandbox::User="$(id -un)" "$@"
}
echo "Fetching:$missing"
apt update >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }

while read -r program release version package sum; do
  case "$missing " in *" $program "*) ;; *) continue ;; esac
  (cd "$work" && apt download "$program=$version" >"$work/log" 2>&1) || {
    cat "$work/log" >&2
    echo "Debian ($release) has no $program $version any more: pin the one it has, in $0." >&2
    exit 1
  }
  deb=$(find "$work" -maxdepth 1 -name "${program}_*.deb")
  has "$deb" "$package" || { echo "The package $program $version is not the pinned one." >&2; exit 1; }
  dpkg-deb -x "$deb" "$work/$program"
  has "$work/$program/usr/bin/$program" "$sum" || { echo "$program $version is not the pinned program." >&2; exit 1; }
  # Whole or not at all.
  install -m 755 "$work/$program/usr/bin/$program" "$target/.$program.fresh"
  mv "$target/.$program.fresh" "$target/$program"
done <<EOF
$pins
EOF
