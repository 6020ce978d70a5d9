#!/bin/sh
# dns.sh ZONE ADDRESS: the authority for ZONE at ADDRESS. Updates need the key in /etc/lab/tsig (base64).
set -eu
zone=$1 address=$2
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
