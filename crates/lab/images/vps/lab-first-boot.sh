#!/bin/sh
# What a provider's image does beside a server that lets one in already: at the first boot cloud-init sets it up, and
# apt's timer holds the locks of the packages. A few seconds here; after another boot cloud-init has nothing to do.
set -eu
mkdir -p /run/cloud-init /var/lib/cloud/instance
if [ ! -e /var/lib/cloud/instance/boot-finished ]; then
  echo '{"v1": {"stage": "modules-final"}}' > /run/cloud-init/status.json
  # apt and dpkg lock by record: fcntl, not flock.
  perl -e 'use Fcntl; open(my $file, ">>", "/var/lib/dpkg/lock-frontend") or die $!;
    my $lock = pack("ssx4qqi", F_WRLCK, 0, 0, 0, 0);
    fcntl($file, F_SETLKW, $lock) or die $!;
    sleep 6'
  date > /var/lib/cloud/instance/boot-finished
fi
echo '{"v1": {"stage": null}}' > /run/cloud-init/status.json
echo '{"v1": {"datasource": "DataSourceNone", "errors": []}}' > /run/cloud-init/result.json
