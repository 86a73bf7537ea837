"""The three runs that every test compares; for a replay there is no server at that address."""

from __future__ import annotations

import asyncio
import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

import aiomysql
import asyncmy
import mysql.connector
import mysql.connector.aio
import pymysql

from tests.integrations.ports import Recorded, RecordingPort, ReplayPort, using
from tests.integrations.sqlalchemy.databases import differences
from tests.services.mariadb import PASSWORD, USER, MariaDb
from tests.services.missing import need
from timetracer_otel import ports
from timetracer_otel.messages import SqlResult, SqlStatement

Scenario = Callable[[Any], Any]
NOWHERE = 1
IN_C = "MYSQL_IN_C" in os.environ
"""Connections of mysql.connector are those of its C extension; see ``test_c_extension.py``."""
DATABASE = "drivers"
_TABLES = """
    CREATE TABLE people (
        id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL, age INT, UNIQUE KEY one_name (name)
    );
    INSERT INTO people (name, age) VALUES ('ann', 41), ('bob', 17), ('cid', NULL);
    CREATE PROCEDURE two_results(IN least INT, OUT found INT) BEGIN
        SELECT name FROM people WHERE age > least ORDER BY id;
        SELECT COUNT(*) INTO found FROM people;
        SELECT 'done' AS said, found;
    END
"""


def asked_and_rows(call: Recorded) -> tuple[Any, Any, Any]:
    """What was asked, and the rows of the answer."""
    assert isinstance(call.asked, SqlStatement)
    assert isinstance(call.answered, SqlResult)
    return call.asked.text, call.asked.parameters, call.answered.rows


def outcome(act: Callable[[], Any]) -> list[Any]:
    """What a call of a driver that blocks returns or raises."""
    try:
        return ["returned", act()]
    except Exception as error:
        return [type(error), str(error), error.args, getattr(error, "sqlstate", "none")]


async def raised(act: Callable[[], Awaitable[Any]]) -> list[Any]:
    """What a call returns or raises."""
    try:
        return ["returned", await act()]
    except Exception as error:
        return [type(error), str(error), error.args]


class Runs(ABC):
    """A database with people in it, made anew for each run."""

    def __init__(self, server: MariaDb) -> None:
        self._server = server

    def fresh(self) -> None:
        self._server.fresh([DATABASE])
        with self._server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"USE {DATABASE}")
            tables, people, procedure = _TABLES.split(";", 2)
            for statement in (tables, people, procedure):
                cursor.execute(statement)

    def place(self, port: int, **options: Any) -> dict[str, Any]:
        return {
            "host": "127.0.0.1", "port": port, "user": USER, "password": PASSWORD, **options,
        }  # fmt: skip

    @abstractmethod
    def run(self, port: int, scenario: Scenario, **options: Any) -> Any:
        """Run it on a connection of its own."""

    def live(self, scenario: Scenario, **options: Any) -> Any:
        self.fresh()
        with ports.inside():
            return self.run(self._server.door.port, scenario, **options)

    def recorded(self, scenario: Scenario, **options: Any) -> tuple[Any, list[Recorded]]:
        self.fresh()
        port = RecordingPort()
        with using(port):
            seen = self.run(self._server.door.port, scenario, **options)
        return seen, port.calls

    def replayed(self, calls: list[Recorded], scenario: Scenario, **options: Any) -> Any:
        """What it sees without a server; every recorded call must have been asked for."""
        port = ReplayPort(calls)
        with using(port):
            seen = self.run(NOWHERE, scenario, **options)
        left = [call.asked.title() for call in port.unused]
        assert left == [], left
        return seen

    def same(self, scenario: Scenario, **options: Any) -> Any:
        """Run it live, recorded and replayed; all three must see the same. Returns what they see."""
        live = self.live(scenario, **options)
        recorded, calls = self.recorded(scenario, **options)
        told = differences(recorded, live)
        assert told == [], told
        told = differences(self.replayed(calls, scenario, **options), live)
        assert told == [], told
        return live


class PyMySqlRuns(Runs):
    def run(self, port: int, scenario: Scenario, **options: Any) -> Any:
        options = {"database": DATABASE, **options}
        with contextlib.closing(pymysql.connect(**self.place(port, **options))) as connection:
            return scenario(connection)


class ConnectorRuns(Runs):
    def run(self, port: int, scenario: Scenario, **options: Any) -> Any:
        options = {"database": DATABASE, "use_pure": not IN_C, **options}
        with contextlib.closing(mysql.connector.connect(**self.place(port, **options))) as connection:
            return scenario(connection)


class AioMySqlRuns(Runs):
    def run(self, port: int, scenario: Scenario, **options: Any) -> Any:
        async def on_a_connection() -> Any:
            connection = await aiomysql.connect(**self.place(port, db=DATABASE, **options))
            try:
                return await scenario(connection)
            finally:
                await connection.ensure_closed()

        return asyncio.run(on_a_connection())


class ConnectorAioRuns(Runs):
    def run(self, port: int, scenario: Scenario, **options: Any) -> Any:
        async def on_a_connection() -> Any:
            # the library itself cannot do without TLS on a server that has none, unless it is told
            known = {"database": DATABASE, "ssl_disabled": True, **options}
            connection = await mysql.connector.aio.connect(**self.place(port, **known))
            try:
                return await scenario(connection)
            finally:
                await connection.close()

        return asyncio.run(on_a_connection())


class AsyncmyRuns(Runs):
    def run(self, port: int, scenario: Scenario, **options: Any) -> Any:
        async def on_a_connection() -> Any:
            connection = await asyncmy.connect(**self.place(port, **{"database": DATABASE, **options}))
            try:
                return await scenario(connection)
            finally:
                await connection.ensure_closed()

        return asyncio.run(on_a_connection())


class MySqlClientRuns(Runs):
    def run(self, port: int, scenario: Scenario, **options: Any) -> Any:
        library = need("MySQLdb", "mysqlclient")
        options = {"database": DATABASE, "charset": "utf8mb4", **options}
        connection = library.connect(**self.place(port, **options))
        try:
            return scenario(connection)
        finally:
            if connection.open:  # a second time is an error
                connection.close()
