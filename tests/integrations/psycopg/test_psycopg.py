"""What an app sees of psycopg: live, recording and replaying alike."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg.rows import class_row, dict_row, namedtuple_row, scalar_row
from psycopg.types.json import Jsonb
from psycopg.types.range import Range

from tests.integrations.ports import RecordingPort, ReplayPort, using
from tests.integrations.psycopg.runs import NOWHERE, Runs
from timetracer_otel.errors import MissError, NoSessionError

PEOPLE = "SELECT id, name, age FROM people ORDER BY id"


def raised(act: Any) -> list[Any]:
    try:
        return ["returned", act()]
    except Exception as error:
        return told(error)


def told(error: Exception) -> list[Any]:
    diag = getattr(error, "diag", None)
    names = ("constraint_name", "message_primary", "sqlstate", "table_name", "message_detail")
    fields = [getattr(diag, name) for name in names] if diag is not None else None
    return [type(error), str(error), error.args, getattr(error, "sqlstate", ""), fields]


def test_fetching_in_every_way(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        seen = [
            cursor.execute(PEOPLE) is cursor,
            repr(cursor.description),
            cursor.rowcount,
            cursor.statusmessage,
        ]
        seen += [
            cursor.fetchone(),
            cursor.rownumber,
            cursor.fetchmany(1),
            cursor.fetchmany(5),
            cursor.fetchone(),
        ]
        seen += [cursor.scroll(0, "absolute"), cursor.fetchall(), raised(lambda: cursor.scroll(9))]
        seen.append(list(connection.execute("SELECT name FROM people WHERE age > %(age)s", {"age": 1})))
        cursor.execute("SELECT 1 AS a; SELECT 2, 3; UPDATE people SET age = age")
        seen += [cursor.fetchall(), cursor.nextset(), cursor.fetchall(), cursor.nextset(), cursor.rowcount]
        seen += [cursor.nextset(), raised(cursor.fetchone)]
        return [*seen, connection.info.server_version, connection.info.parameter_status("TimeZone")]

    assert db.same(scenario)[4] == (1, "ann", 41)


def test_changes_and_transactions(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        def state() -> Any:
            return connection.info.transaction_status

        seen: list[Any] = [state(), connection.autocommit]
        cursor = connection.execute("INSERT INTO people (name) VALUES ('dan') RETURNING id")
        seen += [cursor.fetchone(), cursor.rowcount, state(), connection.commit(), state()]
        cursor.executemany("INSERT INTO people (name, age) VALUES (%s, %s)", iter([("eve", 1), ("fay", 2)]))
        seen += [cursor.rowcount, cursor.statusmessage]
        query = "UPDATE people SET age = %s WHERE name = %s RETURNING age"
        cursor.executemany(query, [(8, "eve"), (9, "fay")], returning=True)
        seen += [cursor.fetchall(), cursor.nextset(), cursor.fetchall(), cursor.nextset()]
        connection.rollback()
        with connection.transaction():
            connection.execute("DELETE FROM people WHERE id = 1")
            with connection.transaction(force_rollback=True):
                connection.execute("DELETE FROM people")
            seen += [state(), connection.execute(PEOPLE).fetchall()]
        seen += [state(), raised(lambda: connection.execute("SELECT 1/0")), state()]
        seen += [raised(lambda: connection.execute("SELECT 1")), connection.rollback(), state()]
        connection.autocommit = True
        connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        return [
            *seen,
            connection.autocommit,
            connection.isolation_level,
            connection.closed,
            connection.broken,
        ]

    assert db.same(scenario)[2:4] == [(4,), 1]


class Person:
    def __init__(self, **fields: Any) -> None:
        self.fields = fields

    def __repr__(self) -> str:
        return f"Person({self.fields})"


def test_row_factories(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        seen: list[Any] = []
        for factory in (dict_row, class_row(Person), scalar_row):
            with connection.cursor(row_factory=factory) as cursor:
                cursor.execute(PEOPLE)
                seen += [cursor.fetchone(), cursor.fetchall()]
        with connection.cursor(row_factory=namedtuple_row) as cursor:
            row = cursor.execute(PEOPLE).fetchone()
            seen += [tuple(row), row._fields, row.name]
        return seen

    db.same(scenario)


def test_server_side_cursors(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        with connection.cursor("on the server", scrollable=True, row_factory=dict_row) as cursor:
            cursor.itersize = 2
            cursor.execute("SELECT generate_series(1, %s) AS n", (7,))
            seen = [
                repr(cursor.description),
                cursor.rowcount,
                cursor.name,
                cursor.fetchone(),
                cursor.fetchmany(2),
            ]
            seen += [cursor.scroll(-1), cursor.fetchone(), list(cursor), cursor.fetchall(), cursor.rownumber]
        return [*seen, cursor.closed]

    db.same(scenario)


def test_types(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        connection.execute("CREATE TYPE mood AS ENUM ('calm', 'wild')")
        query = (
            "SELECT 1.50::numeric, 'NaN'::float8, '2026-01-02 03:04:05+02'::timestamptz, '2026-01-02'::date,"
            " %s::uuid, %s, ARRAY[[1,2],[3,NULL]], %s, '192.168.0.1/24'::inet, %s::bytea, 'wild'::mood,"
            " '1 day'::interval, NULL, true, 9223372036854775807, '{[1,3),[5,9)}'::int4multirange"
        )
        given = (uuid.UUID(int=7), Jsonb({"a": [1, None]}), Range(1, 5), b"\x00\xff")
        text = connection.execute(query, given).fetchone()
        binary = connection.execute(query, given, binary=True).fetchone()
        return [text, binary]

    seen = db.same(scenario)
    assert seen[0][0] == Decimal("1.50")
    assert seen[0][2] == dt.datetime(2026, 1, 2, 1, 4, 5, tzinfo=dt.UTC)


def test_errors_and_notices(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        connection.autocommit = True
        notices: list[Any] = []
        connection.add_notice_handler(lambda diag: notices.append([diag.severity, diag.message_primary]))
        cursor = connection.cursor()
        seen = [
            raised(lambda: cursor.execute("INSERT INTO people (name) VALUES ('ann')")),
            raised(lambda: cursor.execute("SELEC 1")),
            raised(lambda: cursor.execute("SELECT %s, %s", (1,))),
            raised(lambda: cursor.execute("SET statement_timeout = 10; SELECT pg_sleep(5)")),
            raised(lambda: cursor.execute("DO $$ BEGIN RAISE serialization_failure; END $$")),
            raised(lambda: cursor.execute("").statusmessage),
            raised(cursor.fetchone),
        ]
        cursor.execute("DO $$ BEGIN RAISE NOTICE 'hear hear'; END $$")
        cursor.close()
        seen += [notices, raised(lambda: cursor.execute("SELECT 1")), raised(cursor.fetchone)]
        connection.close()
        return [*seen, raised(lambda: connection.execute("SELECT 1")), raised(connection.commit)]

    seen = db.same(scenario)
    assert seen[0][0] is errors.UniqueViolation
    assert seen[7] == [["NOTICE", "hear hear"]]


def test_composed_statements_and_prepared_ones(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        query = sql.SQL("SELECT {} FROM {} WHERE name = {}").format(
            sql.Identifier("id"), sql.Identifier("people"), sql.Literal("ann")
        )
        seen = [query.as_string(connection), connection.execute(query).fetchall()]
        again = "SELECT %s + 1"
        return [*seen, *(connection.execute(again, (n,), prepare=True).fetchone() for n in range(3))]

    assert db.same(scenario)[0] == 'SELECT "id" FROM "people" WHERE name = \'ann\''


def test_asynchronously(db: Runs) -> None:
    async def scenario(connection: Any) -> Any:
        seen: list[Any] = []
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(PEOPLE)
            seen += [await cursor.fetchone(), [row async for row in cursor], cursor.rowcount]
        async with connection.transaction():
            cursor = await connection.execute("INSERT INTO people (name) VALUES (%s) RETURNING id", ("dan",))
            seen.append(await cursor.fetchone())
        try:
            await connection.execute("INSERT INTO people (name) VALUES ('dan')")
        except errors.UniqueViolation as error:
            seen.append(told(error))
        await connection.rollback()
        async with connection.cursor("named") as cursor:
            await cursor.execute("SELECT generate_series(1, 5)")
            seen += [await cursor.fetchmany(2), [row async for row in cursor]]

        async def ask(number: int) -> Any:
            return await (await connection.execute("SELECT %s", (number,))).fetchone()

        return [*seen, await asyncio.gather(*map(ask, range(5)))]

    assert db.same(scenario)[3] == (4,)


def test_connecting_that_fails() -> None:
    port = RecordingPort()
    with using(port):
        live = raised(lambda: psycopg.connect(NOWHERE))
    with using(ReplayPort(port.calls)):
        replayed = raised(lambda: psycopg.connect(NOWHERE))
        psycopg.connect(NOWHERE).close()

    assert live[0] is psycopg.OperationalError
    assert replayed == live


def test_a_commit_that_fails(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        connection.execute(
            "ALTER TABLE people ADD CONSTRAINT grown UNIQUE (age) DEFERRABLE INITIALLY DEFERRED"
        )
        connection.commit()
        connection.execute("UPDATE people SET age = 17")
        return [raised(connection.commit), connection.info.transaction_status]

    assert db.same(scenario)[0][0] is errors.UniqueViolation


def test_misses_refusals_and_uses_outside(db: Runs) -> None:
    _, calls = db.recorded(lambda connection: connection.execute("SELECT %s", (1,)))
    with pytest.raises(MissError, match="SELECT %s"):
        db.replayed(calls, lambda connection: connection.execute("SELECT %s", (2,)))
    with using(ReplayPort([])):
        connection = psycopg.connect(NOWHERE)
    with pytest.raises(NoSessionError):
        connection.execute("SELECT 1")
    connection.close()


def test_settings_that_an_app_changes_decide_how_values_are_read(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        query = "SELECT '2026-01-02 03:04:05+00'::timestamptz, '1 day 2 hours'::interval"
        seen = [connection.execute(query).fetchone()]
        connection.execute("SET TIME ZONE 'Asia/Tokyo'")
        seen += [connection.execute(query).fetchone(), str(connection.info.timezone)]
        connection.rollback()
        connection.execute("SET client_encoding TO latin1")
        return [*seen, connection.execute("SELECT 'caf\u00e9'").fetchone(), connection.info.encoding]

    assert db.same(scenario)[2] == "Asia/Tokyo"


def test_a_loader_of_the_app_around_one_of_psycopg(db: Runs) -> None:
    original: Any = psycopg.adapters.get_loader(psycopg.adapters.types["timestamptz"].oid, Format.TEXT)

    class Naive(Loader):
        """As in Django 6: the original, which is written in C, is made by this one."""

        def __init__(self, oid: int, context: Any) -> None:
            super().__init__(oid, context)
            self.original = original(oid, context)

        def load(self, data: Any) -> dt.datetime:
            read: dt.datetime = self.original.load(data)
            return read.replace(tzinfo=None)

    def scenario(connection: Any) -> Any:
        connection.execute("SET TIME ZONE 'Asia/Tokyo'")
        connection.adapters.register_loader("timestamptz", Naive)
        query = "SELECT '2026-01-02 03:04:05+00'::timestamptz, ARRAY['2026-01-02 03:04:05+00'::timestamptz]"
        return connection.execute(query).fetchone()

    local = dt.datetime(2026, 1, 2, 12, 4, 5)
    assert db.same(scenario) == (local, [local])
