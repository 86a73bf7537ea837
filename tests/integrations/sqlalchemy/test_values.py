"""Values: parameters and rows keep their types, also those that only a driver has."""

from __future__ import annotations

import datetime as dt
import decimal
import ipaddress
import math
import uuid
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Enum,
    Float,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Uuid,
    insert,
    select,
    text,
)
from sqlalchemy import Date as DateType
from sqlalchemy import Time as TimeType
from sqlalchemy.dialects import postgresql as types
from sqlalchemy.engine import Engine
from sqlalchemy.types import BigInteger, Boolean, String

from tests.integrations.sqlalchemy.databases import Database
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.dbapi.values import plain, restore
from timetracer_otel.messages.sql import DriverValue

COMMON: list[tuple[Any, Any]] = [
    (String(), "grüße \x7f '; --"),
    (String(), "2026-11-20"),
    (BigInteger(), 2**62),
    (Boolean(), True),
    (Float(), 1.5),
    (Numeric(20, 5), decimal.Decimal("12345.67890")),
    (LargeBinary(), b"\x00\xff bytes"),
    (DateType(), dt.date(2026, 11, 20)),
    (TimeType(), dt.time(12, 30, 15, 250)),
    (DateTime(), dt.datetime(2026, 11, 20, 14, 28, 31, 123456)),
    (Interval(), dt.timedelta(days=3, seconds=7)),
    (Uuid(), uuid.UUID("12345678-1234-5678-1234-567812345678")),
    (JSON(), {"a": [1, 2.5, None, {"b": "c"}], "": True}),
    (Enum("red", "green", name="colour", native_enum=False), "red"),
    (String(), None),
]
UTC = dt.UTC
ON_POSTGRES: list[tuple[Any, Any]] = [
    (DateTime(timezone=True), dt.datetime(2026, 11, 20, 14, 28, 31, tzinfo=UTC)),
    (types.JSONB(), {"a": [1, {"b": None}], "n": 12345678901234567890}),
    (types.ARRAY(types.INTEGER), [1, None, 3]),
    (types.ARRAY(types.TEXT, dimensions=2), [["a", "b"], ["c", "d"]]),
    (types.INT4RANGE(), types.Range(1, 5)),
    (types.NUMRANGE(), types.Range(decimal.Decimal("1.5"), None, bounds="(]")),
    (types.DATERANGE(), types.Range(dt.date(2026, 1, 1), dt.date(2026, 2, 1))),
    (types.TSTZRANGE(), types.Range(dt.datetime(2026, 1, 1, tzinfo=UTC), None)),
    (types.INT8RANGE(), types.Range(empty=True)),
    (types.DOUBLE_PRECISION(), math.inf),
    (types.INTERVAL(), dt.timedelta(days=-1, microseconds=5)),
    (types.TSVECTOR(), "'a' 'b'"),
]


def kept(engine: Engine, cases: list[tuple[Any, Any]]) -> Any:
    """Put each value into a column and read it back, through SQLAlchemy and below it."""
    seen = []
    with engine.begin() as connection:
        for number, (type_, value) in enumerate(cases):
            table = Table(f"kept{number}", MetaData(), Column("value", type_))
            table.create(connection)
            connection.execute(insert(table).values(value=value))
            found = connection.execute(select(table.c.value)).scalar_one()
            raw = connection.execute(text(f"SELECT value FROM kept{number}")).scalar_one()
            seen.append((type(found).__name__, found, type(raw).__name__, raw))
    return seen


def test_values_everywhere(db: Database) -> None:
    seen = db.same(lambda engine: kept(engine, COMMON))
    assert [value for _, value, _, _ in seen] == [value for _, value in COMMON]


def test_values_of_postgresql(pg: Database) -> None:
    pg.same(lambda engine: kept(engine, ON_POSTGRES))


EXPRESSIONS = [
    "inet '10.0.0.1/8'",
    "cidr '10.0.0.0/8'",
    "B'10110'",
    "point '(1,2)'",
    "box '((1,2),(3,4))'",
    "path '[(1,2),(3,4)]'",
    "circle '<(1,2),3>'",
    "ROW(1, 'a', NULL::int)",
    "'{[1,3),[5,7)}'::int4multirange",
    "'2026-11-20 12:00:00+02'::timestamptz",
    "'12:00+02'::timetz",
    "'a=>1'::text",
    "numeric 'NaN'",
    "1e400::numeric",
    "NULL",
    "'\\x00ff'::bytea",
    "ARRAY[ROW(1,2)]",
    "'12345678-1234-5678-1234-567812345678'::uuid",
    "float8 'NaN'",
    "json '{\"a\": [1]}'",
    "money '12.30'",
    "xid '7'",
    "'a'::\"char\"",
]


def parts(value: Any) -> Any:
    """What a driver's own value is made of, where its repr does not say."""
    if type(value).__name__ == "Path":
        return value.is_closed, list(map(tuple, value.points))
    return list(value) if isinstance(value, tuple | list) else value


def test_expressions_of_postgresql(pg: Database) -> None:
    def see(engine: Engine) -> Any:
        seen = []
        with engine.connect() as connection:
            for expression in EXPRESSIONS:
                value = connection.exec_driver_sql(f"SELECT {expression}").scalar_one()
                seen.append((expression, type(value).__module__, type(value).__qualname__, parts(value)))
        return seen

    pg.same(see)


def test_rows_of_a_raw_cursor(pg: Database) -> None:
    def see(engine: Engine) -> Any:
        connection = engine.raw_connection()
        cursor: Any = connection.cursor()
        cursor.execute("SELECT 1 AS a, 'x' AS b")
        row = cursor.fetchone()
        names = [getattr(column, "name", "no name") for column in cursor.description]
        codes = [column[1] for column in cursor.description]
        connection.close()
        return (
            type(row).__qualname__,
            tuple(row),
            row["a"] if "asyncpg" in pg.driver else row[0],
            names,
            codes,
        )

    pg.same(see)


def test_addresses_as_parameters(pg: Database) -> None:
    def see(engine: Engine) -> Any:
        with engine.connect() as connection:
            statement = text("SELECT host(CAST(:a AS inet))")
            value: Any = ipaddress.ip_address("10.0.0.1")
            return connection.scalar(statement, {"a": str(value) if "psycopg2" in pg.driver else value})

    assert pg.same(see) == "10.0.0.1"


class Adapter:
    def __init__(self, adapted: Any) -> None:
        self.adapted = adapted


class Thing:
    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size


def test_objects_of_the_app_are_compared_by_what_they_hold() -> None:
    assert plain(Adapter(1)) == plain(Adapter(1)) != plain(Adapter(2))
    assert plain(Thing(1)) == plain(Thing(1)) != plain(Thing(2))
    assert plain([{"a": (Thing(1), b"x")}]) == [{"a": (plain(Thing(1)), b"x")}]


def test_values_that_cannot_be_made_again() -> None:
    with pytest.raises(ReplayError, match=r"Thing|object"):
        restore([plain(Thing(1))])
    with pytest.raises(ReplayError, match=r"psycopg\.range cannot be rebuilt"):
        restore(DriverValue("psycopg.range", "nonsense"))
    with pytest.raises(ReplayError, match=r"os\.system"):
        restore(DriverValue("os.system", "true"))
