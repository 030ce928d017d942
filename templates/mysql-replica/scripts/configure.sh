#!/bin/bash
# Writes the settings of the replica's own server; it must be (re)started afterwards.
set -euo pipefail
. /etc/mysql/replica/settings

{
  echo '[mariadbd]'
  echo "server_id=$SERVER_ID"
  echo 'bind_address=0.0.0.0'
  # Applications read here; who writes here makes the two differ.
  echo 'read_only=1'
  # What was fetched and not yet applied is fetched again after a crash.
  echo 'relay_log=relay'
  echo 'relay_log_recovery=1'
  # A connection over which nothing came for so long (three heartbeats) is made anew.
  echo 'slave_net_timeout=10'
  # RDS writes tables of its own (mysql.rds_heartbeat2) into the binary log.
  for database in $DATABASES; do
    echo "replicate_wild_do_table=$database.%"
  done
} > /etc/mysql/mariadb.conf.d/90-replica.cnf
