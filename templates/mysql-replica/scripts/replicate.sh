#!/bin/bash
# Makes the server of this machine a replica of a database in RDS, which goes on meanwhile.
#
# usage: replicate.sh all|status|STEP          steps, in their order: prepare hold dump load start
#        replicate.sh resume                    lets the read replica go on, when it is kept
#
# Every step may be run again: one that is done does nothing, one that was interrupted starts over. The dump is taken
# from a read replica whose replication is held, for there (Relay_Master_Log_File, Exec_Master_Log_Pos) is exactly the
# database's position that the dump belongs to; the database itself allows no lock for that.
set -euo pipefail
umask 077
folder=/etc/mysql/replica
. "$folder/settings"
state=${STATE:-/var/lib/replica}
mkdir -p "$state"

fail() {
  echo "replicate.sh: $*" >&2
  exit 1
}

primary() { mariadb --defaults-file="$folder/admin.cnf" --host="$PRIMARY" --batch --skip-column-names "$@"; }
dump_source() {
  [[ -n $DUMP_SOURCE ]] || fail "there is no read replica to take a dump from: set ReadReplica to yes"
  mariadb --defaults-file="$folder/admin.cnf" --host="$DUMP_SOURCE" --batch --skip-column-names "$@"
}
here() { mariadb --batch --skip-column-names "$@"; }
field() { sed -n "s/^ *$1: //p"; }
password() { sed -n 's/^password="\(.*\)"$/\1/p' "$folder/$1.cnf"; }
user() { sed -n 's/^user=//p' "$folder/$1.cnf"; }
configured() { [[ -n $(here --execute 'SHOW SLAVE STATUS') ]]; }

# The database keeps its logs long enough, and lets the replica read them.
prepare() {
  local kept name secret
  primary --execute "CALL mysql.rds_set_configuration('binlog retention hours', $BINLOG_RETENTION_HOURS)"
  kept=$(primary --execute 'CALL mysql.rds_show_configuration' | awk -F '\t' '$1 == "binlog retention hours" {print $2}')
  [[ $kept == "$BINLOG_RETENTION_HOURS" ]] ||
    fail "the database keeps its binary logs for $kept hours, not $BINLOG_RETENTION_HOURS"
  [[ $(primary --execute 'SELECT @@log_bin') == 1 ]] || fail "the database writes no binary log: it needs backups"
  [[ $(primary --execute 'SELECT @@binlog_format') == ROW ]] || fail "the database does not log rows"
  [[ $(primary --execute 'SELECT @@server_id') != "$SERVER_ID" ]] || fail "the database has server id $SERVER_ID, too"
  name=$(user replication)
  secret=$(password replication)
  # By standard input: arguments can be read by every user of the machine.
  primary <<SQL
CREATE USER IF NOT EXISTS '$name'@'%' IDENTIFIED BY '$secret';
ALTER USER '$name'@'%' IDENTIFIED BY '$secret';
GRANT REPLICATION SLAVE ON *.* TO '$name'@'%';
SQL
}

# File and position of the database that the read replica has come to.
position_of_source() {
  local status
  status=$(dump_source --column-names --execute 'SHOW SLAVE STATUS\G')
  [[ $(field Slave_SQL_Running <<< "$status") == No ]] || fail "the read replica goes on replicating"
  echo "$(field Relay_Master_Log_File <<< "$status") $(field Exec_Master_Log_Pos <<< "$status")"
}

# The read replica stands still; its position is written down, by name and as what survives a crash of the replica.
hold() {
  local first second file offset gtid
  [[ ! -s $state/position ]] || return 0
  dump_source --execute 'CALL mysql.rds_stop_replication' > /dev/null
  first=$(position_of_source)
  sleep 1
  second=$(position_of_source)
  [[ $first == "$second" ]] || fail "the read replica moved from $first to $second"
  read -r file offset <<< "$second"
  gtid=$(primary --execute "SELECT BINLOG_GTID_POS('$file', $offset)")
  [[ $gtid != NULL ]] || fail "the database no longer has $file: its binary logs were purged"
  printf 'FILE=%s\nOFFSET=%s\nGTID=%s\n' "$file" "$offset" "$gtid" > "$state/position.new"
  mv "$state/position.new" "$state/position"
}

dump() {
  local file offset
  [[ ! -s $state/dump.sql.gz ]] || return 0
  . "$state/position"
  read -r file offset <<< "$(position_of_source)"
  [[ $file == "$FILE" && $offset == "$OFFSET" ]] || fail "the read replica moved from $FILE $OFFSET to $file $offset"
  # shellcheck disable=SC2086 # several names
  mariadb-dump --defaults-file="$folder/admin.cnf" --host="$DUMP_SOURCE" --single-transaction --skip-lock-tables \
    --routines --triggers --databases $DATABASES | gzip > "$state/dump.new"
  zcat "$state/dump.new" | tail --lines 1 | grep --quiet '^-- Dump completed' || fail "the dump is not whole"
  mv "$state/dump.new" "$state/dump.sql.gz"
}

load() {
  [[ ! -e $state/loaded ]] || return 0
  ! configured || fail "this server replicates already: it would lose what it has"
  . "$state/position"
  zcat "$state/dump.sql.gz" | here
  here --execute "SET GLOBAL gtid_slave_pos = '$GTID'"
  touch "$state/loaded"
}

start() {
  [[ -e $state/loaded ]] || fail "there is no data to begin with"
  if ! configured; then
    here <<SQL
CHANGE MASTER TO MASTER_HOST = '$PRIMARY', MASTER_PORT = 3306, MASTER_USER = '$(user replication)',
  MASTER_PASSWORD = '$(password replication)', MASTER_SSL = 1, MASTER_SSL_CA = '$folder/ca.pem',
  MASTER_SSL_VERIFY_SERVER_CERT = 1, MASTER_CONNECT_RETRY = 2, MASTER_HEARTBEAT_PERIOD = 3,
  MASTER_USE_GTID = slave_pos;
SQL
  fi
  here --execute 'START SLAVE'
}

resume() { dump_source --execute 'CALL mysql.rds_start_replication' > /dev/null; }

# Prints how it stands; fails unless both threads run and nothing waits.
status() {
  local status
  status=$(here --column-names --execute 'SHOW SLAVE STATUS\G')
  [[ -n $status ]] || fail "this server does not replicate"
  grep --extended-regexp ' (Slave_IO_Running|Slave_SQL_Running|Seconds_Behind_Master|Last_IO_Error|Last_SQL_Error): ' \
    <<< "$status"
  [[ $(field Slave_IO_Running <<< "$status") == Yes && $(field Slave_SQL_Running <<< "$status") == Yes &&
    $(field Seconds_Behind_Master <<< "$status") == 0 ]]
}

case ${1:-} in
  all) for step in prepare hold dump load start; do "$step"; done ;;
  prepare | hold | dump | load | start | resume | status) "$1" ;;
  *) fail "usage: replicate.sh all|status|resume|prepare|hold|dump|load|start" ;;
esac
