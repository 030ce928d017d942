"""A database that is written to all the time, and its replica, set up meanwhile by the system's own scripts.

Three real servers: the database and its read replica stand for instances of RDS, the third is the replica's
own. The checks of ``stackproof.hosts.services.replication`` ask on the replica's machine alone, so that they
are the same for a real one.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from testinfra.host import Host

from stackproof.errors import BackendError
from stackproof.hosts import probes
from stackproof.hosts.model import Running
from stackproof.hosts.netns import network
from stackproof.hosts.probes import Answer
from stackproof.hosts.services.databases import Database, authority
from stackproof.hosts.services.etc import hosts_file
from stackproof.hosts.services.replication import CHECKS, Replica
from stackproof.hosts.session import Session

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ROOT / "templates" / "mysql-replica" / "scripts"
NAMES = {"Primary": "primary.rds.estate.internal", "DumpSource": "dump.rds.estate.internal"}
SCHEMA = """
CREATE DATABASE shop;
CREATE TABLE shop.orders (id INT PRIMARY KEY, customer VARCHAR(40), total INT) ENGINE = InnoDB;
CREATE TABLE shop.lines (order_id INT, position INT, article VARCHAR(60), PRIMARY KEY (order_id, position));
CREATE TABLE shop.customers (name VARCHAR(40) PRIMARY KEY, orders INT NOT NULL DEFAULT 0);
CREATE TABLE shop.audit (id INT AUTO_INCREMENT PRIMARY KEY, order_id INT, at TIMESTAMP(6) DEFAULT NOW(6));
INSERT INTO shop.customers (name) SELECT CONCAT('customer-', seq) FROM shop.seq_0_to_6;
CREATE TRIGGER shop.noted AFTER INSERT ON shop.orders FOR EACH ROW
  INSERT INTO shop.audit (order_id) VALUES (NEW.id);
