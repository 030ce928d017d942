"""MariaDB servers, each in a namespace of a network, with settings, data and certificate of its own.

``Database`` is a server as its machine would run it: it reads ``/etc/mysql`` (which the host has to itself),
listens on port 3306 and lets root in by its socket. ``as_rds`` makes it stand for an instance of Amazon RDS:
the procedures ``mysql.rds_*`` that AWS documents, and a master user who may not lock all tables (RDS user
guide for MariaDB, "Common DBA tasks"; its ``rds_housekeeping`` stands for what RDS does by itself).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stackproof.errors import BackendError
from stackproof.hosts.services import need
from stackproof.hosts.services.etc import etc_of

if TYPE_CHECKING:
    from stackproof.hosts.netns.built import BuiltNetwork
    from stackproof.hosts.session import Session

PORT = 3306
_PATIENCE = 60.0
_AGAIN = 5.0
_BASE = """\
[client-server]
socket={folder}/server.sock
port=3306
[mariadbd]
user=root
datadir={folder}/data
pid_file={folder}/server.pid
bind_address=0.0.0.0
skip_name_resolve=1
innodb_buffer_pool_size=16M
innodb_log_file_size=8M
performance_schema=0
[client]
!includedir /etc/mysql/mariadb.conf.d/
"""
_RDS = """\
SET SESSION sql_log_bin = 0;
CREATE TABLE mysql.rds_configuration (name VARCHAR(60) PRIMARY KEY, value INT, description VARCHAR(200));
INSERT INTO mysql.rds_configuration VALUES ('binlog retention hours', NULL,
  'the duration in hours before binary logs are automatically deleted');
CREATE USER 'admin'@'%' IDENTIFIED BY '{password}';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES,
  LOCK TABLES, EXECUTE, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, EVENT, TRIGGER, PROCESS,
  CREATE USER, REPLICATION SLAVE, REPLICA MONITOR, BINLOG MONITOR ON *.* TO 'admin'@'%' WITH GRANT OPTION;
DELIMITER //
CREATE PROCEDURE mysql.rds_set_configuration(IN what VARCHAR(60), IN wanted INT)
BEGIN
  IF what <> 'binlog retention hours' OR wanted < 1 THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'Invalid configuration';
  END IF;
  UPDATE mysql.rds_configuration SET value = wanted WHERE name = what;
END //
CREATE PROCEDURE mysql.rds_show_configuration()
BEGIN SELECT name, value, description FROM mysql.rds_configuration; END //
CREATE PROCEDURE mysql.rds_stop_replication()
BEGIN STOP SLAVE; SELECT 'Slave is down or disabled' AS Message; END //
CREATE PROCEDURE mysql.rds_start_replication()
BEGIN START SLAVE; SELECT 'Slave running normally' AS Message; END //
CREATE PROCEDURE mysql.rds_housekeeping()
BEGIN
  DECLARE kept INT;
  SELECT value INTO kept FROM mysql.rds_configuration WHERE name = 'binlog retention hours';
  IF kept IS NULL THEN SET kept = 0; END IF;
  SET @before = NOW() - INTERVAL kept HOUR;
  PURGE BINARY LOGS BEFORE @before;
