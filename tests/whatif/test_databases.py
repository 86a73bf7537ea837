"""Databases, Redis, MongoDB and gRPC whose calls go wrong: each library raises what it raises of itself."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import psycopg
import psycopg2
import pymongo
import pymongo.errors
import pytest
import redis
import redis.asyncio
import sqlalchemy
import sqlalchemy.ext.asyncio as sqlalchemy_async

import timetracer_otel
from tests.services.grpc_server import GrpcServer, struct
from tests.services.mongodb import MongoDb
from tests.services.postgres import Postgres
from tests.services.valkey import Valkey
from timetracer_otel.errors import ConfigurationError, MissError

QUERY = "SELECT 41 + 1"


def by_sqlite3(folder: Path, _: str) -> Any:
    connection = sqlite3.connect(folder / "shop.db")
    try:
        return connection.execute(QUERY).fetchall()
    finally:
        connection.close()


def by_psycopg(_: Path, url: str) -> Any:
    with psycopg.connect(url) as connection:
        return connection.execute(QUERY).fetchall()


def by_psycopg_asynchronously(_: Path, url: str) -> Any:
    async def ask() -> Any:
        async with await psycopg.AsyncConnection.connect(url) as connection:
            return await (await connection.execute(QUERY)).fetchall()

    return asyncio.run(ask())


def by_psycopg2(_: Path, url: str) -> Any:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(QUERY)
            return cursor.fetchall()
    finally:
        connection.close()


def by_asyncpg(_: Path, url: str) -> Any:
    async def ask() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(QUERY)]
        finally:
            await connection.close()

    return asyncio.run(ask())


def by_sqlalchemy(dialect: str) -> Callable[[Path, str], Any]:
    def ask(folder: Path, url: str) -> Any:
        name = f"sqlite:///{folder}/shop.db" if dialect == "sqlite" else url.replace("postgresql", dialect)
        engine = sqlalchemy.create_engine(name)
        try:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(sqlalchemy.text(QUERY))]
        finally:
            engine.dispose()

    ask.__name__ = f"by_sqlalchemy_{dialect}"
    return ask


def by_sqlalchemy_asynchronously(_: Path, url: str) -> Any:
    async def ask() -> Any:
        engine = sqlalchemy_async.create_async_engine(url.replace("postgresql", "postgresql+asyncpg"))
        async with engine.connect() as connection:
            found = [tuple(row) for row in await connection.execute(sqlalchemy.text(QUERY))]
        await engine.dispose()
        return found

    return asyncio.run(ask())


OPERATIONAL = sqlalchemy.exc.OperationalError
CLIENTS: dict[Callable[[Path, str], Any], dict[str, type[BaseException]]] = {
    by_sqlite3: {"timeout": sqlite3.OperationalError, "IntegrityError": sqlite3.IntegrityError},
    by_psycopg: {
        "timeout": psycopg.errors.QueryCanceled,
        "refused": psycopg.OperationalError,
        "deadlock": psycopg.errors.DeadlockDetected,
        "psycopg.errors.UniqueViolation": psycopg.errors.UniqueViolation,
    },
    by_psycopg_asynchronously: {"timeout": psycopg.errors.QueryCanceled},
    by_psycopg2: {
        "timeout": psycopg2.errors.QueryCanceled,
        "reset": psycopg2.OperationalError,
        "UniqueViolation": psycopg2.errors.UniqueViolation,
    },
    by_asyncpg: {
        "timeout": TimeoutError,
        "reset": asyncpg.ConnectionDoesNotExistError,
        "UniqueViolationError": asyncpg.UniqueViolationError,
    },
    by_sqlalchemy("sqlite"): {"timeout": OPERATIONAL, "IntegrityError": sqlalchemy.exc.IntegrityError},
    by_sqlalchemy("postgresql+psycopg"): {"timeout": OPERATIONAL, "reset": OPERATIONAL},
    by_sqlalchemy("postgresql+psycopg2"): {"timeout": OPERATIONAL, "refused": OPERATIONAL},
    by_sqlalchemy_asynchronously: {"reset": OPERATIONAL, "DataError": sqlalchemy.exc.DataError},
}


@pytest.fixture(params=CLIENTS, ids=lambda client: client.__name__)
def ask(request: pytest.FixtureRequest, postgres: Postgres, tmp_path: Path) -> Any:
    """The same query as was recorded; nothing is asked."""

    def ask() -> Any:
        return request.param(tmp_path, postgres.url("test"))

    with timetracer_otel.record(tmp_path / "cassettes"):
        assert ask() == [(42,)]
    ask.faults = CLIENTS[request.param]  # type: ignore[attr-defined]  # read by the test
    return ask


def test_a_database_fails_in_the_words_of_its_driver(ask: Any, tmp_path: Path) -> None:
    cassettes = tmp_path / "cassettes"
    for kind, expected in ask.faults.items():
        fault = f"db SELECT 41*: {kind}"
        with timetracer_otel.replay(cassettes, faults=[fault]) as session, pytest.raises(expected) as caught:
            ask()
        assert type(caught.value) is expected
        assert (session.faulted, session.misses) == ({fault: 1}, [])
    with timetracer_otel.replay(cassettes, faults=["db SELECT: empty"]):
        assert ask() == []
    with timetracer_otel.replay(cassettes, faults=["db *: delay 0.12s"]):
        began = time.perf_counter()
        assert ask() == [(42,)]
        assert time.perf_counter() - began >= 0.12


def test_a_lost_connection_is_taken_from_the_pool(postgres: Postgres, tmp_path: Path) -> None:
    engine = sqlalchemy.create_engine(postgres.url("test", "psycopg"))

    def ask() -> list[bool]:
        with engine.connect() as connection:
            try:
                connection.execute(sqlalchemy.text(QUERY))
            except OPERATIONAL as error:
                return [error.connection_invalidated, connection.invalidated]
        return []

    with timetracer_otel.record(tmp_path):
        ask()
    with timetracer_otel.replay(tmp_path, faults=["sqlalchemy SELECT 41*: reset"]):
        assert ask() == [True, True]
    engine.dispose()


def test_redis_is_away(valkey: Valkey, tmp_path: Path) -> None:
    valkey.fresh()

    def ask() -> tuple[Any, Any]:
        with redis.Redis.from_url(valkey.url, retry=None) as client:
            client.set("tea", "green")
            return client.get("tea"), client.incr("sold")

    async def ask_asynchronously() -> Any:
        async with redis.asyncio.Redis.from_url(valkey.url) as client:
            return await client.get("tea")

    with timetracer_otel.record(tmp_path):
        assert ask() == (b"green", 1)
        assert asyncio.run(ask_asynchronously()) == b"green"
    for name, expected in {
        "ConnectionError": redis.exceptions.ConnectionError,
        "timeout": redis.exceptions.TimeoutError,
        "redis.exceptions.ReadOnlyError": redis.exceptions.ReadOnlyError,
    }.items():
        with timetracer_otel.replay(tmp_path, faults=[f"redis GET: {name}"]) as session:
            with pytest.raises(expected) as caught:
                ask()
            assert type(caught.value) is expected
            with pytest.raises(expected):
                asyncio.run(ask_asynchronously())
        assert [call.title for call in session.calls] == ["SET tea green", "GET tea", "GET tea"]
    with timetracer_otel.replay(tmp_path, faults=["redis GET tea: empty", "redis INCR* sold*: answer 7"]):
        assert ask() == (None, 7)


def test_mongodb_is_away(mongodb: MongoDb, tmp_path: Path) -> None:
    mongodb.fresh()

    def ask() -> list[int]:
        with pymongo.MongoClient[dict[str, Any]](mongodb.url, retryReads=False) as client:
            return [found["n"] for found in client.shop.orders.find({})]

    with pymongo.MongoClient[dict[str, Any]](mongodb.url) as client:
        client.shop.orders.insert_one({"n": 1})
    with timetracer_otel.record(tmp_path):
        assert ask() == [1]
    for kind, expected in {
        "timeout": pymongo.errors.NetworkTimeout,
        "refused": pymongo.errors.AutoReconnect,
        "NotPrimaryError": pymongo.errors.NotPrimaryError,
    }.items():
        with timetracer_otel.replay(tmp_path, faults=[f"mongodb find shop.orders: {kind}"]):
            with pytest.raises(expected) as caught:
                ask()
            assert type(caught.value) is expected
    with timetracer_otel.replay(tmp_path, faults=["mongodb find *: empty"]):
        assert ask() == []


def test_a_grpc_server_is_away(grpc_server: GrpcServer, tmp_path: Path) -> None:
    def ask() -> Any:
        with grpc.insecure_channel(grpc_server.url) as channel:
            reserve = channel.unary_unary("/shop.Stock/Reserve", lambda data: data.SerializeToString(), bytes)
            return reserve(struct(item="tea"))

    async def ask_asynchronously() -> Any:
        async with grpc.aio.insecure_channel(grpc_server.url) as channel:
            reserve = channel.unary_unary("/shop.Stock/Reserve", lambda data: data.SerializeToString(), bytes)
            return await reserve(struct(item="tea"))

    with timetracer_otel.record(tmp_path):
        answer = ask()
        assert asyncio.run(ask_asynchronously()) == answer
    for kind, code in {
        "timeout": grpc.StatusCode.DEADLINE_EXCEEDED,
        "UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
        "PERMISSION_DENIED": grpc.StatusCode.PERMISSION_DENIED,
    }.items():
        with timetracer_otel.replay(tmp_path, faults=[f"grpc */Reserve*: {kind}"]):
            with pytest.raises(grpc.RpcError) as caught:
                ask()
            assert caught.value.code() is code
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                asyncio.run(ask_asynchronously())
            assert failed.value.code() is code
    with timetracer_otel.replay(tmp_path, faults=["grpc *: delay 120ms"]):
        began = time.perf_counter()
        assert ask() == asyncio.run(ask_asynchronously()) == answer
        assert time.perf_counter() - began >= 0.24


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("nonsense", "the fault 'nonsense' is malformed; give it as 'TARGET PATTERN: EFFECT'"),
        ("redis *:", "is malformed"),
        ("ftp *: timeout", "is of 'ftp', which is no integration or family; known are aiohttp,"),
        ("redis *: delay 2", "has no effect that is known: a kind or name of an exception,"),
        ("redis *: delay 2h", "has no effect that is known"),
        ("http *: status 99", "has no effect that is known"),
        ("redis *: delay 9999s", "delays by more than 3600 seconds"),
    ],
)
def test_a_malformed_fault_is_refused(fault: str, said: str, tmp_path: Path) -> None:
    with timetracer_otel.record(tmp_path):
        pass
    with pytest.raises(ConfigurationError) as caught:
        timetracer_otel.replay(tmp_path, faults=[fault])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("sqlite3 SELECT: NoSuchError", "sqlite3 cannot raise that; it can: connection error, locked,"),
        ("db SELECT: status 503", "db has no status; see docs/what-if.md"),
        ("sqlite3 SELECT: SystemExit", "sqlite3 cannot raise that"),
    ],
)
def test_what_a_library_cannot_do_is_said_where_it_is_asked(fault: str, said: str, tmp_path: Path) -> None:
    with timetracer_otel.record(tmp_path / "cassettes"):
        by_sqlite3(tmp_path, "")
    with pytest.raises(MissError) as caught, timetracer_otel.replay(tmp_path / "cassettes", faults=[fault]):
        by_sqlite3(tmp_path, "")
    assert said in str(caught.value)
