"""SQLAlchemy, asynchronous: each case with each driver."""

from __future__ import annotations

import asyncio
import io
from decimal import Decimal
from typing import Any

import asyncpg
import psycopg
from psycopg.types.composite import CompositeInfo, register_composite
from sqlalchemy import delete, event, func, insert, literal, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import joinedload, selectinload

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.databases import (
    ASYNC_DRIVERS,
    ASYNC_ON_MYSQL,
    ASYNC_ON_POSTGRES,
    Author,
    Book,
    Specimen,
    relics,
)
from tests.fidelity.apps.seen import raised, rows, seen
from tests.fidelity.apps.specimens import ON_MARIADB, SPECIMENS, shown

CASES = Cases("SQLAlchemy, asynchronous", "sql-async", ASYNC_DRIVERS)


@CASES("ORM with async_sessionmaker: insert, select, update, delete")
async def orm(engine: AsyncEngine) -> Any:
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    answer: list[Any] = []
    async with sessions() as session:
        ada = Author(name="async Ada", country="GB", books=[Book(title="Notes"), Book(title="Letters")])
        session.add(ada)
        await session.commit()
        answer.append([ada.id, [book.id for book in ada.books]])
    async with sessions.begin() as session:
        found = (await session.scalars(select(Author).where(Author.name == "async Ada"))).one()
        found.country = "UK"
    async with sessions() as session:
        found = await session.get_one(Author, ada.id, options=[selectinload(Author.books)])
        answer.append([found.country, [seen(book.price) for book in found.books]])
        await session.delete(found)
        await session.commit()
        answer.append(await session.scalar(select(func.count()).where(Author.name == "async Ada")))
    return answer


@CASES("Core, text, RETURNING, rowcount")
async def core(engine: AsyncEngine) -> Any:
    async with engine.begin() as connection:
        inserted = await connection.execute(insert(Author).values(name="async core").returning(Author.id))
        answer: list[Any] = [rows(inserted)]
        statement = text("SELECT name, country FROM authors WHERE name = :name")
        answer.append(rows(await connection.execute(statement, {"name": "async core"})))
        changed = await connection.execute(
            update(Author).where(Author.name == "async core").values(country="C")
        )
        gone = await connection.execute(delete(Author).where(Author.name == "async core"))
        return [*answer, changed.rowcount, gone.rowcount]


@CASES("insertmanyvalues: 100 rows; executemany")
async def many(engine: AsyncEngine) -> Any:
    async with AsyncSession(engine, expire_on_commit=False) as session:
        authors = [Author(name=f"async many {number:03}") for number in range(100)]
        session.add_all(authors)
        await session.commit()
    async with engine.begin() as connection:
        await connection.execute(insert(Author), [{"name": f"async each {number}"} for number in range(5)])
        count = await connection.scalar(select(func.count()).where(Author.name.like("async each %")))
    return [[author.id for author in authors], count]


@CASES("savepoint rolled back, rollback")
async def savepoint(engine: AsyncEngine) -> Any:
    async with AsyncSession(engine) as session:
        session.add(Author(name="async kept"))
        await session.flush()
        try:
            async with session.begin_nested():
                session.add(Author(name="async kept"))
                await session.flush()
        except IntegrityError as error:
            problem = raised(error)
        await session.commit()
        session.add(Author(name="async never"))
        await session.flush()
        await session.rollback()
        names = select(Author.name).where(Author.name.in_(["async kept", "async never"]))
        return [problem, list(await session.scalars(names))]


@CASES("stream: server-side cursor, partitions, stream_scalars")
async def stream(engine: AsyncEngine) -> Any:
    async with engine.begin() as connection:
        await connection.execute(
            insert(Author), [{"name": f"async stream {number:02}"} for number in range(25)]
        )
        statement = select(Author.name).where(Author.name.like("async stream %")).order_by(Author.name)
        result = await connection.stream(statement, execution_options={"yield_per": 10})
        sizes = [len(part) async for part in result.partitions()]
        names = [name async for name in await connection.stream_scalars(statement)]
        async with connection.stream(statement) as opened:
            first = await opened.fetchone()
        return [sizes, names, seen(first)]


