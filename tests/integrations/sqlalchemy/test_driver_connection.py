"""COPY and what else only a driver has, below SQLAlchemy: live, recorded and replayed alike."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event, insert, select
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from tests.integrations.sqlalchemy.databases import Database
from tests.integrations.sqlalchemy.tables import Person
from timetracer_otel.errors import MissError, ReplayError
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.asyncpg import AsyncpgIntegration
from timetracer_otel.integrations.psycopg import PsycopgIntegration
from timetracer_otel.integrations.psycopg2 import Psycopg2Integration

only = pytest.mark.parametrize
NAMES = select(Person.name).order_by(Person.id)


@pytest.fixture(autouse=True)
def drivers() -> Iterator[None]:
    known = [PsycopgIntegration(), Psycopg2Integration(), AsyncpgIntegration()]
    for one in known:
        wrapping.install(one)
    yield
    for one in known:
        wrapping.uninstall(one)


@only("db", ["postgresql+psycopg2"], indirect=True)
def test_copy_of_psycopg2(db: Database) -> None:
    def see(engine: Engine) -> Any:
        seen: list[Any] = []
        with Session(engine) as session:
            session.execute(insert(Person).values(name="dan"))
            cursor = session.connection().connection.cursor()
            cursor.copy_expert("COPY people (name, age) FROM STDIN", io.StringIO("eve\t1\nfay\t2\n"))
            seen.append(cursor.rowcount)
            session.commit()
            seen.append(session.scalars(NAMES).all())
        raw = engine.raw_connection()
        with contextlib.closing(raw):
            file = io.StringIO()
            cursor = raw.cursor()
            cursor.execute("SELECT count(*) FROM people")
            cursor.copy_to(file, "people", columns=("name",))
            cursor.copy_from(io.StringIO("gil\n"), "people", columns=("name",))
            raw.commit()
            cursor.execute("SELECT max(name) FROM people")
            seen += [file.getvalue(), cursor.fetchone()]
            with pytest.raises(Exception, match="one_name") as refused:
                cursor.copy_from(io.StringIO("hal\ngil\n"), "people", columns=("name",))
            error: Any = refused.value
            seen += [type(error), error.diag.context]
            raw.rollback()
        return seen

    seen = db.same(see)
    assert seen[:2] == [2, ["ann", "bob", "cid", "dan", "eve", "fay"]]
    assert seen[3] == ("gil",)


@only("db", ["postgresql+psycopg"], indirect=True)
def test_copy_of_psycopg(db: Database) -> None:
    def see(engine: Engine) -> Any:
        seen: list[Any] = []
        with Session(engine) as session:
            session.execute(insert(Person).values(name="dan"))
            connection = session.connection().connection
            cursor = connection.cursor()
            with cursor.copy("COPY people (name, age) FROM STDIN") as copy:
                copy.write_row(("eve", 1))
                copy.write_row(("fay", 2))
            seen += [cursor.rowcount, cursor.statusmessage]
            own = connection.driver_connection
            assert own is not None
            with own.cursor() as other, other.copy("COPY people (name) TO STDOUT") as copy:
                seen.append(list(copy.rows()))
            with own.transaction():
                seen.append(own.execute("SELECT count(*) FROM people").fetchone())
            seen.append([str(own.info.transaction_status), type(own)])
            session.commit()
            seen.append(session.scalars(NAMES).all())
        raw = engine.raw_connection()
        with contextlib.closing(raw):
            cursor = raw.cursor()
            seen.append(list(cursor.stream("SELECT name FROM people WHERE age = %s", (41,))))
            with pytest.raises(Exception, match="one_name") as refused:
                _write(cursor, "gil", "ann")
            error: Any = refused.value
            seen += [type(error), error.diag.context]
            raw.rollback()
            cursor.execute("SELECT count(*) FROM people")
            seen.append(cursor.fetchall())
            assert raw.dbapi_connection is not None
            lower = raw.dbapi_connection.cursor()
            lower.execute("SELECT name FROM people WHERE id < %s", (3,))
            seen += [lower.rowcount, lower.fetchall()]
        return seen

    seen = db.same(see)
    assert seen[:2] == [2, "COPY 2"]
    assert seen[5] == ["ann", "bob", "cid", "dan", "eve", "fay"]


def _write(cursor: Any, *names: str) -> None:
    with cursor.copy("COPY people (name) FROM STDIN") as copy:
        for name in names:
            copy.write_row((name,))


@only("db", ["postgresql+asyncpg"], indirect=True)
def test_the_own_connection_of_asyncpg(db: Database) -> None:
    async def asynchronously(engine: AsyncEngine) -> Any:
        seen: list[Any] = []
        async with AsyncSession(engine) as session:
            session.add(Person(name="dan"))
            await session.flush()
            raw = await (await session.connection()).get_raw_connection()
            own = raw.driver_connection
            assert own is not None
            records = [("eve", 1), ("fay", None)]
            seen.append(await own.copy_records_to_table("people", records=records, columns=["name", "age"]))
            output = io.BytesIO()
            seen.append(await own.copy_from_query("SELECT name FROM people WHERE age = $1", 1, output=output))
            seen += [output.getvalue(), own.is_in_transaction()]
            async with own.transaction():
                seen.append(await own.fetchval("SELECT count(*) FROM people"))
            await session.commit()
            seen.append((await session.scalars(NAMES)).all())
        async with engine.connect() as connection:
            own = (await connection.get_raw_connection()).driver_connection
            assert own is not None
            seen.append(own.is_in_transaction())
            source = io.BytesIO(b"gil\nann\n")
            with pytest.raises(Exception, match="one_name") as refused:
                await own.copy_to_table("people", source=source, columns=["name"])
            error: Any = refused.value
            seen += [type(error), error.context]
            seen.append(await own.fetchrow("SELECT max(name) FROM people"))
        return seen

    def see(engine: Engine) -> Any:
        return await_only(asynchronously(AsyncEngine(engine)))

    seen = db.same(see)
    assert seen[:4] == ["COPY 2", "COPY 1", b"eve\n", True]
    assert seen[5] == ["ann", "bob", "cid", "dan", "eve", "fay"]


@only("db", ["postgresql+psycopg_async"], indirect=True)
def test_the_own_connection_of_psycopg_asynchronously(db: Database) -> None:
    async def asynchronously(engine: AsyncEngine) -> Any:
        seen: list[Any] = []
        async with engine.begin() as connection:
            await connection.execute(insert(Person).values(name="dan"))
            own = (await connection.get_raw_connection()).driver_connection
            assert own is not None
            async with own.cursor() as cursor:
                async with cursor.copy("COPY people (name, age) FROM STDIN (FORMAT binary)") as copy:
                    copy.set_types(["text", "int4"])
                    await copy.write_row(("eve", 1))
                seen.append(cursor.rowcount)
                async with cursor.copy("COPY people TO STDOUT") as copy:
                    seen.append([bytes(piece) async for piece in copy])
            seen.append((await connection.scalars(NAMES)).all())
        return seen

    def see(engine: Engine) -> Any:
        return await_only(asynchronously(AsyncEngine(engine)))

    assert db.same(see)[2] == ["ann", "bob", "cid", "dan", "eve"]


@only("db", ["postgresql+asyncpg"], indirect=True)
def test_codecs_of_a_connect_listener(db: Database) -> None:
    class Age:
        def __init__(self, years: str) -> None:
            self.years = years

        def __repr__(self) -> str:
            return f"Age({self.years})"

    async def prepare(own: Any) -> None:
        await own.set_type_codec("int4", schema="pg_catalog", encoder=str, decoder=Age)

    def listen(connection: Any, record: Any) -> None:
        connection.run_async(prepare)

    async def asynchronously(engine: AsyncEngine) -> Any:
        async with engine.connect() as connection:
            own = (await connection.get_raw_connection()).driver_connection
            assert own is not None
            return [str(await own.fetchval("SELECT age FROM people WHERE id = 1"))]

    def see(engine: Engine) -> Any:
        event.listen(engine, "connect", listen)
        return await_only(asynchronously(AsyncEngine(engine)))

    assert db.same(see) == ["Age(41)"]


@only("db", ["postgresql+asyncpg"], indirect=True)
def test_what_was_not_recorded_of_it_is_a_miss(db: Database) -> None:
    def see(statement: str) -> Any:
        async def asynchronously(engine: AsyncEngine) -> Any:
            async with engine.connect() as connection:
                own = (await connection.get_raw_connection()).driver_connection
                assert own is not None
                return await own.fetchval(statement)

        return lambda engine: await_only(asynchronously(AsyncEngine(engine)))

    _, calls = db.recorded(see("SELECT 1"))
    with pytest.raises(MissError, match="SELECT 2"):
        db.replayed(calls, see("SELECT 2"))


@only("db", ["postgresql+asyncpg"], indirect=True)
def test_without_the_integration_of_the_driver_it_is_refused(db: Database) -> None:
    wrapping.uninstall(AsyncpgIntegration())

    async def asynchronously(engine: AsyncEngine) -> Any:
        async with engine.connect() as connection:
            raw = await connection.get_raw_connection()
            return type(raw.driver_connection).__name__

    def see(engine: Engine) -> Any:
        return await_only(asynchronously(AsyncEngine(engine)))

    live, calls = db.recorded(see)
    assert live == "Connection"
    with pytest.raises(
        ReplayError, match="the driver's own connection is not recorded and cannot be replayed"
    ):
        db.replayed(calls, see)


@only("db", ["sqlite+pysqlite"], indirect=True)
def test_listeners_of_sqlite_set_connections_up(db: Database) -> None:
    def see(engine: Engine) -> Any:
        seen: list[Any] = []

        @event.listens_for(engine, "connect")
        def connect(connection: Any, record: Any) -> None:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            with contextlib.closing(connection.cursor()) as cursor:
                cursor.execute("PRAGMA foreign_keys=ON")
            connection.create_function("twice", 1, lambda value: value and 2 * value)

        @event.listens_for(engine, "checkout")
        def checkout(connection: Any, record: Any, proxy: Any) -> None:
            seen.append(connection.execute("SELECT 1").fetchone())

        with engine.connect() as connection:
            seen.append(connection.exec_driver_sql("SELECT twice(age) FROM people").fetchall())
        return seen

    assert db.same(see) == [(1,), [(82,), (34,), (None,)]]


@only("db", ["sqlite+pysqlite"], indirect=True)
@only(
    "ask",
    [
        lambda own: own.execute("SELECT name FROM people").fetchall(),
        lambda own: own.cursor().execute("SELECT name FROM people").fetchall(),
        lambda own: own.executescript("DELETE FROM people"),
        lambda own: own.execute("PRAGMA user_version").fetchone(),
        lambda own: own.cursor().execute("PRAGMA user_version").fetchmany(),
        lambda own: list(own.execute("PRAGMA user_version")),
    ],
    ids=["execute", "cursor", "executescript", "fetchone", "fetchmany", "iteration"],
)
def test_what_is_asked_of_sqlite_past_sqlalchemy_is_refused(db: Database, ask: Callable[[Any], Any]) -> None:
    def see(engine: Engine) -> Any:
        with engine.connect() as connection:
            return ask(connection.connection.driver_connection)

    _, calls = db.recorded(see)
    assert calls == []
    with pytest.raises(
        ReplayError, match="a statement on the driver's own connection, past SQLAlchemy, is not"
    ):
        db.replayed(calls, see)