CREATE PROCEDURE shop.spent(IN who VARCHAR(40)) SELECT SUM(total) FROM shop.orders WHERE customer = who;
"""
FAULTS: dict[str, Any] = yaml.safe_load(
    Path(__file__).with_name("replica_faults.yml").read_text(encoding="utf-8")
)
PATIENCE = 90.0


def ident(number: int) -> str:
    """What RDS sets for its servers: large numbers that it picks itself."""
    return f"server_id={number}\nlog_bin=mysql-bin-changelog\nbinlog_format=ROW\nsync_binlog=1\n"


class Chain:
    """The database, its read replica, the replica outside, and who writes."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.net = net = network(session, "mysql-replica")
        signer = authority(session)
        addresses = {name: net.node(node).address for node, name in NAMES.items()}
        for node in ("Replica", "Writer", "DumpSource"):
            hosts_file(net, node, addresses)
        self.primary = Database(net, "Primary", NAMES["Primary"], signer, ident(1517654908))
        reading = f"{ident(933302652)}log_slave_updates=1\nread_only=1\n"
        self.source = Database(net, "DumpSource", NAMES["DumpSource"], signer, reading)
        self.replica = Database(net, "Replica", "replica.estate.internal", signer)
        self.state = session.scratch("replica-state")
        self.writers: list[Writer] = []
        for server in (self.primary, self.source):
            server.start()
            server.as_rds("not-a-secret")
        self._read_replica()
        session.run([*net.enter("Primary"), "mariadb"], text=SCHEMA)
        self._settings(signer.certificate)

    def _read_replica(self) -> None:
        """What RDS does when it makes one."""
        file, offset = self.primary.sql("SHOW MASTER STATUS")[0][:2]
        self.primary.sql(
            "SET SESSION sql_log_bin = 0; CREATE USER rdsrepladmin IDENTIFIED BY 'not-a-secret'; "
            "GRANT REPLICATION SLAVE ON *.* TO rdsrepladmin"
        )
        where = f"MASTER_HOST = '{self.net.node('Primary').address}', MASTER_LOG_FILE = '{file}'"
        who = "MASTER_USER = 'rdsrepladmin', MASTER_PASSWORD = 'not-a-secret', MASTER_CONNECT_RETRY = 1"
        self.source.sql(f"CHANGE MASTER TO {where}, MASTER_LOG_POS = {offset}, {who}; START SLAVE")

    def _settings(self, certificate: Path) -> None:
        """What the user data of the replica's machine writes."""
        folder = self.replica.etc / "replica"
        folder.mkdir()
        lines = {
            "PRIMARY": NAMES["Primary"],
            "DUMP_SOURCE": NAMES["DumpSource"],
            "DATABASES": "shop",
            "BINLOG_RETENTION_HOURS": "336",
            "SERVER_ID": "4711",
            "STATE": str(self.state),
        }
        text = "".join(f"{name}='{value}'\n" for name, value in lines.items())
        (folder / "settings").write_text(text, encoding="utf-8")
        (folder / "ca.pem").write_bytes(certificate.read_bytes())
        for name, user in (("admin", "admin"), ("replication", "repl")):
            secret = f'[client]\nuser={user}\npassword="not-a-secret"\n'
            trust = "ssl-ca=/etc/mysql/replica/ca.pem\nssl-verify-server-cert\n"
            (folder / f"{name}.cnf").write_text(secret + trust, encoding="utf-8")
        self.script("configure.sh")
        self.replica.start()

    def script(self, name: str, *arguments: str, timeout: float = 60.0) -> str:
        """Run a script of the system on the replica's machine. ``BackendError`` has its words."""
        return self.net.run("Replica", ["bash", str(SCRIPTS / name), *arguments], timeout=timeout)

    def write(self) -> Writer:
        """Another writer, from now on."""
        self.writers.append(Writer(self))
        return self.writers[-1]

    def quiet(self) -> list[int]:
        """Nobody writes any more; the orders that the database has promised to keep."""
        return [number for writer in self.writers for number in writer.stop()]

    def caught_up(self) -> None:
        """Wait until the replica has all that the database has. ``BackendError`` when it does not come."""
        position = self.primary.value("SELECT @@gtid_binlog_pos")
        came = self.replica.value(f"SELECT MASTER_GTID_WAIT('{position}', {PATIENCE})")
        if came != "0":
            raise BackendError(f"the replica did not come to {position} within {PATIENCE:g} s")

    def source_came_to(self, order: int) -> None:
        """Wait until the read replica has that order."""
        end = time.monotonic() + PATIENCE
        while int(self.source.value("SELECT MAX(id) FROM shop.orders")) < order:
            assert time.monotonic() < end, "the read replica does not come on"
            time.sleep(0.1)


class Writer:
    """Transactions one after the other, from the machine of an application."""

    def __init__(self, chain: Chain) -> None:
        self._log = chain.session.scratch("writer") / "committed"
        defaults = chain.net.session.scratch("writer") / "writer.cnf"
        ca = chain.replica.etc / "replica" / "ca.pem"
        text = f'[client]\nuser=admin\npassword="not-a-secret"\nssl-ca={ca}\nssl-verify-server-cert\n'
        defaults.write_text(text, encoding="utf-8")
        program = str(files("stackproof.hosts.services").joinpath("writing_program.py"))
        first = chain.primary.value("SELECT COALESCE(MAX(id), 0) + 1 FROM shop.orders")
        command = ["python3", "-I", program, str(defaults), NAMES["Primary"], first]
        self.process = chain.net.start("Writer", command, log=self._log)

    def committed(self) -> list[int]:
        """The orders whose commit the database has confirmed so far."""
        return [int(line) for line in self._log.read_text(encoding="utf-8").split("\n")[:-1]]

    def wait_for(self, more: int = 20) -> None:
        """Until so many more orders are committed."""
        before, end = len(self.committed()), time.monotonic() + PATIENCE
        while len(self.committed()) < before + more:
            assert time.monotonic() < end, "the writer does not come on"
            time.sleep(0.05)

    def stop(self) -> list[int]:
        """What was begun is finished; all that was committed."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(15)
        return self.committed()


@pytest.fixture(scope="module")
def chain(inspection: Session) -> Iterator[Chain]:
    """The chain before the replica is set up; a writer goes on all the time."""
    made = Chain(inspection)
    made.write().wait_for()
    try:
        yield made
    finally:
        made.quiet()
        for server in (made.replica, made.source, made.primary):
            server.stop()


@pytest.fixture(scope="module")
def replicated(chain: Chain) -> Chain:
    """The chain once the system's script has run to its end."""
    chain.script("replicate.sh", "all")
    return chain


