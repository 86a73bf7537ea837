"""Failures: the driver's own exceptions, with everything they carry."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from tests.integrations.ports import RecordingPort, ReplayPort, using
from tests.integrations.sqlalchemy.databases import ASYNC, SYNC, Database, differences
from tests.integrations.sqlalchemy.tables import Person

_FIELDS = (
    "pgcode", "pgerror", "sqlstate", "detail", "sqlite_errorcode", "sqlite_errorname", "constraint_name",
    "table_name", "schema_name", "message", "severity",
)  # fmt: skip
_DIAGNOSTICS = (
    "severity", "sqlstate", "message_primary", "message_detail", "constraint_name", "table_name",
    "column_name", "schema_name", "statement_position",
)  # fmt: skip


def told(error: BaseException | None) -> Any:
    """Everything an app can read from an exception, as data."""
    if error is None:
        return None
    diagnostics = getattr(error, "diag", None)
    return {
        "class": f"{type(error).__module__}.{type(error).__qualname__}",
        "bases": [kind.__name__ for kind in type(error).__mro__],
        "text": str(error),
        "args": error.args,
        "fields": {name: getattr(error, name, "none") for name in _FIELDS},
        "diag": {name: getattr(diagnostics, name, "none") for name in _DIAGNOSTICS},
        "orig": told(getattr(error, "orig", None)),
        "cause": told(error.__cause__),
        "statement": getattr(error, "statement", None),
        "params": getattr(error, "params", None),
        "invalidated": getattr(error, "connection_invalidated", None),
    }


def test_unique_violation(db: Database) -> None:
    def see(engine: Engine) -> Any:
        with Session(engine) as session:
            session.add(Person(name="ann"))
            with pytest.raises(IntegrityError) as raised:
                session.commit()
            with pytest.raises(PendingRollbackError):
                session.execute(select(Person.id))
            session.rollback()
            return told(raised.value), session.scalars(select(Person.name).order_by(Person.id)).all()

    seen, names = db.same(see)
    assert names == ["ann", "bob", "cid"]
    assert "one_name" in seen["text"] or "people.name" in seen["text"]
    if "psycopg" in db.driver:
        assert seen["orig"]["class"].endswith("errors.UniqueViolation")
        assert seen["orig"]["diag"]["constraint_name"] == "one_name"
        assert seen["orig"]["diag"]["sqlstate"] == "23505"
    elif "asyncpg" in db.driver:
        assert seen["orig"]["fields"]["pgcode"] == seen["orig"]["fields"]["sqlstate"] == "23505"
        assert seen["orig"]["cause"]["class"] == "asyncpg.exceptions.UniqueViolationError"
        assert seen["orig"]["cause"]["fields"]["constraint_name"] == "one_name"
    else:
        assert seen["orig"]["class"] == "sqlite3.IntegrityError"
        assert seen["orig"]["fields"]["sqlite_errorname"] == "SQLITE_CONSTRAINT_UNIQUE"


@pytest.mark.parametrize(
    "statement",
    [
        "SELEKT 1",
        "SELECT * FROM nowhere",
        "SELECT nothing FROM people",
        "INSERT INTO people (name) VALUES (NULL)",
    ],
)
def test_errors_of_statements(db: Database, statement: str) -> None:
    def see(engine: Engine) -> Any:
        with engine.connect() as connection:
            with pytest.raises(DBAPIError) as raised:
                connection.execute(text(statement))
            connection.rollback()
            return told(raised.value), connection.scalar(text("SELECT 1"))

    assert db.same(see)[1] == 1


def test_errors_in_an_aborted_transaction(db: Database) -> None:
    def see(engine: Engine) -> Any:
        answers: list[Any] = []
        with engine.connect() as connection:
            for statement in ("SELECT 1", "SELECT nothing FROM people", "SELECT 1", "SAVEPOINT here"):
                try:
                    answers.append(connection.execute(text(statement)).returns_rows)
                except DBAPIError as error:
                    answers.append(told(error))
        return answers

    seen = db.same(see)
    if db.driver.startswith("postgresql"):
        field = "pgcode" if "psycopg2" in db.driver else "sqlstate"
        assert [isinstance(answer, dict) and answer["orig"]["fields"][field] for answer in seen] == [
            False, "42703", "25P02", "25P02"
        ]  # fmt: skip


def test_commits_that_fail(db: Database) -> None:
    def see(engine: Engine) -> Any:
        with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                connection.execute(text("PRAGMA foreign_keys=ON"))
            connection.execute(
                text(
                    "CREATE TABLE toys (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL"
                    " REFERENCES people (id) DEFERRABLE INITIALLY DEFERRED)"
                )
            )
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.execute(text("PRAGMA foreign_keys=ON"))
                connection.rollback()
            connection.execute(text("INSERT INTO toys VALUES (1, 1)"))
            connection.commit()
            connection.execute(text("INSERT INTO toys VALUES (2, 77)"))
            with pytest.raises(IntegrityError) as raised:
                connection.commit()
            connection.rollback()
            return told(raised.value), connection.scalar(text("SELECT count(*) FROM toys"))

    assert db.same(see)[1] == (1 if db.driver.startswith("postgresql") else 2)  # SQLite's stays open


def test_executemany_that_fails(db: Database) -> None:
    def see(engine: Engine) -> Any:
        with engine.connect() as connection, pytest.raises(IntegrityError) as raised:
            connection.execute(insert(Person), [{"name": "x"}, {"name": "ann"}, {"name": "y"}])
        return told(raised.value)

    db.same(see)


def test_rows_that_fail_half_way(db: Database) -> None:
    if db.driver.startswith("postgresql"):
        statement = "SELECT n, 1 / (3 - n) FROM generate_series(1, 5) AS n"
    else:
        statement = (
            "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5)"
            " SELECT n, json(substr('12{45', n, 1)) FROM r"
        )

    def see(engine: Engine) -> Any:
        rows: list[Any] = []
        with engine.connect() as connection:
            streaming = connection.execution_options(stream_results=True, max_row_buffer=1)
            try:
                for row in streaming.execute(text(statement)):
                    rows.append(row[0])  # noqa: PERF401  # what came before the failure is seen
            except Exception as error:  # asyncpg's own is not wrapped here
                return rows, told(error)
        return "no failure"

    assert db.same(see)[1]["class"].endswith("Error")


def test_connections_that_break(pg: Database) -> None:
    def see(engine: Engine) -> Any:
        with engine.connect() as connection:
            with pytest.raises(DBAPIError) as raised:
                connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
            broken = connection.invalidated
            connection.rollback()
            return told(raised.value), broken, connection.scalar(text("SELECT 1"))

    assert pg.same(see)[1:] == (True, 1)


# aiosqlite answers its event loop from a thread, after the loop is closed
@pytest.mark.parametrize("db", [name for name in SYNC + ASYNC if "aiosqlite" not in name], indirect=True)
def test_connections_that_cannot_be_had(db: Database) -> None:
    port = RecordingPort()

    def see(engine: Engine) -> Any:
        try:
            engine.connect().close()
        except (DBAPIError, OSError) as error:
            return told(error)
        return "connected"

    live = db.run(db.stopped(), see)
    with using(port):
        recorded = db.run(db.stopped(), see)
    with using(ReplayPort(port.calls)):
        engine = db.stopped()
        replayed = db.run(engine, see)
    assert live != "connected"
    assert differences(recorded, live) == []
    assert differences(replayed, live) == []
    assert [call.asked.title() for call in port.calls] == ["CONNECT"]


def test_a_pool_without_a_free_connection(db: Database) -> None:
    def see(engine: Engine) -> Any:
        with engine.connect() as connection, pytest.raises(PoolTimeout) as raised:
            engine.connect()
        return told(raised.value), connection.closed

    db.same(see, pool_size=1, max_overflow=0, pool_timeout=0)
