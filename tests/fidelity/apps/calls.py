"""All cases that talk to a dependency, for both applications."""

from __future__ import annotations

from collections.abc import Iterator

from tests.fidelity.apps import (
    aiohttp_cases,
    aiokafka_cases,
    aiomysql_cases,
    aiosqlite_cases,
    asyncpg_cases,
    boto3_cases,
    celery_async_cases,
    celery_cases,
    grpc_async_cases,
    grpc_cases,
    httpx_async_cases,
    httpx_cases,
    httpx_edge_cases,
    interrupted_async_cases,
    interrupted_cases,
    kafka_cases,
    mongodb_async_cases,
    mongodb_cases,
    mysqlconnector_cases,
    psycopg2_cases,
    psycopg_cases,
    psycopg_pool_cases,
    pymysql_cases,
    redis_async_cases,
    redis_cases,
    requests_cases,
    sql_async_cases,
    sql_cases,
    sql_edge_cases,
    sqlite3_cases,
    unrepeatable_cases,
    urllib3_cases,
    urllib_cases,
)
from tests.fidelity.apps.case import Case

MODULES = (
    httpx_cases,
    httpx_edge_cases,
    httpx_async_cases,
    requests_cases,
    urllib3_cases,
    urllib_cases,
    aiohttp_cases,
    boto3_cases,
    sql_cases,
    sql_edge_cases,
    sql_async_cases,
    sqlite3_cases,
    aiosqlite_cases,
    psycopg2_cases,
    psycopg_cases,
    psycopg_pool_cases,
    asyncpg_cases,
    pymysql_cases,
    mysqlconnector_cases,
    aiomysql_cases,
    redis_cases,
    redis_async_cases,
    mongodb_cases,
    mongodb_async_cases,
    grpc_cases,
    grpc_async_cases,
    celery_cases,
    celery_async_cases,
    kafka_cases,
    aiokafka_cases,
    interrupted_cases,
    interrupted_async_cases,
    unrepeatable_cases,
)


def all_cases() -> Iterator[Case]:
    """Every case, in the order of the matrix."""
    for module in MODULES:
        yield from module.CASES