END //
DELIMITER ;
"""


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs the certificates of servers; ``certificate`` is its own (PEM)."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """What clients trust."""
        return self.folder / "ca.pem"

    def certify(self, name: str, folder: Path, session: Session) -> None:
        """``server.pem`` and ``server.key`` for a name, into ``folder``."""
        request, extension = folder / "server.csr", folder / "server.ext"
        extension.write_text(f"subjectAltName=DNS:{name}\n", encoding="utf-8")
        session.run(
            ["openssl", "req", "-new", "-nodes", "-newkey", "rsa:2048", "-subj", "/O=server", "-keyout",
             str(folder / "server.key"), "-out", str(request)]
        )  # fmt: skip
        session.run(
            ["openssl", "x509", "-req", "-in", str(request), "-CA", str(self.certificate), "-CAkey",
             str(self.folder / "ca.key"), "-CAcreateserial", "-days", "2", "-extfile", str(extension), "-out",
             str(folder / "server.pem")]
        )  # fmt: skip


def authority(session: Session) -> Authority:
    """A new one of this session."""
    made = Authority(session.scratch("authority"))
    session.run(
        ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=authority", "-days", "2",
         "-keyout", str(made.folder / "ca.key"), "-out", str(made.certificate)]
    )  # fmt: skip
    return made


class Database:
    """A server on ``node``, called ``name`` in its certificate. ``settings`` are lines for ``[mariadbd]``."""

    def __init__(
        self, network: BuiltNetwork, node: str, name: str, signer: Authority, settings: str = ""
    ) -> None:
        need("mariadbd", "mariadb", "openssl")
        self.network, self.node, self.name = network, node, name
        session = network.session
        self.folder = session.scratch(f"database-{node}")
        self.etc = etc_of(network, node) / "mysql"
        (self.etc / "mariadb.conf.d").mkdir(parents=True)
        signer.certify(name, self.folder, session)
        certificate = "".join(
            f"ssl_{one}={path}\n"
            for one, path in (
                ("ca", signer.certificate),
                ("cert", self.folder / "server.pem"),
                ("key", self.folder / "server.key"),
            )
        )
        (self.etc / "my.cnf").write_text(_BASE.format(folder=self.folder), encoding="utf-8")
        text = f"[mariadbd]\n{certificate}{settings}"
        (self.etc / "mariadb.conf.d" / "50-server.cnf").write_text(text, encoding="utf-8")
        session.run(["cp", "-a", str(_empty(session)), str(self.folder / "data")])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start it and wait until it answers. ``BackendError`` with the end of its log when it does not."""
        log = self.folder / "server.log"
        self.process = self.network.start(
            self.node, ["mariadbd", *options], ready=f"tcp/{PORT}", log=log, grace=10.0
        )
        self.sql("SELECT 1")

    def sql(self, text: str, *, timeout: float = 30.0) -> list[list[str]]:
        """Run statements as root; the rows of all results as text. Raises ``BackendError``."""
        command = ["mariadb", "--batch", "--skip-column-names", f"--execute={text}"]
        printed = self.network.run(self.node, command, timeout=timeout)
        return [line.split("\t") for line in printed.splitlines()]

    def value(self, text: str) -> str:
        """The only value of a statement."""
        ((found,),) = self.sql(text)
        return found

    def kill(self) -> None:
        """The server ends as when its machine is lost."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """The server ends in order."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        """A server that has just come up may miss the signal: it is sent until it is heard."""
        process, self.process = self.process, None
        if process is None:
            return
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_AGAIN)
                return
        raise BackendError(f"the database on {self.node} did not end in {_PATIENCE:g} s")

    def as_rds(self, password: str) -> None:
        """Make it stand for an instance of RDS whose master user ``admin`` has that password."""
        session = self.network.session
        text = _RDS.format(password=password)
        session.run([*self.network.enter(self.node), "mariadb"], text=text)


def _empty(session: Session) -> Path:
    """A data folder as the server's package makes it; kept for later sessions, for that version."""
    version = session.run(["mariadbd", "--version"]).split(" Ver ")[-1].split()[0]
    path = (
        session.cache / "mariadb" / "".join(one if one.isalnum() or one in ".-" else "-" for one in version)
    )
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = session.scratch("mariadb") / "data"
        session.run(
            ["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={new}", "--skip-test-db",
             "--auth-root-authentication-method=socket", "--innodb-log-file-size=8M"]
        )  # fmt: skip
        with contextlib.suppress(OSError):  # another session was faster
            shutil.copytree(new, path.with_suffix(f".{session.id}"))
            path.with_suffix(f".{session.id}").rename(path)
    return path
