"""Where the tables of an ORM are: each run finds them as they were made, a replay not at all."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from pathlib import Path

import psycopg

from tests.services import c_extension
from tests.services.mariadb import PASSWORD, USER, MariaDb
from tests.services.postgres import Postgres

NAME = "orm"


class Place(ABC):
    """One database."""

    environment: dict[str, str]
    """What the process of the ORM is told about it."""

    @abstractmethod
    def keep(self) -> None:
        """Remember the tables, which have just been made."""

    @abstractmethod
    def restore(self) -> None:
        """The tables as they were made."""

    @abstractmethod
    def take_away(self) -> None:
        """Nothing is there any more."""

    @abstractmethod
    def give_back(self) -> None:
        """After the replay; what it left where nothing was is an error."""


class File(Place):
    """A file of SQLite's."""

    def __init__(self, folder: Path) -> None:
        self._home = folder / "home"
        self._home.mkdir()
        self._file = self._home / "orm.db"
        self.environment = {"ORM_FILE": str(self._file)}

    def keep(self) -> None:
        shutil.copyfile(self._file, self._file.with_suffix(".made"))

    def restore(self) -> None:
        shutil.copyfile(self._file.with_suffix(".made"), self._file)

    def take_away(self) -> None:
        shutil.rmtree(self._home)

    def give_back(self) -> None:
        assert not self._home.exists()


class OnPostgres(Place):
    """A database of PostgreSQL's."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self.environment = _address(server)
        server.fresh([NAME])

    def keep(self) -> None:
        self._server.fresh([f"{NAME}_made"])
        self._copy(NAME, f"{NAME}_made")

    def restore(self) -> None:
        self._copy(f"{NAME}_made", NAME)

    def take_away(self) -> None:
        self._server.door.shut()

    def give_back(self) -> None:
        self._server.door.open()

    def _copy(self, source: str, target: str) -> None:
        with psycopg.connect(self._server.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {target} WITH (FORCE)".encode())
            connection.execute(f"CREATE DATABASE {target} TEMPLATE {source}".encode())


class OnMariaDb(Place):
    """A database of MariaDB's."""

    def __init__(self, server: MariaDb) -> None:
        self._server = server
        self.environment = {
            **_address(server), "ORM_USER": USER, "ORM_PASSWORD": PASSWORD, **c_extension.environment(),
        }  # fmt: skip
        self._made: list[str] = []
        server.fresh([NAME])

    def keep(self) -> None:
        with self._server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"USE {NAME}")
            cursor.execute("SHOW TABLES")
            for (table,) in cursor.fetchall():
                cursor.execute(f"SHOW CREATE TABLE {table}")
                self._made += [one[1] for one in cursor.fetchall()]

    def restore(self) -> None:
        self._server.fresh([NAME])
        with self._server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"USE {NAME}")
            cursor.execute("SET foreign_key_checks = 0")
            for statement in self._made:
                cursor.execute(statement)

    def take_away(self) -> None:
        self._server.door.shut()

    def give_back(self) -> None:
        self._server.door.open()


def _address(server: Postgres | MariaDb) -> dict[str, str]:
    return {"ORM_HOST": server.door.host, "ORM_PORT": str(server.door.port)}
