"""What requests do here: every library that has an integration, in every way that differs for us.

A job returns what the app saw, as plain data: the same each time.
"""

from __future__ import annotations

import asyncio
import io
import os
import random
import secrets
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import redis
import redis.asyncio
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tests.faults import (
    asyncpg_jobs,
    celery_jobs,
    credentials_jobs,
    grpc_jobs,
    http_jobs,
    kafka_jobs,
    mail_jobs,
    mongodb_jobs,
    mysql_jobs,
    orm_jobs,
    postgres_jobs,
    psycopg_jobs,
    sqlite_jobs,
)
from tests.faults.hooks import KEPT_BY_NOBODY
from tests.faults.seen import OwnError, attempt, attempt_async, seen_error

Job = Callable[[], Any]
AsyncJob = Callable[[], Awaitable[Any]]

_BASE = os.environ["UPSTREAM_URL"]
_REDIS = os.environ["REDIS_URL"]


# -- httpx

_client = httpx.Client(base_url=_BASE)


def httpx_sync() -> Any:
    return [
        attempt(lambda: _response(_client.get("/json", params={"way": "sync"}))),
        attempt(lambda: _response(_client.post("/echo", content=iter([b"a", b"b"])))),
        attempt(_streamed),
        len(_client.get("/binary").content),
        attempt(lambda: _client.get("http://127.0.0.1:1/closed")),
        attempt(lambda: _client.post("/echo", content=_failing_body())),
    ]


def _streamed() -> Any:
    with _client.stream("GET", "/json") as response:
        return [response.status_code, b"".join(response.iter_raw())]


def httpx_left_open() -> Any:
    """A stream that is never read to its end, nor closed before the next one."""
    while _left_open:
        _left_open.pop().close()
    _left_open.append(_client.send(_client.build_request("GET", "/json"), stream=True))
    return _left_open[0].status_code


_left_open: list[httpx.Response] = []


def _failing_body() -> Iterator[bytes]:
    yield b"first"
    raise OwnError("in the middle of a body")


async def httpx_async() -> Any:
    async with httpx.AsyncClient(base_url=_BASE) as client:
        return [
            await attempt_async(_got(client.get("/json", params={"way": "async"}))),
            await attempt_async(_got(client.post("/echo", content=_body()))),
            await attempt_async(_streamed_async(client)),
            await attempt_async(client.get("http://127.0.0.1:1/closed")),
        ]


async def _got(awaitable: Awaitable[httpx.Response]) -> Any:
    return _response(await awaitable)


async def _streamed_async(client: httpx.AsyncClient) -> Any:
    async with client.stream("GET", "/json") as response:
        return [response.status_code, b"".join([piece async for piece in response.aiter_raw()])]


async def _body() -> AsyncIterator[bytes]:
    yield b"a"
    yield b"b"


def _response(response: httpx.Response) -> Any:
    return [type(response).__name__, response.status_code, list(response.headers.items()), response.content]


# -- SQLAlchemy

_engine = sqlalchemy.create_engine(os.environ["DB_PSYCOPG2"])
_text = sqlalchemy.text
_metadata = sqlalchemy.MetaData()
_table = sqlalchemy.Table(
    "kept",
    _metadata,
    sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
    sqlalchemy.Column("name", sqlalchemy.String, unique=True),
)


def make_tables() -> None:
    """What an app's migration did, and records for its consumers."""
    kafka_jobs.make_records()
    mysql_jobs.make_procedures()
    for engine in (
        _engine,
        sqlalchemy.create_engine(os.environ["DB_ASYNCPG"].replace("+asyncpg", "+psycopg")),
    ):
        _metadata.create_all(engine)
        engine.dispose()


def sqlalchemy_sync() -> Any:
    parts = (_selects, _writes, _in_two_phases, _driver, _listened_to, _refused)
    return [attempt(part) for part in parts]


def _selects() -> Any:
    with _engine.connect() as connection:
        rows = connection.execute(_text("SELECT n, 'x' FROM generate_series(1, 5) n"))
        pool = _engine.pool.status()
        first = rows.fetchone()
        some = rows.fetchmany(2)
        rest = rows.all()
        scalar = connection.scalar(_text("SELECT :one + 1"), {"one": 1})
        error = attempt(lambda: connection.execute(_text("SELECT * FROM missing")))
        return [pool, tuple(first or ()), [tuple(row) for row in some], len(rest), scalar, error]


