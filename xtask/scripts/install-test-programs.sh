#!/bin/sh
# Installs the programs that tests run on this machine itself: nginx, sshd, ufw, PostgreSQL and MariaDB (whose services are
# never started), systemd-analyze, fail2ban with what writes a journal for it, man, bash-completion, git, curl, wget,
# python3, ssh-audit, openssl, rclone, Node with socket.io, restic 0.18 or later, Docker Compose v2, and Chromium with its
# driver. Says what it installs before it does; does nothing, quickly, when all is there.
set -eu

packages=
command -v git >/dev/null 2>&1 || packages="$packages git"
[ -x /usr/sbin/nginx ] || packages="$packages nginx-light"
[ -x /usr/sbin/sshd ] || packages="$packages openssh-server"
[ -x /usr/sbin/ufw ] || packages="$packages ufw"
[ -x /usr/sbin/ip ] || packages="$packages iproute2"
command -v curl >/dev/null 2>&1 || packages="$packages curl"
command -v wget >/dev/null 2>&1 || packages="$packages wget"
[ -x /usr/bin/fail2ban-server ] || packages="$packages fail2ban"
/usr/bin/python3 -c 'import systemd.journal' 2>/dev/null || packages="$packages python3-systemd"
[ -x /lib/systemd/systemd-journal-remote ] || packages="$packages systemd-journal-remote"
[ -x /usr/sbin/iptables ] || packages="$packages iptables"
command -v openssl >/dev/null 2>&1 || packages="$packages openssl"
command -v python3 >/dev/null 2>&1 || packages="$packages python3"
command -v ssh-audit >/dev/null 2>&1 || packages="$packages ssh-audit"
command -v systemd-analyze >/dev/null 2>&1 || packages="$packages systemd"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || packages="$packages postgresql"
[ -x /usr/sbin/mariadbd ] || packages="$packages mariadb-server-core"
[ -x /usr/bin/mariadb ] || packages="$packages mariadb-client-core"
command -v rclone >/dev/null 2>&1 || packages="$packages rclone"
command -v man >/dev/null 2>&1 || packages="$packages man-db"
[ -e /usr/share/bash-completion/bash_completion ] || packages="$packages bash-completion"
command -v chromedriver >/dev/null 2>&1 || packages="$packages chromium chromium-driver"
command -v npm >/dev/null 2>&1 || packages="$packages nodejs npm"
# What Uptime Kuma is made of.
modules=/opt/letsbe-test-programs
sockets=
[ -d "$modules/node_modules/socket.io-client" ] || sockets="socket.io@4.6.2 socket.io-client@4.6.2"
newer=
docker compose version >/dev/null 2>&1 || newer="$newer docker-compose"
case "$(restic version 2>/dev/null)" in
  '' | restic\ 0.[0-9].* | restic\ 0.1[0-7].*) newer="$newer restic" ;;
esac

if [ -z "$packages$newer$sockets" ]; then
  echo "Everything the tests need is installed."
  exit 0
fi
[ "$(id -u)" = 0 ] || { echo "Run this as root: it installs$packages$newer $sockets" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
retry="-o Acquire::Retries=3"

# Installing a service must not start it: the tests start their own, on free ports.
if [ ! -e /usr/sbin/policy-rc.d ]; then
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
fi

if [ -n "$packages" ]; then
  echo "Installing:$packages"
  # shellcheck disable=SC2086
  apt-get $retry install -y -q --no-install-recommends $packages ||
    { apt-get $retry update -q && apt-get $retry install -y -q --no-install-recommends $packages; }
  for service in nginx ssh postgresql fail2ban; do
    case "$packages" in
      *" $service"* | *"open$service"*) systemctl disable --quiet "$service" 2>/dev/null || true ;;
    esac
  done
fi

if [ -n "$sockets" ]; then
  echo "Installing in $modules: $sockets"
  mkdir -p "$modules"
  # shellcheck disable=SC2086
  npm install --prefix "$modules" --no-save --no-audit --no-fund --ignore-scripts $sockets
fi

if [ -n "$newer" ]; then
  # Debian 12 has only Compose 1 and restic 0.14. Newer ones come from Debian 13, from the mirror that this machine
  # uses already.
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' 'Created-By: Packages' 'Codename: bookworm' |
    awk '$2 == "main" { print $1; exit }')
  [ -n "$mirror" ] || { echo "No apt source of Debian 12 (main) was found on this machine." >&2; exit 1; }
  echo "Installing from Debian 13:$newer (adds /etc/apt/sources.list.d/letsbe-newer.list, priority 50)"
  rm -f /etc/apt/sources.list.d/letsbe-compose.list /etc/apt/preferences.d/letsbe-compose
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" \
    >/etc/apt/sources.list.d/letsbe-newer.list
  printf 'Package: *\nPin: release n=trixie\nPin-Priority: 50\n' >/etc/apt/preferences.d/letsbe-newer
  apt-get $retry update -q
  # shellcheck disable=SC2086
  apt-get $retry install -y -q --no-install-recommends -t trixie $newer
fi
echo "Installed:$packages$newer $sockets"
