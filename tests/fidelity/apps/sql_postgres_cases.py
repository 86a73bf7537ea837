"""SQLAlchemy: what services do with PostgreSQL in particular."""

from __future__ import annotations

import datetime as dt
import json
import select as sockets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from psycopg.types.composite import CompositeInfo, register_composite
from psycopg2 import extras
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.databases import ON_POSTGRES
from tests.fidelity.apps.seen import raised, seen

CASES = Cases("SQLAlchemy", "sql", ON_POSTGRES)

_metadata = MetaData()
notes = Table(
    "notes",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("body", String(40), unique=True),
    Column("likes", Integer),
)
kinds = Table(
    "kinds",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("span", pg.INT4RANGE),
    Column("moods", pg.ARRAY(pg.ENUM("calm", "wild", name="temper"))),
    Column("number", Numeric),
    Column("document", pg.JSONB),
    Column("pause", pg.INTERVAL),
)


@contextmanager
def _tables(engine: Engine) -> Iterator[None]:
    """New tables, for the case alone."""
    _metadata.create_all(engine)
    try:
        yield
    finally:
        _metadata.drop_all(engine)


def _attempt(act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return seen(act(*args, **kwargs))
    except (DBAPIError, ArithmeticError, ValueError) as error:
        return raised(error)


@CASES("types that a connect listener looks up and registers with the driver")
def registered_types(engine: Engine) -> Any:
    answer: list[Any] = []
    with engine.begin() as connection:
        connection.execute(text("DROP TYPE IF EXISTS place CASCADE"))
        connection.execute(text("CREATE TYPE place AS (city text, floor int4)"))
    own = create_engine(engine.url)
    event.listen(own, "connect", _register)
    try:
        with own.connect() as connection:
            statement = "SELECT ROW('Rome', 4)::place, ARRAY[ROW('Oslo', 1)::place]"
            answer.append(repr(connection.execute(text(statement)).all()))
            raw = connection.connection.driver_connection
            assert raw is not None
            with raw.cursor() as cursor:
                cursor.execute(statement)
                answer.append(repr(cursor.fetchall()))
    finally:
        own.dispose()
    return answer


def _register(connection: Any, record: Any) -> None:
    if hasattr(connection, "pgconn"):
        info = CompositeInfo.fetch(connection, "place")
        assert info is not None
        register_composite(info, connection)
    else:
        extras.register_composite("place", connection)


@CASES("advisory locks of sessions and of transactions, two connections")
def advisory_locks(engine: Engine) -> Any:
    def ask(connection: Any, function: str, key: int) -> Any:
        return connection.scalar(text(f"SELECT pg_{function}(:key)"), {"key": key})

    with engine.connect() as one, engine.connect() as other:
        answer = [ask(one, "try_advisory_lock", 42), ask(other, "try_advisory_lock", 42)]
        answer.append(ask(one, "advisory_unlock", 42))
        answer += [ask(one, "try_advisory_xact_lock", 7), ask(other, "try_advisory_xact_lock", 7)]
        one.commit()
        answer.append(ask(other, "try_advisory_xact_lock", 7))
    return answer


@CASES("LISTEN on the driver's own connection, NOTIFY by another")
def listening(engine: Engine) -> Any:
    raw = engine.raw_connection()
    own: Any = raw.driver_connection
    own.autocommit = True
    try:
        with own.cursor() as cursor:
            cursor.execute("LISTEN news")
        with engine.begin() as connection:
            connection.execute(select(func.pg_notify("news", "hello")))
        if hasattr(own, "pgconn"):
            heard = list(own.notifies(timeout=20, stop_after=1))
        else:
            sockets.select([own], [], [], 20)
            own.poll()
            heard = own.notifies
        return [[one.channel, one.payload] for one in heard]
    finally:
        raw.invalidate()
        raw.close()


@CASES("insertmanyvalues: RETURNING in the order of the parameters; an upsert")
def many_returned(engine: Engine) -> Any:
    with _tables(engine), Session(engine) as session:
        many = [{"body": f"note {number}", "likes": number} for number in range(25)]
        ordered = insert(notes).returning(notes.c.id, notes.c.body, sort_by_parameter_order=True)
        answer = [seen(tuple(row)) for row in session.execute(ordered, many)]
        one = pg.insert(notes).values(body="note 3", likes=9)
        upsert = one.on_conflict_do_update(index_elements=["body"], set_={"likes": one.excluded.likes})
        answer.append(session.scalar(upsert.returning(notes.c.likes)))
        gone = delete(notes).where(notes.c.likes > 20).returning(notes.c.body)
        answer.append(sorted(session.scalars(gone)))
        session.commit()
        return answer


@CASES("ranges, multiranges, arrays of an enum, NaN and infinite numbers, JSONB, long intervals")
def kinds_of_values(engine: Engine) -> Any:
    values = {
        "span": pg.Range(1, 5, bounds="[]"),
        "moods": ["calm", "wild"],
        "number": Decimal("NaN"),
        "document": {"a": [1, 2.5, None]},
        "pause": dt.timedelta(days=40, seconds=5),
    }
    odd = (
        "numeric 'Infinity', float8 'NaN', float4 '-infinity', '{}'::int[], '[1:2]={3,4}'::int[], bit '101',"
        " '{[1,3),[7,9)}'::int4multirange"
    )
    with _tables(engine), engine.begin() as connection:
        connection.execute(insert(kinds).values(values))
        row = connection.execute(select(*(kinds.c[name] for name in values))).one()
        return [seen(tuple(row)), seen(tuple(connection.execute(text(f"SELECT {odd}")).one()))]


@CASES("infinite and ancient dates, which Python has not: errors as rows are read")
def infinite_dates(engine: Engine) -> Any:
    answer: list[Any] = []
    with engine.connect() as connection:
        for value in ("date 'infinity'", "timestamptz '-infinity'", "date '0044-03-15 BC'"):
            answer.append(_attempt(connection.scalar, text(f"SELECT {value}")))
            connection.rollback()
    return answer


@CASES("JSONB with a serializer and a deserializer of the engine's own")
def json_functions(engine: Engine) -> Any:
    own = create_engine(
        engine.url,
        json_serializer=lambda value: json.dumps(value, default=str, sort_keys=True),
        json_deserializer=lambda value: json.loads(value, parse_float=Decimal),
    )
    try:
        with _tables(own), own.begin() as connection:
            connection.execute(insert(kinds).values(document={"price": 1.10, "day": dt.date(2026, 1, 2)}))
            return [seen(connection.scalar(select(kinds.c.document)))]
    finally:
        own.dispose()


@CASES("SET LOCAL and set_config: gone with their transaction")
def local_settings(engine: Engine) -> Any:
    def tenant(connection: Any) -> Any:
        return connection.scalar(text("SELECT current_setting('app.tenant', true)"))

    moment = text("SELECT '2026-01-02 03:04:05+00'::timestamptz")
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL app.tenant = 'blue'"))
        connection.execute(text("SET LOCAL TIME ZONE 'Asia/Tokyo'"))
        answer = [tenant(connection), str(connection.scalar(moment))]
        connection.commit()
        answer.append(tenant(connection))
        connection.execute(select(func.set_config("app.tenant", "green", True)))
        answer.append(tenant(connection))
        connection.rollback()
        return [*answer, tenant(connection)]


@CASES("savepoints within savepoints, with errors in them; a failed transaction used on")
def nested_savepoints(engine: Engine) -> Any:
    answer: list[Any] = []
    with _tables(engine), Session(engine) as session:
        session.execute(insert(notes).values(body="one"))
        with session.begin_nested():
            session.execute(insert(notes).values(body="two"))
            for statement in (insert(notes).values(body="one"), text("SELECT 1 / 0")):
                try:
                    with session.begin_nested():
                        session.execute(statement)
                except DBAPIError as error:
                    answer.append(raised(error))
        answer.append(list(session.scalars(select(notes.c.body).order_by(notes.c.id))))
        answer += [_attempt(session.execute, text(query)) for query in ("SELECT nothing", "SELECT 1")]
        session.rollback()
        return [*answer, session.scalar(select(func.count()).select_from(notes))]


@CASES("statement_timeout, lock_timeout, NOWAIT, and SKIP LOCKED as queues of jobs use it")
def timeouts_and_locks(engine: Engine) -> Any:
    answer: list[Any] = []
    jobs = select(notes.c.body).order_by(notes.c.id).limit(1)
    with _tables(engine), Session(engine) as one, Session(engine) as other:
        one.execute(insert(notes), [{"body": "first"}, {"body": "second"}])
        one.commit()
        answer += [one.scalar(jobs.with_for_update(skip_locked=True))]
        answer += [other.scalar(jobs.with_for_update(skip_locked=True))]
        answer.append(_attempt(other.scalar, jobs.with_for_update(nowait=True)))
        other.rollback()
        other.execute(text("SET LOCAL lock_timeout = 20"))
        answer.append(_attempt(other.scalar, jobs.with_for_update()))
        other.rollback()
        one.execute(delete(notes).where(notes.c.body == "first"))
        one.commit()
        answer += [other.scalar(jobs)]
        other.execute(text("SET LOCAL statement_timeout = 20"))
        answer.append(_attempt(other.execute, text("SELECT pg_sleep(30)")))
        other.rollback()
        one.rollback()
    return answer


@CASES("connections that the server ends: before a statement, before a ping, before a commit")
def ended_connections(engine: Engine) -> Any:
    answer: list[Any] = []
    own = create_engine(engine.url, pool_pre_ping=True, pool_size=1, max_overflow=0)

    def end(pid: Any) -> None:
        with engine.connect() as another:
            answer.append(another.scalar(text("SELECT pg_terminate_backend(:pid, 20000)"), {"pid": pid}))

    own_pid = text("SELECT pg_backend_pid()")
    try:
        with own.connect() as connection:
            end(connection.scalar(own_pid))
            try:
                connection.execute(text("SELECT 1"))
            except DBAPIError as error:
                answer += [raised(error), error.connection_invalidated]
            connection.rollback()
            pid = connection.scalar(own_pid)
        end(pid)
        with own.connect() as connection:
            answer.append(connection.scalar(text("SELECT 2")))
        with _tables(engine), Session(own) as session:
            session.execute(insert(notes).values(body="lost"))
            end(session.scalar(own_pid))
            try:
                session.commit()
            except DBAPIError as error:
                answer.append(raised(error))
            session.rollback()
            answer.append(session.scalar(select(func.count()).select_from(notes)))
    finally:
        own.dispose()
    return answer


@CASES("a schema for each tenant: schema_translate_map")
def translated_schemas(engine: Engine) -> Any:
    answer: list[Any] = []
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA IF EXISTS tenant CASCADE"))
        connection.execute(text("CREATE SCHEMA tenant"))
    own = engine.execution_options(schema_translate_map={None: "tenant"})
    with _tables(engine), _tables(own), Session(own) as session:
        session.execute(insert(notes).values(body="theirs"))
        session.commit()
        answer.append(list(session.scalars(select(notes.c.body))))
        session.rollback()
        with engine.connect() as connection:
            answer.append(list(connection.scalars(select(notes.c.body))))
    return answer


@CASES("yield_per and stream_results, closed early; an error among the rows")
def streamed_rows(engine: Engine) -> Any:
    answer: list[Any] = []
    with Session(engine) as session:
        series = text("SELECT generate_series(1, 1000)")
        with session.execute(series.execution_options(yield_per=100)) as result:
            parts = result.partitions(100)
            answer += [len(next(parts)), len(next(parts))]
        answer.append(session.scalar(text("SELECT 1")))
        options = {"stream_results": True, "max_row_buffer": 10}
        with session.execute(series, execution_options=options) as result:
            answer.append(seen(result.fetchmany(3)))
        divided = text("SELECT 60 / (3 - n) FROM generate_series(1, 5) n")
        answer.append(_attempt(lambda: session.execute(divided, execution_options=options).all()))
        session.rollback()
        return [*answer, session.scalar(text("SELECT 2"))]


@CASES("serialization failure, and a write in a transaction that may only read")
def isolation(engine: Engine) -> Any:
    own = create_engine(engine.url, isolation_level="REPEATABLE READ")
    try:
        with _tables(engine), own.connect() as one, own.connect() as other:
            one.execute(insert(notes).values(body="seen", likes=0))
            one.commit()
            answer: list[Any] = [one.get_isolation_level()]
            answer += [each.scalar(select(notes.c.likes)) for each in (one, other)]
            one.execute(text("UPDATE notes SET likes = 1"))
            one.commit()
            answer.append(_attempt(other.execute, text("UPDATE notes SET likes = 2")))
            other.rollback()
            with own.connect().execution_options(postgresql_readonly=True) as reading:
                answer.append(_attempt(reading.execute, insert(notes).values(body="written")))
        return answer
    finally:
        own.dispose()
