"""A real MariaDB, from the Debian package ``mariadb-server-core``: its own server, in its own folder."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import pymysql

from tests.services.door import Door
from tests.services.lifeline import tied
from tests.services.programs import need_program

PROGRAM = "mariadbd"
USER, PASSWORD = "tester", "secret"
_SCRIPTS = Path("/usr/share/mysql")
_PATIENCE = 120.0
# nobody needs these data after a crash: little of it, and nothing waits for the disk
_SMALL = (
    "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=32M", "--innodb-flush-method=nosync",
    "--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite", "--innodb-fast-shutdown=1",
    "--skip-innodb-buffer-pool-dump-at-shutdown", "--performance-schema=off", "--skip-log-bin",
)  # fmt: skip


class MariaDb:
    """One MariaDB server and the door in front of it.

    Args:
        directory: Where its data lives; must not exist yet.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self._socket = directory / "socket"
        user = ("--user=root",) if os.geteuid() == 0 else ()
        # no TCP: the door is its only address
        self._command = (
            need_program(PROGRAM), "--no-defaults", *user, f"--datadir={directory}/data", *_SMALL,
            # a server that starts deletes the temporary tables of every other one there
            f"--tmpdir={directory}/temporary",
        )  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self._make_system_tables()
        self.door = Door(str(self._socket))
        self.start()

    def url(self, database: str, driver: str = "pymysql", dialect: str = "mysql", option: str = "") -> str:
        """The address of a database, as SQLAlchemy spells it."""
        place = f"{self.door.host}:{self.door.port}/{database}"
        options = "&".join(filter(None, ["charset=utf8mb4", option]))
        return f"{dialect}+{driver}://{USER}:{PASSWORD}@{place}?{options}"

    def fresh(self, databases: Iterable[str]) -> None:
        """Drop and create databases, so that counters start again."""
        with self.connect() as connection, connection.cursor() as cursor:
            for name in databases:
                cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
                cursor.execute(f"CREATE DATABASE `{name}`")

    def connect(self) -> pymysql.Connection:
        """A connection beside the door."""
        return pymysql.connect(unix_socket=str(self._socket), user=USER, password=PASSWORD, autocommit=True)

    def stop(self) -> None:
        """Stop the server; nothing listens at its address any more."""
        self.door.shut()
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self) -> None:
        """Start it, data and address as they were."""
        with (self._directory / "log").open("ab") as log:
            self._process = tied(subprocess.Popen(
                (*self._command, "--skip-networking", f"--socket={self._socket}",
                 "--character-set-server=utf8mb4", "--local-infile", "--lower-case-table-names=0"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            ))  # fmt: skip
        self._wait()
        self.door.open()

    remove = stop

    def _make_system_tables(self) -> None:
        """What ``mariadb-install-db`` does, without the packages it needs."""
        (self._directory / "data").mkdir()
        (self._directory / "temporary").mkdir()
        names = ("mysql_system_tables.sql", "mysql_system_tables_data.sql")
        script = "\n".join((
            "CREATE DATABASE mysql;", "USE mysql;", "SET @auth_root_socket = NULL;",
            *((_SCRIPTS / name).read_text() for name in names),
            "FLUSH PRIVILEGES;", f"CREATE USER '{USER}'@'localhost' IDENTIFIED BY '{PASSWORD}';",
            f"GRANT ALL ON *.* TO '{USER}'@'localhost' WITH GRANT OPTION;", "",
        ))  # fmt: skip
        done = subprocess.run(
            (*self._command, "--bootstrap"), input=script, text=True, capture_output=True, timeout=_PATIENCE
        )
        if done.returncode != 0:
            raise RuntimeError(f"MariaDB's system tables could not be made: {done.stderr[-2000:]}")

    def _wait(self) -> None:
        """Until it answers."""
        limit = time.monotonic() + _PATIENCE
        while True:
            try:
                self.connect().close()
                return
            except pymysql.err.OperationalError as error:
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > limit:
                    raise RuntimeError(f"MariaDB did not start; see {self._directory}/log") from error
                time.sleep(0.02)