@CASES("IntegrityError, with the driver's exception inside")
async def unique_violation(engine: AsyncEngine) -> Any:
    async with engine.begin() as connection:
        await connection.execute(insert(Author).values(name="async only one"))
    try:
        async with engine.begin() as connection:
            await connection.execute(insert(Author).values(name="async only one"))
    except IntegrityError as error:
        inner = error.orig.__cause__ if error.orig else None
        return [raised(error), raised(inner) if inner else None]


@CASES("ProgrammingError and DataError, statement after an error", only=ASYNC_ON_POSTGRES)
async def errors(engine: AsyncEngine) -> Any:
    answer: list[Any] = []
    async with engine.connect() as connection:
        for statement in ("SELEKT 1", "SELECT 1", "SELECT * FROM nowhere", "SELECT 1 / 0"):
            try:
                answer.append(await connection.scalar(text(statement)))
            except DBAPIError as error:
                answer.append(raised(error))
                if statement != "SELEKT 1":
                    await connection.rollback()
    return answer


@CASES(
    "types: Decimal, timestamp, date, time, interval, UUID, bytes, JSON, int8, float, enum, null",
    only=("aiosqlite", *ASYNC_ON_POSTGRES),  # those of MySQL take no UUID
)
async def types(engine: AsyncEngine) -> Any:
    async with AsyncSession(engine) as session:
        session.add_all(Specimen(**values) for values in SPECIMENS)
        await session.commit()
    async with AsyncSession(engine) as session:
        found = (await session.scalars(select(Specimen).order_by(Specimen.id))).all()
        return [shown(one) for one in found]


@CASES("types of PostgreSQL: arrays, JSONB, inet, ranges", only=ASYNC_ON_POSTGRES)
async def postgres_types(engine: AsyncEngine) -> Any:
    async with engine.begin() as connection:
        values = {"tags": ["a", "ü", None], "grid": [[1, 2], [3, 4]], "document": {"k": [1, {"n": None}]}}
        await connection.execute(insert(relics).values(**values))
        await connection.execute(text("UPDATE relics SET period = '[3,7)', address = '10.0.0.0/8'"))
        return rows(await connection.execute(select(relics)))


@CASES("types as the driver gives them", only=(*ASYNC_ON_POSTGRES, *ASYNC_ON_MYSQL))
async def raw_types(engine: AsyncEngine) -> Any:
    statement = (
        ON_MARIADB
        if engine.dialect.name == "mariadb"
        else (
            "SELECT 1.50::numeric, 'NaN'::float8, '-Infinity'::float8, 9007199254740993::int8, "
            "'2026-11-20 12:00+02'::timestamptz, '10:00:00'::time, '1 day 02:03:04'::interval, "
            "'\\x00ff'::bytea, '{\"a\": [1, null]}'::json, '{1,2,NULL}'::int[], NULL, 'a'::char(3)"
        )
    )
    async with engine.connect() as connection:
        return seen(tuple((await connection.exec_driver_sql(statement)).one()))


@CASES("relationships: selectin, joined, awaitable attributes")
async def relationships(engine: AsyncEngine) -> Any:
    async with AsyncSession(engine) as session:
        session.add(Author(name="async rel", books=[Book(title=f"t{n}", price=Decimal(n)) for n in range(3)]))
        await session.commit()
    answer: list[Any] = []
    base = select(Author).where(Author.name == "async rel")
    for option in (selectinload(Author.books), joinedload(Author.books)):
        async with AsyncSession(engine) as session:
            author = (await session.scalars(base.options(option))).unique().one()
            answer.append([[book.title, seen(book.price)] for book in author.books])
    return answer


@CASES("first connection made in the endpoint, pre-ping, pool_size=1")
async def first_connection(engine: AsyncEngine) -> Any:
    own = create_async_engine(engine.url, pool_pre_ping=True, pool_size=1, max_overflow=0)
    answer: list[Any] = []
    try:
        for number in range(3):
            async with own.connect() as connection:
                answer.append(await connection.scalar(select(literal(number))))
        return [*answer, seen(own.dialect.server_version_info)]
    finally:
        await own.dispose()


