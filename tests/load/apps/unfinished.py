"""Work that an endpoint begins and never finishes, in every way an application can."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import redis
import redis.asyncio
from opentelemetry import trace
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.load.census import LATE

_tracer = trace.get_tracer(__name__)
_UPSTREAM = os.environ.get("UPSTREAM_URL", "")
_ROWS = text("SELECT * FROM generate_series(1, 5000)")
engine = create_engine(os.environ.get("DB_PSYCOPG", "postgresql+psycopg://localhost"), poolclass=NullPool)
# one connection each, however many requests happen to want one at once: an event loop keeps the context, and
# with it the request, in which a connection was opened
async_engine = create_async_engine(
    os.environ.get("DB_ASYNCPG", "postgresql+asyncpg://localhost"), pool_size=1, max_overflow=0
)
cache = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://"))
async_cache = redis.asyncio.Redis.from_pool(
    redis.asyncio.BlockingConnectionPool.from_url(
        os.environ.get("REDIS_URL", "redis://"), max_connections=1, timeout=60
    )
)


def span() -> None:
    """A span that nobody ends."""
    _tracer.start_span("lost")


def generator() -> None:
    """A generator with a span in it, left after its first value."""

    def numbers() -> Iterator[int]:
        with _tracer.start_as_current_span("numbers"):
            yield 1
            yield 2

    next(numbers())


def stream() -> None:
    """An answer of which nothing is read; nobody closes it."""
    client = httpx.Client()
    client.send(client.build_request("GET", f"{_UPSTREAM}/chunks/50"), stream=True)


def part_of_a_stream() -> None:
    """An answer of which a part is read; nobody closes it."""
    client = httpx.Client()
    response = client.send(client.build_request("GET", f"{_UPSTREAM}/chunks/50"), stream=True)
    next(response.iter_raw())


def cursor() -> None:
    """A server-side cursor of which one row is read; neither it nor its connection is closed."""
    connection = engine.connect().execution_options(stream_results=True)
    connection.execute(_ROWS).fetchone()
    del connection
    gc.collect()  # SQLAlchemy's connections are in cycles, and PostgreSQL takes a hundred


def transaction() -> None:
    """A transaction that is neither committed nor rolled back."""
    connection = engine.connect()
    connection.begin()
    connection.execute(text("SELECT 1"))
    del connection
    gc.collect()


def pipeline() -> None:
    """A pipeline that is never executed, and one that watches a key."""
    cache.pipeline().set("a", 1)
    watching = cache.pipeline()
    watching.watch("a")
    watching.get("a")


def thread() -> None:
    """A thread that goes on after the response; its call is answered after the grace period."""

    def late() -> None:
        with httpx.Client(timeout=0.4) as client:
            try:
                client.get(f"{_UPSTREAM}/hang")
            except httpx.ReadTimeout:
                client.get(f"{_UPSTREAM}/json/late")

    threading.Thread(target=late, name=LATE).start()


async def async_stream() -> None:
    """An answer of which a part is read; nobody closes it."""
    client = httpx.AsyncClient()
    response = await client.send(client.build_request("GET", f"{_UPSTREAM}/chunks/50"), stream=True)
    await anext(response.aiter_raw())


async def async_generator() -> None:
    """An asynchronous generator with a span in it, left after its first value."""

    async def numbers() -> AsyncIterator[int]:
        with _tracer.start_as_current_span("numbers"):
            yield 1
            yield 2

    await anext(numbers())


async def async_cursor() -> None:
    """A server-side cursor of which one row is read, on a connection that is given back."""
    async with async_engine.connect() as connection:
        result = await connection.stream(_ROWS)
        await result.fetchone()


async def async_pipeline() -> None:
    """A pipeline that is never executed."""
    async_cache.pipeline().set("a", 1)


async def cancelled() -> None:
    """A call that is cancelled."""
    async with httpx.AsyncClient() as client:
        try:
            async with asyncio.timeout(0.02):
                await client.get(f"{_UPSTREAM}/hang")
        except TimeoutError:
            pass


_tasks: set[asyncio.Task[None]] = set()


async def task() -> None:
    """A task that goes on after the response."""

    async def late() -> None:
        await asyncio.sleep(0.05)
        await async_cache.get("a")

    running = asyncio.create_task(late(), name=LATE)
    _tasks.add(running)
    running.add_done_callback(_tasks.discard)


async def task_cancelled() -> None:
    """A task that is cancelled in the middle of a call."""
    async with httpx.AsyncClient() as client:
        running = asyncio.create_task(client.get(f"{_UPSTREAM}/hang"))
        await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


SYNC: dict[str, Callable[[], Any]] = {
    each.__name__: each
    for each in (span, generator, stream, part_of_a_stream, cursor, transaction, pipeline, thread)
}
ASYNC: dict[str, Callable[[], Any]] = {
    each.__name__: each
    for each in (
        async_stream, async_generator, async_cursor, async_pipeline, cancelled, task, task_cancelled
    )
}  # fmt: skip
