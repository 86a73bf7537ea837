"""Below SQLAlchemy: what single drivers have of their own."""

from __future__ import annotations

import contextlib
import io
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from tests.fidelity.sqlalchemy_versions import python_path
from tests.integrations.sqlalchemy.databases import SYNC, Database
from tests.integrations.sqlalchemy.tables import Person
from tests.services.postgres import Postgres
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.psycopg import PsycopgIntegration
from timetracer_otel.integrations.psycopg2 import Psycopg2Integration

only = pytest.mark.parametrize


@only("db", SYNC, indirect=True)
def test_iterating_a_cursor(db: Database) -> None:
    def see(engine: Engine) -> Any:
        connection = engine.raw_connection()
        cursor: Any = connection.cursor()
        cursor.execute("SELECT id FROM people ORDER BY id")
        first = next(iter(cursor))
        rest = list(cursor)
        cursor.execute("SELECT name FROM people ORDER BY id")
        names = cursor.fetchmany(2)
        connection.close()
        return tuple(first), [tuple(row) for row in rest], [tuple(row) for row in names]

    assert db.same(see) == ((1,), [(2,), (3,)], [("ann",), ("bob",)])


@only("db", SYNC, indirect=True)
def test_executemany_of_an_iterator(db: Database) -> None:
    mark = "?" if "sqlite" in db.driver else "%s"

    def see(engine: Engine) -> Any:
        connection = engine.raw_connection()
        cursor: Any = connection.cursor()
        cursor.executemany(f"INSERT INTO people (name) VALUES ({mark})", ((f"p{n}",) for n in range(3)))
        connection.commit()
        cursor.execute("SELECT count(*) FROM people")
        (count,) = cursor.fetchone()
        connection.close()
        return count

    assert db.same(see) == 6


@only("db", ["sqlite+pysqlite", "postgresql+psycopg"], indirect=True)
def test_execute_of_a_connection(db: Database) -> None:
    def see(engine: Engine) -> Any:
        connection = engine.raw_connection()
        rows = connection.execute("SELECT name FROM people ORDER BY id").fetchall()
        chained = connection.cursor().execute("SELECT 1").fetchone()
        connection.close()
        return rows, chained

    assert db.same(see) == ([("ann",), ("bob",), ("cid",)], (1,))


@only("db", ["postgresql+psycopg2"], indirect=True)
def test_psycopg2_in_batches(db: Database) -> None:
    def see(engine: Engine) -> Any:
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE people SET age = :age WHERE id = :id"), [{"id": n, "age": n} for n in (1, 2, 3)]
            )
            return connection.scalar(select(func.sum(Person.age)))

    assert db.same(see, executemany_mode="values_plus_batch", executemany_batch_page_size=2) == 6


@only("db", ["postgresql+psycopg2", "postgresql+psycopg"], indirect=True)
def test_what_a_raw_cursor_of_postgresql_says(db: Database) -> None:
    def see(engine: Engine) -> Any:
        connection = engine.raw_connection()
        cursor: Any = connection.cursor()
        cursor.execute("SELECT id, name FROM people")
        seen = [cursor.statusmessage, cursor.rowcount, [column.name for column in cursor.description]]
        cursor.execute("UPDATE people SET age = 1")
        seen += [cursor.statusmessage, cursor.rowcount, cursor.description]
        connection.close()
        return seen

    assert db.same(see) == ["SELECT 3", 3, ["id", "name"], "UPDATE 3", 3, None]


@only("db", ["postgresql+psycopg2"], indirect=True)
def test_composed_statements_of_psycopg2(db: Database) -> None:
    from psycopg2 import sql

    def named(name: str) -> Any:
        def see(engine: Engine) -> Any:
            connection = engine.raw_connection()
            cursor: Any = connection.cursor()
            cursor.execute(sql.SQL("SELECT name FROM {} WHERE id = %s").format(sql.Identifier(name)), (1,))
            row = cursor.fetchone()
            connection.close()
            return row

        return see

    assert db.same(named("people")) == ("ann",)