@CASES(
    "COPY through the driver's own connection: in and out, a refused row, a commit after it",
    only=ASYNC_ON_POSTGRES,
)
async def copying(engine: AsyncEngine) -> Any:
    answer: list[Any] = []
    async with AsyncSession(engine) as session:
        await session.execute(text("DROP TABLE IF EXISTS copied"))
        await session.execute(text("CREATE TABLE copied (id serial PRIMARY KEY, name text UNIQUE, n int4)"))
        own = (await (await session.connection()).get_raw_connection()).driver_connection
        assert own is not None
        answer.append(await _copy_in(own, [("ann", 1), ("bob", None)]))
        await session.commit()
        answer.append((await session.scalars(text("SELECT name FROM copied ORDER BY id"))).all())
        own = (await (await session.connection()).get_raw_connection()).driver_connection
        assert own is not None
        try:
            await _copy_in(own, [("cid", 2), ("ann", 3)])
        except (asyncpg.PostgresError, psycopg.Error) as error:
            answer.append(raised(error))
        await session.rollback()
        own = (await (await session.connection()).get_raw_connection()).driver_connection
        assert own is not None
        answer.append(await _copied_out(own))
    return answer


@CASES("types that a connect listener looks up and registers with the driver", only=ASYNC_ON_POSTGRES)
async def registered_types(engine: AsyncEngine) -> Any:
    async with engine.begin() as connection:
        await connection.execute(text("DROP TYPE IF EXISTS place CASCADE"))
        await connection.execute(text("CREATE TYPE place AS (city text, floor int4)"))
    own = create_async_engine(engine.url)
    event.listen(own.sync_engine, "connect", lambda connection, record: connection.run_async(_register))
    try:
        async with own.connect() as connection:
            statement = "SELECT ROW('Rome', 4)::place, ARRAY[ROW('Oslo', 1)::place]"
            first = (await connection.execute(text(statement))).all()
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            if isinstance(raw, asyncpg.Connection):
                second: Any = [tuple(row) for row in await raw.fetch(statement)]
            else:
                second = await (await raw.execute(statement)).fetchall()
            return [repr(first), repr(second)]
    finally:
        await own.dispose()


class Place:
    """What an app has for a composite type."""

    def __init__(self, city: str, floor: int) -> None:
        self.city, self.floor = city, floor

    def __repr__(self) -> str:
        return f"{self.city}, {self.floor}"


async def _register(own: Any) -> None:
    if isinstance(own, asyncpg.Connection):
        await own.set_type_codec("place", encoder=tuple, decoder=lambda row: Place(*row), format="tuple")
        return
    info = await CompositeInfo.fetch(own, "place")
    assert info is not None
    register_composite(info, own, factory=Place, make_sequence=lambda place, info: [place.city, place.floor])


async def _copy_in(own: Any, records: list[Any]) -> Any:
    if isinstance(own, asyncpg.Connection):
        return await own.copy_records_to_table("copied", records=records, columns=["name", "n"])
    async with own.cursor() as cursor:
        async with cursor.copy("COPY copied (name, n) FROM STDIN") as copy:
            for record in records:
                await copy.write_row(record)
        return [cursor.rowcount, cursor.statusmessage]


async def _copied_out(own: Any) -> Any:
    if isinstance(own, asyncpg.Connection):
        output = io.BytesIO()
        status = await own.copy_from_query("SELECT name, n FROM copied WHERE id > $1", 0, output=output)
        return [status, output.getvalue().decode(), seen(await own.fetchrow("SELECT max(n) FROM copied"))]
    async with own.cursor() as cursor, cursor.copy("COPY copied (name, n) TO STDOUT") as copy:
        return [seen(row) async for row in copy.rows()]


@CASES("gather of five statements on five connections")
async def gather(engine: AsyncEngine) -> Any:
    async def ask(number: int) -> Any:
        async with engine.connect() as connection:
            return await connection.scalar(select(literal(number)))

    return await asyncio.gather(*(ask(number) for number in range(5)))


@CASES("run_sync: lazy loading inside")
async def run_sync(engine: AsyncEngine) -> Any:
    async with AsyncSession(engine) as session:
        session.add(Author(name="async sync", books=[Book(title="inside")]))
        await session.commit()
    async with AsyncSession(engine) as session:
        author = (await session.scalars(select(Author).where(Author.name == "async sync"))).one()
        return await session.run_sync(lambda _: [book.title for book in author.books])


@CASES("connection refused")
async def no_database(engine: AsyncEngine) -> Any:
    closed = engine.url.set(port=1) if engine.url.host else engine.url.set(database="/nowhere/at/all.db")
    own = create_async_engine(closed)
    try:
        async with own.connect() as connection:
            return await connection.scalar(select(literal(1)))
    except (DBAPIError, OSError) as error:
        return raised(error)
    finally:
        await own.dispose()
