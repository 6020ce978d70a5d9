#!/bin/sh
# dns.sh ZONE ADDRESS RESOLVER: the authority for ZONE at ADDRESS; what is not in ZONE is asked of RESOLVER, so that
# the servers of the lab can use this one for everything. Updates need the key that it writes to /etc/lab/tsig.
set -eu
zone=$1 address=$2 resolver=$3
mkdir -p /etc/lab
[ -s /etc/lab/tsig ] || (umask 077 && head -c 32 /dev/urandom | base64 -w 0 > /etc/lab/tsig)
mkdir -p /var/lib/knot/zones /run/knot
cat > "/var/lib/knot/zones/$zone.zone" <<ZONE
\$ORIGIN $zone.
\$TTL 5
@    SOA ns1 hostmaster 1 60 60 3600 5
@    NS  ns1
ns1  A   $address
ZONE
umask 077
cat > /tmp/knot.conf <<CONF
server:
    rundir: /run/knot
    listen: 0.0.0.0@53
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stdout
    any: notice
database:
    storage: /var/lib/knot
remote:
  - id: resolver
    address: $resolver@53
mod-dnsproxy:
  - id: outside
    remote: resolver
    fallback: on
template:
  - id: default
    global-module: mod-dnsproxy/outside
key:
  - id: lab.
    algorithm: hmac-sha256
    secret: $(cat /etc/lab/tsig)
acl:
  - id: update
    key: lab.
    action: [update, transfer]
zone:
  - domain: $zone
    storage: /var/lib/knot/zones
    acl: update
    journal-content: changes
    zonefile-sync: -1
CONF
exec knotd -c /tmp/knot.conf
