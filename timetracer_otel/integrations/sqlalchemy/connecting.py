"""Getting a connection, as a message, and what drivers raise."""

from __future__ import annotations

import sys
from typing import Any

from timetracer_otel.integrations.dbapi import failures
from timetracer_otel.integrations.sqlalchemy.checkout import NAMESPACE
from timetracer_otel.integrations.sqlalchemy.drivers import SYSTEMS
from timetracer_otel.messages import SqlStatement


def connect_request(pool: Any, error: Exception | None = None) -> SqlStatement:
    """An attempt to get a connection, as a message: from the server, or one that the pool has."""
    dialect = pool._dialect
    waited = error is not None and type(error).__module__ == "sqlalchemy.exc"
    return SqlStatement(
        text="CHECKOUT" if waited else "CONNECT",
        system=SYSTEMS.get(dialect.name, dialect.name),
        namespace=vars(pool).get(NAMESPACE, ""),
    )


def classes_of(dialect: Any) -> dict[str, type[BaseException]]:
    """Every exception that the dialect's driver can raise, by name."""
    dbapi = dialect.dbapi
    roots = [getattr(dbapi, "Error", None), getattr(dbapi, "Warning", None)]
    for module in ("asyncpg.exceptions", "asyncpg.exceptions._base"):
        loaded = sys.modules.get(module)
        roots += [
            getattr(loaded, name, None) for name in ("PostgresMessage", "InterfaceMessage", "InterfaceError")
        ]
    below = sys.modules.get("_mysql_connector")  # the cause of what mysql.connector raises
    roots += [getattr(below, name, None) for name in ("MySQLError", "MySQLInterfaceError")]
    library = sys.modules.get("sqlalchemy.exc")
    roots += [getattr(library, name, None) for name in ("TimeoutError", "MissingGreenlet")]
    return failures.classes_below(*roots)