def _writes() -> Any:
    with _engine.begin() as connection:
        connection.execute(_table.delete())
        many = connection.execute(_table.insert(), [{"id": n, "name": f"name {n}"} for n in range(3)])
        one = connection.execute(_table.update().where(_table.c.id == 1).values(name="other"))
        connection.execute(
            sqlalchemy.text("UPDATE kept SET name = :name WHERE id = :id"),
            [{"id": 0, "name": "zero"}, {"id": 2, "name": "two"}],
        )
    with _engine.connect().execution_options(isolation_level="SERIALIZABLE") as connection:
        duplicate = attempt(lambda: connection.execute(_table.insert().values(id=9, name="other")))
        connection.rollback()
        names = [row.name for row in connection.execute(_table.select().order_by(_table.c.id))]
    return [many.rowcount, one.rowcount, duplicate, names]


def _in_two_phases() -> Any:
    with _engine.connect() as connection, connection.begin_twophase("three"):
        connection.execute(_table.update().where(_table.c.id == 1).values(name="this"))
    raw: Any = _engine.raw_connection()
    try:
        raw.tpc_begin(raw.xid(1, "one", "two"))
        with raw.cursor() as cursor:
            cursor.execute("UPDATE kept SET name = 'another' WHERE id = 1")
        raw.tpc_commit()
        with raw.cursor() as cursor:
            cursor.execute("SELECT name FROM kept WHERE id = 1")
            return cursor.fetchall()
    finally:
        raw.rollback()
        raw.close()


def _driver() -> Any:
    raw: Any = _engine.raw_connection()
    try:
        with raw.cursor() as cursor:
            cursor.execute("SELECT n FROM generate_series(1, 3) n")
            rows = list(cursor)
            cursor.callproc("generate_series", (1, 3))
            more = [cursor.fetchall(), attempt(cursor.nextset)]
            error = attempt(lambda: cursor.execute("SELECT nothing"))
        raw.rollback()
        return [rows, more, error, _copied(raw)]
    finally:
        raw.rollback()
        raw.close()


def _copied(raw: Any) -> Any:
    with raw.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE copied (name text)")
        cursor.copy_expert("COPY copied FROM STDIN", io.StringIO("ann\nbob\n"))
        raw.commit()
        output = io.StringIO()
        cursor.copy_expert("COPY copied TO STDOUT", output)
    with raw.driver_connection.cursor() as own:
        own.execute("SELECT name FROM copied")
        return [output.getvalue(), own.fetchall()]


def _listened_to() -> Any:
    engine = sqlalchemy.create_engine(_engine.url, poolclass=NullPool)
    sqlalchemy.event.listen(engine, "connect", _set_up)
    with engine.connect() as connection:
        return connection.scalar(_text("SHOW TIME ZONE"))


def _set_up(connection: Any, record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'Asia/Tokyo'")
    connection.commit()


def _refused() -> Any:
    engine = sqlalchemy.create_engine("postgresql+psycopg2://postgres@127.0.0.1:1/none")
    return attempt(engine.connect)


async def sqlalchemy_async() -> Any:
    engine = create_async_engine(os.environ["DB_ASYNCPG"], poolclass=NullPool)
    sqlalchemy.event.listen(engine.sync_engine, "connect", _set_up_async)
    try:
        async with engine.begin() as connection:
            await connection.execute(_table.delete())
            await connection.execute(_table.insert(), [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}])
        async with engine.connect() as connection:
            names = [row.name for row in await connection.execute(_table.select().order_by(_table.c.id))]
            error = await attempt_async(connection.execute(_text("SELECT * FROM missing")))
        async with engine.begin() as connection:
            own: Any = (await connection.get_raw_connection()).driver_connection
            copied = await own.copy_records_to_table("kept", records=[(3, "three")])
        return [names, error, copied, await _copied_async()]
    finally:
        await engine.dispose()


