#!/bin/sh
# An image registry for the network of the lab, on port 5000.
set -eu
cat > /tmp/registry.yml <<CONF
version: 0.1
log: { level: warn }
storage:
  filesystem: { rootdirectory: /var/lib/registry }
  delete: { enabled: true }
  cache: { blobdescriptor: inmemory }
http: { addr: ":5000" }
CONF
exec docker-registry serve /tmp/registry.yml
