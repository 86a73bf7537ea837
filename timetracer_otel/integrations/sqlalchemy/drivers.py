"""What differs from one DB-API driver to the next, as far as an app can see it."""

from __future__ import annotations

import functools
import importlib
import sys
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from timetracer_otel.integrations.dbapi.values import record

SYSTEMS = {"postgresql": "postgresql", "sqlite": "sqlite", "mysql": "mysql", "mariadb": "mariadb"}
SYSTEMS |= {"mssql": "microsoft.sql_server", "oracle": "oracle.db", "cockroachdb": "cockroachdb"}
"""SQLAlchemy's dialects by semconv's ``db.system.name``."""

IN_C = "c"
"""The kind of connections of mysql.connector's C extension, which it gives where that can be loaded."""

Column = namedtuple(  # rows of seven that are also read by name, as drivers have them
    "Column", "name type_code display_size internal_size precision scale null_ok"
)


class Driver(msgspec.Struct, frozen=True):
    """One driver.

    Attributes:
        name: SQLAlchemy's name of it.
        kind: which kind of its connections, where it has several: :data:`IN_C`, or none.
        connection: the class its connections are; ``None`` when it is not known.
        cursor: the class its cursors are.
        server_cursor: the class its server-side cursors are.
        result: what its ``execute`` returns: ``cursor``, ``rowcount`` or ``none``.
        columns: named columns, not bare tuples.
        records: rows are asyncpg's records.
        forgets: a closed cursor knows nothing of its last result, but see :func:`keeps`.
        tuples: ``fetchmany`` and ``fetchall`` give tuples of rows, not lists.
        closes: ``close`` of a cursor returns whether it was open.
    """

    name: str
    kind: str = ""
    connection: type | None = None
    cursor: type | None = None
    server_cursor: type | None = None
    result: str = "none"
    columns: bool = False
    records: bool = False
    forgets: bool = False
    tuples: bool = False
    closes: bool = False

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
    "mysqlconnector c": (
        "mysql.connector.connection_cext:CMySQLConnection",
        "mysql.connector.cursor_cext:CMySQLCursorBuffered",
        "mysql.connector.cursor_cext:CMySQLCursor",
    ),
    "mysqldb": ("MySQLdb.connections:Connection", "MySQLdb.cursors:Cursor", "MySQLdb.cursors:SSCursor"),
}
_WITH_THE_FIRST_CONNECTION = frozenset({"MySQLdb.connections", "MySQLdb.cursors"})
"""Modules that their driver imports when it connects, which it never does in a replay."""
_RESULTS = {"pysqlite": "cursor", "psycopg": "cursor", "pymysql": "rowcount", "mysqldb": "rowcount"}


def driver_of(dialect: Any, kind: object = "") -> Driver:
    """The driver a dialect talks to.

    Args:
        dialect: SQLAlchemy's.
        kind: which kind of its connections; one that is not known is none.
    """
    made_by: type = type(dialect)
    in_c = kind == IN_C and dialect.driver == "mysqlconnector"
    return _driver(made_by, str(dialect.driver), bool(dialect.is_async), IN_C if in_c else "")


def kind_of(dialect: Any, connection: Any) -> str:
    """Which kind of its driver's connections one is, live or replayed."""
    in_c = dialect.driver == "mysqlconnector" and _loaded(_CLASSES["mysqlconnector c"][0])
    # a connection of the driver's own pool has another below it
    return IN_C if in_c and isinstance(getattr(connection, "_cnx", connection), in_c) else ""


def keeps(driver: Driver, cursor: Any) -> bool:
    """Whether a cursor still knows its last result when it is closed, though others of its driver forget."""
    in_c = driver.name == "mysqlconnector" and _loaded(_CLASSES["mysqlconnector c"][2])
    return bool(in_c) and isinstance(cursor, in_c)  # type: ignore[arg-type]  # a class, or nothing


@functools.lru_cache(maxsize=64)
def _driver(dialect: type, name: str, asynchronous: bool, kind: str) -> Driver:
    if asynchronous:
        classes = [
            _adapter(dialect, f"AsyncAdapt_{name}_{part}") for part in ("connection", "cursor", "ss_cursor")
        ]
        result = "none"
    else:
        python = _CLASSES.get(name, (":", ":", ":"))
        paths = zip(_CLASSES.get(f"{name} {kind}", python), python, strict=True)
        classes = [_loaded(path) or _loaded(other) for path, other in paths]
        result = _RESULTS.get(name, "none")
    connection, cursor, server_cursor = classes
    return Driver(
        name=name,
        kind=kind,
        connection=connection,
        cursor=cursor,
        server_cursor=server_cursor or cursor,
        result=result,
        columns=name in ("psycopg", "psycopg2"),
        records=name == "asyncpg",
        forgets=name in ("psycopg", "mysqlconnector"),
        closes=name == "mysqlconnector",
        tuples=not asynchronous and name in ("pymysql", "mysqldb"),
    )


def _loaded(path: str) -> type | None:
    module, _, name = path.partition(":")
    if module in _WITH_THE_FIRST_CONNECTION and module.partition(".")[0] in sys.modules:
        importlib.import_module(module)
    return getattr(sys.modules.get(module), name, None)


def _adapter(dialect: type, name: str) -> type | None:
    for kind in dialect.__mro__:
        found = getattr(sys.modules.get(kind.__module__), name, None)
        if isinstance(found, type):
            return found
    return None