def _set_up_async(connection: Any, record: Any) -> None:
    async def ask(own: Any) -> None:
        await own.execute("SET TIME ZONE 'Asia/Tokyo'")

    connection.run_async(ask)


async def _copied_async() -> Any:
    engine = create_async_engine(os.environ["DB_ASYNCPG"].replace("+asyncpg", "+psycopg"), poolclass=NullPool)
    sqlalchemy.event.listen(engine.sync_engine, "connect", _set_up_async)
    try:
        async with engine.begin() as connection:
            await connection.scalar(_text("SELECT 1"))
            own: Any = (await connection.get_raw_connection()).driver_connection
            async with own.cursor() as cursor, cursor.copy("COPY (SELECT 1) TO STDOUT") as copy:
                return [bytes(piece) async for piece in copy]
    finally:
        await engine.dispose()


# -- redis

_redis = redis.Redis.from_url(_REDIS)


def redis_sync() -> Any:
    _redis.delete("name", "count")
    pipe: Any
    with _redis.pipeline() as pipe:
        piped = pipe.set("name", "a").incr("count").lpush("name", 1).execute(raise_on_error=False)
    with _redis.pipeline() as pipe:
        pipe.watch("count")
        watched = pipe.get("count")
        pipe.multi()
        pipe.incr("count")
        executed = pipe.execute()
    subscription = _redis.pubsub()
    subscription.subscribe("news")
    told = subscription.get_message(timeout=5)
    subscription.close()
    return [
        _redis.get("name"),
        [seen_error(item) if isinstance(item, Exception) else item for item in piped],
        watched,
        executed,
        told,
        attempt(lambda: _redis.execute_command("NO SUCH", "command")),
        attempt(redis.Redis.from_url("redis://127.0.0.1:1").ping),
    ]


def redis_raw() -> Any:
    """A connection that the app itself talks through."""
    connection = _redis.connection_pool.get_connection()
    try:
        connection.send_command("ECHO", "here")
        return [connection.read_response(), connection.can_read(0)]
    finally:
        _redis.connection_pool.release(connection)


async def redis_cluster() -> Any:
    """A cluster that is not there."""
    client: Any = redis.asyncio.RedisCluster(host="127.0.0.1", port=1)
    error = await attempt_async(client.execute_command("PING"))
    await client.aclose()
    return [error["class"], error["text"]]


async def redis_async() -> Any:
    async with redis.asyncio.Redis.from_url(_REDIS) as client:
        await client.delete("name", "count")
        pipe: Any
        async with client.pipeline() as pipe:
            piped = await pipe.set("name", "a").incr("count").execute()
        async with client.pipeline() as pipe:
            await pipe.watch("count")
            watched = await pipe.get("count")
            pipe.multi()
            pipe.incr("count")
            executed = await pipe.execute()
        subscription = client.pubsub()
        await subscription.subscribe("news")
        told = await subscription.get_message(timeout=5)
        await subscription.aclose()
        error = await attempt_async(client.execute_command("NO SUCH", "command"))
        return [await client.get("name"), piped, watched, executed, told, error]


# -- what is no dependency: threads, the clock, chance


def threads_sync() -> Any:
    told: list[Any] = []
    thread = threading.Thread(target=lambda: told.append(_work()))
    thread.start()
    thread.join()
    timer = threading.Timer(0, lambda: told.append(_work()))
    timer.start()
    timer.join()
    with ThreadPoolExecutor(1) as executor:
        told.append(executor.submit(_work).result())
        told.append(attempt(executor.submit(_fail).result))
    return told


async def threads_async() -> Any:
    return [await asyncio.to_thread(_work), *await asyncio.gather(httpx_in_task(), httpx_in_task())]


async def httpx_in_task() -> Any:
    async with httpx.AsyncClient(base_url=_BASE) as client:
        return _response(await client.get("/json"))


def _work() -> Any:
    return _client.get("/json").status_code


def _fail() -> None:
    raise OwnError("in a thread")


def values_sync() -> Any:
    drawn = [
        time.time(),
        uuid.uuid4(),
        uuid.uuid1(),
        random.random(),  # noqa: S311  # not a secret
        random.randint(1, 6),  # noqa: S311  # as above
        random.gauss(0, 1),
    ]
    drawn += [secrets.token_hex(8), os.urandom(4), random.Random().random(), time.time_ns()]  # noqa: S311  # as above
    return [[type(value).__name__ for value in drawn], attempt(lambda: os.urandom(-1))]


