"""What must hold of a replica that lives outside of RDS: each check says what is wrong, in words.

Everything is asked on the replica's own machine: its server by its socket, the database by the master user
that ``/etc/mysql/replica`` has (see ``templates/mysql-replica/scripts``). Status fields are those of ``SHOW
SLAVE STATUS`` (MariaDB knowledge base).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host

_FOLDER = "/etc/mysql/replica"
_CLIENT = "mariadb --batch --skip-column-names --connect-timeout=3"
_ADMIN = f"mariadb --defaults-file={_FOLDER}/admin.cnf --batch --skip-column-names --connect-timeout=3"


@dataclass(frozen=True, slots=True)
class Answered:
    """What a server said: rows of text, or in ``error`` why not."""

    rows: tuple[tuple[str, ...], ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica on a testinfra host."""

    host: Host

    def here(self, sql: str) -> Answered:
        """Ask its own server."""
        return self._ask(f"{_CLIENT} --execute={shlex.quote(sql)}")

    def database(self, sql: str) -> Answered:
        """Ask the database that it replicates."""
        setting = self.setting("PRIMARY")
        return self._ask(f"{_ADMIN} --host={shlex.quote(setting)} --execute={shlex.quote(sql)}")

    def setting(self, name: str) -> str:
        """A value of ``/etc/mysql/replica/settings``."""
        return str(self.host.check_output(f'. {_FOLDER}/settings; echo "${name}"')).strip()

    def status(self) -> Mapping[str, str]:
        """The fields of ``SHOW SLAVE STATUS``; empty when it does not replicate or does not answer."""
        done = self.host.run(f"{_CLIENT} --column-names --execute='SHOW SLAVE STATUS\\G'")
        pairs = (line.strip().partition(":") for line in done.stdout.splitlines())
        return {name: value.strip() for name, _, value in pairs} if done.rc == 0 else {}

    def _ask(self, command: str) -> Answered:
        done = self.host.run(command)
        if done.rc != 0:
            return Answered(error=(done.stderr or done.stdout).strip().splitlines()[-1])
        return Answered(tuple(tuple(line.split("\t")) for line in done.stdout.splitlines()))


def answers(replica: Replica) -> Iterator[str]:
    """Its server answers."""
    said = replica.here("SELECT 1")
    if said.error:
        yield f"the replica does not answer: {said.error}"


def database_answers(replica: Replica) -> Iterator[str]:
    """The database answers."""
    said = replica.database("SELECT 1")
    if said.error:
        yield f"the database does not answer: {said.error}"


def fetches(replica: Replica) -> Iterator[str]:
    """It gets what the database logs. Error 1236: the database no longer has what comes next."""
    status = replica.status()
    if not status:
        yield "the replica does not replicate"
    elif status["Slave_IO_Running"] != "Yes":
        why = (
            f"error {status['Last_IO_Errno']}: {status['Last_IO_Error']}"
            if status["Last_IO_Error"]
            else "stopped"
        )
        yield f"the replica does not fetch: {why}"


def applies(replica: Replica) -> Iterator[str]:
    """It does what it got."""
    status = replica.status()
    if status and status["Slave_SQL_Running"] != "Yes":
        why = (
            f"error {status['Last_SQL_Errno']}: {status['Last_SQL_Error']}"
            if status["Last_SQL_Error"]
            else "stopped"
        )
        yield f"the replica does not apply: {why}"


def keeps_up(replica: Replica) -> Iterator[str]:
    """``Seconds_Behind_Master`` is 0."""
    behind = replica.status().get("Seconds_Behind_Master", "NULL")
    if behind != "0":
        yield f"the replica is {behind} seconds behind"


def survives_a_crash(replica: Replica) -> Iterator[str]:
    """Its position is kept with the rows (GTID), not in a file beside them."""
    mode = replica.status().get("Using_Gtid", "")
    if mode != "Slave_Pos":
        yield f"the replica's position is lost with a crash: Using_Gtid is {mode or 'unknown'}"


def is_private(replica: Replica) -> Iterator[str]:
    """What it fetches is encrypted on its way, and the database is the one that it says to be."""
    status = replica.status()
    if status.get("Master_SSL_Allowed") != "Yes":
        yield "the replica fetches in the clear"
    elif status.get("Master_SSL_Verify_Server_Cert") != "Yes":
        yield "the replica trusts whoever answers for the database"


def is_read_only(replica: Replica) -> Iterator[str]:
    """Applications cannot write to it."""
    if replica.here("SELECT @@read_only").rows != (("1",),):
        yield "the replica lets applications write"


def has_its_own_id(replica: Replica) -> Iterator[str]:
    """No two servers of a chain have the same number."""
    own, other = replica.here("SELECT @@server_id").rows, replica.database("SELECT @@server_id").rows
    if own and own == other:
        yield f"the replica has the server id of the database: {own[0][0]}"


def is_kept_for(replica: Replica) -> Iterator[str]:
    """The database keeps its logs as long as the settings say."""
    wanted = replica.setting("BINLOG_RETENTION_HOURS")
    answer = replica.database("CALL mysql.rds_show_configuration")
    rows = {row[0]: row[1] for row in answer.rows if len(row) > 1}
    kept = rows.get("binlog retention hours", "nobody knows how many")
    if kept != wanted:
        yield f"the database keeps its binary logs for {kept} hours, not {wanted}"


def has_the_same_rows(replica: Replica) -> Iterator[str]:
    """Every table of the replicated databases has the same checksum; nobody may write meanwhile."""
    names = "', '".join(replica.setting("DATABASES").split())
    listing = (
        "SELECT CONCAT('`', table_schema, '`.`', table_name, '`') FROM information_schema.tables "
        f"WHERE table_schema IN ('{names}') AND table_type = 'BASE TABLE' ORDER BY 1"
    )
    mine, theirs = replica.here(listing), replica.database(listing)
    for (table,) in sorted(set(theirs.rows) - set(mine.rows)):
        yield f"the replica lacks table {table}"
    for (table,) in sorted(set(theirs.rows) & set(mine.rows)):
        sums = [ask(f"CHECKSUM TABLE {table} EXTENDED").rows for ask in (replica.here, replica.database)]
        if sums[0] != sums[1] or not sums[0]:
            counts = [ask(f"SELECT COUNT(*) FROM {table}").rows for ask in (replica.here, replica.database)]
            told = " and ".join(one[0][0] if one else "no" for one in counts)
            yield f"table {table} differs: {told} rows"
    if not theirs.rows:
        yield f"the database has no table in {names}"


CHECKS: Mapping[str, Callable[[Replica], Iterator[str]]] = {
    "answers": answers,
    "database-answers": database_answers,
    "fetches": fetches,
    "applies": applies,
    "keeps-up": keeps_up,
    "survives-a-crash": survives_a_crash,
    "is-private": is_private,
    "is-read-only": is_read_only,
    "has-its-own-id": has_its_own_id,
    "is-kept-for": is_kept_for,
    "has-the-same-rows": has_the_same_rows,
}
"""Name to check; each yields what is wrong."""
