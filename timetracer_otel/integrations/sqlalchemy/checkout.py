"""A connection that the app has taken from a pool."""

from __future__ import annotations

from typing import Any

import msgspec

from timetracer_otel.integrations.sqlalchemy import facts
from timetracer_otel.integrations.sqlalchemy.drivers import SYSTEMS, Driver, driver_of, kind_of
from timetracer_otel.messages import SqlStatement

ATTRIBUTE = "_timetracer_checkout"
NAMESPACE = "_timetracer_namespace"
NEXT = "next result"
"""The step of a statement that has several results: another one is asked for."""
KEEPS = "keeps"
"""In a result: its cursor still knows of it when it is closed, which the driver's others do not."""
PROCEDURE = "callproc"
"""The step of a procedure that is called by its name."""


class Checkout(msgspec.Struct, eq=False, weakref=True):
    """What is known of it.

    Attributes:
        dialect: SQLAlchemy's dialect.
        driver: the driver below it.
        system: semconv's ``db.system.name``.
        namespace: the database's name.
        wrote: a statement of the current transaction may have changed something.
        passed: in a replay, a statement that was not recorded went to a real connection.
    """

    dialect: Any
    driver: Driver
    system: str
    namespace: str = ""
    wrote: bool = False
    passed: bool = False

    def statement(self, text: str, parameters: Any = None, *, executemany: bool = False) -> SqlStatement:
        """A statement on this connection, as a message."""
        return SqlStatement(
            text=text,
            parameters=parameters,
            executemany=executemany,
            system=self.system,
            namespace=self.namespace,
            server=facts.of(self.dialect, self.namespace, self.driver.kind),
        )


def checkout_of(fairy: Any) -> Checkout:
    """What is known of a pooled connection (a ``_ConnectionFairy``)."""
    known = vars(fairy).get(ATTRIBUTE)
    if known is None:
        pool = fairy._pool
        dialect = pool._dialect
        known = Checkout(
            dialect=dialect,
            driver=driver_of(dialect, kind_of(dialect, fairy.dbapi_connection)),
            system=SYSTEMS.get(dialect.name, dialect.name),
            namespace=str(vars(pool).get(NAMESPACE) or ""),
        )
        vars(fairy)[ATTRIBUTE] = known
    return known  # type: ignore[no-any-return]  # only this function sets it
