"""What differs from one DB-API driver to the next, as far as an app can see it."""

from __future__ import annotations

import functools
import sys
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from timetracer_otel.integrations.dbapi.values import record

SYSTEMS = {"postgresql": "postgresql", "sqlite": "sqlite", "mysql": "mysql", "mariadb": "mariadb"}
SYSTEMS |= {"mssql": "microsoft.sql_server", "oracle": "oracle.db", "cockroachdb": "cockroachdb"}
"""SQLAlchemy's dialects by semconv's ``db.system.name``."""

Column = namedtuple(  # rows of seven that are also read by name, as drivers have them
    "Column", "name type_code display_size internal_size precision scale null_ok"
)


class Driver(msgspec.Struct, frozen=True):
    """One driver.

    Attributes:
        name: SQLAlchemy's name of it.
        connection: the class its connections are; ``None`` when it is not known.
        cursor: the class its cursors are.
        server_cursor: the class its server-side cursors are.
        result: what its ``execute`` returns: ``cursor``, ``rowcount`` or ``none``.
        columns: named columns, not bare tuples.
        records: rows are asyncpg's records.
        forgets: a closed cursor knows nothing of its last result.
        tuples: ``fetchmany`` and ``fetchall`` give tuples of rows, not lists.
    """

    name: str
    connection: type | None = None
    cursor: type | None = None
    server_cursor: type | None = None
    result: str = "none"
    columns: bool = False
    records: bool = False
    forgets: bool = False
    tuples: bool = False

    def description(self, columns: Sequence[Any]) -> list[Any]:
        """A cursor's ``description``."""
        make: Callable[..., Any] = tuple
        if self.columns:
            make = _column(self.name)
        return [make([*column, *[None] * (7 - len(column))]) for column in columns]

    def row(self, names: list[str], items: Any) -> Any:
        """One row as the driver makes them."""
        if isinstance(items, dict):
            return items
        return record(names, items) if self.records else tuple(items)


def _column(driver: str) -> Callable[[Sequence[Any]], Any]:
    if driver == "psycopg2":
        from psycopg2.extensions import Column as Psycopg2Column

        return lambda items: Psycopg2Column(*items)
    return Column._make


_CLASSES = {
    "pysqlite": ("sqlite3:Connection", "sqlite3:Cursor", "sqlite3:Cursor"),
    "psycopg2": (
        "psycopg2.extensions:connection",
        "psycopg2.extensions:cursor",
        "psycopg2.extensions:cursor",
    ),
    "psycopg": ("psycopg:Connection", "psycopg:Cursor", "psycopg:ServerCursor"),
    "pymysql": ("pymysql.connections:Connection", "pymysql.cursors:Cursor", "pymysql.cursors:SSCursor"),
    "mysqlconnector": (
        "mysql.connector.connection:MySQLConnection",
        "mysql.connector.cursor:MySQLCursorBuffered",
        "mysql.connector.cursor:MySQLCursor",
    ),
    "mysqldb": ("MySQLdb.connections:Connection", "MySQLdb.cursors:Cursor", "MySQLdb.cursors:SSCursor"),
}
_RESULTS = {"pysqlite": "cursor", "psycopg": "cursor", "pymysql": "rowcount", "mysqldb": "rowcount"}


def driver_of(dialect: Any) -> Driver:
    """The driver a dialect talks to."""
    kind: type = type(dialect)
    return _driver(kind, str(dialect.driver), bool(dialect.is_async))


@functools.lru_cache(maxsize=64)
def _driver(dialect: type, name: str, asynchronous: bool) -> Driver:
    if asynchronous:
        classes = [
            _adapter(dialect, f"AsyncAdapt_{name}_{part}") for part in ("connection", "cursor", "ss_cursor")
        ]
        result = "none"
    else:
        classes = [_loaded(path) for path in _CLASSES.get(name, (":", ":", ":"))]
        result = _RESULTS.get(name, "none")
    connection, cursor, server_cursor = classes
    return Driver(
        name=name,
        connection=connection,
        cursor=cursor,
        server_cursor=server_cursor or cursor,
        result=result,
        columns=name in ("psycopg", "psycopg2"),
        records=name == "asyncpg",
        forgets=name in ("psycopg", "mysqlconnector"),
        tuples=not asynchronous and name in ("pymysql", "mysqldb"),
    )


def _loaded(path: str) -> type | None:
    module, _, name = path.partition(":")
    return getattr(sys.modules.get(module), name, None)


def _adapter(dialect: type, name: str) -> type | None:
    for kind in dialect.__mro__:
        found = getattr(sys.modules.get(kind.__module__), name, None)
        if isinstance(found, type):
            return found
    return None