@only("db", ["sqlite+pysqlite", "sqlite+aiosqlite"], indirect=True)
def test_lastrowid_and_pragmas_of_sqlite(db: Database) -> None:
    def see(engine: Engine) -> Any:
        @event.listens_for(engine, "connect")
        def connect(connection: Any, record: Any) -> None:
            connection.create_function("twice", 1, lambda value: 2 * value)
            connection.isolation_level = None

        @event.listens_for(engine, "begin")
        def begin(connection: Any) -> None:
            connection.exec_driver_sql("BEGIN")

        with engine.begin() as connection:
            added = connection.execute(insert(Person.metadata.tables["people"]).inline(), {"name": "dot"})
            return added.lastrowid, connection.scalar(text("SELECT twice(21)"))

    assert db.same(see) == (4, 42)


@only("db", ["sqlite+pysqlite"], indirect=True)
def test_sqlite_in_memory(db: Database) -> None:
    """One connection a thread, which is what an in-memory database lives by."""

    def see(engine: Engine) -> Any:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE notes (body TEXT)"))
            connection.execute(text("INSERT INTO notes VALUES ('x')"))
        with engine.connect() as one, engine.connect() as two:
            return one.scalar(text("SELECT body FROM notes")), two.scalar(text("SELECT count(*) FROM notes"))

    class InMemory(Database):
        def engine(self, **options: Any) -> Engine:
            return self._make("sqlite://", options)

    memory = InMemory(db.driver, db._folder, None)
    assert memory.same(see) == ("x", 1)


@only("db", SYNC, indirect=True)
def test_cursors_pass_for_the_drivers_own(db: Database) -> None:
    def see(engine: Engine) -> Any:
        connection = engine.raw_connection()
        cursor: Any = connection.cursor()
        below = connection.dbapi_connection
        kinds = [kind.__name__ for kind in cursor.__class__.__mro__ + below.__class__.__mro__]
        connection.close()
        return kinds, isinstance(below, sqlite3.Connection), hasattr(cursor, "no_such_thing")

    db.same(see)


@only("db", ["postgresql+psycopg"], indirect=True)
def test_further_results_of_a_statement(db: Database) -> None:
    def see(engine: Engine) -> Any:
        connection = engine.raw_connection()
        cursor: Any = connection.cursor()
        cursor.execute("SELECT 1; SELECT name, age FROM people ORDER BY id; SELECT 3")
        told = [cursor.fetchall(), cursor.nextset(), cursor.fetchmany(2), cursor.nextset()]
        told += [[column[0] for column in cursor.description], cursor.fetchall(), cursor.nextset()]
        cursor.execute("SELECT 4")
        told += [cursor.nextset(), cursor.fetchone()]
        connection.close()
        return told

    assert db.same(see) == [
        *([(1,)], True, [("ann", 41), ("bob", 17)], True, ["?column?"], [(3,)], None),
        *(None, (4,)),
    ]


@only("db", ["postgresql+psycopg2"], indirect=True)
def test_procedures_by_their_names(db: Database) -> None:
    def see(engine: Engine) -> Any:
        connection = engine.raw_connection()
        cursor: Any = connection.cursor()
        told = [cursor.callproc("generate_series", (1, 3)), cursor.fetchall()]
        driver: Any = engine.dialect.dbapi
        with pytest.raises(driver.Error) as caught:
            cursor.callproc("no_such_procedure")
        connection.close()
        return [*told, type(caught.value).__name__, caught.value.pgcode]

    assert db.same(see)[1] == [(1,), (2,), (3,)]


