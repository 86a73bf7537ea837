"""Calls that change between recording and replay: what they say is read from the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import httpx
import redis
from sqlalchemy import Engine, insert, select, text

from tests.fidelity.apps.databases import Author
from tests.fidelity.apps.httpx_told import url


def word() -> str:
    """What the changed part of a call says in this process."""
    return os.environ.get("DRIFT", "recorded")


def _sql_parameter(engine: Engine, client: redis.Redis) -> Any:
    with engine.connect() as connection:
        return [list(row) for row in connection.execute(select(Author.name).where(Author.name == word()))]


def _sql_statement(engine: Engine, client: redis.Redis) -> Any:
    with engine.connect() as connection:
        return connection.scalar(text(f"SELECT '{word()}'"))


def _sql_write(engine: Engine, client: redis.Redis) -> Any:
    with engine.begin() as connection:
        return connection.execute(insert(Author).values(name="drift", country=word())).rowcount


def _http_path(engine: Engine, client: redis.Redis) -> Any:
    return httpx.get(url(f"/json/{word()}")).json()


def _http_query(engine: Engine, client: redis.Redis) -> Any:
    return httpx.get(url("/json/query"), params={"q": word()}).json()


def _http_body(engine: Engine, client: redis.Redis) -> Any:
    return httpx.post(url("/echo"), json={"kept": 1, "word": word()}).json()


def _redis_key(engine: Engine, client: redis.Redis) -> Any:
    return client.get(f"drift:{word()}")


def _redis_value(engine: Engine, client: redis.Redis) -> Any:
    return client.set("drift", word())


def _redis_pipeline(engine: Engine, client: redis.Redis) -> Any:
    pipe: Any = client.pipeline()
    return pipe.set("drift", "same").set("drift", word()).execute()


def _one_call_more(engine: Engine, client: redis.Redis) -> Any:
    times = 1 if word() == "recorded" else 2
    return [httpx.get(url("/json/again")).json() for _ in range(times)]


DRIFTS: dict[str, Callable[[Engine, redis.Redis], Any]] = {
    "sql-parameter": _sql_parameter,
    "sql-statement": _sql_statement,
    "sql-write": _sql_write,
    "http-path": _http_path,
    "http-query": _http_query,
    "http-body": _http_body,
    "redis-key": _redis_key,
    "redis-value": _redis_value,
    "redis-pipeline": _redis_pipeline,
    "one-call-more": _one_call_more,
}