@pytest.fixture
def complaints(inspected_host: Host) -> Callable[[str], list[str]]:
    """``complaints("fetches")``: what a check says now."""
    return lambda name: list(CHECKS[name](Replica(inspected_host)))


def settled(complaints: Callable[[str], list[str]], check: str) -> list[str]:
    """What it says in the end: a replica may need a moment."""
    end = time.monotonic() + PATIENCE
    while (found := complaints(check)) and time.monotonic() < end:
        time.sleep(0.2)
    return found


pytestmark = [pytest.mark.hosts(stack="mysql-replica")]


# Before there is a replica.


def test_the_database_is_reached_by_applications_and_the_replica_alone(
    inspected: Running, chain: Chain
) -> None:
    address = chain.net.node("Primary").address
    for source in ("Writer", "Replica", "DumpSource"):
        probes.assert_reachable(probes.tcp(chain.net.asker(source), address, 3306))
    seen = probes.tcp(chain.net.asker("office"), address, 3306, timeout=0.5)
    control = probes.tcp(chain.net.asker("Writer"), address, 3306)
    probes.assert_unreachable(seen, control)


def test_the_replica_is_read_by_applications_and_not_by_the_database(
    inspected: Running, chain: Chain
) -> None:
    seen = probes.tcp(chain.net.asker("Primary"), inspected.address, 3306, timeout=0.5)
    control = probes.tcp(chain.net.asker("Writer"), inspected.address, 3306)
    probes.assert_unreachable(seen, control, how=(Answer.FILTERED,))


@pytest.mark.capability("transient")
def test_nobody_may_lock_the_whole_database_for_a_dump(inspected: Running, chain: Chain) -> None:
    defaults = "--defaults-file=/etc/mysql/replica/admin.cnf"
    command = ["mariadb", defaults, f"--host={NAMES['Primary']}", "--execute=FLUSH TABLES WITH READ LOCK"]
    with pytest.raises(BackendError, match=r"RELOAD"):
        chain.net.run("Replica", command)


@pytest.mark.capability("transient")
@pytest.mark.parametrize("step", ["prepare", "hold", "dump", "load"])
def test_a_run_that_is_killed_within_a_step_is_gone_on_with(
    step: str, inspected: Running, chain: Chain
) -> None:
    """Each step is begun, killed after a moment and run again; the next one finds what it needs."""
    process = chain.net.start("Replica", ["bash", str(SCRIPTS / "replicate.sh"), step])
    time.sleep(0.15)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(5)
    chain.script("replicate.sh", step)
    chain.script("replicate.sh", step)


@pytest.mark.capability("transient")
def test_the_position_is_where_the_read_replica_stands(inspected: Running, chain: Chain) -> None:
    for step in ("prepare", "hold"):
        chain.script("replicate.sh", step)
    text = (chain.state / "position").read_text(encoding="utf-8")
    noted = dict(line.split("=") for line in text.splitlines())
    shown = chain.net.run("DumpSource", "mariadb -e 'SHOW SLAVE STATUS\\G'")
    status = {line.strip().partition(": ")[0]: line.strip().partition(": ")[2] for line in shown.splitlines()}
    assert noted["FILE"] == status["Relay_Master_Log_File"]
    assert noted["FILE"].startswith("mysql-bin-changelog.")
    assert noted["OFFSET"] == status["Exec_Master_Log_Pos"]


# The replica.


@pytest.mark.parametrize("check", [name for name in CHECKS if name != "has-the-same-rows"])
def test_the_replica_is_well(check: str, complaints: Callable[[str], list[str]], replicated: Chain) -> None:
    assert settled(complaints, check) == []