SYNC: dict[str, Job] = {
    "httpx": httpx_sync,
    "httpx-left-open": httpx_left_open,
    "http.client": http_jobs.http_client,
    "urllib": http_jobs.urllib_request,
    "urllib3": http_jobs.urllib3_pool,
    "requests": http_jobs.requests_session,
    "botocore": http_jobs.boto3_objects,
    "grpc": grpc_jobs.calls,
    "confluent-kafka": kafka_jobs.produced,
    "smtplib": mail_jobs.mailed,
    "celery": celery_jobs.published,
    "celery-polled": celery_jobs.polled,
    "celery-message": celery_jobs.message,
    "sqlalchemy": sqlalchemy_sync,
    "redis": redis_sync,
    "redis-raw": redis_raw,
    "sqlite3": sqlite_jobs.statements,
    "sqlite3-connections": sqlite_jobs.connections,
    "pymongo": mongodb_jobs.commands,
    "pymongo-servers": mongodb_jobs.servers,
    "psycopg2": postgres_jobs.with_psycopg2,
    "psycopg2-copies": postgres_jobs.psycopg2_copies,
    "psycopg2-results": postgres_jobs.psycopg2_results,
    "psycopg": postgres_jobs.with_psycopg,
    "psycopg-copies": psycopg_jobs.copies,
    "psycopg-streams": psycopg_jobs.streams,
    "credentials": credentials_jobs.checks,
    "threads": threads_sync,
    "values": values_sync,
}
if mysql_jobs.THERE:
    SYNC |= {"pymysql": mysql_jobs.with_pymysql, "mysqlconnector": mysql_jobs.with_connector}
if mysql_jobs.CLIENT_THERE:
    SYNC["mysqlclient"] = mysql_jobs.with_client
ASYNC: dict[str, AsyncJob] = {
    "httpx": httpx_async,
    "aiohttp": http_jobs.aiohttp_session,
    "grpc": grpc_jobs.calls_async,
    "aiokafka": kafka_jobs.produced_async,
    "aiosmtplib": mail_jobs.mailed_async,
    "sqlalchemy": sqlalchemy_async,
    "redis": redis_async,
    "redis-cluster": redis_cluster,
    "aiosqlite": sqlite_jobs.in_threads,
    "tortoise": orm_jobs.with_tortoise,
    "pymongo": mongodb_jobs.commands_async,
    "psycopg": postgres_jobs.with_psycopg_async,
    "psycopg-copies": psycopg_jobs.copies_async,
    "psycopg-streams": psycopg_jobs.streams_async,
    "asyncpg": asyncpg_jobs.statements,
    "asyncpg-pools": asyncpg_jobs.pools,
    "asyncpg-prepared": asyncpg_jobs.prepared,
    "asyncpg-cursors": asyncpg_jobs.cursors,
    "asyncpg-copies": asyncpg_jobs.copies,
    "asyncpg-failing-copies": asyncpg_jobs.failing_copies,
    "asyncpg-listening": asyncpg_jobs.listening,
    "asyncpg-codecs": asyncpg_jobs.codecs,
    "threads": threads_async,
}
if mysql_jobs.THERE:
    ASYNC |= {
        "aiomysql": mysql_jobs.with_aiomysql,
        "asyncmy": mysql_jobs.with_asyncmy,
        "mysqlconnector.aio": mysql_jobs.with_connector_aio,
    }
"""By the name of the integration that sees them, or of what is ours alone."""

_SLOW = ("/pymongo-servers", "/celery")
"""Requests that wait for something: taken only for what no other calls."""


def cost(request: str) -> int:
    """How dear a request is: by what it is, so that it is the same on every machine and at any load."""
    if request.endswith(_SLOW):
        return 5
    if request in KEPT_BY_NOBODY:
        return 4
    if "/async/" in request:
        return 2
    if "/sync/" in request:
        return 1 if request.startswith("flask ") else 3
    return 0
