#!/bin/sh
# As upstream: --connect asks over the network port whether the server answers (a refused login is an answer);
# --innodb_initialized and --galera_online have nothing to add for a server that connects.
exec mysqladmin --connect-timeout=3 --host=127.0.0.1 --protocol=tcp --user=healthcheck ping --silent