@pytest.mark.capability("transient")
def test_the_script_says_that_it_is_well_and_running_it_again_changes_nothing(
    inspected: Running, replicated: Chain
) -> None:
    before = replicated.replica.value("SELECT COUNT(*) FROM shop.orders")
    replicated.script("replicate.sh", "all")
    assert int(replicated.replica.value("SELECT COUNT(*) FROM shop.orders")) >= int(before)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            said = replicated.script("replicate.sh", "status")
            break
        except BackendError:
            assert time.monotonic() < end
            time.sleep(0.2)
    assert "Seconds_Behind_Master: 0" in said
    assert "Slave_IO_Running: Yes" in said


@pytest.mark.capability("transient")
def test_the_read_replica_may_go_on_afterwards(inspected: Running, replicated: Chain) -> None:
    replicated.script("replicate.sh", "resume")
    end = time.monotonic() + PATIENCE
    while "Slave_SQL_Running: Yes" not in (
        said := replicated.net.run("DumpSource", "mariadb -e 'SHOW SLAVE STATUS\\G'")
    ):
        assert time.monotonic() < end, said
        time.sleep(0.1)


def same_rows(chain: Chain, complaints: Callable[[str], list[str]]) -> None:
    """The writer rests, the replica catches up: every confirmed order is there, every table is the same."""
    committed = chain.quiet()
    chain.caught_up()
    assert complaints("has-the-same-rows") == []
    there = {int(row[0]) for row in chain.replica.sql("SELECT id FROM shop.orders")}
    assert set(committed) <= there
    assert len(there) == int(chain.replica.value("SELECT COUNT(*) FROM shop.audit"))
    chain.write().wait_for(5)


@pytest.mark.capability("transient")
def test_no_row_is_lost_while_the_writer_goes_on(
    replicated: Chain, complaints: Callable[[str], list[str]]
) -> None:
    replicated.writers[-1].wait_for()
    same_rows(replicated, complaints)
    assert replicated.replica.sql("CALL shop.spent('customer-1')"), "routines came with the dump"


def closed(chain: Chain, how: str) -> Callable[[], None]:
    """The way from the replica to the database is closed; returns what opens it again."""
    chain.net.run("Replica", f"nft insert rule inet security_groups output tcp dport 3306 {how}")

    def mend() -> None:
        listed = (
            "nft -a list chain inet security_groups output | awk '/dport 3306 (drop|reject)/ {print $NF}'"
        )
        chain.net.run("Replica", f"nft delete rule inet security_groups output handle $({listed})")

    return mend


@pytest.mark.capability("transient")
@pytest.mark.parametrize("how", ["drop", "reject with tcp reset"], ids=["silent", "reset"])
def test_no_row_is_lost_over_a_cut_connection(
    how: str, replicated: Chain, complaints: Callable[[str], list[str]]
) -> None:
    mend = closed(replicated, how)
    try:
        # What was sent before the first missing answer still comes in.
        end, there = time.monotonic() + PATIENCE, -1
        while there != (there := int(replicated.replica.value("SELECT MAX(id) FROM shop.orders"))):
            assert time.monotonic() < end, "nothing was cut"
            replicated.writers[-1].wait_for(20)
        assert there < max(replicated.writers[-1].committed())
    finally:
        mend()
    assert settled(complaints, "fetches") == []
    same_rows(replicated, complaints)


@pytest.mark.capability("transient")
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_no_row_is_lost_or_doubled_by_a_restart_of_the_replica(
    end: str, replicated: Chain, complaints: Callable[[str], list[str]]
) -> None:
    for _ in range(2):
        getattr(replicated.replica, end)()
        replicated.writers[-1].wait_for()
        replicated.replica.start()
    assert settled(complaints, "fetches") == settled(complaints, "applies") == []
    same_rows(replicated, complaints)


@pytest.mark.capability("transient")
def test_no_row_is_lost_by_a_crash_of_the_database(
    replicated: Chain, complaints: Callable[[str], list[str]]
) -> None:
    replicated.primary.kill()
    assert complaints("database-answers") != []
    replicated.primary.start()
    replicated.writers[-1].wait_for()
    assert settled(complaints, "fetches") == []
    same_rows(replicated, complaints)


