#!/bin/sh
# acme.sh ADDRESS DNS-SERVER: Pebble at ADDRESS, directory on 14000, management (its root) on 15000, both with a
# certificate of the lab's own authority, whose public part is /var/lib/acme/ca.pem.
set -eu
address=$1 dns=$2
mkdir -p /var/lib/acme && cd /var/lib/acme
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=LetsBe lab authority" \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
  -keyout ca.key -out ca.new 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=acme.lab" -keyout server.key -out server.csr \
  2>/dev/null
printf 'subjectAltName=IP:%s,DNS:acme.lab,DNS:localhost\nextendedKeyUsage=serverAuth\n' "$address" > server.ext
openssl x509 -req -in server.csr -CA ca.new -CAkey ca.key -CAcreateserial -days 30 -extfile server.ext \
  -out server.pem 2>/dev/null
rm -f ca.key && mv ca.new ca.pem
cat > pebble.json <<CONF
{ "pebble": {
    "listenAddress": "0.0.0.0:14000", "managementListenAddress": "0.0.0.0:15000",
    "certificate": "/var/lib/acme/server.pem", "privateKey": "/var/lib/acme/server.key",
    "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "", "externalAccountBindingRequired": false } }
CONF
export PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=1 PEBBLE_AUTHZREUSE=0
exec pebble -config pebble.json -dnsserver "$dns:53"