@only("db", ["postgresql+psycopg2", "postgresql+psycopg"], indirect=True)
def test_two_phases_that_the_server_does_not_allow(db: Database) -> None:
    def see(engine: Engine) -> Any:
        with engine.connect() as connection:
            transaction = connection.begin_twophase("first")
            connection.execute(insert(Person).values(name="dan"))
            with pytest.raises(DBAPIError) as caught:
                transaction.prepare()
            with contextlib.suppress(DBAPIError):  # psycopg: of what was never prepared
                transaction.rollback()
        with engine.connect() as connection, connection.begin_twophase("second") as transaction:
            connection.execute(insert(Person).values(name="eve"))
            transaction.commit()
        with engine.connect() as connection:
            names = connection.execute(select(Person.name).order_by(Person.id)).scalars().all()
            return type(caught.value).__name__, type(caught.value.orig).__name__, names

    assert db.same(see)[2] == ["ann", "bob", "cid", "eve"]


@pytest.fixture
def drivers_too() -> Iterator[None]:
    """The integrations of the drivers are there as well, as they are in an app."""
    known = [PsycopgIntegration(), Psycopg2Integration()]
    for one in known:
        wrapping.install(one)
    yield
    for one in known:
        wrapping.uninstall(one)


@pytest.mark.usefixtures("drivers_too")
@only("db", ["postgresql+psycopg2", "postgresql+psycopg"], indirect=True)
def test_two_phases_are_those_of_sqlalchemy_where_the_driver_is_recorded_too(db: Database) -> None:
    test_two_phases_that_the_server_does_not_allow(db)


@pytest.fixture(scope="module")
def preparing_postgres() -> Iterator[Postgres]:
    """A server that allows prepared transactions."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as directory:
        server = Postgres(Path(directory) / "data")
        server.allow_prepared_transactions()
        server.fresh(["test"])
        yield server
        server.remove()


@pytest.mark.usefixtures("drivers_too")
@pytest.mark.parametrize("driver", ["postgresql+psycopg2", "postgresql+psycopg"])
def test_two_phases(driver: str, tmp_path: Path, preparing_postgres: Postgres) -> None:
    def see(engine: Engine) -> Any:
        with engine.connect() as connection:
            with connection.begin_twophase("kept") as transaction:
                connection.execute(insert(Person).values(name="dan"))
                transaction.prepare()
                transaction.commit()
            with connection.begin_twophase("undone") as transaction:
                connection.execute(insert(Person).values(name="eve"))
                transaction.prepare()
                transaction.rollback()
            with connection.begin_twophase("in one"):
                connection.execute(insert(Person).values(name="fay"))
            return connection.execute(select(Person.name).order_by(Person.id)).scalars().all()

    db = Database(driver, tmp_path, preparing_postgres)
    assert db.same(see) == ["ann", "bob", "cid", "dan", "fay"]
    _, calls = db.recorded(see)
    texts = [call.asked.text for call in calls]  # type: ignore[attr-defined]
    # 2.0 asks some drivers by a statement, which names the transaction
    steps = [text.partition(" '")[0] for text in texts if "PREPARE" in text]
    assert steps == [
        "PREPARE TRANSACTION", "COMMIT PREPARED",
        "PREPARE TRANSACTION", "ROLLBACK PREPARED",
        "COMMIT PREPARED",
    ]  # fmt: skip


@pytest.mark.slow
def test_the_same_with_sqlalchemy_2_0() -> None:
    """Its dialects ask the driver in another place."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-o", "addopts=", "-q", __file__, "-k", "two_phases"],
        env={**os.environ, "PYTHONPATH": python_path("2.0")},
        cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@only("db", ["postgresql+psycopg2"], indirect=True)
def test_what_is_not_recorded_is_refused_in_a_replay(db: Database) -> None:
    def see(engine: Engine) -> Any:
        connection = engine.raw_connection()
        file = io.StringIO()
        try:
            connection.cursor().copy_expert("COPY people TO STDOUT", file)
            return file.getvalue()
        except ReplayError as error:
            return str(error)
        finally:
            connection.close()

    recorded, calls = db.recorded(see)
    assert recorded.startswith("1\tann\t41")
    assert "copy_expert() is not recorded and cannot be replayed" in db.replayed(calls, see)