@pytest.mark.capability("transient")
def test_the_logs_of_two_weeks_outlive_the_housekeeping_of_the_database(
    replicated: Chain, complaints: Callable[[str], list[str]]
) -> None:
    """The replica is away, the database tidies up: what is younger than 336 hours stays."""
    replicated.replica.stop()
    replicated.writers[-1].wait_for()
    replicated.primary.sql("FLUSH BINARY LOGS; CALL mysql.rds_housekeeping()")
    replicated.replica.start()
    assert settled(complaints, "fetches") == []
    same_rows(replicated, complaints)


# Faults. What mends them is what an administrator would do; afterwards not a row may be missing.


@pytest.mark.capability("transient")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault: str, replicated: Chain, complaints: Callable[[str], list[str]]) -> None:
    told = FAULTS[fault]
    servers = {"primary": replicated.primary, "replica": replicated.replica}
    if told.get("quiet"):
        replicated.quiet()
        replicated.caught_up()
    assert settled(complaints, told["check"]) == [], "the replica was not well before"
    try:
        for name, server in servers.items():
            if name in told:
                server.sql(told[name])
        assert said(complaints, told["check"], told["says"])
    finally:
        if "script" in told:
            replicated.script("replicate.sh", told["script"])
        for name, statements in told.get("mend", {}).items():
            servers[name].sql(statements)
    assert settled(complaints, told["check"]) == [], "the replica is not well after it was mended"
    if told.get("quiet"):
        replicated.write().wait_for(1)


def said(complaints: Callable[[str], list[str]], check: str, words: str) -> bool:
    """Whether the check complains in those words, in the end."""
    end = time.monotonic() + PATIENCE
    while words not in (found := "; ".join(complaints(check))):
        assert time.monotonic() < end, found
        time.sleep(0.2)
    return True


@pytest.mark.capability("transient")
def test_a_dead_replica_and_a_dead_database_are_named(
    replicated: Chain, complaints: Callable[[str], list[str]]
) -> None:
    for server, check in ((replicated.replica, "answers"), (replicated.primary, "database-answers")):
        assert complaints(check) == []
        server.kill()
        assert said(complaints, check, "does not answer: ERROR 2002")
        server.start()
        assert settled(complaints, check) == []


@pytest.mark.capability("transient")
def test_a_closed_way_to_the_database_is_named(
    replicated: Chain, complaints: Callable[[str], list[str]]
) -> None:
    mend = closed(replicated, "drop")
    try:
        assert said(complaints, "database-answers", "the database does not answer")
    finally:
        mend()
    assert settled(complaints, "database-answers") == []


@pytest.mark.capability("transient")
def test_after_all_faults_no_row_is_missing(
    replicated: Chain, complaints: Callable[[str], list[str]]
) -> None:
    for check in CHECKS:
        if check != "has-the-same-rows":
            assert settled(complaints, check) == []
    same_rows(replicated, complaints)


@pytest.mark.capability("transient")
def test_a_replica_whose_logs_were_purged_is_named_and_made_anew(
    replicated: Chain, complaints: Callable[[str], list[str]]
) -> None:
    """The post's case: logs are not kept, the replica is away for a while, error 1236."""
    replicated.primary.sql("UPDATE mysql.rds_configuration SET value = NULL")
    replicated.replica.stop()
    replicated.writers[-1].wait_for()
    replicated.source_came_to(max(replicated.writers[-1].committed()))
    replicated.primary.sql("FLUSH BINARY LOGS; FLUSH BINARY LOGS")
    time.sleep(1.1)  # housekeeping counts in seconds
    replicated.primary.sql("CALL mysql.rds_housekeeping()")
    replicated.replica.start()
    assert said(complaints, "fetches", "the replica does not fetch: error 1236")
    replicated.replica.sql("STOP SLAVE; RESET SLAVE ALL")
    for file in replicated.state.iterdir():
        file.unlink()
    replicated.script("replicate.sh", "all")
    assert settled(complaints, "fetches") == settled(complaints, "is-kept-for") == []
    same_rows(replicated, complaints)
