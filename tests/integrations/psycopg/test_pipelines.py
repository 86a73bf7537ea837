"""Pipelines: live, recorded and replayed alike."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import psycopg
import pytest
from psycopg import errors
from psycopg.rows import dict_row

from tests.integrations.ports import RecordingPort, using
from tests.integrations.psycopg.runs import Runs
from tests.integrations.psycopg.test_psycopg import raised
from timetracer_otel.errors import MissError

INSERT = "INSERT INTO people (name, age) VALUES (%s, %s)"
NAMES = "SELECT name FROM people ORDER BY id"


@pytest.mark.parametrize("autocommit", [False, True])
def test_statements_whose_results_are_read_within_and_after(db: Runs, autocommit: bool) -> None:
    def scenario(connection: Any) -> Any:
        connection.autocommit = autocommit
        with connection.pipeline() as pipeline:
            first = connection.execute("SELECT 1, 'x'")
            second = connection.cursor(row_factory=dict_row)
            second.execute("SELECT id, name FROM people WHERE id < %s ORDER BY id", (3,))
            connection.execute(INSERT, ("dan", 1))
            seen: list[Any] = [first.fetchone(), second.fetchall(), str(pipeline.status)]
            binary = connection.cursor(binary=True)
            binary.execute("SELECT count(*) FROM people")
            pipeline.sync()
            seen += [binary.fetchone(), binary.rowcount, binary.statusmessage, binary.description[0].name]
            last = connection.execute("UPDATE people SET age = 2 WHERE age IS NULL")
        connection.commit()
        names = connection.execute(NAMES).fetchall()
        status = str(connection.info.transaction_status)
        return [*seen, last.rowcount, last.statusmessage, names, status]

    seen = db.same(scenario)
    assert seen[:2] == [(1, "x"), [{"id": 1, "name": "ann"}, {"id": 2, "name": "bob"}]]
    assert seen[3] == (4,)


@pytest.mark.parametrize("autocommit", [False, True])
def test_an_error_in_the_middle(db: Runs, autocommit: bool) -> None:
    def scenario(connection: Any) -> Any:
        connection.autocommit = autocommit
        cursors: list[Any] = []

        def fail() -> None:
            with connection.pipeline():
                cursors.append(connection.execute("SELECT 1"))
                cursors.append(connection.execute(INSERT, ("ann", 1)))
                cursors.append(connection.execute("SELECT 2"))

        seen = [raised(fail), str(connection.info.transaction_status)]
        seen.append(cursors[0].rowcount)
        connection.rollback()

        def go_on() -> None:
            with connection.pipeline() as pipeline:
                cursors.append(connection.execute("SELECT nothing"))
                seen.append(raised(pipeline.sync))
                if not autocommit:
                    connection.rollback()
                cursors.append(connection.execute("SELECT 3"))
                seen.append(cursors[-1].fetchone())

        go_on()
        connection.rollback()
        return [*seen, connection.execute("SELECT 'still there'").fetchone()]

    seen = db.same(scenario)
    assert seen[0][0] is errors.UniqueViolation


def test_an_error_comes_when_it_came(db: Runs) -> None:
    """The server may be quick or slow: a statement, or the end, raises for the one before."""

    def scenario(connection: Any) -> Any:
        seen: list[Any] = []
        for wait in (False, True):
            try:
                with connection.pipeline() as pipeline:
                    pipeline.sync()
                    connection.execute(INSERT, ("ann", 1))
                    seen.append("sent")
                    if wait:
                        time.sleep(0.2)
                    for number in range(50):
                        connection.execute("SELECT 1")
                        seen.append(number)
            except errors.UniqueViolation:
                seen.append("failed")
            connection.rollback()
        return seen

    seen, calls = db.recorded(scenario)
    assert db.replayed(calls, scenario) == seen
    assert "failed" in seen


def test_executemany_transactions_and_pipelines_within(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        with connection.pipeline():
            cursor.executemany(INSERT, [("dan", 1), ("eve", 2)])
            with connection.transaction():
                inner = connection.execute("SELECT count(*) FROM people")
                with connection.pipeline():
                    connection.execute(INSERT, ("fay", 3))
            returned = connection.cursor()
            returned.executemany(
                f"{INSERT} RETURNING id", (row for row in [("gil", 4), ("hal", 5)]), returning=True
            )
            seen: list[Any] = [inner.fetchone()]
            while True:
                seen.append(returned.fetchall())
                if not returned.nextset():
                    break
        seen += [cursor.rowcount, returned.rowcount]
        connection.commit()
        with connection.pipeline():
            prepared = [connection.execute(NAMES, prepare=True) for _ in range(3)]
        seen.append([one.fetchall() for one in prepared])
        with connection.pipeline():
            wrong = connection.cursor()
            seen.append(raised(lambda: wrong.execute("SELECT %s", (object(),))))
            seen.append(raised(lambda: many(connection.cursor(), ("ian", 6), ("ann", 7))))
            connection.rollback()
        connection.rollback()
        return [*seen, connection.execute(NAMES).fetchall()]

    seen = db.same(scenario)
    assert seen[:4] == [(5,), [(7,)], [(8,)], 2]


def many(cursor: Any, *rows: Any) -> None:
    cursor.executemany(f"{INSERT} RETURNING id", rows, returning=True)


def test_a_commit_that_fails_and_notices(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        connection.execute("ALTER TABLE people DROP CONSTRAINT one_name")
        connection.execute(
            "ALTER TABLE people ADD CONSTRAINT one UNIQUE (name) DEFERRABLE INITIALLY DEFERRED"
        )
        connection.commit()
        heard: list[Any] = []
        connection.add_notice_handler(lambda notice: heard.append(notice.message_primary))
        seen: list[Any] = []
        with connection.pipeline():
            connection.execute(INSERT, ("ann", 1))
            connection.execute("DO $$ BEGIN RAISE NOTICE 'beside it'; END $$")
            seen.append(raised(connection.commit))
        return [*seen, heard, connection.execute("SELECT count(*) FROM people").fetchone()]

    seen = db.same(scenario)
    assert seen[1:] == [["beside it"], (3,)]


def test_asynchronously(db: Runs) -> None:
    async def scenario(connection: Any) -> Any:
        async with connection.pipeline() as pipeline:
            first = await connection.execute("SELECT 1")
            await connection.execute(INSERT, ("dan", 1))
            seen: list[Any] = [await first.fetchone()]
            second = await connection.execute(NAMES)
            await pipeline.sync()
            seen.append(await second.fetchall())
        await connection.commit()
        try:
            async with connection.pipeline():
                await connection.execute("SELECT 1/0")
        except psycopg.Error as error:
            seen += [type(error), error.diag.message_primary]
        await connection.rollback()
        return seen

    assert db.same(scenario)[:2] == [(1,), [("ann",), ("bob",), ("cid",), ("dan",)]]


def test_another_statement_is_a_miss(db: Runs) -> None:
    def scenario(statement: str) -> Any:
        def ask(connection: Any) -> Any:
            with connection.pipeline():
                return connection.execute(statement).fetchone()

        return ask

    _, calls = db.recorded(scenario("SELECT 1"))
    with pytest.raises(MissError, match="SELECT 2"):
        db.replayed(calls, scenario("SELECT 2"))


def test_what_is_over_the_limit_is_a_gap(db: Runs) -> None:
    port = RecordingPort(body_limit=100)
    with using(port), psycopg.connect(db.url, autocommit=True) as connection, connection.pipeline():
        connection.execute("SELECT repeat('x', 1000)")
    assert [call.gaps for call in port.calls] == [[("rows over the limit", "0 rows of a result are kept")]]


def test_a_pipeline_that_is_cancelled(db: Runs) -> None:
    async def scenario(connection: Any) -> Any:
        await connection.set_autocommit(True)

        async def ask() -> None:
            async with connection.pipeline():
                await connection.execute("SELECT pg_sleep(60)")

        task = asyncio.ensure_future(ask())
        await asyncio.wait([task], timeout=0.5)
        task.cancel()
        try:
            await task
        except (asyncio.CancelledError, psycopg.Error) as error:
            return type(error).__name__

    with using(RecordingPort()):
        assert db.run(db.url, scenario) in ("CancelledError", "QueryCanceled")


def test_what_psycopg_refuses_in_a_pipeline(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        def copy() -> None:
            with connection.cursor().copy("COPY people TO STDOUT") as copying:
                list(copying)

        def serve() -> None:
            connection.cursor(name="served").execute("SELECT 1")

        with connection.pipeline():
            tried = [copy, serve, lambda: list(connection.cursor().stream("SELECT 1"))]
            return [raised(act) for act in tried]

    refused = [errors.NotSupportedError, errors.NotSupportedError, errors.ProgrammingError]
    assert [seen[0] for seen in db.same(scenario)] == refused
